"""Who takes part: putting a study's people into the database, their links, and who leaves."""

import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from mentallama.errors import InputError, nearest
from mentallama.human.assignment import reassign
from mentallama.human.room.store import LEAD, Person, add_places, list_all_slots, list_people
from mentallama.human.room.tables import people, places, studies
from mentallama.human.study import About, Place, Study
from mentallama.web.tokens import digest


def register(connection: Connection, study: Study) -> None:
    """Put a study's people and places into the database, where they are not there yet.

    Raises InputError where the database has another study of that name.
    """
    about = study.about
    if LEAD in about.raters:
        raise InputError(f"a rater may not be called '{LEAD}': that is the one who leads")
    found = connection.execute(select(studies).where(studies.c.name == about.name)).first()
    if found is not None:
        _need_same(about, found.created, found.rubric)
        return
    connection.execute(
        insert(studies).values(name=about.name, created=about.created, rubric=about.rubric)
    )
    names = [(LEAD, LEAD), *((name, "rater") for name in about.raters)]
    rows = [
        {"study": about.name, "name": name, "role": role, "state": "active"} for name, role in names
    ]
    connection.execute(insert(people), rows)
    add_places(connection, ids_by_name(connection, about.name), list(study.places))


def _need_same(about: About, created: str, rubric: str) -> None:
    if (created, rubric) != (about.created, about.rubric):
        raise InputError(
            f"the database holds another study called '{about.name}' (made {created}, by {rubric});"
            " name another --db"
        )


def ids_by_name(connection: Connection, study: str) -> dict[str, int]:
    """Return the ids of people by name."""
    return {person.name: person.id for person in list_people(connection, study)}


def hash_of(token: str) -> str:
    """Return what the database keeps of a token."""
    return digest(token.encode()).hex()


def invite(connection: Connection, study: str, again: Sequence[str] = ()) -> dict[str, str]:
    """Make tokens for all who have none, and new ones for those named; return them by name.

    They cannot be had a second time. Raises InputError for a name that is not there.
    """
    known = list_people(connection, study)
    for name in again:
        need_person(known, name)
    bare = set(
        connection.scalars(
            select(people.c.name).where(people.c.study == study, people.c.token_hash.is_(None))
        )
    )
    made = {}
    for person in known:
        if person.name in again or (not again and person.name in bare):
            made[person.name] = secrets.token_urlsafe(32)
            connection.execute(
                update(people)
                .where(people.c.id == person.id)
                .values(token_hash=hash_of(made[person.name]))
            )
    return made


def need_person(known: Sequence[Person], name: str) -> Person:
    """Return a person by name; raise InputError where there is none."""
    for person in known:
        if person.name == name:
            return person
    names = [person.name for person in known]
    raise InputError(f"nobody here is called '{name}'.{nearest(name, names)}")


def drop(connection: Connection, about: About, name: str) -> list[Place]:
    """Let a rater go: what they rated stays, what is open goes to others; return the new places.

    Raises InputError where that is not possible, and changes nothing then.
    """
    known = list_people(connection, about.name)
    gone = need_person(known, name)
    if gone.role == LEAD:
        raise InputError("the lead cannot be dropped")
    if gone.state == "dropped":
        raise InputError(f"'{name}' was dropped before")
    slots = list_all_slots(connection, about.name)
    added = reassign(
        [Place(rater=rater, item=slot.item, position=slot.position) for rater, slot in slots],
        {(rater, slot.item) for rater, slot in slots if slot.latest},
        name,
        [person.name for person in known if person.role == "rater" and person.state == "active"],
        overlap=about.overlap,
    )
    connection.execute(update(people).where(people.c.id == gone.id).values(state="dropped"))
    connection.execute(
        update(places)
        .where(places.c.person == gone.id, places.c.latest.is_(None))
        .values(state="given_up")
    )
    add_places(connection, {person.name: person.id for person in known}, added)
    return added
