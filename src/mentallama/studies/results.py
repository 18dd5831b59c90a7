"""What a study found, as a file: scores of every run, paired differences, what was not run."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mentallama.benchmark.paired import Comparison
from mentallama.benchmark.scores import Estimate
from mentallama.io import read_json, write_json
from mentallama.types import GoldSource, Score

RESULT = "result.json"
NONE = Estimate(None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run: what it learnt from, or why there is nothing of it."""

    name: str
    why_not: str | None = None
    taught: dict[str, Any] = field(default_factory=dict)
    """Training rows by set and what was left out; empty for models that learnt nothing here."""
    cut_off: int = 0
    """Answers that ended at the token limit."""
    shortened: int = 0
    """Posts that were too long for the model and lost their middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared(Comparison):
    """A paired comparison of a study, in points of weighted F1 over all rows."""

    title: str
    posts: str = "all"
    """Which posts: all, leaked or clean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One model taught in one way and asked in another; figures in percent."""

    matrix: str
    model: str
    row: str
    column: str
    why_not: str | None = None
    gold: GoldSource | None = None
    taught: int = 0
    """Training rows."""
    lacking: tuple[str, ...] = ()
    """Sets of the row that have no training rows at hand."""
    n: int = 0
    f1: Estimate = NONE
    """Weighted F1 over all rows."""
    floor: float | None = None
    """The same of always giving the column's most frequent label."""
    loss: Estimate = NONE
    """Less the score of the same model taught the column's own name, paired by post."""
    p_holm: float | None = None
    """Of the loss, over all losses of the study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """A run asked again about changed posts; only posts that the change touched count."""

    run: str
    variant: str
    task: str | None = None
    """One set; None for all together."""
    why_not: str | None = None
    n: int = 0
    """Rows with a changed post."""
    posts: int = 0
    flipped: Estimate = NONE
    """Share of verdicts that differ from that on the post as it is."""
    change: Estimate = NONE
    """Change of accuracy over these rows, in points."""
    undecided: int = 0
    """Rows that got a verdict only on one of the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A share that stands beside the scores, such as the accuracy on sarcastic posts."""

    table: str
    what: str
    run: str
    n: int
    share: Estimate
    gap: Estimate = NONE
    """Less what is expected, in points; ``expected`` says of what."""
    expected: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that a study's page shows."""

    name: str
    title: str
    question: str
    reads: str
    data: str
    """What the data set is."""
    runs: tuple[Ran, ...]
    scores: tuple[Score, ...]
    """Weighted F1 over all rows, and coverage."""
    comparisons: tuple[Compared, ...]
    planned: tuple[tuple[str, str, str], ...]
    """Title and both runs of all comparisons, those that could not be drawn among them."""
    clusters: str
    read_by: str
    notes: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
    flips: tuple[Flips, ...] = ()
    shown: tuple[Shown, ...] = ()

    def f1(self, run: str, task: str, gold: GoldSource) -> Score | None:
        """Return a run's weighted F1 over all rows of a set; None where there is none."""
        return next(
            (
                one
                for one in self.scores
                if (one.model, one.task, one.gold) == (run, task, gold)
                and one.metric == "weighted_f1"
            ),
            None,
        )


def write_result(result: Result, folder: Path) -> None:
    """Write a result."""
    write_json(folder / RESULT, asdict(result))


def read_result(folder: Path) -> Result:
    """Read a result that a step wrote."""
    return TypeAdapter(Result).validate_python(read_json(folder / RESULT))
