"""Reading raw corpora: the authors' files as they are, the expected layouts, a user's own."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mentallama.corpus import load_posts
from mentallama.data.rebuild import rebuild
from mentallama.data.sources import read_sources
from mentallama.errors import InputError
from mentallama.rows import open_rows
from mentallama.tasks import TASKS, get_task
from mentallama.tasks.own import load_task
from mentallama.tasks.posts import text_key
from mentallama.tasks.raw import Drop, RawRow
from mentallama.types import Post, Task
from tests.conftest import Run, shared

ROWS = [
    {"id": "1", "body": 'a "quoted", long\nline', "mark": "1"},
    {"id": "2", "body": "é", "mark": "0"},
]


def read(task: Task, folder: Path) -> tuple[list[Post], list[Drop], list[str]]:
    notes: list[str] = []
    rows = list(read_sources([(task, folder)], notes))
    posts = [row.post for row in rows if isinstance(row, RawRow)]
    return posts, [row for row in rows if isinstance(row, Drop)], notes


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_the_corpus_comes_back_from_every_layout(task: Task, raw_corpus: Path) -> None:
    posts, drops, _ = read(task, raw_corpus / task.key)
    assert not drops
    assert Counter((p.text, p.aspect, p.label) for p in posts) == Counter(
        (post.text, answer.aspect, answer.label)
        for post in load_posts(task.key)
        for answer in post.answers
    )
    splits = {p.split for p in posts}
    if task.key in ("DR", "CLP", "swmh", "t-sid", "loneliness", "Irf"):
        assert splits == {"train", "valid", "test"}
    if task.key == "Irf":
        assert all(p.evidence[0] in p.text for p in posts if p.evidence)
        assert any(p.evidence for p in posts)


@pytest.mark.parametrize(
    ("folder", "key", "posts", "dropped", "not_utf8"),
    [
        ("irf", "Irf", 7044, 0, 0),
        ("multiwd", "MultiWD", 6 * 3281, 0, 0),
        ("sad", "SAD", 6850, 0, 0),
        ("cams", "CAMS", 1457 + 370 + 3153, 6, 1),
        ("dreaddit", "dreaddit", 2838 + 715, 0, 2),
    ],
)
def test_the_authors_files_as_they_are(
    folder: str, key: str, posts: int, dropped: int, not_utf8: int
) -> None:
    found, drops, notes = read(get_task(key), shared("raw") / folder)
    assert (len(found), len(drops)) == (posts, dropped)
    assert sum("Windows-1252" in note for note in notes) == not_utf8
    assert len({p.label for p in found}) == len(get_task(key).labels)


def test_the_releases_rows_come_out_of_the_raw_files(imhi: Path) -> None:
    from mentallama.data.entries import read_folder

    results, rows = rebuild(read_folder(imhi), shared("raw"))
    found = {(one.task, one.split): one for one in results}
    for key in ("Irf", "MultiWD", "SAD"):
        one = found[key, "test"]
        assert one.rows == one.matched == one.same_prompt
    assert found["Irf", "test"].same_label == 1654
    assert found["MultiWD", "test"].same_label == 2112
    assert (found["SAD", "test"].same_label, found["SAD", "test"].one_label) == (680, 683)
    assert found["dreaddit", "train"].matched == 2837
    assert len(rows) == sum(one.one_label for one in results)
    assert all(row.explanation or row.post.label for row in rows)


def write(path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    match "".join(path.suffixes):
        case ".csv" | ".tsv":
            import csv

            with path.open("w", newline="", encoding="utf-8") as handle:
                writer = csv.DictWriter(
                    handle, list(ROWS[0]), delimiter="\t" if path.suffix == ".tsv" else ","
                )
                writer.writeheader()
                writer.writerows(ROWS)
        case ".jsonl" | ".ndjson":
            path.write_bytes(lines)
        case ".jsonl.gz":
            path.write_bytes(gzip.compress(lines))
        case ".zst":
            # Two frames with the wide window of the real dumps.
            packer = zstandard.ZstdCompressor(
                compression_params=zstandard.ZstdCompressionParameters(window_log=27)
            )
            half = lines.index(b"\n") + 1
            path.write_bytes(packer.compress(lines[:half]) + packer.compress(lines[half:]))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.jsonl.gz", "RS_2019-04.zst", "a.parquet"]
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = tmp_path / name.replace("RS_2019-04", "RS_2019-04")
    write(path)
    with open_rows(path) as stream:
        assert list(stream.rows) == list(enumerate(ROWS, 1))


def test_a_dump_is_streamed(tmp_path: Path) -> None:
    """A dump far larger than what may be held: the peak stays small."""
    import tracemalloc

    path = tmp_path / "RC_2020-01.zst"
    line = json.dumps({"body": "x" * 2000, "subreddit": "s"}).encode() + b"\n"
    with path.open("wb") as handle, zstandard.ZstdCompressor().stream_writer(handle) as packer:
        for _ in range(30_000):
            packer.write(line)
    tracemalloc.start()
    with open_rows(path) as stream:
        assert sum(len(row["body"]) for _, row in stream.rows) == 30_000 * 2000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6_000_000


def test_broken_files_are_one_line(tmp_path: Path) -> None:
    bad = {
        "a.zst": b"not packed",
        "b.zip": b"PK\x03\x04broken",
        "c.parquet": b"PAR1 no",
        "d.xlsx": b"no workbook",
        "e.csv": b"",
        "f.csv": b"a,b\n1\n",
        "g.jsonl": b"{]\n",
        "h.doc": b"x",
        "i.jsonl.gz": gzip.compress(b"{}\n" * 1000)[:20],
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name), open_rows(tmp_path / name) as stream:
            list(stream.rows)


OWN = """
key: exam-worry
title: Worry about exams
platform: forum
labels:
  - {key: "no", phrase: "No, the poster does not worry about exams.", completion: "no"}
  - {key: "yes", phrase: "Yes, the poster worries about exams.", completion: "yes"}
