"""The judge against a real server: swaps, failures, a kill, and agreement with people."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mentallama.benchmark.judge import (
    Case,
    EndpointJudge,
    Judgement,
    Request,
    judge_all,
    load_rubric,
    make_requests,
    read_judgement,
    signature,
)
from mentallama.benchmark.judge_results import calibrate, summarise_choices, summarise_marks
from mentallama.chat import Reply
from mentallama.errors import InputError
from mentallama.io import write_csv
from tests.conftest import Run

RUBRIC = load_rubric()
Answer = Callable[[list[dict[str, str]]], tuple[int, str]]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[Any]]]:
    """Serve chat completions; ``answer`` gives status and text for the messages."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(body["messages"])
            status, text = answer(body["messages"])
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            data = json.dumps(
                {"id": "x", "object": "chat.completion", "created": 0, "model": "m",
                 "choices": [choice]}
            ).encode()  # fmt: skip
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/v1", seen
    finally:
        httpd.shutdown()
        httpd.server_close()


def case(row: str, model: str = "a", answer: str = "Yes. It is grey.") -> Case:
    return Case(row=row, task="DR", model=model, post=f"post {row}", question="?", answer=answer)


def marks_of(value: int) -> str:
    return json.dumps(dict.fromkeys(RUBRIC.aspects, value))


def test_each_case_is_marked_in_both_orders_and_each_pair_in_both_positions() -> None:
    requests = list(make_requests([case("1"), case("1", "b")], RUBRIC, pairwise=True))
    marks = [r for r in requests if r.kind == "marks"]
    assert len(marks) == 4
    first, second = (r.messages[0]["content"] for r in marks[:2])
    assert first.index("consistency:") < first.index("overall:")
    assert second.index("overall:") < second.index("consistency:")
    choices = [r for r in requests if r.kind == "choice"]
    assert [r.models for r in choices] == [("a", "b"), ("b", "a")]


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Reply(text="I would say 2."), "no JSON object"),
        (Reply(text='{"consistency": 2}'), "marks missing or not 0 to 3"),
        (Reply(text=marks_of(4)), "marks missing or not 0 to 3"),
        (Reply(text=marks_of(2).replace("2", "true")), "marks missing or not 0 to 3"),
        (Reply(text="", refusal="no"), "refusal"),
        (Reply(text="", finish="content_filter"), "refusal"),
    ],
)
def test_what_is_not_in_the_form_is_a_failure_and_no_mark(reply: Reply, failure: str) -> None:
    (request, _) = make_requests([case("1")], RUBRIC)
    read = read_judgement(request, reply, RUBRIC)
    assert (read.failure, read.marks) == (failure, None)


def test_a_judge_that_prefers_the_first_position_prefers_nobody() -> None:
    requests = list(make_requests([case("1"), case("1", "b")], RUBRIC, pairwise=True))
    choices = [r for r in requests if r.kind == "choice"]

    def outcome(answers: list[str]) -> tuple[int, int, int, int, int]:
        read = [
            read_judgement(r, Reply(text=text), RUBRIC)
            for r, text in zip(choices, answers, strict=True)
        ]
        (found,) = summarise_choices(read)
        assert (found.a, found.b) == ("a", "b")
        return found.a_better, found.b_better, found.tied, found.by_position, found.failed

    assert outcome(['{"better": 1}', '{"better": 1}']) == (0, 0, 0, 1, 0)
    assert outcome(['{"better": 1}', '{"better": 2}']) == (1, 0, 0, 0, 0)
    assert outcome(['{"better": 2}', '{"better": 1}']) == (0, 1, 0, 0, 0)
    assert outcome(['{"better": 0}', '{"better": 0}']) == (0, 0, 1, 0, 0)
    assert outcome(['{"better": 3}', '{"better": 1}']) == (0, 0, 0, 0, 1)


def judged(row: str, value: int, swapped: bool) -> Judgement:
    marks = dict.fromkeys(RUBRIC.aspects, value)
    return Judgement(row=row, task="DR", models=("a",), swapped=swapped, marks=marks)


def test_a_mark_is_the_mean_of_both_orders() -> None:
    found = [
        judged("1", 3, False),
        judged("1", 2, True),
        judged("2", 1, False),
        judged("2", 1, True),
    ]
    failed = Judgement(row="3", task="DR", models=("a",), swapped=False, failure="refusal")
    found += [failed, judged("3", 0, True)]
    summary = summarise_marks(found, ["overall"], resamples=100, seed=0)[0]
    assert (summary.value, summary.n, summary.same, summary.failed) == (1.75, 2, 1, 1)


