"""What each rule of the anchored phrases was measured to do, and the confidence that follows.

``rules.json`` beside this file holds, by task and rule, how many texts of known label were read
rightly and wrongly: gold answers in both forms, their explanations alone and reworded, and the
sample corpus's shapes of responses. ``mentallama benchmark measure-rules`` made it. The confidence
of a rule is the share of right readings by Laplace's rule of succession.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mentallama.errors import InputError
from mentallama.io import explain, read_json, write_json
from mentallama.tables import Table

SHIPPED = Path(__file__).with_name("rules.json")
ENOUGH = 20
"""Readings of a rule in a task; with fewer, those of all tasks count instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """How often one rule read the right label in one task, and how often another."""

    task: str
    rule: str
    right: int
    wrong: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCard:
    """All counts and what they were taken from."""

    measured_on: str
    counts: tuple[RuleCount, ...]


def rule_confidence(task: str, rule: str) -> float:
    """Return how likely a label is right that this rule read, 0 to 1.

    One half for a rule that read none of the measured texts.
    """
    return _confidences()(task, rule)


@dataclass(frozen=True, slots=True)
class Confidences:
    """Counts of right and of all readings, by task and rule and by rule alone."""

    right: Counter[tuple[str, str]]
    read: Counter[tuple[str, str]]

    def __call__(self, task: str, rule: str) -> float:
        """Return the confidence of a rule in a task."""
        key = (task, rule) if self.read[task, rule] >= ENOUGH else ("", rule)
        return (self.right[key] + 1) / (self.read[key] + 2)


def confidences(card: RuleCard) -> Confidences:
    """Add a card's counts up."""
    right: Counter[tuple[str, str]] = Counter()
    read: Counter[tuple[str, str]] = Counter()
    for count in card.counts:
        for task in (count.task, ""):
            right[task, count.rule] += count.right
            read[task, count.rule] += count.right + count.wrong
    return Confidences(right, read)


@lru_cache(maxsize=1)
def _confidences() -> Confidences:
    return confidences(read_rule_card(SHIPPED))


def read_rule_card(path: Path) -> RuleCard:
    """Read a file of counts; raise InputError where it is broken."""
    try:
        return TypeAdapter(RuleCard).validate_python(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from None


def write_rule_card(card: RuleCard, path: Path) -> None:
    """Write the counts."""
    write_json(path, TypeAdapter(RuleCard).dump_python(card, mode="json"))


def count_readings(readings: Iterable[tuple[str, str, bool]], measured_on: str) -> RuleCard:
    """Count readings of task, rule and whether the label was right, in a fixed order."""
    found = Counter(readings)
    names = sorted({(task, rule) for task, rule, _ in found})
    counts = tuple(
        RuleCount(
            task=task,
            rule=rule,
            right=found[task, rule, True],
            wrong=found[task, rule, False],
        )
        for task, rule in names
    )
    return RuleCard(measured_on=measured_on, counts=counts)


def rule_table(card: RuleCard) -> Table:
    """Lay a card out, a line per task and rule."""
    known = confidences(card)
    return Table(
        title=f"What the anchored phrases read, on {card.measured_on}",
        header=("task", "rule", "right", "wrong", "confidence"),
        rows=tuple(
            (one.task, one.rule, one.right, one.wrong, f"{known(one.task, one.rule):.4f}")
            for one in card.counts
        ),
    )


def describe_rules() -> str:
    """Say where the confidence of the phrases comes from."""
    card = read_rule_card(SHIPPED)
    read = sum(one.right + one.wrong for one in card.counts)
    return f"anchored phrases (confidence by rule, from {read:,} readings: {card.measured_on})"
