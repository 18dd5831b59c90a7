"""A cascade of two analysers, and what its thresholds cost on labelled posts."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, f1_score

from mentallama import NOTICE
from mentallama.analysis import Question, analyse
from mentallama.analysis.ask import abstain
from mentallama.analysis.cascade import Cascade
from mentallama.analysis.tradeoff import (
    GRID,
    Judged,
    Price,
    ask_both,
    tradeoff,
    tradeoff_table,
)
from mentallama.errors import InputError
from mentallama.tables import as_markdown
from mentallama.types import Analysis
from tests.conftest import Run, sample


@dataclass
class Sure:
    """Is as sure of its one label as the last word of a post says; "none" abstains."""

    name: str
    label: str = "yes"
    calls: list[tuple[list[str], list[Question]]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.name

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        self.calls.append((list(posts), list(questions)))
        for post in posts:
            yield [self._answer(post, question) for question in questions]

    def _answer(self, post: str, question: Question) -> Analysis:
        sure = dict(part.split("=") for part in post.split() if "=" in part)
        value = sure.get(question.aspect or "all", post.split()[-1])
        if value == "none":
            return abstain(question, self.name, "not sure")
        return Analysis(
            task=question.task,
            aspect=question.aspect,
            label=self.label,
            confidence=None if value == "unmeasured" else float(value),
            explanation=post,
            model=self.name,
        )


def test_what_the_first_is_not_sure_of_goes_on() -> None:
    first, second = Sure("first"), Sure("second", "no")
    cascade = Cascade(first, second, 0.7)
    posts = ["a 0.9", "b 0.7", " ", "c 0.69", "d none", "e unmeasured"]
    found = [row[0].model for row in analyse(posts, analyser=cascade, tasks=["dreaddit"])]
    assert found == ["first", "first", cascade.name, "second", "second", "second"]
    assert (cascade.asked, cascade.passed_on) == (5, 3)
    assert second.calls == [(["c 0.69", "d none", "e unmeasured"], [Question(task="dreaddit")])]
    assert cascade.name == "first, then second"


def test_only_open_questions_go_on_and_in_few_calls() -> None:
    first, second = Sure("first"), Sure("second", "no")
    aspects = ["spiritual", "physical", "intellectual", "social", "vocational", "emotional"]
    rng = random.Random(1)
    posts = [" ".join(f"{a}={rng.choice(['0.2', '0.9'])}" for a in aspects) for _ in range(30)]
    cascade = Cascade(first, second, 0.5)
    found = list(analyse(posts, analyser=cascade, tasks=["MultiWD"]))
    for post, row in zip(posts, found, strict=True):
        sure = dict(part.split("=") for part in post.split())
        assert [one.aspect for one in row] == aspects
        assert [one.model for one in row] == [
            "first" if sure[aspect] == "0.9" else "second" for aspect in aspects
        ]
        assert all(one.explanation == post for one in row)
    assert len(second.calls) <= 6
    assert cascade.passed_on == sum(len(posts) * len(asked) for posts, asked in second.calls)
    assert cascade.passed_on == sum(post.count("0.2") for post in posts)
    second.calls.clear()
    list(analyse([f"{' '.join(f'{a}=0.1' for a in aspects)}"], analyser=cascade, tasks=["MultiWD"]))
    assert len(second.calls) == 1


def test_a_sure_first_leaves_the_second_in_peace() -> None:
    second = Sure("second")
    cascade = Cascade(Sure("first"), second, 0.0)
    assert len(list(analyse(["a 0.1"] * 70, analyser=cascade, tasks=["DR"]))) == 70
    assert not second.calls
    assert (cascade.asked, cascade.passed_on) == (70, 0)


def test_the_key_holds_both_and_the_threshold() -> None:
    one, two = Sure("one"), Sure("two")
    keys = {Cascade(a, b, t).key for a, b, t in ((one, two, 0.5), (two, one, 0.5), (one, two, 0.6))}
    assert len(keys) == 3


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_confidence(threshold: float) -> None:
    with pytest.raises(InputError, match="is a confidence, 0 to 1"):
        Cascade(Sure("a"), Sure("b"), threshold)


def judged(n: int = 200) -> list[Judged]:
    """Make labelled rows: the first is right as often as it says, the second nine times of ten."""
    rng = random.Random(3)
    rows = []
    for number in range(n):
        gold, sure = rng.choice(["yes", "no"]), rng.uniform(0.5, 1)
        other = "no" if gold == "yes" else "yes"
        first = Analysis(
            task="dreaddit",
            label=gold if rng.random() < sure else other,
            confidence=sure,
            explanation="",
            model="first",
        )
        label = gold if rng.random() < 0.9 else other
        second = replace(first, label=label, confidence=None, model="second")
        if number % 50 == 0:
            second = replace(second, label=None, abstained=True)
        rows.append(Judged(post_id=f"p{number}", gold=gold, first=first, second=second))
    return rows


def test_each_threshold_is_what_a_cascade_of_it_would_do() -> None:
    rows = judged()
    lines = tradeoff(
        rows,
        thresholds=[0.8, 0.0, 1.0],
        prices=(Price(seconds=0.01, money=0), Price(seconds=2, money=0.5)),
    )
    assert [line.threshold for line in lines] == [0.0, 0.8, 1.0]
    golds = [row.gold for row in rows]
    for line in lines:
        on = [float(row.first.confidence or 0) < line.threshold for row in rows]
        said = [str((b.second if a else b.first).label) for a, b in zip(on, rows, strict=True)]
        assert (line.n, line.passed_on) == (200, sum(on))
        assert line.labelled == 200 - said.count("None")
        assert line.seconds == pytest.approx(2.0 + 2 * sum(on))
        assert line.money == pytest.approx(0.5 * sum(on))
        assert line.accuracy.value == pytest.approx(100 * accuracy_score(golds, said))
        f1 = f1_score(golds, said, labels=["yes", "no"], average="weighted")
        assert line.weighted_f1.value == pytest.approx(100 * f1)
    assert lines[0].passed_on == 0
    assert lines[-1].passed_on == 200
    assert lines[1].accuracy.value > lines[0].accuracy.value  # type: ignore[operator]


def test_the_table_has_denominators() -> None:
    table = as_markdown([tradeoff_table(tradeoff(judged(20), thresholds=[0.7]))])
    assert "of 20" in table and " *" in table and "not known" in table


def test_different_questions_are_no_pair() -> None:
    [row] = judged(1)
    with pytest.raises(InputError, match="post p0: the two analyses answer different questions"):
        tradeoff([replace(row, second=replace(row.second, task="DR"))])


def test_both_are_asked_about_labelled_samples() -> None:
    aspect = "social"
    samples = [
        sample("dreaddit", "yes", text="a 0.9", row=1),
        sample("MultiWD", "no", text="b 0.4", aspect=aspect, row=2),
        sample("dreaddit", "no", text="c 0.2", row=3),
    ]
    rows, prices = ask_both(samples, Sure("first"), Sure("second", "no"))
    assert [(row.gold, row.first.label, row.second.label) for row in rows] == [
        ("yes", "yes", "no"),
        ("no", "yes", "no"),
        ("no", "yes", "no"),
    ]
    assert [row.first.explanation for row in rows] == ["a 0.9", "b 0.4", "c 0.2"]
    assert rows[1].first.aspect == aspect
    assert all(price.seconds > 0 for price in prices)
    found = {line.task: line for line in tradeoff(rows, thresholds=[0.5], prices=prices)}
    assert (found["dreaddit"].passed_on, found["MultiWD"].passed_on) == (1, 1)
    assert found["dreaddit"].accuracy.value == 100.0


def test_an_unknown_price_is_not_nothing() -> None:
    [line] = tradeoff(judged(), thresholds=[0.8], prices=(Price(seconds=1), Price(money=2)))
    assert (line.seconds, line.money) == (None, None)
    assert "| not known | not known |" in as_markdown([tradeoff_table([line])])


def test_the_command_shows_cost_and_quality_and_draws_them(run: Run, tmp_path: Path) -> None:
    command = ("benchmark", "cascade", "--first", "fake", "--then", "fake", "--task", "DR")
    done = run(*command, "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["cascade"]
    assert [one["threshold"] for one in found] == list(GRID)
    assert {(one["task"], one["n"]) for one in found} == {("DR", 20)}
    assert json.loads((tmp_path / "out" / "cascade.json").read_text())["cascade"] == found
    page = (tmp_path / "out" / "cascade.html").read_text()
    assert NOTICE.split(".")[0] in page and page.count("<polyline") == 1
    places = re.search(r'polyline class="line" points="([^"]+)"', page)
    assert places and len(places[1].split()) == len(GRID)
    assert run(*command, "--task", "nothing").returncode == 2
