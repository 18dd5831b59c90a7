"""The accuracy card of a labeller: what it does with unseen texts, and whether that is enough.

Every row of the card is a kind of text (a "view"). The ones that decide are explanations without
their label sentence, and the same with every sentence that states the verdict taken out: a reader
that has only learnt the wording of the labels finds nothing there and fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mentallama.benchmark.inference.layout import sentences
from mentallama.benchmark.scores import Floats
from mentallama.tables import Table
from mentallama.tasks import get_label
from mentallama.tasks.statements import labels_named
from mentallama.types import Task

NEEDED_ACCURACY, NEEDED_COVERAGE = 0.85, 0.8
"""Of the answered rows, and of all rows, on each of the views that decide."""
DECIDES = ("explanation alone", "reasons only")
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelErrors:
    """How often texts of one label were read as another."""

    label: str
    rows: int
    right: int
    abstained: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPoint:
    """The share of wrong guesses among the surest ones."""

    coverage: float
    confidence: float
    risk: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a labeller did on one kind of text."""

    name: str
    rows: int
    answered: int
    right: int
    labels: tuple[LabelErrors, ...]
    curve: tuple[RiskPoint, ...]

    @property
    def accuracy(self) -> float:
        """Share of right guesses among the answered rows; 0 without any."""
        return self.right / self.answered if self.answered else 0.0

    @property
    def coverage(self) -> float:
        """Share of answered rows."""
        return self.answered / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a labeller was measured to do."""

    task: str
    views: tuple[View, ...]
    passed: bool
    why: str


def judge(task: str, views: Sequence[View]) -> Card:
    """Draw the conclusion from the views that decide."""
    weak = [
        f"{view.name}: {100 * view.accuracy:.0f} % right of {100 * view.coverage:.0f} % answered"
        for view in views
        if view.name in DECIDES
        and (view.accuracy < NEEDED_ACCURACY or view.coverage < NEEDED_COVERAGE)
    ]
    needed = f"needed {100 * NEEDED_ACCURACY:.0f} % right of at least {100 * NEEDED_COVERAGE:.0f} %"
    return Card(
        task=task,
        views=tuple(views),
        passed=not weak,
        why=f"{'; '.join(weak)} ({needed})" if weak else needed,
    )


def measure(
    name: str, labels: Sequence[str], gold: Sequence[int], chances: Floats, answers: Sequence[bool]
) -> View:
    """Measure guesses; ``chances`` has shape (rows, labels), ``answers`` says where it answers."""
    truth, answered = np.asarray(gold), np.asarray(answers, dtype=bool)
    right = (chances.argmax(axis=1) == truth) & answered
    per_label = [
        LabelErrors(
            label=key,
            rows=int((truth == index).sum()),
            right=int(right[truth == index].sum()),
            abstained=int((~answered)[truth == index].sum()),
        )
        for index, key in enumerate(labels)
    ]
    return View(
        name=name,
        rows=len(truth),
        answered=int(answered.sum()),
        right=int(right.sum()),
        labels=tuple(per_label),
        curve=tuple(risk_curve(chances.max(axis=1), chances.argmax(axis=1) == truth)),
    )


def risk_curve(confidence: Floats, right: Floats) -> list[RiskPoint]:
    """Return the share of wrong guesses among the surest ones, at falling coverage.

    Guesses of equal confidence keep their order.
    """
    order = np.argsort(-confidence, kind="stable")
    points = []
    for coverage in COVERAGES:
        kept = order[: max(1, round(coverage * len(order)))]
        risk = 1 - float(right[kept].mean())
        points.append(
            RiskPoint(coverage=coverage, confidence=float(confidence[kept[-1]]), risk=risk)
        )
    return points


def reasons_only(task: Task, explanation: str) -> str:
    """Return an explanation without the sentences that state a verdict."""
    return " ".join(s for s in sentences(explanation) if not labels_named(task, s))


def reword(task: Task, label: str, explanation: str) -> dict[str, str]:
    """Put an explanation into shapes that no training row has, by name of the shape."""
    name = get_label(task, label).completion
    said = sentences(explanation)
    return {
        "verdict reworded at the end": f"{explanation} All in all I would settle on {name}.",
        "as JSON": f'{{"rationale": "{explanation}", "choice": "{name}"}}',
        "as a list": "\n".join(f"- {sentence}" for sentence in said),
        "second half only": " ".join(said[len(said) // 2 :]),
    }


def card_table(cards: Sequence[Card]) -> Table:
    """Lay cards out, a line per task and view."""
    return Table(
        title="Accuracy of the labellers on texts that they never saw",
        header=("task", "text", "rows", "answered", "right of those", "hardest label"),
        rows=tuple(
            (
                card.task,
                view.name,
                f"{view.rows:,}",
                f"{100 * view.coverage:.1f} %",
                f"{100 * view.accuracy:.1f} %" if view.answered else "none answered",
                _hardest(view),
            )
            for card in cards
            for view in card.views
        ),
    )


def _hardest(view: View) -> str:
    found = [errors for errors in view.labels if errors.rows > errors.abstained]
    if not found:
        return ""
    worst = min(found, key=lambda errors: errors.right / (errors.rows - errors.abstained))
    return f"{worst.label}: {worst.right} of {worst.rows - worst.abstained}"
