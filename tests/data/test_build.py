"""The build as a whole: what goes in comes out or is accounted for, and can be proved."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from mentallama.corpus import load_posts
from mentallama.corpus.raw import export_raw
from mentallama.data.check import Flag
from mentallama.data.forms import make_samples
from mentallama.data.sources import acknowledge
from mentallama.dataset import read_manifest, read_samples
from mentallama.io import read_csv, read_records
from mentallama.tasks import TASKS, get_label, get_task
from mentallama.tasks.posts import make_sample
from mentallama.tasks.raw import Drop
from mentallama.types import SPLITS, Post, Sample
from tests.conftest import Run


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, raw_corpus: Path) -> Path:
    """Return the whole corpus built by the scripted teacher."""
    import subprocess
    import sys

    out = tmp_path_factory.mktemp("built") / "out"
    command = ["data", "build", "--raw", raw_corpus, "--scripted", "--out", out, "--blind", 20]
    done = subprocess.run(
        [sys.executable, "-m", "mentallama", *map(str, command)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def samples_of(folder: Path) -> list[Sample]:
    return read_samples(folder, splits=SPLITS)


def test_kept_and_dropped_are_all_there_was(built: Path) -> None:
    rows = sum(len(post.answers) for post in load_posts())
    drops = read_records(built / "drops.jsonl", Drop)
    assert len(samples_of(built)) + len(drops) == rows == 1417
    assert all(drop.reason for drop in drops)
    page = (built / "report.html").read_text()
    assert f"{len(samples_of(built)):,} + {len(drops):,} = 1,417" in page


def test_labels_explanations_and_quotes_are_the_posts_own(built: Path) -> None:
    known = {(post.text, answer.aspect): answer for post in load_posts() for answer in post.answers}
    for sample in samples_of(built):
        answer = known[sample.post.text, sample.post.aspect]
        assert (sample.post.label, sample.explanation) == (answer.label, answer.explanation)
        assert all(quote in sample.post.text for quote in sample.post.evidence)


def test_no_post_stands_in_two_splits(built: Path) -> None:
    splits: dict[str, set[str]] = {}
    for sample in samples_of(built):
        splits.setdefault(sample.post.id, set()).add(str(sample.post.split))
    assert all(len(found) == 1 for found in splits.values())


def test_the_forms_say_the_same(built: Path) -> None:
    samples = [s for s in samples_of(built) if not get_task(s.post.task).source.agreement]
    messages = [
        row["messages"]
        for split in ("train", "valid", "test")
        for row in pq.read_table(built / f"messages/instruction/{split}.parquet").to_pylist()
    ]
    assert Counter((m[0]["content"], m[1]["content"]) for m in messages) == Counter(
        (s.prompt, s.response) for s in samples
    )
    assert {tuple(turn["role"] for turn in m) for m in messages} == {("user", "assistant")}
    pairs = pq.read_table(built / "prompt_completion/completion/test.parquet").to_pylist()
    completion = read_samples(built, form="completion", splits=["test"])
    assert {p["prompt"] + p["completion"] for p in pairs} == {
        s.prompt.rstrip(" ") + " " + s.response
        for s in completion
        if not get_task(s.post.task).source.agreement
    }
    header, rows = read_csv(built / "release/test_data/test_instruction/SAD.csv")
    assert header == ["query", "gpt-3.5-turbo"]
    wanted = [s for s in samples if (s.post.task, s.post.split) == ("SAD", "test")]
    assert rows == [[s.prompt, s.response] for s in wanted]


def test_sets_under_agreement_stay_out_of_what_is_passed_on(built: Path) -> None:
    closed = [s for s in samples_of(built) if get_task(s.post.task).source.agreement]
    assert {s.post.task for s in closed} == {"CLP", "swmh", "t-sid"}
    for folder in ("release", "messages", "prompt_completion"):
        for path in (built / folder).rglob("*.*"):
            text = (
                path.read_text() if path.suffix == ".csv" else str(pq.read_table(path).to_pydict())
            )
            assert not any(sample.post.text in text for sample in closed), path


def test_a_flipped_byte_is_named(built: Path, run: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    assert run("verify", copy).returncode == 0
    manifest = read_manifest(copy)
    for file in (manifest.files[3], manifest.others[5]):
        path = copy / file.path
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        done = run("verify", copy)
        assert done.returncode == 1 and file.path in done.stdout
        assert done.stdout.count("changed") == 1
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    (copy / manifest.files[0].path).unlink()
    done = run("verify", copy)
    assert done.returncode == 1 and f"{manifest.files[0].path}: missing" in done.stdout


def test_every_file_is_in_the_manifest(built: Path) -> None:
    manifest = read_manifest(built)
    known = {f.path for f in manifest.files} | {f.path for f in manifest.others}
    present = {str(p.relative_to(built)) for p in built.rglob("*") if p.is_file()}
    assert present - known == {"manifest.json", *(p for p in present if p.startswith("teacher/"))}


def test_the_card_is_counted_from_the_data(built: Path) -> None:
    card = (built / "README.md").read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert head["size_categories"] == ["1K<n<10K"]
    for config in head["configs"]:
        for part in config["data_files"]:
            assert all((built / path).exists() for path in part["path"])
    kept = Counter(s.post.task for s in samples_of(built))
    for task in TASKS:
        line = next(x for x in card.splitlines() if re.match(rf"\| {task.key} +\|", x))
        assert int(line.split("|")[4]) == kept[task.key]
    assert "Do not publish this folder" in card


def test_a_second_build_changes_no_byte(built: Path, run: Run, raw_corpus: Path) -> None:
    before = {path: path.read_bytes() for path in built.rglob("*") if path.is_file()}
    done = run("data", "build", "--raw", raw_corpus, "--scripted", "--out", built, "--blind", 20)
    assert done.returncode == 0, done.stderr
    assert before == {path: path.read_bytes() for path in built.rglob("*") if path.is_file()}


def test_the_rating_sample_is_spread_over_tasks_and_labels(built: Path) -> None:
    header, rows = read_csv(built / "rating_sample.csv")
    assert header[:6] == ["id", "task", "question", "post", "answer", "explanation"]
    assert header[6:] == ["consistency", "reliability", "professionality", "overall", "notes"]
    assert len(rows) == len({row[0] for row in rows}) == 200
    seen = {(row[1], row[4]) for row in rows}
    assert seen == {(task.key, label.phrase) for task in TASKS for label in task.labels}


def test_swapped_labels_are_caught(run: Run, tmp_path: Path) -> None:
    """Twenty labels in the first 400 questions are swapped; who said what is known."""
    posts, swapped, count = [], set(), 0
    for post in [p for p in load_posts() if not p.task.startswith("MultiWD")]:
        answers = []
        for answer in post.answers:
            count += 1
            if count <= 400 and count % 20 == 7:
                keys = [x.key for x in get_task(post.task).labels if x.key != answer.label]
                answer = replace(answer, label=keys[count % len(keys)])
                swapped.add((post.text, answer.aspect))
            answers.append(answer)
        if count <= 400:
            posts.append(replace(post, answers=tuple(answers)))
    assert len(swapped) == 20
    export_raw(tmp_path / "raw", posts)
    acknowledge(tmp_path / "raw", ["CLP", "swmh", "t-sid"])
    shared = ("--raw", tmp_path / "raw", "--scripted", "--blind", -1, "--keep-leaks")
    done = run("data", "build", *shared, "--out", "o", "--max-loss", 1)
    assert done.returncode == 0, done.stderr
    text = {
        f"{p.task}/{p.id}" + (f"/{p.aspect}" if p.aspect else ""): (p.text, p.aspect)
        for p in read_records(tmp_path / "o/posts.jsonl", Post)
    }
    flagged = {text[flag.id] for flag in read_records(tmp_path / "o/flags.jsonl", Flag)}
    assert len(flagged & swapped) >= 18
    assert len(flagged - swapped) <= 0.05 * (len(text) - 20)


def test_identifiers_never_reach_the_teacher(run: Run, tmp_path: Path) -> None:
    from tests.teacher_server import TeacherServer

    (tmp_path / "raw/DR").mkdir(parents=True)
    secret = "wrote to u/blue_kettle_9 and b.kettle@example.org, call 07700 900461"
    (tmp_path / "raw/DR/reddit_train.csv").write_text(f'text,label\n"I {secret} again",1\n')
    with TeacherServer({}) as server:
        options = ("--endpoint", server.url, "--model", "m", "--max-loss", 1, "--out", "a.jsonl")
        done = run("data", "explain", "--raw", tmp_path / "raw", *options)
        sent = json.dumps(server.requests)
    assert done.returncode == 0, done.stderr
    assert "[USER_1]" in sent and "[EMAIL_1]" in sent and "[PHONE_1]" in sent
    assert not any(part in sent for part in ("blue_kettle", "b.kettle", "900461"))


def test_a_marked_passage_keeps_the_placeholders_of_its_post(run: Run, tmp_path: Path) -> None:
    (tmp_path / "raw/CAMS").mkdir(parents=True)
    text = "u/first_one left and then u/second_one left, so the days are empty"
    (tmp_path / "raw/CAMS/added_CAMS_data.csv").write_text(
        f'selftext,cause,inference\n"{text}",4,"then u/second_one left"\n'
    )
    done = run("data", "build", "--raw", "raw", "--scripted", "--max-loss", 1, "--out", "o")
    assert done.returncode == 0, done.stderr
    (post,) = read_records(tmp_path / "o/posts.jsonl", Post)
    assert post.evidence == ("then [USER_2] left",) and post.evidence[0] in post.text


def test_posts_under_agreement_do_not_leave(run: Run, raw_corpus: Path) -> None:
    options = ("--endpoint", "http://203.0.113.9/v1", "--model", "m", "--out", "a.jsonl")
    done = run("data", "explain", "--raw", raw_corpus, "--task", "swmh", *options, input="")
    assert done.returncode == 2
    assert "swmh is under agreement" in done.stderr and "--allow-remote swmh" in done.stderr
    allowed = ("--allow-remote", "swmh", "--timeout", 0.2, "--retries", 0, "--limit", 1)
    done = run("data", "explain", "--raw", raw_corpus, "--task", "swmh", *options, *allowed)
    assert "OPENAI_API_KEY" in done.stderr
    done = run(
        "data", "explain", "--raw", raw_corpus, "--task", "DR", *options, "--keep-identifiers"
    )
    assert done.returncode == 2 and "handles and links never leave" in done.stderr


def test_an_acknowledgement_is_asked_for_once(run: Run, tmp_path: Path) -> None:
    export_raw(tmp_path / "raw", load_posts("t-sid"))
    shared = ("data", "build", "--raw", tmp_path / "raw", "--scripted", "--out", "o")
    done = run(*shared)
    assert done.returncode == 2 and "--acknowledge t-sid" in done.stderr
    assert run(*shared, "--acknowledge", "t-sid").returncode == 0
    assert run(*shared).returncode == 0
    assert "t-sid" in json.loads((tmp_path / "raw/acknowledged.json").read_text())


def test_columns_and_rows_are_worded_alike() -> None:
    """The whole-column wording and the row-by-row wording cannot differ."""
    posts, explanations = [], []
    for task in TASKS:
        for aspect in task.aspects or (None,):
            for label in task.labels:
                text = f'an invented post of {task.key}, with "quotes", {{braces}}\nand lines'
                posts.append(
                    Post(
                        id="p",
                        text=text,
                        task=task.key,
                        aspect=aspect,
                        label=label.key,
                        split="test",
                    )
                )
                explanations.append(f"Because {label.key}.")
    for form in ("instruction", "completion"):
        chosen = [
            (p, e)
            for p, e in zip(posts, explanations, strict=True)
            if form == "instruction" or get_task(p.task).completion_question
        ]
        samples = make_samples([p for p, _ in chosen], [e for _, e in chosen], form)
        for sample, (post, explanation) in zip(samples, chosen, strict=True):
            task = get_task(post.task)
            number = int(sample.id.rsplit("/", 1)[1])
            label = get_label(task, str(post.label))
            assert sample == make_sample(task, post, label, explanation, form, number)