def test_it_is_uncalibrated_until_fifty_items_are_marked_by_people() -> None:
    found = [judged(str(n), n % 4, swapped) for n in range(60) for swapped in (False, True)]
    people = {(str(n), "a", "overall"): float(n % 4) for n in range(60)}
    assert calibrate(found, people, ["overall"]) == [
        "overall: Spearman 1.00 with people on 60 items"
    ]
    few = dict(list(people.items())[:49])
    assert calibrate(found, few, ["overall"]) == [
        "overall: uncalibrated, 49 of 50 items marked by people"
    ]


def test_asked_once_and_failures_of_the_line_again(tmp_path: Path) -> None:
    """The first run meets 500s on one row; the second asks for that row alone."""
    requests = list(make_requests([case(str(n)) for n in range(6)], RUBRIC))

    def flaky(messages: list[dict[str, str]]) -> tuple[int, str]:
        return (500, "") if "post 3" in messages[1]["content"] else (200, marks_of(2))

    def ask(url: str) -> list[Judgement]:
        judge = EndpointJudge(url, "m", retries=0)
        return judge_all(requests, judge, RUBRIC, tmp_path / "journal")

    with server(flaky) as (url, _):
        first = ask(url)
    assert [one.failure for one in first].count("no answer: HTTP 500") == 2
    with server(lambda messages: (200, marks_of(1))) as (url, seen):
        second = ask(url)
    assert len(seen) == 2 and not any(one.failure for one in second)
    assert [one.marks["overall"] for one in second if one.marks] == [2] * 6 + [1] * 2 + [2] * 4
    assert "post 3" not in (tmp_path / "journal").read_text()


def test_another_rubric_is_asked_anew(tmp_path: Path) -> None:
    requests: list[Request] = list(make_requests([case("1")], RUBRIC))
    with server(lambda messages: (200, marks_of(2))) as (url, seen):
        for rubric in (RUBRIC, RUBRIC, RUBRIC.model_copy(update={"version": 2})):
            judge_all(requests, EndpointJudge(url, "m"), rubric, tmp_path / "journal")
    assert len(seen) == 4


def test_the_signature_follows_what_the_rubric_says(tmp_path: Path) -> None:
    """A rubric that was changed without a new version is another rubric."""
    own = Path(str(files("mentallama.benchmark.rubrics") / "judge.yaml")).read_text()
    (tmp_path / "same.yaml").write_text(f"# the same, with a comment\n{own}")
    (tmp_path / "other.yaml").write_text(own.replace("?", "!", 1))
    found = signature("m", RUBRIC)
    assert re.fullmatch(r"judge\|m\|rubric 1 [0-9a-f]{12}\|both orders", found)
    assert signature("m", load_rubric(tmp_path / "same.yaml")) == found
    other = load_rubric(tmp_path / "other.yaml")
    assert other.version == RUBRIC.version and signature("m", other) != found


def test_broken_rubrics_get_one_line(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("version: 1\naspects: {x: {question: q, scale: [a, b]}}")
    with pytest.raises(InputError, match=r"r\.yaml"):
        load_rubric(tmp_path / "r.yaml")


def test_from_the_command_line(run: Run, tmp_path: Path, corpus_folder: Path) -> None:
    run("generate", "--model", "gold", "--data", corpus_folder, "--out", "out/gold.jsonl")
    write_csv(
        tmp_path / "people.csv",
        ["row", "model", "aspect", "value"],
        [["x", "gold", "overall", "2"]],
    )
    with server(lambda messages: (200, marks_of(3))) as (url, seen):
        arguments = ("out", "--data", corpus_folder, "--endpoint", url, "--model", "m")
        done = run(
            "benchmark", "judge", *arguments, "--limit", "2", "--out", "j", "--json",
            "--human", "people.csv",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(seen) == 10 * 2 * 2
    assert {one["value"] for one in found["marks"]} == {3.0}
    assert found["calibration"][0].startswith("consistency: uncalibrated, 0 of 50")
    assert found["signature"] == signature("m", RUBRIC)
    assert json.loads((tmp_path / "j" / "judge.json").read_text()) == found
    page = (tmp_path / "j" / "judge.md").read_text()
    assert "### Marks by the judge" in page and found["signature"] in page
    assert sorted(path.name for path in (tmp_path / "j").iterdir()) == [
        "judge.json", "judge.md", "judgements.journal",
    ]  # fmt: skip
    refused = run("benchmark", "judge", *arguments[:3], "--endpoint", "https://example.com/v1",
                  "--model", "m", "--out", "k")  # fmt: skip
    assert refused.returncode == 2 and "under agreement" in refused.stderr
