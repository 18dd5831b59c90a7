"""How far raters agree: per aspect, by choice per task or over time, with bootstrap intervals.

Marks that were skipped or that a rater could not judge are missing, never a score; they are
counted. A coefficient that cannot be computed says why.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from mentallama.errors import InputError
from mentallama.human import coefficients as c
from mentallama.tables import Table
from mentallama.types import Rating

Statistic = Literal[
    "alpha_nominal",
    "alpha_ordinal",
    "alpha_interval",
    "fleiss_kappa",
    "cohen_kappa",
    "cohen_kappa_quadratic",
    "icc_1_1",
    "icc_1_k",
    "icc_2_1",
    "icc_2_k",
]
Period = Literal["first third", "middle third", "last third"]
PERIODS: tuple[Period, ...] = ("first third", "middle third", "last third")
Floats = NDArray[np.float64]
UNDEFINED = "undefined: no variation"
_WIDEST = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One coefficient of one aspect, with a 95 % bootstrap interval over items."""

    aspect: str
    task: str | None = None
    """None for all tasks together."""
    period: Period | None = None
    """None for all the time."""
    statistic: Statistic
    value: float | None
    low: float | None
    high: float | None
    items: int
    """Items that the coefficient rests on, with two marks or more."""
    raters: int
    missing: int
    """Ratings of the aspect without a mark: skipped, or 'cannot judge'."""
    why_not: str | None = None
    note: str | None = None
    """Which items it rests on where these are not all with two marks."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """Marks that some coefficients can be computed on: items x raters, NaN where there is none."""

    marks: Floats
    raters: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Coefficient:
    statistic: Statistic
    basis: _Basis
    value: Callable[[Floats], float]
    resampled: Callable[[Floats, Floats], Floats]


def measure_agreement(
    ratings: Sequence[Rating],
    *,
    tasks: Mapping[str, str] | None = None,
    over_time: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Agreement]:
    """Measure agreement per aspect; ``tasks`` (of items) also parts by task.

    ``over_time`` parts each rater's items into thirds of the rater's own order. Raises InputError
    for a scale that is too wide to be one.
    """
    found: list[Agreement] = []
    for (aspect, task, period), own in _groups(ratings, tasks, over_time).items():
        basis = _matrix(own)
        missing = sum(rating.value is None for rating in own)
        for one in _coefficients(basis):
            value, low, high, why_not = _estimate(one, resamples, seed)
            found.append(
                Agreement(
                    aspect=aspect,
                    task=task,
                    period=period,
                    statistic=one.statistic,
                    value=value,
                    low=low,
                    high=high,
                    items=len(one.basis.marks),
                    raters=one.basis.raters,
                    missing=missing,
                    why_not=why_not,
                    note=one.basis.note,
                )
            )
    return found


def _groups(
    ratings: Sequence[Rating], tasks: Mapping[str, str] | None, over_time: bool
) -> dict[tuple[str, str | None, Period | None], list[Rating]]:
    periods = part_time(ratings) if over_time else {}
    groups: dict[tuple[str, str | None, Period | None], list[Rating]] = {}
    for rating in ratings:
        task = tasks[rating.item] if tasks else None
        period = periods.get((rating.study, rating.rater, rating.item))
        groups.setdefault((rating.aspect, task, period), []).append(rating)
    order = (None, *PERIODS)
    return dict(sorted(groups.items(), key=lambda g: (str(g[0][1]), order.index(g[0][2]))))


def part_time(ratings: Iterable[Rating]) -> dict[tuple[str, str, str], Period]:
    """Return the third of the rater's own order that each study, rater and item falls into."""
    orders: dict[tuple[str, str], dict[str, int]] = {}
    for rating in ratings:
        orders.setdefault((rating.study, rating.rater), {})[rating.item] = rating.position
    return {
        (*rater, item): PERIODS[3 * place // len(items)]
        for rater, items in orders.items()
        for place, item in enumerate(sorted(items, key=lambda item: (items[item], item)))
    }


def _matrix(ratings: Sequence[Rating]) -> _Basis:
    """Lay marks out as items with two or more of them x raters."""
    items: dict[tuple[str, str], dict[str, int]] = {}
    for rating in ratings:
        if rating.value is not None:
            items.setdefault((rating.study, rating.item), {})[rating.rater] = rating.value
    shared = [marks for marks in items.values() if len(marks) > 1]
    raters = sorted({rater for marks in shared for rater in marks})
    values = [[marks.get(rater, np.nan) for rater in raters] for marks in shared]
    marks = np.array(values, dtype=float).reshape(len(shared), len(raters))
    if marks.size and (np.nanmax(marks) - np.nanmin(marks)) >= _WIDEST:
        raise InputError(f"marks of '{ratings[0].aspect}' are spread over {_WIDEST} values or more")
    return _Basis(marks, len(raters))


def _coefficients(basis: _Basis) -> Iterator[_Coefficient]:
    levels: tuple[c.Level, ...] = ("nominal", "ordinal", "interval")
    for level in levels:
        yield _Coefficient(
            cast(Statistic, f"alpha_{level}"),
            basis,
            partial(c.alpha, level=level),
            partial(c.resample_alpha, level=level),
        )
    even = _even(basis)
    yield _Coefficient("fleiss_kappa", even, c.fleiss, c.resample_fleiss)
    for squared in (False, True):
        yield _Coefficient(
            "cohen_kappa_quadratic" if squared else "cohen_kappa",
            basis,
            partial(c.cohen, squared=squared),
            partial(c.resample_cohen, squared=squared),
        )
    crossed = _crossed(basis)
    forms: tuple[c.IccForm, ...] = ("icc_2_1", "icc_2_k") if crossed else ("icc_1_1", "icc_1_k")
    for form in forms:
        yield _Coefficient(
            form, crossed or even, partial(_icc_once, form=form), partial(c.icc, form=form)
        )


def _icc_once(marks: Floats, form: c.IccForm) -> float:
    return float(c.icc(marks, np.ones((1, len(marks))), form)[0])


def _even(basis: _Basis) -> _Basis:
    """Keep the items with the most common number of marks, each item's marks moved together."""
    given = (~np.isnan(basis.marks)).sum(axis=1)
    if not len(given):
        return basis
    k = int(np.bincount(given).argmax())
    kept = basis.marks[given == k]
    together = np.array([row[~np.isnan(row)] for row in kept])
    raters = int((~np.isnan(kept)).any(axis=0).sum())
    note = None if len(kept) == len(given) else f"items with {k} marks each"
    return _Basis(together, raters, note)


def _crossed(basis: _Basis) -> _Basis | None:
    """Keep the items that every rater marked; None where these are not even half of all."""
    whole = np.all(~np.isnan(basis.marks), axis=1)
    if not len(whole) or 2 * whole.sum() < len(whole):
        return None
    note = None if whole.all() else "items with a mark by every rater"
    return _Basis(basis.marks[whole], basis.raters, note)


def _estimate(
    one: _Coefficient, resamples: int, seed: int
) -> tuple[float | None, float | None, float | None, str | None]:
    """Return value, interval, and why there is none."""
    marks = one.basis.marks
    if len(marks) < 2:
        return None, None, None, "fewer than two items to go by"
    if np.nanmin(marks) == np.nanmax(marks):
        return None, None, None, UNDEFINED
    value = one.value(marks)
    if np.isnan(value):
        return None, None, None, UNDEFINED
    drawn = np.random.default_rng(seed).multinomial(
        len(marks), np.full(len(marks), 1 / len(marks)), size=resamples
    )
    values = one.resampled(marks, drawn.astype(float))
    # A resample without variation has no value.
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return value, float(low), float(high), None


def agreement_tables(found: Sequence[Agreement]) -> list[Table]:
    """Lay coefficients out, a table per task and period, a column per aspect."""
    groups: dict[tuple[str | None, Period | None], list[Agreement]] = {}
    for one in found:
        groups.setdefault((one.task, one.period), []).append(one)
    return [_table(group) for group in groups.values()]


def _table(group: Sequence[Agreement]) -> Table:
    cells = {(one.statistic, one.aspect): one for one in group}
    aspects = tuple(dict.fromkeys(one.aspect for one in group))
    statistics = tuple(dict.fromkeys(one.statistic for one in group))
    parts = [part for part in (group[0].task, group[0].period) if part]
    sizes = [max(o.items for o in group if o.aspect == aspect) for aspect in aspects]
    missing = [next(o.missing for o in group if o.aspect == aspect) for aspect in aspects]
    return Table(
        title=", ".join(["Agreement (95 % interval)", *parts]),
        header=("statistic", *aspects),
        rows=(
            *((s, *(_cell(cells.get((s, a))) for a in aspects)) for s in statistics),
            ("items with two marks", *(f"{size:,}" for size in sizes)),
            ("ratings without a mark", *(f"{number:,}" for number in missing)),
        ),
    )


def _cell(one: Agreement | None) -> str:
    if one is None:
        return "see the other form"
    if one.value is None:
        return str(one.why_not)
    value, low, high = (f"{round(x or 0, 2) + 0.0:.2f}" for x in (one.value, one.low, one.high))
    return f"{value} ({low} to {high})" + (f", n {one.items:,}" if one.note else "")


def agreement_notes(found: Sequence[Agreement]) -> list[str]:
    """Say which coefficients rest on a part of the items."""
    notes: dict[str, dict[str, None]] = {}
    for one in found:
        if one.note:
            notes.setdefault(one.note, {})[one.statistic] = None
    return [f"n: {', '.join(own)} rest on the {note} alone" for note, own in notes.items()]
