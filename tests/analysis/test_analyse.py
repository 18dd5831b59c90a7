"""The command ``analyse``: a text for the eye or as JSON, files that survive kills, errors."""

import csv
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mentallama.analysis import analyse, as_reply
from mentallama.analysis.fake import FakeAnalyser
from mentallama.cli.analysis_view import SHOWN, harmless, mark_evidence, merge
from mentallama.tasks import TASKS
from mentallama.types import Analysis, Evidence
from tests.conftest import Run

POST = "rent is due friday, the car died today and my phone keeps buzzing 😩"
FAKE = ("--model", "fake")
QUIET = (*FAKE, "--no-support")
TEXTS = [
    "the bus was late",
    "naïve “quotes”, commas, and\na second line 😩",
    "",
    "أنا متعب جدا اليوم",
    "x",
    "  \n ",
    "=1+1 looks like a formula",
]


def expected(posts: list[str], tasks: list[str] | None = None) -> list[dict[str, object]]:
    return [as_reply(found) for found in analyse(posts, analyser=FakeAnalyser(), tasks=tasks)]


def read_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


TRICKY = {
    "plain": POST,
    "one character": "x",
    "only emoji": "😩👩‍👩‍👧",
    "right to left": "أنا متعب جدا اليوم, שלום",
    "lines": "one\n\ntwo\r\nthree\ttab",
    "long": "ab " * 33_333 + "c",
    "spaces": "   ",
    "nothing": "",
    "a dash at the end": "so -",
    "markup": "[bold]no markup[/bold] :smile: <b>",
}


