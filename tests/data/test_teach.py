"""Asking a teacher: the real client against a real server that misbehaves."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mentallama.data.reply import Explained
from mentallama.io import read_records
from tests.conftest import Run
from tests.processes import start_warm
from tests.teacher_server import LASTING, PASSING, Script, TeacherServer

FAST = ("--timeout", 2, "--retries", 8, "--concurrency", 8)


def arguments(server: TeacherServer, raw: Path, *more: object) -> list[object]:
    return ["--raw", raw, "--endpoint", server.url, "--model", "m", *FAST, *more]


def explain(run: Run, server: TeacherServer, raw: Path, *more: object) -> Any:
    return run("data", "explain", *arguments(server, raw, *more))


def rows(path: Path) -> list[Explained]:
    return read_records(path, Explained)


def test_every_question_is_answered_once(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    out = tmp_path / "a.jsonl"
    with TeacherServer(script) as server:
        done = explain(run, server, raw_corpus, "--task", "Irf", "--task", "SAD", "--out", out)
        assert done.returncode == 0, done.stderr
        answers = rows(out)
        assert len(answers) == len(server.requests) == len({row.id for row in answers})
        assert all(row.outcome == "explained" and row.verdict == row.label for row in answers)
        asked = server.requests[0]
        assert asked["response_format"]["json_schema"]["strict"] is True
        # Two expert examples for each of two labels stand before the post.
        yes_no = [body for body in server.requests if "risk of" in str(body["messages"][-1])]
        assert {len(body["messages"]) for body in yes_no} == {1 + 2 * 2 * 2 + 1}
        again = explain(run, server, raw_corpus, "--task", "Irf", "--task", "SAD", "--out", out)
        assert again.returncode == 0
        assert len(server.requests) == len(answers), "a second run asks nothing"
        other = explain(
            run, server, raw_corpus, "--task", "Irf", "--out", out, "--temperature", 0.5
        )
        assert other.returncode == 0
        irf = sum(row.task == "Irf" for row in answers)
        assert len(server.requests) == len(answers) + irf, "another sampling is asked anew"


def test_faults_pass_or_are_counted(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    out = tmp_path / "a.jsonl"
    with TeacherServer(script, faults=(*PASSING, *LASTING), one_in=4, hang=4) as server:
        done = explain(
            run, server, raw_corpus, "--task", "SAD", "--task", "Irf", "--out", out, "--max-loss", 1
        )
        assert done.returncode == 0, done.stderr
        wanted = Counter(
            {
                "refusal": "refusal",
                "sorry": "refusal",
                "filter": "filtered",
                "bad json": "unreadable",
                "empty": "empty",
                "cut off": "cut off",
            }.get(server.fault_of(asked), "explained")
            for asked in server.seen
        )
        happened = {server.fault_of(asked) for asked in server.seen}
    assert Counter(row.outcome for row in rows(out)) == wanted
    assert happened >= {*PASSING, *LASTING}
    assert all(row.explanation == "" for row in rows(out) if row.outcome != "explained")


def test_a_class_that_loses_too_much_stops_the_build(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    class Shy(TeacherServer):
        def fault_of(self, text: str) -> str:
            return "sorry" if "Annotated answer: suicide" in text else ""

    with Shy(script) as server:
        done = run("data", "build", *arguments(server, raw_corpus, "--task", "t-sid"), "--out", "o")
    assert done.returncode == 1
    assert "t-sid 'suicide' lost" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "o" / "manifest.json").exists()


def test_money_stops_and_the_rest_comes_later(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    out, price = tmp_path / "a.jsonl", ("--price", 1, 2)
    with TeacherServer(script) as server:
        shared = ("--task", "DR", "--out", out, *price)
        dry = explain(run, server, raw_corpus, *shared, "--dry-run")
        assert dry.returncode == 0 and not server.requests
        assert "Nothing was asked" in dry.stdout and not out.exists()
        first = explain(run, server, raw_corpus, *shared, "--max-cost", 0.03)
        assert first.returncode == 1 and "for want of money" in first.stderr
        asked = len(server.requests)
        assert 0 < asked < 60
        spent = sum(r.prompt_tokens + 2 * r.answer_tokens for r in rows(out)) / 1e6
        assert 0 < spent <= 0.03
        second = explain(run, server, raw_corpus, *shared)
        assert second.returncode == 0, second.stderr
        assert len(server.requests) == len(rows(out)) == len({r.id for r in rows(out)})
    whole = sum(r.prompt_tokens + 2 * r.answer_tokens for r in rows(out)) / 1e6
    assert f"cost {whole:.4f}" in second.stdout
    forecast = float(dry.stdout.split("cost ")[1].split(";")[0])
    assert forecast == pytest.approx(whole, rel=0.35)


@pytest.mark.parametrize("status", ["401", "404", "422"])
def test_an_endpoint_that_will_not_work_is_one_line(
    run: Run, raw_corpus: Path, script: Script, status: str
) -> None:
    with TeacherServer(script) as server:
        server.always = status
        done = explain(run, server, raw_corpus, "--task", "DR", "--out", "a.jsonl")
        posts = {asked.split("\n")[1] for asked in server.seen}
    assert done.returncode == 2
    assert f"HTTP {status}" in done.stderr and "Traceback" not in done.stderr
    assert posts and not any(post[:30] in done.stderr + done.stdout for post in posts)


def test_an_endpoint_that_is_down_keeps_what_there_is(
    run: Run, raw_corpus: Path, script: Script
) -> None:
    with TeacherServer(script) as server:
        server.always = "503"
        done = explain(run, server, raw_corpus, "--task", "DR", "--retries", 0, "--out", "a.jsonl")
    assert done.returncode == 2 and "without an answer (HTTP 503)" in done.stderr


def test_batches_are_joined_by_id(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    plain, batch = tmp_path / "plain.jsonl", tmp_path / "batch.jsonl"
    with TeacherServer(script) as server:
        assert explain(run, server, raw_corpus, "--task", "CAMS", "--out", plain).returncode == 0
        server.batch_faults = ["missing", "shuffled"]
        done = explain(
            run, server, raw_corpus, "--task", "CAMS", "--out", batch, "--batch", "--poll", 0.05
        )
        assert done.returncode == 0, done.stderr
        assert len(server.batches) == 2, "what was missing was asked again"
    assert batch.read_bytes() == plain.read_bytes()
    assert not list(tmp_path.glob("*.batch"))


def test_a_killed_batch_is_waited_for_not_sent_twice(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    out = tmp_path / "a.jsonl"
    with TeacherServer(script) as server:
        command = [str(part) for part in ["data", "explain", *arguments(server, raw_corpus)]]
        command += ["--task", "DR", "--out", str(out), "--batch", "--poll", "60"]
        process = subprocess.Popen([sys.executable, "-m", "mentallama", *command])
        wait_for(lambda: bool(list(tmp_path.glob("*.batch"))))
        process.kill()
        process.wait()
        done = run(*command[:-1], 0.05)
        assert done.returncode == 0, done.stderr
        assert len(server.batches) == 1
    assert len(rows(out)) == 72


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 400
    while not condition():
        assert time.monotonic() < end, "nothing happened in a minute"
        time.sleep(0.01)


def test_fifty_kills_lose_and_double_nothing(
    run: Run, tmp_path: Path, raw_corpus: Path, script: Script
) -> None:
    faults = ("429", "500", "drop", "sorry", "bad json", "empty")
    limits = ("--limit", 40, "--max-loss", 1)
    names = ("DR", "CLP", "dreaddit", "swmh", "t-sid", "SAD", "CAMS", "loneliness", "Irf")
    tasks = [part for name in names for part in ("--task", name)]
    with TeacherServer(script, faults=faults, one_in=9, delay=0.01) as server:
        shared = [str(x) for x in arguments(server, raw_corpus, *tasks, *limits)]
        whole = run("data", "build", *shared, "--out", tmp_path / "whole")
        assert whole.returncode == 0, whole.stderr
        questions = len(server.seen)
        assert questions == 400
        server.requests.clear()
        server.seen.clear()
        chance = random.Random(4)
        out = tmp_path / "killed"
        for _ in range(50):
            before = len(server.requests)
            more = chance.randint(1, 8)
            process = start_warm(["data", "build", *shared, "--out", out])
            wait_for(
                lambda b=before, m=more, p=process: (
                    len(server.requests) >= b + m or not p.is_alive()
                )
            )
            time.sleep(chance.random() * 0.05)
            process.kill()
            process.join()
        last = run("data", "build", *shared, "--out", out)
        assert last.returncode == 0, last.stderr
        again = Counter(server.seen)
    for name in ("explanations.jsonl", "posts.jsonl", "drops.jsonl", "manifest.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    answers = rows(out / "explanations.jsonl")
    assert len(answers) == len({row.id for row in answers}) == 400
    known = {(task, line.explanation) for task, line in script.values()}
    assert all((r.task, r.explanation) in known for r in answers if r.outcome == "explained")
    kept = (out / "teacher/label.journal").read_text().splitlines()
    keys = [json.loads(line.partition("\t")[0])["key"] for line in kept]
    assert len(keys) == len(set(keys)) == 400
    # What was answered before a kill was not asked for again: only what was on its way was.
    assert sum(again.values()) <= 400 + 50 * 8 + 400 // 2
