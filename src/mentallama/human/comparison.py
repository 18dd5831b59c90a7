"""Which model explains better, by how much: models on the rows that people rated for both.

An answer's mark is the mean of its raters. Two models are told apart by a paired permutation test
over rows (a row is a post with its question) and a bootstrap of rows, adjusted (Holm 1979) over all
aspects and pairs. A mixed-effects model of the single marks stands beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from mentallama.errors import InputError
from mentallama.human.mixed import Marks, Mixed, fit_mixed
from mentallama.human.study import Key
from mentallama.tables import Table
from mentallama.types import Rating

PERMUTATIONS = 10_000
"""Few would leave no p value small enough to survive the adjustment."""
ALPHA = 0.05
Floats = NDArray[np.float64]
_Answers = Mapping[str, Mapping[str, Sequence[Rating]]]
"""Marks of one aspect by model, then by row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMean:
    """One model on one aspect: mean of its answers' marks, with a 95 % interval over rows."""

    aspect: str
    model: str
    value: float
    low: float
    high: float
    rows: int
    marks: int
    raters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on one aspect, on the rows rated for both; differences are ``b - a`` in points."""

    aspect: str
    a: str
    b: str
    n: int
    """Rows rated for both."""
    mean_a: float | None
    """On these rows; None where there is none."""
    mean_b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    mixed: Mixed


def compare_models(
    ratings: Sequence[Rating], keys: Mapping[str, Key], *, resamples: int = 1000, seed: int = 0
) -> tuple[list[ModelMean], list[Comparison]]:
    """Compare every two models on every aspect; raise InputError for an item without a key."""
    means: list[ModelMean] = []
    comparisons: list[Comparison] = []
    for aspect, answers in _join(ratings, keys).items():
        means += [_mean(aspect, m, rows, resamples, seed) for m, rows in answers.items()]
        comparisons += [
            _compare(aspect, (a, b), answers, resamples, seed) for a, b in combinations(answers, 2)
        ]
    return means, _adjust(comparisons)


def _join(ratings: Sequence[Rating], keys: Mapping[str, Key]) -> dict[str, _Answers]:
    """Return the marks by aspect, model and row; models by name."""
    joined: dict[str, dict[str, dict[str, list[Rating]]]] = {}
    for number, rating in enumerate(ratings, 1):
        if (key := keys.get(rating.item)) is None:
            raise InputError(f"row {number}: item '{rating.item}' is not in the key")
        if rating.value is not None:
            models = joined.setdefault(rating.aspect, {})
            models.setdefault(key.model, {}).setdefault(key.sample_id, []).append(rating)
    return {aspect: dict(sorted(models.items())) for aspect, models in joined.items()}


def _mark(ratings: Sequence[Rating]) -> float:
    return mean(float(rating.value or 0) for rating in ratings)


def _mean(
    aspect: str, model: str, rows: Mapping[str, Sequence[Rating]], resamples: int, seed: int
) -> ModelMean:
    values = np.array([_mark(ratings) for ratings in rows.values()])
    low, high = _interval(values, resamples, seed)
    marks = [rating for ratings in rows.values() for rating in ratings]
    return ModelMean(
        aspect=aspect,
        model=model,
        value=float(values.mean()),
        low=low,
        high=high,
        rows=len(rows),
        marks=len(marks),
        raters=len({rating.rater for rating in marks}),
    )


def _compare(
    aspect: str, models: tuple[str, str], answers: _Answers, resamples: int, seed: int
) -> Comparison:
    a, b = (answers[model] for model in models)
    shared = [row for row in a if row in b]
    left = np.array([_mark(a[row]) for row in shared])
    right = np.array([_mark(b[row]) for row in shared])
    low, high = _interval(right - left, resamples, seed) if shared else (None, None)
    return Comparison(
        aspect=aspect,
        a=models[0],
        b=models[1],
        n=len(shared),
        mean_a=float(left.mean()) if shared else None,
        mean_b=float(right.mean()) if shared else None,
        difference=float((right - left).mean()) if shared else None,
        low=low,
        high=high,
        p=_permute(right - left, seed) if shared else None,
        p_holm=None,
        mixed=fit_mixed(_marks(shared, a, b)),
    )


def _marks(
    shared: Sequence[str], a: Mapping[str, Sequence[Rating]], b: Mapping[str, Sequence[Rating]]
) -> Marks:
    """Return the single marks of both models on their common rows as columns."""
    rows = [
        (float(one.value or 0), float(second), name, one.rater)
        for name in shared
        for second, answers in enumerate((a, b))
        for one in answers[name]
    ]
    return Marks(
        mark=tuple(row[0] for row in rows),
        second=tuple(row[1] for row in rows),
        row=tuple(row[2] for row in rows),
        rater=tuple(row[3] for row in rows),
    )


def _interval(values: Floats, resamples: int, seed: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean."""
    n = len(values)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    low, high = np.percentile(drawn @ values / n, [2.5, 97.5])
    return float(low), float(high)


