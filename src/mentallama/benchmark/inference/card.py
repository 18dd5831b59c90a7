"""The accuracy card of a labeller: what it does with unseen texts, and whether that is enough.

Every row of the card is a kind of text (a "view"). The ones that decide are explanations without
their label sentence, and the same with every sentence that states the verdict taken out: a reader
that has only learnt the wording of the labels finds nothing there and fails. A text with fewer
than four words is never answered, so a view of which nothing is left fails as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
BINS = 10
"""Of confidence, for its calibration error."""
FEWEST_WORDS = 4
"""A text with fewer is not read: it counts as an abstention."""


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
    """Over the texts that are long enough to be read."""
    calibration_error: float | None = None
    """Expected calibration error of the answered rows, 0 to 1; None without any."""

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
    calibrated: str = "not known"
    """On which rows the temperature and the floors were set that these figures hold for."""


def judge(task: str, views: Sequence[View], calibrated: str = "not known") -> Card:
    """Draw the conclusion from the views that decide; one that is missing fails the card."""
    weak = [
        f"{view.name}: {100 * view.accuracy:.0f} % right of {100 * view.coverage:.0f} % answered"
        for view in views
        if view.name in DECIDES
        and (view.accuracy < NEEDED_ACCURACY or view.coverage < NEEDED_COVERAGE)
    ]
    measured = {view.name for view in views if view.rows}
    weak += [f"{name}: not measured, no text of it" for name in DECIDES if name not in measured]
    needed = f"needed {100 * NEEDED_ACCURACY:.0f} % right of at least {100 * NEEDED_COVERAGE:.0f} %"
    return Card(
        task=task,
        views=tuple(views),
        passed=not weak,
        why=f"{'; '.join(weak)} ({needed})" if weak else needed,
        calibrated=calibrated,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """What a labeller makes of texts whose label is known."""

    gold: NDArray[np.int64]
    """Index of each text's label."""
    chances: Floats
    """Shape (texts, labels)."""
    read: NDArray[np.bool_]
    """Which texts are long enough to be read."""
    answered: NDArray[np.bool_]
    """Which of these it answers."""


def measure(name: str, labels: Sequence[str], guesses: Guesses) -> View:
    """Count right, wrong and missing answers on one kind of text."""
    truth, answered = guesses.gold, guesses.answered & guesses.read
    confidence, hits = guesses.chances.max(axis=1), guesses.chances.argmax(axis=1) == truth
    right = hits & answered
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
        curve=tuple(risk_curve(confidence[guesses.read], hits[guesses.read])),
        calibration_error=calibration_error(confidence[answered], hits[answered]),
    )


def risk_curve(confidence: Floats, right: NDArray[np.bool_]) -> list[RiskPoint]:
    """Return the share of wrong guesses among the surest ones, at falling coverage.

    Where a cut falls among guesses of equal confidence, their mean risk counts: no order of the
    rows is better than another. Empty without guesses.
    """
    points = []
    sorted_down = np.sort(confidence)[::-1]
    for coverage in COVERAGES if len(confidence) else ():
        kept = max(1, round(coverage * len(confidence)))
        last = sorted_down[kept - 1]
        surer, tied = confidence > last, confidence == last
        wrong = (~right[surer]).sum() + (kept - surer.sum()) * (~right[tied]).mean()
        points.append(
            RiskPoint(coverage=coverage, confidence=float(last), risk=float(wrong / kept))
        )
    return points


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float | None:
    """Return the expected calibration error over ten bins of equal width (Naeini et al. 2015).

    It is the mean distance between confidence and the share of right guesses, weighted by the
    guesses of a bin. None without guesses.
    """
    if not len(confidence):
        return None
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((confidence[bins == b] - right[bins == b]).sum()) for b in range(BINS)]
    return float(sum(gaps) / len(confidence))


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
        header=(
            "task",
            "text",
            "rows",
            "answered",
            "right of those",
            "confidence off by",
            "hardest label",
        ),
        rows=tuple(
            (
                card.task,
                view.name,
                f"{view.rows:,}",
                f"{100 * view.coverage:.1f} %",
                f"{100 * view.accuracy:.1f} %" if view.answered else "none answered",
                _share(view.calibration_error),
                _hardest(view),
            )
            for card in cards
            for view in card.views
        ),
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _hardest(view: View) -> str:
    found = [errors for errors in view.labels if errors.rows > errors.abstained]
    if not found:
        return ""
    worst = min(found, key=lambda errors: errors.right / (errors.rows - errors.abstained))
    return f"{worst.label}: {worst.right} of {worst.rows - worst.abstained}"
