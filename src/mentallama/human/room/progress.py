"""How a study stands: per rater, per item, and how far raters agree so far."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection

from mentallama.human.agreement import Agreement, measure_agreement
from mentallama.human.room.store import Slot, Stored, list_all_slots, list_people, read_stored
from mentallama.human.room.transfer import as_ratings
from mentallama.human.study import Study

_SHOWN = "alpha_ordinal"
_RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterProgress:
    """How far one rater is; counts are items, except where said."""

    name: str
    state: str
    of: int
    rated: int
    skipped: int
    cannot_judge: int
    """Marks, not items."""
    marks: int
    """Marks that could have been given on the items rated."""
    pace: float | None
    """Median seconds an item was looked at; None before the first."""

    @property
    def open(self) -> int:
        """Items still to be rated."""
        return self.of - self.rated - self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a study stands."""

    raters: tuple[RaterProgress, ...]
    coverage: tuple[tuple[int, int], ...]
    """Number of raters who rated an item, and items of which that is so."""
    items: int
    submissions: int
    """That count."""


def measure_progress(connection: Connection, study: Study) -> Progress:
    """Count what is there."""
    pairs = list_all_slots(connection, study.about.name)
    stored = read_stored(connection, [slot.latest for _, slot in pairs if slot.latest])
    own: dict[str, list[Slot]] = {}
    rated = Counter({item.id: 0 for item in study.items})
    for rater, slot in pairs:
        if slot.state != "given_up":
            own.setdefault(rater, []).append(slot)
        rated[slot.item] += slot.state == "rated"
    people = [one for one in list_people(connection, study.about.name) if one.role == "rater"]
    return Progress(
        raters=tuple(
            _of_rater(one.name, one.state, own.get(one.name, []), stored) for one in people
        ),
        coverage=tuple(sorted(Counter(rated.values()).items())),
        items=len(study.items),
        submissions=len(stored),
    )


def _of_rater(
    name: str, state: str, slots: Sequence[Slot], stored: dict[str, Stored]
) -> RaterProgress:
    given = [stored[slot.latest] for slot in slots if slot.latest]
    marks = [mark for one in given for mark in one.marks.values()]
    looked = [one.seconds for one in given if one.kind == "rated" and one.seconds > 0]
    return RaterProgress(
        name=name,
        state=state,
        of=len(slots),
        rated=sum(slot.state == "rated" for slot in slots),
        skipped=sum(slot.state == "skipped" for slot in slots),
        cannot_judge=sum(mark is None for mark in marks),
        marks=len(marks),
        pace=median(looked) if looked else None,
    )


def measure_live_agreement(connection: Connection, study: Study) -> list[tuple[str, Agreement]]:
    """Return ordinal alpha of each aspect under its title, in the rubric's order."""
    ratings = as_ratings(connection, study)
    found = {
        one.aspect: one
        for one in measure_agreement(ratings, resamples=_RESAMPLES)
        if one.statistic == _SHOWN
    }
    return [
        (aspect.title, found[aspect.key]) for aspect in study.rubric.aspects if aspect.key in found
    ]
