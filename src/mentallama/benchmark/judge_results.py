"""What a judge's marks and choices come to, and how far people agree with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentallama.benchmark.explanations import mean_interval
from mentallama.benchmark.judge import CALIBRATED_FROM, Judgement
from mentallama.errors import InputError
from mentallama.rows import open_rows
from mentallama.tables import Table

Item = tuple[str, str, str]
"""Row, model, aspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkSummary:
    """One aspect of one model on one task: mean of the mean marks of both orders."""

    task: str
    model: str
    aspect: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    """Rows marked in both orders."""
    same: int
    """Of these, with the same mark in both."""
    failed: int
    """Rows of which at least one order failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceSummary:
    """How often each of two models was preferred in both positions."""

    task: str
    a: str
    b: str
    a_better: int
    b_better: int
    tied: int
    by_position: int
    """Rows on which the choice changed with the position."""
    failed: int


def summarise_marks(
    judgements: Sequence[Judgement], aspects: Sequence[str], *, resamples: int, seed: int
) -> list[MarkSummary]:
    """Summarise marks by task, model and aspect."""
    rows: dict[tuple[str, str], dict[str, list[Judgement]]] = {}
    for one in judgements:
        if len(one.models) == 1:
            rows.setdefault((one.task, one.models[0]), {}).setdefault(one.row, []).append(one)
    summaries = []
    for (task, model), by_row in rows.items():
        whole = {row: _pair(found) for row, found in by_row.items()}
        good = {row: pair for row, pair in whole.items() if pair}
        for aspect in aspects:
            means = {row: (a[aspect] + b[aspect]) / 2 for row, (a, b) in good.items()}
            estimate: tuple[float | None, float | None, float | None] = (None, None, None)
            if means:
                estimate = mean_interval(list(means.values()), list(means), resamples, seed)
            summaries.append(
                MarkSummary(
                    task=task,
                    model=model,
                    aspect=aspect,
                    value=estimate[0],
                    low=estimate[1],
                    high=estimate[2],
                    n=len(good),
                    same=sum(a[aspect] == b[aspect] for a, b in good.values()),
                    failed=len(whole) - len(good),
                )
            )
    return summaries


def _pair(found: Sequence[Judgement]) -> tuple[Mapping[str, int], Mapping[str, int]] | None:
    marks = [one.marks for one in found if one.marks is not None]
    return (marks[0], marks[1]) if len(marks) == 2 else None


def summarise_choices(judgements: Sequence[Judgement]) -> list[ChoiceSummary]:
    """Summarise choices by task and pair of models."""
    rows: dict[tuple[str, str, str], dict[str, list[Judgement]]] = {}
    for one in judgements:
        if len(one.models) == 2:
            a, b = one.models[:: -1 if one.swapped else 1]
            rows.setdefault((one.task, a, b), {}).setdefault(one.row, []).append(one)
    summaries = []
    for (task, a, b), by_row in rows.items():
        counts = Counter(_outcome(found, a, b) for found in by_row.values())
        summaries.append(
            ChoiceSummary(
                task=task,
                a=a,
                b=b,
                a_better=counts["a"],
                b_better=counts["b"],
                tied=counts["tied"],
                by_position=counts["by position"],
                failed=counts["failed"],
            )
        )
    return summaries


def _outcome(found: Sequence[Judgement], a: str, b: str) -> str:
    if len(found) != 2 or any(one.failure for one in found):
        return "failed"
    better = {one.better for one in found}
    if len(better) > 1:
        return "by position"
    (winner,) = better
    return {a: "a", b: "b"}.get(str(winner), "tied")


def read_people(path: Path) -> dict[Item, float]:
    """Read people's marks: a table ``row, model, aspect, value``; doubles are averaged."""
    marks: dict[Item, list[float]] = {}
    with open_rows(path) as stream:
        for number, cells in stream.rows:
            try:
                item = (str(cells["row"]), str(cells["model"]), str(cells["aspect"]))
                marks.setdefault(item, []).append(float(cells["value"]))
            except (KeyError, TypeError, ValueError):
                raise InputError(
                    f"{path}: row {number}: expected row, model, aspect and a number as value"
                ) from None
    return {item: float(np.mean(values)) for item, values in marks.items()}


def calibrate(
    judgements: Sequence[Judgement], people: Mapping[Item, float], aspects: Sequence[str]
) -> list[str]:
    """Say, per aspect, how the judge's marks follow people's; "uncalibrated" under 50 items."""
    from scipy import stats

    by_row: dict[tuple[str, str], list[Judgement]] = {}
    for one in judgements:
        if len(one.models) == 1:
            by_row.setdefault((one.row, one.models[0]), []).append(one)
    lines = []
    for aspect in aspects:
        pairs = [
            ((pair[0][aspect] + pair[1][aspect]) / 2, people[row, model, aspect])
            for (row, model), found in by_row.items()
            if (row, model, aspect) in people and (pair := _pair(found))
        ]
        if len(pairs) < CALIBRATED_FROM:
            lines.append(
                f"{aspect}: uncalibrated, {len(pairs)} of {CALIBRATED_FROM} items marked by people"
            )
            continue
        own, theirs = np.array(pairs).T
        if np.ptp(own) == 0 or np.ptp(theirs) == 0:
            lines.append(f"{aspect}: undefined on {len(pairs)} items, no variation")
            continue
        rho = float(stats.spearmanr(own, theirs).statistic)
        lines.append(f"{aspect}: Spearman {rho:.2f} with people on {len(pairs)} items")
    return lines


def judge_tables(marks: Sequence[MarkSummary], choices: Sequence[ChoiceSummary]) -> list[Table]:
    """Lay marks and choices out."""
    tables = [
        Table(
            title="Marks by the judge, 0 to 3 (mean of both orders, 95 % interval over rows)",
            header=("task", "model", "aspect", "mark", "rows", "same in both orders", "failed"),
            rows=tuple(
                (
                    one.task,
                    one.model,
                    one.aspect,
                    "not computed: every row failed"
                    if one.value is None
                    else f"{one.value:.2f} ({one.low:.2f}-{one.high:.2f})",
                    one.n,
                    f"{one.same} of {one.n}",
                    one.failed,
                )
                for one in marks
            ),
        ),
        Table(
            title="Preferences of the judge (counted where both positions agree)",
            header=("task", "A", "B", "A better", "B better", "tied", "by position", "failed"),
            rows=tuple(
                (o.task, o.a, o.b, o.a_better, o.b_better, o.tied, o.by_position, o.failed)
                for o in choices
            ),
        ),
    ]
    return [table for table in tables if table.rows]
