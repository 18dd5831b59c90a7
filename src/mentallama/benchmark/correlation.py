"""How well metrics follow people: correlation with human marks (Yang et al. 2023, section 4).

Layout of ``DR_annotation``: ``text, label, gpt-3.5-turbo`` and one column per aspect with the marks
as a list, such as ``[3, 2, 3]``. As there, the hypothesis is the explanation, the reference is the
post, and a row's mark is the mean of its raters. The length of the explanation stands beside the
metrics always: what correlates no better than length measures nothing more.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mentallama.benchmark.metrics.metric import Metric, Models, Text
from mentallama.errors import InputError
from mentallama.rows import open_rows
from mentallama.tables import Table

Floats = NDArray[np.float64]
Statistic = Literal["pearson", "spearman", "kendall"]
STATISTICS: tuple[Statistic, ...] = ("pearson", "spearman", "kendall")
ASPECTS = ("fluency", "completeness", "reliability", "overall")
"""Aspects of the released marks, 0 to 3 each."""
_TEXT, _EXPLANATION = "text", "gpt-3.5-turbo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """An explanation with people's marks."""

    post: str
    explanation: str
    marks: dict[str, tuple[float, ...]]
    """By aspect, one mark per rater."""


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


def read_rated(path: Path) -> list[Rated]:
    """Read one file of marks, or all CSV files of a folder."""
    files = [path] if path.is_file() else sorted(path.glob("*.csv"))
    if not files:
        raise InputError(f"{path}: no CSV file of marks here")
    return [row for file in files for row in _read(file)]


def _read(path: Path) -> list[Rated]:
    rated = []
    with open_rows(path) as stream:
        for number, cells in stream.rows:
            for column in (_TEXT, _EXPLANATION, *ASPECTS):
                if column not in cells:
                    raise InputError(f"{path}: no column '{column}'")
            marks = {a: _marks(str(cells[a]), f"{path}: row {number}: {a}") for a in ASPECTS}
            rated.append(
                Rated(
                    post=str(cells[_TEXT]),
                    explanation=str(cells[_EXPLANATION] or ""),
                    marks=marks,
                )
            )
    return rated


def _marks(text: str, where: str) -> tuple[float, ...]:
    try:
        marks = tuple(float(mark) for mark in ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError):
        raise InputError(f"{where}: expected a list of marks such as [3, 2, 3]") from None
    if not marks:
        raise InputError(f"{where}: the list of marks is empty")
    return marks


def correlate(
    rated: Sequence[Rated],
    metrics: Sequence[Metric],
    models: Models,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Correlation]:
    """Correlate each metric with the mean mark of each aspect."""
    texts = [Text(hypothesis=r.explanation, reference=r.post, post=r.post) for r in rated]
    found: list[Correlation] = []
    for metric in metrics:
        # The reference is the post here, so the directions that need both are not to be told apart.
        if metric.needs_post or "label in" in metric.name:
            continue
        why_not = metric.missing(models)
        scores = None if why_not else np.array(metric.score(texts, models))
        signature = "" if why_not else metric.signature(models)
        for aspect in ASPECTS:
            people = np.array([float(np.mean(row.marks[aspect])) for row in rated])
            for statistic in STATISTICS:
                values = (
                    (None, None, None)
                    if scores is None
                    else _estimate(statistic, scores, people, resamples, seed)
                )
                found.append(
                    Correlation(
                        metric=metric.name,
                        aspect=aspect,
                        statistic=statistic,
                        value=values[0],
                        low=values[1],
                        high=values[2],
                        n=len(rated),
                        signature=signature,
                        why_not=why_not,
                    )
                )
    return found


def _estimate(
    statistic: Statistic, scores: Floats, people: Floats, resamples: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Return value and interval; None where one side does not vary."""
    if np.ptp(scores) == 0 or np.ptp(people) == 0:
        return None, None, None
    drawn = np.random.default_rng(seed).integers(0, len(scores), (resamples, len(scores)))
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
    n = found[0].n if found else 0
    return Table(
        title=f"{statistic.capitalize()} correlation with people's marks, {n} rows (95 % interval)",
        header=("metric", *ASPECTS),
        rows=tuple(
            (metric, *(_cell(cells[metric, aspect]) for aspect in ASPECTS))
            for metric in dict.fromkeys(metric for metric, _ in cells)
        ),
    )


def _cell(one: Correlation) -> str:
    if one.why_not:
        return f"not computed: {one.why_not}"
    if one.value is None:
        return "undefined: no variation"
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