def _permute(differences: Floats, seed: int) -> float:
    """Return the two-sided p of a mean difference when every row's sign is a coin's."""
    coins = np.random.default_rng(seed).integers(0, 2, (PERMUTATIONS, len(differences)))
    means = (2 * coins - 1) @ differences
    as_far = np.abs(means) >= abs(differences.sum()) - 1e-9
    return float((1 + as_far.sum()) / (1 + PERMUTATIONS))


def _adjust(comparisons: Sequence[Comparison]) -> list[Comparison]:
    from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

    p_values = [one.p for one in comparisons if one.p is not None]
    adjusted = iter(multipletests(p_values, method="holm")[1] if p_values else ())
    return [
        one if one.p is None else replace(one, p_holm=float(next(adjusted))) for one in comparisons
    ]


def comparison_tables(means: Sequence[ModelMean], comparisons: Sequence[Comparison]) -> list[Table]:
    """Lay means and differences out."""
    return [
        Table(
            title="Mean marks (95 % interval over rows)",
            header=("aspect", "model", "mean", "rows", "marks", "raters"),
            rows=tuple(
                (
                    one.aspect,
                    one.model,
                    f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})",
                    one.rows,
                    one.marks,
                    one.raters,
                )
                for one in means
            ),
        ),
        Table(
            title="Models on the rows rated for both (B - A, in points, 95 % interval)",
            header=("aspect", "A", "B", "rows", "B - A", "p", "p (Holm)", "mixed effects", "p"),
            rows=tuple(
                (one.aspect, one.a, one.b, one.n, *_differences(one)) for one in comparisons
            ),
        ),
    ]


def _differences(one: Comparison) -> tuple[str, ...]:
    paired = ("no row in common", "", "")
    if one.difference is not None:
        paired = (_signed(one), _p(one.p), _p(one.p_holm))
    if one.mixed.difference is None:
        return *paired, f"not fitted: {one.mixed.why_not}", ""
    return *paired, _signed(one.mixed), _p(one.mixed.p)


def _signed(one: Comparison | Mixed) -> str:
    return f"{one.difference or 0:+.2f} ({one.low:+.2f} to {one.high:+.2f})"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def say_comparisons(comparisons: Sequence[Comparison]) -> list[str]:
    """Say in two sentences per pair of models what was found and what was not."""
    pairs = dict.fromkeys((one.a, one.b) for one in comparisons)
    return [
        sentence
        for a, b in pairs
        for sentence in _say_pair(a, b, [one for one in comparisons if (one.a, one.b) == (a, b)])
    ]


def _say_pair(a: str, b: str, found: Sequence[Comparison]) -> tuple[str, str]:
    told = [one for one in found if one.p_holm is not None and one.p_holm < ALPHA]
    untold = [one for one in found if one.p_holm is not None and one.p_holm >= ALPHA]
    if not told and not untold:
        return f"{a} and {b} share no rated row.", "Nothing can be said of their difference."
    first = f"No aspect tells {a} and {b} apart."
    if told:
        sides = [(b, a, [one for one in told if (one.difference or 0) > 0])]
        sides += [(a, b, [one for one in told if (one.difference or 0) < 0])]
        said = [
            f"{better} is rated higher than {other} on {', '.join(map(_say_told, own))}"
            for better, other, own in sides
            if own
        ]
        first = f"{'; '.join(said)} (p by Holm's method)."
    if not untold:
        if len(told) == 1:
            return first, "No other aspect was compared."
        return first, f"All {len(told)} aspects tell them apart."
    second = (
        f"On {', '.join(_say_untold(one) for one in untold)} no difference was shown, which is no "
        "proof that there is none."
    )
    return first, second


def _say_told(one: Comparison) -> str:
    sign = 1 if (one.difference or 0) > 0 else -1
    by, low, high = (sign * (x or 0) for x in (one.difference, *(one.low, one.high)[::sign]))
    return (
        f"{one.aspect} (by {by:.2f} points, {low:.2f} to {high:.2f}, n = {one.n:,} rows, "
        f"p {_p_said(one.p_holm)})"
    )


def _p_said(value: float | None) -> str:
    said = _p(value)
    return said if said.startswith("<") else f"= {said}"


def _say_untold(one: Comparison) -> str:
    return f"{one.aspect} ({_signed(one)}, n = {one.n:,} rows)"
