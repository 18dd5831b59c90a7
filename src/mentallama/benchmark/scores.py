"""Scores with their denominators: F1 three ways, accuracy, coverage, and bootstrap intervals.

Every score is a function of a table of counts, gold label by predicted label, with one more column
for rows without a verdict. The bootstrap resamples posts, not rows: a post with six aspects is one
draw. Posts with the same table of counts are interchangeable, so drawing how often each distinct
table occurs (a multinomial) is the same as drawing posts one by one, and much faster.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Variant = Literal["answered", "all", "forced"]
Metric = Literal["weighted_f1", "macro_f1", "accuracy", "coverage"]


@dataclass(frozen=True, slots=True)
class Row:
    """One scored row: indices into the task's labels, and the post it belongs to."""

    gold: int
    predicted: int | None
    cluster: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value from 0 to 100 and its 95 % interval; all None where nothing can be computed."""

    value: float | None
    low: float | None
    high: float | None


def confusion(rows: Sequence[Row], labels: int) -> Floats:
    """Count rows by gold (axis 0) and prediction (axis 1; the last column is "no verdict")."""
    table = np.zeros((labels, labels + 1))
    for row in rows:
        table[row.gold, labels if row.predicted is None else row.predicted] += 1
    return table


def weighted_f1(tables: Floats) -> Floats:
    """F1 per label, averaged by the number of gold rows; tables are (..., labels, labels + 1)."""
    support = tables.sum(axis=-1)
    return _mean(_f1(tables), support)


def macro_f1(tables: Floats) -> Floats:
    """F1 per label, averaged over the labels that occur as gold or as prediction."""
    occurs = tables.sum(axis=-1) + tables[..., :-1].sum(axis=-2) > 0
    return _mean(_f1(tables), occurs.astype(float))


def accuracy(tables: Floats) -> Floats:
    """Share of rows whose prediction is the gold label."""
    return _ratio(_right(tables).sum(axis=-1), tables.sum(axis=(-2, -1)))


def coverage(tables: Floats) -> Floats:
    """Share of rows that have one verdict."""
    return _ratio(tables[..., :-1].sum(axis=(-2, -1)), tables.sum(axis=(-2, -1)))


FUNCTIONS: dict[Metric, Callable[[Floats], Floats]] = {
    "weighted_f1": weighted_f1,
    "macro_f1": macro_f1,
    "accuracy": accuracy,
    "coverage": coverage,
}


def estimate_all(
    rows: Sequence[Row], labels: int, metrics: Sequence[Metric], *, resamples: int, seed: int
) -> dict[Metric, Estimate]:
    """Compute several metrics on the same rows and the same resamples."""
    if not rows:
        return {metric: Estimate(None, None, None) for metric in metrics}
    total = confusion(rows, labels)
    drawn = _resample(rows, labels, resamples, np.random.default_rng(seed))
    estimates: dict[Metric, Estimate] = {}
    for metric in metrics:
        values = FUNCTIONS[metric](drawn)
        low, high = np.nanpercentile(values, [2.5, 97.5]) * 100
        value = float(FUNCTIONS[metric](total)) * 100
        estimates[metric] = Estimate(value, float(low), float(high))
    return estimates


def _resample(rows: Sequence[Row], labels: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw whole posts with replacement; return tables (resamples, labels, labels + 1)."""
    clusters: dict[str, Counter[int]] = {}
    width = labels + 1
    for row in rows:
        cell = row.gold * width + (labels if row.predicted is None else row.predicted)
        clusters.setdefault(row.cluster, Counter())[cell] += 1
    patterns = Counter(tuple(sorted(cells.items())) for cells in clusters.values())
    contents = np.zeros((len(patterns), labels * width))
    for index, pattern in enumerate(patterns):
        for cell, count in pattern:
            contents[index, cell] = count
    often = np.array(list(patterns.values()), dtype=float)
    draws = rng.multinomial(len(clusters), often / often.sum(), size=resamples)
    tables: Floats = (draws @ contents).reshape(resamples, labels, width)
    return tables


def _right(tables: Floats) -> Floats:
    right: Floats = np.diagonal(tables[..., :-1], axis1=-2, axis2=-1)
    return right


def _f1(tables: Floats) -> Floats:
    gold = tables.sum(axis=-1)
    predicted = tables[..., :-1].sum(axis=-2)
    return _ratio(2 * _right(tables), gold + predicted, empty=0.0)


def _mean(values: Floats, weights: Floats) -> Floats:
    return _ratio((values * weights).sum(axis=-1), weights.sum(axis=-1))


def _ratio(top: Floats, bottom: Floats, *, empty: float = np.nan) -> Floats:
    """Divide, giving ``empty`` where the denominator is zero."""
    bottom = np.asarray(bottom, dtype=float)
    ratio: Floats = np.divide(top, bottom, out=np.full(bottom.shape, empty), where=bottom > 0)
    return ratio