@pytest.mark.parametrize("post", TRICKY.values(), ids=TRICKY)
def test_json_is_what_python_gives_byte_for_byte(run: Run, post: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mentallama", "analyse", "-", "--json", *QUIET, "--task", "Irf"],
        input=post.encode() + b"\n",
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    [reply] = expected([post], ["Irf"])
    assert done.stdout == json.dumps(reply, ensure_ascii=False).encode() + b"\n"
    assert done.stderr == b""
    for one in reply["analyses"]:  # type: ignore[attr-defined]
        for place in one["evidence"]:
            assert post[place["start"] : place["end"]] == place["text"]


def test_a_text_as_argument_is_the_same(run: Run) -> None:
    done = run("analyse", POST, "--json", *QUIET)
    assert json.loads(done.stdout) == json.loads(json.dumps(expected([POST])[0]))


@pytest.mark.parametrize("post", TRICKY.values(), ids=TRICKY)
def test_a_text_is_shown_to_be_read(run: Run, post: str) -> None:
    done = run("analyse", "-", *QUIET, "--task", "dreaddit", input=post)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    words = " ".join(done.stdout.split())
    assert "Does the poster suffer from stress?" in words
    assert "it is not a diagnosis and says nothing certain about any person." in words
    assert len(done.stdout.splitlines()) < 80
    if post.strip():
        assert re.search(r"(does not suffer|suffers) from stress\. confidence 50 %", words)
        assert "⟦" in words and "evidence: “" in words
    else:
        assert "no label There is nothing to read in this post." in words
    assert ("characters not shown" in words) is (len(post) > SHOWN)


def test_a_post_cannot_steer_the_terminal(run: Run) -> None:
    post = "\x1b[31mred\x1b[0m and \x07 bell \u202eturned\u202c and 8\x08"
    done = run("analyse", "-", *QUIET, "--task", "dreaddit", input=post)
    assert done.returncode == 0
    assert not set("\x1b\x07\x08\u202e") & set(done.stdout)
    assert len(harmless(post)) == len(post)


def test_evidence_that_overlaps_is_marked_once() -> None:
    assert merge([(5, 9), (0, 2), (8, 12), (12, 13), (20, 21)]) == [(0, 2), (5, 13), (20, 21)]
    post = "one two three four"
    found = [
        Analysis(
            task="DR",
            label="yes",
            explanation="",
            model="m",
            evidence=tuple(Evidence(start=a, end=b, text=post[a:b]) for a, b in spans),
        )
        for spans in ([(0, 3), (4, 13)], [(8, 18)])
    ]
    assert mark_evidence(post, found, plain=True).plain == "⟦one⟧ ⟦two three four⟧"
    styled = mark_evidence(post, found, plain=False)
    assert styled.plain == post
    assert [(span.start, span.end) for span in styled.spans] == [(0, 3), (4, 18)]


# Files


Writer = Callable[[Path, list[str]], None]


def write_table(path: Path, posts: list[str], delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        rows = csv.writer(handle, delimiter=delimiter)
        rows.writerow(["id", "text"])
        rows.writerows([f"r{number}", post] for number, post in enumerate(posts))


def as_csv(path: Path, posts: list[str]) -> None:
    write_table(path, posts, ",")


def as_tsv(path: Path, posts: list[str]) -> None:
    write_table(path, posts, "\t")


def json_lines(posts: list[str]) -> bytes:
    rows = [{"id": f"r{number}", "text": post} for number, post in enumerate(posts)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_jsonl(path: Path, posts: list[str]) -> None:
    path.write_bytes(json_lines(posts))


def as_gz(path: Path, posts: list[str]) -> None:
    path.write_bytes(gzip.compress(json_lines(posts)))


def as_zst(path: Path, posts: list[str]) -> None:
    path.write_bytes(zstandard.ZstdCompressor().compress(json_lines(posts)))


def as_parquet(path: Path, posts: list[str]) -> None:
    ids = [f"r{number}" for number in range(len(posts))]
    pq.write_table(pa.table({"id": ids, "text": posts}), path)


def as_zip(path: Path, posts: list[str]) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["id", "text"])
    rows.writerows([f"r{number}", post] for number, post in enumerate(posts))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("posts.csv", text.getvalue())


FORMATS: dict[str, Writer] = {
    "posts.csv": as_csv,
    "posts.tsv": as_tsv,
    "posts.jsonl": as_jsonl,
    "posts.jsonl.gz": as_gz,
    "posts.zst": as_zst,
    "posts.parquet": as_parquet,
    "posts.zip": as_zip,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_a_line_per_row(run: Run, tmp_path: Path, name: str) -> None:
    FORMATS[name](tmp_path / name, TEXTS)
    done = run(
        "analyse", "--file", name, "--out", "o.jsonl", *FAKE, "--task", "DR", "--task", "Irf"
    )
    assert done.returncode == 0, done.stderr
    replies = expected(TEXTS, ["DR", "Irf"])
    assert read_lines(tmp_path / "o.jsonl") == [
        json.loads(json.dumps({"row": number, "id": f"r{number - 1}", **reply}))
        for number, reply in enumerate(replies, 1)
    ]
    assert "7 rows in o.jsonl: 2 with nothing to read\n" in done.stdout
    lines = [line.replace(" ", "") for line in done.stdout.splitlines()]
    assert "|DR|7|2|0|" in lines and "|Irf|14|4|0|" in lines
    assert "not a diagnosis" in done.stderr and "7/7" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [name, "o.jsonl", "o.jsonl.meta.json"]
    )


def test_columns_are_found_or_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"

    def ask(row: dict[str, object], *options: str) -> list[dict[str, object]]:
        path.write_text(json.dumps(row))
        (tmp_path / "o.jsonl").unlink(missing_ok=True)
        command = ("analyse", "--file", path, "--out", "o.jsonl", *FAKE, "--task", "DR", *options)
        done = run(*command)
        assert done.returncode == 0, done.stderr
        return read_lines(tmp_path / "o.jsonl")

    [reply] = expected(["a b"], ["DR"])
    wanted = json.loads(json.dumps(reply))
    assert ask({"title": "c", "selftext": "a b"}) == [{"row": 1, "id": None, **wanted}]
    assert ask({"selftext": "c", "text": "a b", "id": 7}) == [{"row": 1, "id": 7, **wanted}]
    assert ask({"only": "a b"}) == [{"row": 1, "id": None, **wanted}]
    row = {"text": "c", "my words": "a b", "key": "k"}
    found = ask(row, "--column", "my words", "--id-column", "key")
    assert found == [{"row": 1, "id": "k", **wanted}]


PRIVATE = "my sister found my diary and read it out loud"
FAULTS = {
    "no such column": (
        "p.csv",
        f"id,body\n1,{PRIVATE}\n",
        ["--column", "txt"],
        "no column 'txt'; it",
    ),
    "unclear columns": (
        "p.csv",
        f"id,said\n1,{PRIVATE}\n",
        [],
        "it has id, said; say it: --column",
    ),
    "no header": ("p.csv", f"{PRIVATE}\n{PRIVATE}\n", [], "(no name but a text)"),
    "no id column": ("p.csv", f"text\n{PRIVATE}\n", ["--id-column", "key"], "no column 'key'"),
    "empty": ("p.csv", "", [], "empty file"),
    "empty lines": ("p.jsonl", "\n\n", [], "no rows"),
    "header only": ("p.csv", "text\n", [], "no rows"),
    "a ragged row": ("p.csv", f"text,b\n{PRIVATE}\n", [], "row 1 has 1 cells, the header has 2"),
    "no JSON": ("p.jsonl", f'{{"text": "a"}}\n{PRIVATE}\n', [], "row 2 is not JSON"),
    "a lost column": ("p.jsonl", '{"text": "a"}\n{"b": "c"}\n', [], "row 2 has no 'text'"),
    "no text": ("p.jsonl", '{"text": {"a": 1}}\n', [], "row 1: 'text' is no text but dict"),
    "unknown kind": ("p.docx", PRIVATE, [], "a file of kind '.docx' cannot be read"),
    "no Parquet": ("p.parquet", PRIVATE, [], "not a Parquet file"),
    "no gzip": ("p.csv.gz", PRIVATE, [], "p.csv.gz"),
    "unknown task": ("p.csv", f"text\n{PRIVATE}\n", ["--task", "dreadit"], "no task is called"),
    "unknown model": ("p.csv", f"text\n{PRIVATE}\n", ["--model", "./none"], "no such model folder"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_broken_file_is_one_line(
    run: Run, tmp_path: Path, fault: tuple[str, str, list[str], str]
) -> None:
    name, content, options, message = fault
    (tmp_path / name).write_text(content)
    done = run("analyse", "--file", name, "--out", "o.jsonl", *FAKE, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("mentallama: error: ")
    assert done.stderr.count("\n") == 1
    assert "sister" not in done.stderr
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.parquet", "p.zst", "p.csv.gz", "p.zip"])
def test_a_binary_file_is_one_line(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(range(256)) * 40)
    done = run("analyse", "--file", name, "--out", "o.jsonl", *FAKE)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"mentallama: error: {name}: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one text, '-' for standard input, or --file"),
        (["a", "--file", "p.csv"], "give one text"),
        (["--file", "p.csv"], "--file needs --out FILE.jsonl"),
        (["a", "--out", "o.jsonl"], "--out is for a --file"),
        (["a", "--id-column", "x"], "--id-column is for a --file"),
        (["--file", "p.csv", "--out", "o.jsonl", "--json"], "--json is for one text"),
        (["--file", "p.csv", "--out", "o.jsonl", "--no-support"], "--no-support is for one text"),
        (["--file", "p.csv", "--out", "o.csv"], "o.csv: analyses are written as JSON Lines"),
        (["a", "--cascade", "0.5"], "needs both --cascade THRESHOLD and --then MODEL"),
        (["a", "--then", "fake"], "needs both --cascade THRESHOLD and --then MODEL"),
        (["a", "--cascade", "2", "--then", "fake"], "2.0 is not in the range 0<=x<=1"),
        (["a", "--prompt", "release"], "fake: writes nothing"),
        (["a", "--endpoint", "localhost:8"], "expected something like http://localhost:8000/v1"),
        (["a\udcff"], "the text is not UTF-8"),
    ],
)
def test_options_that_do_nothing_are_refused(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    as_csv(tmp_path / "p.csv", ["a post"])
    done = run("analyse", *arguments, *FAKE)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_standard_input_that_is_no_text_is_one_line() -> None:
    command = [sys.executable, "-m", "mentallama", "analyse", "-", *QUIET]
    done = subprocess.run(command, input=b"\xff\xfe\x00", capture_output=True)
    assert done.returncode == 2
    assert done.stderr == b"mentallama: error: the text is not UTF-8\n"


def test_windows_text_and_halves_of_characters_are_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b'{"text": "caf\xe9"}\n{"text": "half \\ud83d"}\n')
    done = run("analyse", "--file", "p.jsonl", "--out", "o.jsonl", *FAKE, "--task", "DR")
    assert done.returncode == 0, done.stderr
    assert "1 lines not UTF-8 (read as Windows-1252)" in done.stdout
    lines = read_lines(tmp_path / "o.jsonl")
    said = [line["analyses"][0]["explanation"] for line in lines]  # type: ignore[index]
    assert [text.split('"')[1] for text in said] == ["café", "half \N{REPLACEMENT CHARACTER}"]


# Kills, other runs, other processes


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mentallama", "analyse", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def finished_rows(partial: Path) -> int:
    return max(partial.read_bytes().count(b"\n") - 1, 0) if partial.exists() else 0


def wait_for_rows(process: subprocess.Popen[bytes], partial: Path, more_than: int) -> int:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (rows := finished_rows(partial)) > more_than:
            return rows
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError("no row was finished in time")


BIG = 8_000


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a file that takes some seconds, and what comes of it undisturbed."""
    folder = tmp_path_factory.mktemp("big")
    as_csv(folder / "p.csv", [f"post {n} " + "word " * (n % 97) for n in range(BIG)])
    assert start(folder, "--file", "p.csv", "--out", "whole.jsonl", *FAKE).wait() == 0
    return folder


def test_killed_again_and_again_nothing_is_lost_or_doubled(big: Path) -> None:
    partial = big / "o.jsonl.partial"
    command = ("--file", "p.csv", "--out", "o.jsonl", *FAKE)
    before = 0
    for _ in range(3):
        process = start(big, *command)
        kept = wait_for_rows(process, partial, before)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = finished_rows(partial)
        assert before >= kept
        assert not (big / "o.jsonl").exists()
    # What a kill tears in the middle of a line, a full disk or a lost power tears as well.
    with partial.open("ab") as handle:
        handle.write(b'{"row": 7999, "id"')
    assert start(big, *command).wait() == 0
    assert (big / "o.jsonl").read_bytes() == (big / "whole.jsonl").read_bytes()
    assert [line["row"] for line in read_lines(big / "o.jsonl")] == list(range(1, BIG + 1))
    assert not partial.exists()


def test_a_second_process_is_refused(big: Path, run: Run) -> None:
    command = ("--file", str(big / "p.csv"), "--out", str(big / "second.jsonl"), *FAKE)
    process = start(big, *command)
    try:
        wait_for_rows(process, big / "second.jsonl.partial", 0)
        done = run("analyse", *command)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert done.returncode == 2
    assert done.stderr.endswith("second.jsonl.partial: another process is writing it\n")


def test_another_run_is_not_continued(big: Path, run: Run) -> None:
    command = ("--file", str(big / "p.csv"), "--out", str(big / "other.jsonl"))
    process = start(big, *command, *FAKE)
    wait_for_rows(process, big / "other.jsonl.partial", 0)
    process.kill()
    process.wait()
    before = (big / "other.jsonl.partial").read_bytes()
    for change in (["--task", "DR"], ["--column", "id"], ["--cascade", "0.4", "--then", "fake"]):
        done = run("analyse", *command, *FAKE, *change)
        assert done.returncode == 2
        assert "an unfinished run on another file, with another model" in done.stderr
    as_csv(big / "changed.csv", ["another post"])
    done = run("analyse", "--file", big / "changed.csv", *command[2:], *FAKE)
    assert "an unfinished run on another file" in done.stderr
    assert (big / "other.jsonl.partial").read_bytes() == before


def test_a_finished_file_is_not_made_again(run: Run, tmp_path: Path) -> None:
    as_csv(tmp_path / "p.csv", TEXTS)
    command = ("analyse", "--file", "p.csv", "--out", "o.jsonl", *FAKE)
    first = run(*command)
    (tmp_path / "o.jsonl").chmod(0o400)
    stamp = (tmp_path / "o.jsonl").stat().st_mtime_ns
    second = run(*command)
    assert (tmp_path / "o.jsonl").stat().st_mtime_ns == stamp
    assert second.stdout == first.stdout.replace(
        "o.jsonl:", "o.jsonl (finished by an earlier run):"
    )
    other = run(*command, "--task", "DR")
    assert other.returncode == 2
    assert "o.jsonl: exists and was made from another file, model or other tasks" in other.stderr


def test_a_cascade_says_how_many_went_on(run: Run, tmp_path: Path) -> None:
    as_csv(tmp_path / "p.csv", TEXTS)
    command = ("analyse", "--file", "p.csv", "--out", "o.jsonl", *FAKE, "--task", "DR")
    done = run(*command, "--cascade", "0.6", "--then", "fake")
    assert "this run: 5 of 5 questions (100.0 %) went on to fake" in done.stdout
    assert [line["analyses"] for line in read_lines(tmp_path / "o.jsonl")] == [
        json.loads(json.dumps(reply["analyses"])) for reply in _renamed(expected(TEXTS, ["DR"]))
    ]


def _renamed(replies: list[dict[str, object]]) -> list[dict[str, object]]:
    """An empty post is answered in the name of the cascade itself."""
    for reply in replies:
        for one in reply["analyses"]:  # type: ignore[attr-defined]
            if one["abstained"]:
                one["model"] = "fake, then fake"
    return replies


def test_all_tasks_are_asked_by_default(run: Run) -> None:
    found = json.loads(run("analyse", "a b", "--json", *QUIET).stdout)["analyses"]
    asked = [(one["task"], one["aspect"]) for one in found]
    assert asked == [(task.key, aspect) for task in TASKS for aspect in task.aspects or (None,)]


# Help lines


def test_help_lines_stand_on_standard_error(run: Run) -> None:
    post = "i have the pills here and i want to die tonight"
    done = run("analyse", post, "--json", *FAKE, "--task", "DR")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(expected([post], ["DR"])[0]))
    assert len(done.stderr.splitlines()) > 5
    shown = run("analyse", post, *FAKE, "--task", "DR")
    assert shown.stderr == done.stderr
    assert run("analyse", post, *QUIET, "--task", "DR").stderr == ""
    assert run("analyse", "the bus was late", *FAKE, "--task", "DR").stderr == ""
    failed = run("analyse", post, "--model", "./none")
    assert failed.returncode == 2
    assert failed.stderr.startswith(done.stderr)
    assert failed.stderr.removeprefix(done.stderr).startswith("mentallama: error: ./none: no such")
