"""What is stored: people, their places, and submissions, of which the last one counts."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from mentallama.human.room.tables import people, places, submissions
from mentallama.human.study import Place

Role = Literal["lead", "rater"]
Kind = Literal["rated", "skipped"]
LEAD = "lead"
"""Role and name of the person who leads a study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a link."""

    id: int
    study: str
    name: str
    role: Role
    state: Literal["active", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An item in a rater's order, and what became of it."""

    id: int
    person: int
    item: str
    position: int
    state: Literal["open", "rated", "skipped", "given_up"]
    latest: str | None
    """The submission that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a rater sent for one item."""

    id: str
    """Made by who sends it: the same one sent twice is stored once."""
    replaces: str | None = None
    """The submission that this one corrects."""
    kind: Kind
    marks: Mapping[str, int | None]
    """By aspect; None for "cannot judge"; empty where the item was skipped."""
    note: str = ""
    evidence: tuple[tuple[int, int], ...] = ()
    rubric: str
    seconds: float = 0.0
    """How long the item was looked at, as the page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Submission):
    """A submission that is on disk."""

    sequence: int
    position: int
    time: str


class NotAssignedError(Exception):
    """The item is not, or no longer, one of this rater's."""


class StaleError(Exception):
    """The item has another submission than the one that was to be replaced."""

    def __init__(self, stored: Stored | None) -> None:
        super().__init__("stale")
        self.stored = stored


class ClashError(Exception):
    """The id stands for another submission."""


# Made once: making a statement takes longer than running it.
_PEOPLE = (
    select(*(people.c[field.name] for field in fields(Person)))
    .where(people.c.study == bindparam("study"))
    .order_by(people.c.id)
)
_BY_TOKEN = _PEOPLE.where(people.c.token_hash == bindparam("token_hash"))
_SLOT = select(places).where(
    places.c.person == bindparam("person"), places.c.item == bindparam("item")
)
_SUBMISSION = select(submissions).where(submissions.c.id == bindparam("id"))
_ADD = insert(submissions)
_COUNT = (
    update(places)
    .where(places.c.id == bindparam("slot"))
    .values(latest=bindparam("counts"), state=bindparam("kind"))
)


def find_person(connection: Connection, study: str, token_hash: str) -> Person | None:
    """Return who has the token of this hash."""
    row = connection.execute(_BY_TOKEN, {"study": study, "token_hash": token_hash}).first()
    return Person(**row._mapping) if row else None


def list_people(connection: Connection, study: str) -> list[Person]:
    """Return everybody, the lead first, then in the study's order."""
    return [Person(**row._mapping) for row in connection.execute(_PEOPLE, {"study": study})]


def list_slots(connection: Connection, person: int) -> list[Slot]:
    """Return a rater's items in their order, without those that were given up."""
    query = select(places).where(places.c.person == person, places.c.state != "given_up")
    return [Slot(**row._mapping) for row in connection.execute(query.order_by(places.c.position))]


def list_all_slots(connection: Connection, study: str) -> list[tuple[str, Slot]]:
    """Return all places of a study with the names of their raters, given-up ones too."""
    query = (
        select(people.c.name, places)
        .join_from(places, people)
        .where(people.c.study == study)
        .order_by(people.c.id, places.c.position)
    )
    return [_split(row) for row in connection.execute(query)]


def _split(row: Row[Any]) -> tuple[str, Slot]:
    values = dict(row._mapping)
    return values.pop("name"), Slot(**values)


def add_places(connection: Connection, ids: Mapping[str, int], added: list[Place]) -> None:
    """Give raters (ids by name) more items."""
    rows = [
        {
            "person": ids[place.rater],
            "item": place.item,
            "position": place.position,
            "state": "open",
        }
        for place in added
    ]
    if rows:
        connection.execute(insert(places), rows)


def read_stored(connection: Connection, ids: list[str]) -> dict[str, Stored]:
    """Return submissions by id."""
    found: dict[str, Stored] = {}
    for start in range(0, len(ids), 500):
        query = select(submissions).where(submissions.c.id.in_(ids[start : start + 500]))
        found |= {row.id: _as_stored(row) for row in connection.execute(query)}
    return found


def _as_stored(row: Row[Any]) -> Stored:
    values = dict(row._mapping)
    del values["place"]
    values["evidence"] = tuple((start, end) for start, end in values["evidence"])
    return Stored(**values)


def find_slot(connection: Connection, person: int, item: str) -> Slot:
    """Return a rater's place of an item; raise NotAssignedError where it is not theirs."""
    row = connection.execute(_SLOT, {"person": person, "item": item}).first()
    if row is None or row.state == "given_up":
        raise NotAssignedError
    return Slot(**row._mapping)


def submit(connection: Connection, slot: Slot, sent: Submission, time: str) -> Stored:
    """Store a submission, once; return what is stored.

    Raises ClashError, or StaleError where another one counts by now.
    """
    before = connection.execute(_SUBMISSION, {"id": sent.id}).first()
    if before is not None:
        return _again(before, slot, sent)
    if slot.latest != sent.replaces:
        latest = read_stored(connection, [slot.latest]) if slot.latest else {}
        raise StaleError(latest.get(slot.latest or ""))
    return add_submission(connection, slot, sent, slot.position, time)


def _again(before: Row[Any], slot: Slot, sent: Submission) -> Stored:
    """Return what an id is stored for, where that is what was sent."""
    stored = _as_stored(before)
    own = [field.name for field in fields(Submission) if field.name != "seconds"]
    same = all(getattr(stored, name) == getattr(sent, name) for name in own)
    if before.place != slot.id or not same:
        raise ClashError
    return stored


def add_submission(
    connection: Connection, slot: Slot, sent: Submission, position: int, time: str
) -> Stored:
    """Add a submission and let it count."""
    values = {field.name: getattr(sent, field.name) for field in fields(Submission)}
    values |= {"marks": dict(sent.marks), "position": position, "time": time}
    added = connection.execute(_ADD, {"place": slot.id, **values})
    connection.execute(_COUNT, {"slot": slot.id, "counts": sent.id, "kind": sent.kind})
    key = added.inserted_primary_key
    assert key is not None
    return Stored(sequence=key[0], **values)
