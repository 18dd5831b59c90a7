"""The confidence of verdicts by phrases: measured, never assumed."""

import json
from pathlib import Path

import pytest

from mentallama.benchmark.inference.rule_card import (
    SHIPPED,
    RuleCard,
    RuleCount,
    confidences,
    describe_rules,
    read_rule_card,
    rule_confidence,
)
from mentallama.benchmark.inference.rule_measure import known_shapes, measure_rules
from mentallama.benchmark.inference.rules import read_by_rules
from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.types import FORMS, Response
from tests.conftest import Run, sample


def test_confidence_by_hand() -> None:
    """Laplace: (right + 1) / (readings + 2); rules rarely met in a task borrow from all tasks."""
    counts = (
        RuleCount(task="DR", rule="a", right=30, wrong=2),
        RuleCount(task="SAD", rule="a", right=3, wrong=3),
    )
    known = confidences(RuleCard(measured_on="x", counts=counts))
    assert known("DR", "a") == pytest.approx(31 / 34)
    assert known("SAD", "a") == known("CAMS", "a") == pytest.approx(34 / 40)
    assert known("DR", "never met") == 0.5


def test_a_verdict_by_phrases_carries_what_its_rule_was_measured_to_do() -> None:
    texts = ["Answer: yes", "The weeks are grey. So the poster suffers from depression.", "Hm?"]
    read = read_by_rules(
        [
            Response(sample_id="1", task="DR", text=text, model="m", gold="yes", reference="")
            for text in texts
        ]
    )
    first, second, third = (one.confidence for one in read)
    assert first is not None and second is not None and third is None
    assert second < first < 1
    assert first == rule_confidence("DR", read[0].route.removeprefix("rules: "))


def test_counts_are_of_what_was_read_and_each_text_counts_once() -> None:
    rows = [sample("SAD", "work", explanation="The post shows the stress cause related to family.")]
    card = measure_rules([*rows, *rows], [], "one row")
    found = {one.rule: (one.right, one.wrong) for one in card.counts}
    assert found["label sentence at the opening"][0] == 1
    assert sum(wrong for _, wrong in found.values()) > 0
    assert sum(right + wrong for right, wrong in found.values()) <= 9


def test_a_verdict_where_there_is_none_counts_as_wrong() -> None:
    card = measure_rules([], [("DR", "Answer: yes", None, frozenset())], "x")
    assert [(one.right, one.wrong) for one in card.counts] == [(0, 1)]


def test_the_shipped_counts_hold_at_least_the_corpus() -> None:
    """They were taken from the release as well; a rule renamed since would be missing."""
    rows = [row for form in FORMS for row in load_samples(form)]
    shipped = {(one.task, one.rule): one for one in read_rule_card(SHIPPED).counts}
    for one in measure_rules(rows, known_shapes(), "x").counts:
        kept = shipped[one.task, one.rule]
        assert kept.right >= one.right and kept.wrong >= one.wrong, one
    assert "readings: " in describe_rules()


def test_a_broken_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"measured_on": 1}))
    with pytest.raises(InputError, match=r"r\.json"):
        read_rule_card(tmp_path / "r.json")


def test_from_the_command_line(run: Run, tmp_path: Path) -> None:
    done = run("benchmark", "measure-rules", "--out", "rules.json")
    assert done.returncode == 0, done.stderr
    assert "yes/no word after a cue" in done.stdout
    assert read_rule_card(tmp_path / "rules.json").measured_on == "the sample corpus"
