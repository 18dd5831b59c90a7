"""How well metrics follow people: correlation with human marks (Yang et al. 2023, section 4).

As there, the hypothesis is the explanation, the reference is the post, and a row's mark is the mean
of its raters. The length of the explanation stands beside the metrics always: what correlates no
better than length measures nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mentallama.benchmark.metrics.metric import Metric, Models, Text
from mentallama.marks import Rated
from mentallama.tables import Table

Floats = NDArray[np.float64]
Statistic = Literal["pearson", "spearman", "kendall"]
STATISTICS: tuple[Statistic, ...] = ("pearson", "spearman", "kendall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """One metric against one aspect, with a 95 % bootstrap interval over rows."""

    metric: str
    aspect: str
    statistic: Statistic
    value: float | None
    low: float | None
    high: float | None
    n: int
    signature: str
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class _People:
    """The mean marks of one aspect, and the rows that have them."""

    aspect: str
    rows: NDArray[np.int64]
    means: Floats


def correlate(
    rated: Sequence[Rated],
    metrics: Sequence[Metric],
    models: Models,
    *,
    statistics: Sequence[Statistic] = STATISTICS,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Correlation]:
    """Correlate each metric with the mean mark of each aspect, over the rows that have one."""
    texts = [Text(hypothesis=r.explanation, reference=r.post, post=r.post) for r in rated]
    aspects = [_people(rated, a) for a in dict.fromkeys(a for row in rated for a in row.marks)]
    found: list[Correlation] = []
    for metric in metrics:
        # The reference is the post here, so the directions that need both are not to be told apart.
        if metric.needs_post or "label in" in metric.name:
            continue
        why_not = metric.missing(models)
        scores = None if why_not else np.array(metric.score(texts, models))
        signature = "" if why_not else metric.signature(models)
        for people in aspects:
            own = None if scores is None else scores[people.rows]
            for statistic in statistics:
                values = (
                    (None, None, None)
                    if own is None
                    else _estimate(statistic, own, people.means, resamples, seed)
                )
                found.append(
                    Correlation(
                        metric=metric.name,
                        aspect=people.aspect,
                        statistic=statistic,
                        value=values[0],
                        low=values[1],
                        high=values[2],
                        n=len(people.rows),
                        signature=signature,
                        why_not=why_not,
                    )
                )
    return found


def _people(rated: Sequence[Rated], aspect: str) -> _People:
    rows = [index for index, row in enumerate(rated) if aspect in row.marks]
    means = [float(np.mean(rated[index].marks[aspect])) for index in rows]
    return _People(aspect, np.array(rows), np.array(means))


def _estimate(
    statistic: Statistic, scores: Floats, people: Floats, resamples: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Return value and interval; None where one side does not vary."""
    if np.ptp(scores) == 0 or np.ptp(people) == 0:
        return None, None, None
    drawn = np.random.default_rng(seed).integers(0, len(scores), (resamples, len(scores)))
    # A resample without variation has no value.
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [_one(statistic, scores[rows], people[rows]) for rows in drawn]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return _one(statistic, scores, people), float(low), float(high)


def _one(statistic: Statistic, a: Floats, b: Floats) -> float:
    from scipy import stats

    match statistic:
        case "pearson":
            return float(np.corrcoef(a, b)[0, 1])
        case "spearman":
            return float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])
        case "kendall":
            return float(stats.kendalltau(a, b).statistic)


def correlation_table(found: Sequence[Correlation], statistic: Statistic) -> Table:
    """Lay one statistic out, a line per metric and a column per aspect."""
    cells = {(one.metric, one.aspect): one for one in found if one.statistic == statistic}
    aspects = tuple(dict.fromkeys(aspect for _, aspect in cells))
    sizes = sorted({one.n for one in cells.values()})
    n = " to ".join(f"{size:,}" for size in dict.fromkeys([*sizes[:1], *sizes[-1:]]))
    return Table(
        title=f"{statistic.capitalize()} correlation with people's marks, {n} rows (95 % interval)",
        header=("metric", *aspects),
        rows=tuple(
            (metric, *(_cell(cells[metric, aspect]) for aspect in aspects))
            for metric in dict.fromkeys(metric for metric, _ in cells)
        ),
    )


def _cell(one: Correlation) -> str:
    if one.why_not:
        return f"not computed: {one.why_not}"
    if one.value is None:
        return "undefined: no variation"
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