question: Does the poster worry about exams?
completion_question: 'The answer to the question "Does the poster worry about exams?" is'
files:
  - path: forum.zst
    text: [title, selftext]
    author: author
    answers:
      - {column: flair, codes: {"worried": "yes", "fine": "no"}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return a user's YAML beside a dump of invented posts."""
    moods = ["worried", "fine", "other", None]
    rows = [
        {
            "title": f"Exam number {number}",
            "selftext": "[removed]" if number % 11 == 5 else f"invented text {number} about it",
            "author": f"u{number % 7}",
            "flair": moods[number % 4],
        }
        for number in range(80)
    ] + [{"title": "[deleted]", "selftext": "", "author": None, "flair": "fine"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "forum.zst").write_bytes(zstandard.compress(lines))
    (tmp_path / "own.yaml").write_text(OWN)
    return tmp_path / "own.yaml"


def test_a_users_task_needs_no_python(own: Path, run: Run, tmp_path: Path) -> None:
    done = run("data", "read", "--own", own, "--out", "posts.jsonl")
    assert done.returncode == 0, done.stderr
    posts = [json.loads(line) for line in (tmp_path / "posts.jsonl").read_text().splitlines()]
    assert Counter(p["label"] for p in posts) == {"yes": 20, "no": 20}
    assert posts[0]["text"] == "Exam number 0\ninvented text 0 about it"
    assert posts[5 - 1]["author"] == "u1"
    assert "20  a label that the task does not have" in done.stdout
    assert "20  no label" in done.stdout and "1  deleted by its author" in done.stdout


def test_a_users_task_goes_all_the_way(own: Path, run: Run, tmp_path: Path) -> None:
    from mentallama.data.scripted import Line
    from mentallama.tasks import add_tasks
    from tests.teacher_server import TeacherServer

    task = load_task(own)
    add_tasks([task])
    posts, _, _ = read(task, tmp_path)
    why = "The poster writes of number {} and of what is to come, so the answer follows from it."
    script = {
        (post.text, task.question): (
            task.key,
            Line(label=str(post.label), explanation=why.format(post.text.split()[2])),
        )
        for post in posts
    }
    with TeacherServer(script) as server:
        options = ("--endpoint", server.url, "--model", "m", "--out", "built")
        done = run("data", "build", "--own", own, *options)
    assert done.returncode == 0, done.stderr
    assert "no expert examples for exam-worry" in done.stderr
    done = run("--own", own, "generate", "--model", "gold", "--data", "built", "--out", "r.jsonl")
    assert done.returncode == 0, done.stderr
    done = run("--own", own, "evaluate", "r.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert "exam-worry" in done.stdout and scores


def test_own_yaml_says_what_is_wrong(tmp_path: Path, own: Path) -> None:
    text = own.read_text()
    for change, message in [
        (("key: exam-worry", "key: DR"), ""),
        (('"worried": "yes"', '"worried": "maybe"'), "unknown labels"),
        (("question: Does", "qestion: Does"), "Did you mean 'question'"),
        (('key: "no"', "key: no"), "labels"),
        (("title: Worry", "titel: Worry"), "Did you mean 'title'"),
        (('completion: "yes"', 'completion: "no"'), "worded alike"),
    ]:
        own.write_text(text.replace(*change))
        if message:
            with pytest.raises(InputError, match=message):
                load_task(own)
        else:
            from mentallama.tasks import add_tasks

            with pytest.raises(InputError, match="already called 'DR'"):
                add_tasks([load_task(own)])
    own.write_text(text.replace("column: flair", "column: flare"))
    with pytest.raises(InputError, match=r"no column 'flare'. Did you mean 'flair'"):
        read(load_task(own), tmp_path)


def test_text_keys_see_through_broken_characters() -> None:
    text = "I can't say it\u2019s \u201cfine\u201d anymore"
    broken = text.encode().decode("mac_roman")
    assert text != broken and text_key(text) == text_key(broken)
    assert text_key("не знаю зачем") != text_key("не хочу")
    assert text_key("\U0001f622") != text_key("\U0001f600")


def test_labels_of_the_ten_are_all_read() -> None:
    for task in TASKS:
        for file in task.raw:
            for answer in file.answers:
                keys = {key for _, key in answer.codes}
                assert keys == {label.key for label in task.labels}, (task.key, file.path)
            asked = {answer.aspect for answer in file.answers}
            assert asked == set(task.aspects or (None,))
    assert replace(TASKS[0], raw=()).raw == ()
