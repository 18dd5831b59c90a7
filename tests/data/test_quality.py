"""Closeness to the experts: the metrics by hand, and the three modes against a real server."""

import json

import pytest

from mentallama.closeness import rouge_l
from mentallama.data.expert import load_expert
from mentallama.data.scripted import Line
from mentallama.tasks import get_task
from tests.conftest import Run
from tests.teacher_server import TeacherServer


def test_rouge_by_hand() -> None:
    # Longest common subsequence "the cat sat": 3 of 4 and of 5 words, F = 2 * 3 / 9.
    assert rouge_l(["the cat sat down"], ["the black cat sat there"]) == [pytest.approx(200 / 3)]
    assert rouge_l(["same words"], ["same words"]) == [pytest.approx(100)]
    assert rouge_l(["", "a"], ["b", "c"]) == [0, 0]


def test_the_three_modes(run: Run) -> None:
    """A server that says the experts' words gets 100 everywhere; another's words get less."""
    task = get_task("CAMS")
    script = {
        (example.post, task.question): (
            "CAMS",
            Line(label=example.label, explanation=example.explanation, quotes=example.quotes),
        )
        for example in load_expert(task).examples
    }
    with TeacherServer(script) as server:
        options = ("--endpoint", server.url, "--model", "m", "--task", "CAMS", "--json")
        done = run("data", "quality", *options, "--out", "q")
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout)["quality"]
        sent = [body["messages"] for body in server.requests]
    assert [one["mode"] for one in results] == ["label", "no-label", "zero-shot"]
    assert all((one["score"], one["right"], one["asked"]) == (100, 18, 18) for one in results)
    for messages in sent:
        asked = messages[-1]["content"].split("\n")[1]
        assert not any(asked in message["content"] for message in messages[:-1])
    wrong = {key: ("CAMS", Line(label="job", explanation="Work.")) for key in script}
    with TeacherServer(wrong) as server:
        options = ("--endpoint", server.url, "--model", "m", "--task", "CAMS", "--json")
        results = json.loads(run("data", "quality", *options, "--out", "w").stdout)["quality"]
    assert all(one["score"] < 20 and one["right"] == 3 for one in results)
