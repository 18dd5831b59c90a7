"""Scores with their denominators: F1 three ways, accuracy, coverage, and bootstrap intervals.

Every score is a function of a table of counts, gold label by predicted label, with one more column
for rows without a verdict. The bootstrap resamples posts, not rows: a post with six aspects is one
draw. Posts with the same table of counts are interchangeable, so drawing how often each distinct
table occurs (a multinomial) is the same as drawing posts one by one, and much faster.
"""

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
    """One scored row: indices into the task's labels, and the post (or author) it belongs to."""

    gold: int
    predicted: int | None
    cluster: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value from 0 to 100 and its 95 % interval; all None where nothing can be computed."""

    value: float | None
    low: float | None
    high: float | None


SMALL = 30
"""Rows below which a value says too little to lean on."""


def describe(estimate: Estimate) -> str:
    """Write a value with its interval."""
    if estimate.value is None:
        return "not computed"
    return f"{estimate.value:.1f} ({estimate.low:.1f}-{estimate.high:.1f})"


def starred(cell: str, rows: int) -> str:
    """Mark a cell that rests on few rows; pages show it grey."""
    return f"{cell} *" if 0 < rows < SMALL else cell


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


def mean_share(
    values: Sequence[float], clusters: Sequence[str], *, resamples: int, seed: int
) -> Estimate:
    """Return the mean of values from 0 to 1 in percent; the interval draws whole posts."""
    if not values:
        return Estimate(None, None, None)
    index = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    table = np.zeros((len(index), 2))
    np.add.at(table[:, 0], [index[name] for name in clusters], values)
    np.add.at(table[:, 1], [index[name] for name in clusters], 1)
    patterns, often = np.unique(np.round(table, 4), axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(index), often / len(index), size=resamples) @ patterns
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5]) * 100
    return Estimate(100 * float(np.mean(values)), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Difference:
    """How two models differ on the same rows, in points; ``p`` is two-sided."""

    value: float
    low: float
    high: float
    p: float


def compare(
    a: Sequence[Row],
    b: Sequence[Row],
    labels: int,
    metric: Metric = "weighted_f1",
    *,
    resamples: int,
    seed: int,
) -> Difference:
    """Compare two models on the same rows in the same order, paired by post.

    Rows belong to the posts that ``a`` names.
    The interval is a paired bootstrap over posts; ``p`` comes from a permutation test that swaps
    the two models' answers post by post, and counts the observed difference among the swapped ones.
    """
    patterns, often = _patterns([a, b], labels)
    shape = (-1, 2, labels, labels + 1)
    rng = np.random.default_rng(seed)
    measure = FUNCTIONS[metric]

    def differ(tables: Floats) -> Floats:
        return measure(tables[:, 0]) - measure(tables[:, 1])

    observed = float(differ((often @ patterns).reshape(shape))[0])
    posts = int(often.sum())
    drawn = rng.multinomial(posts, often / posts, size=resamples) @ patterns
    low, high = np.nanpercentile(differ(drawn.reshape(shape)), [2.5, 97.5])
    swapped = rng.binomial(often.astype(np.int64), 0.5, size=(resamples, len(often)))
    mirrored = patterns.reshape(shape)[:, ::-1].reshape(patterns.shape)
    null = differ(((often - swapped) @ patterns + swapped @ mirrored).reshape(shape))
    # Sums of floats may differ in their last digits where the difference is the same.
    extreme = int((np.abs(null) >= abs(observed) - 1e-12).sum())
    return Difference(
        value=100 * observed,
        low=100 * float(low),
        high=100 * float(high),
        p=(1 + extreme) / (1 + resamples),
    )


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979); the order stays."""
    order = np.argsort(p_values, kind="stable")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[int(index)]))
        adjusted[int(index)] = highest
    return adjusted


def _resample(rows: Sequence[Row], labels: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw whole posts with replacement; return tables (resamples, labels, labels + 1)."""
    patterns, often = _patterns([rows], labels)
    draws = rng.multinomial(int(often.sum()), often / often.sum(), size=resamples)
    tables: Floats = (draws @ patterns).reshape(resamples, labels, labels + 1)
    return tables


def _patterns(systems: Sequence[Sequence[Row]], labels: int) -> tuple[Floats, Floats]:
    """Return the distinct tables of counts of a post, and how many posts have each.

    The tables of several systems on the same rows stand side by side, flattened.
    """
    width = labels * (labels + 1)
    names = {row.cluster: None for row in systems[0]}
    index = {name: number for number, name in enumerate(names)}
    contents = np.zeros((len(index), width * len(systems)))
    # The first system's: another may know less of the same rows' posts.
    places = [index[row.cluster] for row in systems[0]]
    for system, rows in enumerate(systems):
        cells = [
            system * width
            + row.gold * (labels + 1)
            + (labels if row.predicted is None else row.predicted)
            for row in rows
        ]
        np.add.at(contents, (places, cells), 1)
    patterns, often = np.unique(contents, axis=0, return_counts=True)
    return patterns, often.astype(float)


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
