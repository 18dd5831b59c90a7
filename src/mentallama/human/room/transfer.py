"""Ratings out of the database, and ratings of the long form into it."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, select

from mentallama.errors import InputError
from mentallama.human.ratings import check_ratings
from mentallama.human.room.people import ids_by_name
from mentallama.human.room.store import (
    Slot,
    Stored,
    Submission,
    add_places,
    add_submission,
    list_all_slots,
    read_stored,
)
from mentallama.human.room.tables import places
from mentallama.human.study import Place, Study
from mentallama.types import Rating, RatingOutcome

_LOADED = uuid.UUID("5d1b8f8e-3a77-4d0f-9a57-3f7f5d0a9c11")
"""Namespace of ids for ratings that came in a file: the same ones get the same id."""


def list_latest(connection: Connection, study: str) -> list[tuple[str, Slot, Stored]]:
    """Return the submissions that count, by rater and place in their order."""
    slots = [pair for pair in list_all_slots(connection, study) if pair[1].latest]
    stored = read_stored(connection, [str(slot.latest) for _, slot in slots])
    return [(rater, slot, stored[str(slot.latest)]) for rater, slot in slots]


def as_ratings(connection: Connection, study: Study) -> list[Rating]:
    """Return a rating for each aspect of each submission that counts."""
    return [
        _as_rating(study, rater, slot.item, stored, aspect.key)
        for rater, slot, stored in list_latest(connection, study.about.name)
        for aspect in study.rubric.aspects
    ]


def _as_rating(study: Study, rater: str, item: str, stored: Stored, aspect: str) -> Rating:
    value = stored.marks.get(aspect)
    outcome: RatingOutcome = "cannot_judge" if value is None else "scored"
    return Rating(
        study=study.about.name,
        item=item,
        rater=rater,
        aspect=aspect,
        value=value,
        outcome="skipped" if stored.kind == "skipped" else outcome,
        note=stored.note,
        evidence=stored.evidence,
        position=stored.position,
        time=stored.time,
        rubric=stored.rubric,
    )


def load_ratings(connection: Connection, study: Study, ratings: Sequence[Rating]) -> int:
    """Store ratings of a file; return how many items were new. The same file adds nothing twice.

    Raises InputError where a row is not of this study, an item has not all aspects, or a rater has
    other marks here already; nothing is stored then.
    """
    check_ratings(ratings, study)
    groups: dict[tuple[str, str], list[Rating]] = {}
    for rating in ratings:
        groups.setdefault((rating.rater, rating.item), []).append(rating)
    ids = ids_by_name(connection, study.about.name)
    return sum(
        _load_item(connection, study, ids[rater], group) for (rater, _), group in groups.items()
    )


def _load_item(connection: Connection, study: Study, person: int, group: list[Rating]) -> bool:
    first = group[0]
    sent = _as_submission(study, group)
    slot = _find_slot(connection, person, first)
    if slot.latest == sent.id:
        return False
    if slot.latest is not None:
        stored = read_stored(connection, [slot.latest])[slot.latest]
        if all(_same(sent, stored, name) for name in ("kind", "marks", "note", "evidence")):
            return False
        raise InputError(f"rater '{first.rater}' has other marks for item '{first.item}' here")
    add_submission(connection, slot, sent, first.position, first.time)
    return True


def _same(sent: Submission, stored: Stored, name: str) -> bool:
    return bool(getattr(sent, name) == getattr(stored, name))


def _as_submission(study: Study, group: list[Rating]) -> Submission:
    """Join the ratings of one item by one rater, which differ in aspect and mark only."""
    first, where = group[0], f"rater '{group[0].rater}', item '{group[0].item}'"
    missing = {aspect.key for aspect in study.rubric.aspects} - {one.aspect for one in group}
    if missing:
        raise InputError(f"{where}: no row for {', '.join(sorted(missing))}")
    shared = {(one.note, one.evidence, one.position, one.time) for one in group}
    skipped = {one.outcome == "skipped" for one in group}
    if len(shared) > 1 or len(skipped) > 1:
        raise InputError(f"{where}: the rows differ in more than aspect and mark")
    marks = {} if True in skipped else {one.aspect: one.value for one in group}
    name = f"{first.study}\n{first.rater}\n{first.item}\n{marks}\n{shared}"
    return Submission(
        id=str(uuid.uuid5(_LOADED, name)),
        kind="skipped" if True in skipped else "rated",
        marks=marks,
        note=first.note,
        evidence=first.evidence,
        rubric=study.about.rubric,
    )


def _find_slot(connection: Connection, person: int, rating: Rating) -> Slot:
    """Return the rater's place of an item; one that was given later, after a drop-out, is made."""
    query = select(places).where(places.c.person == person, places.c.item == rating.item)
    row = connection.execute(query).first()
    if row is None:
        place = Place(rater=rating.rater, item=rating.item, position=rating.position)
        add_places(connection, {rating.rater: person}, [place])
        row = connection.execute(query).one()
    return Slot(**row._mapping)
