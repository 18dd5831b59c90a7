"""How each rater uses the scale: stricter or milder than the others, and whether that drifts."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from mentallama.human.agreement import PERIODS, Period, part_time
from mentallama.tables import Table
from mentallama.types import Rating

_Cell = tuple[str, str, str]
"""Study, item and aspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """One rater beside the others: deviations from the median of their marks of the same item."""

    rater: str
    marks: int
    skipped: int
    cannot_judge: int
    compared: int
    """Marks that another rater's mark of the same item and aspect stands beside."""
    deviation: float | None
    """Mean over all aspects; below 0 is stricter than the others; None without a comparison."""
    by_third: dict[Period, float | None]
    """The same for each third of the rater's own order."""


def measure_severity(ratings: Sequence[Rating]) -> list[Severity]:
    """Measure every rater, the strictest first."""
    periods = part_time(ratings)
    marks: dict[_Cell, dict[str, int]] = {}
    for one in ratings:
        if one.value is not None:
            marks.setdefault((one.study, one.item, one.aspect), {})[one.rater] = one.value
    found = []
    for rater in dict.fromkeys(one.rater for one in ratings):
        own = [one for one in ratings if one.rater == rater]
        thirds: dict[Period, list[float]] = {period: [] for period in PERIODS}
        for one in own:
            others = [v for name, v in marks.get(_cell(one), {}).items() if name != rater]
            if one.value is not None and others:
                period = periods[one.study, rater, one.item]
                thirds[period].append(one.value - median(others))
        every = [deviation for third in thirds.values() for deviation in third]
        found.append(
            Severity(
                rater=rater,
                marks=sum(one.value is not None for one in own),
                skipped=sum(one.outcome == "skipped" for one in own),
                cannot_judge=sum(one.outcome == "cannot_judge" for one in own),
                compared=len(every),
                deviation=_mean(every),
                by_third={period: _mean(third) for period, third in thirds.items()},
            )
        )
    return sorted(found, key=lambda one: (one.deviation is None, one.deviation, one.rater))


def _cell(rating: Rating) -> _Cell:
    return rating.study, rating.item, rating.aspect


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None


def severity_table(found: Sequence[Severity]) -> Table:
    """Lay raters out, a line each."""
    return Table(
        title="Raters beside the median of the others (points; below 0 is stricter)",
        header=("rater", "marks", "skipped", "cannot judge", "compared", "deviation", *PERIODS),
        rows=tuple(
            (
                one.rater,
                one.marks,
                one.skipped,
                one.cannot_judge,
                one.compared,
                _points(one.deviation),
                *(_points(one.by_third[period]) for period in PERIODS),
            )
            for one in found
        ),
    )


def _points(value: float | None) -> str:
    return "none" if value is None else f"{value:+.2f}"
