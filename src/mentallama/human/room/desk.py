"""What the routes of a room share: the study, the database, and who is asking."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy import Connection, Engine

from mentallama.human.room.pages import Pages
from mentallama.human.room.people import hash_of
from mentallama.human.room.settings import Clock
from mentallama.human.room.store import Person, Role, find_person
from mentallama.human.room.writer import Writer
from mentallama.human.study import Study
from mentallama.types import Item
from mentallama.web.refusals import Refusal

COOKIE = "mentallama-room"
_NO_LINK = "This room opens with a personal link. Please open yours again."
_DROPPED = (
    "Your part in this study has ended. What you gave is kept; whoever leads the study can tell you"
    " more."
)
_WRONG_ROLE: Mapping[Role, str] = {
    "lead": "Only the lead of the study may see this.",
    "rater": "This is for raters; the lead does not rate.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the routes of one room share."""

    study: Study
    items: Mapping[str, Item]
    engine: Engine
    writer: Writer
    pages: Pages
    clock: Clock

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for reading."""
        with self.engine.connect() as connection:
            yield connection


def need_role(desk: Desk, connection: Connection, request: Request, role: Role) -> Person:
    """Return who asks; refuse whoever has no link, has left, or is not of this role."""
    person = who(desk, connection, request.cookies.get(COOKIE, ""))
    if person.role != role:
        raise Refusal(403, _WRONG_ROLE[role])
    return person


def who(desk: Desk, connection: Connection, token: str) -> Person:
    """Return whose token it is; refuse one that opens nothing.

    Tokens are looked up by their hash, so that the time it takes says nothing of the others.
    """
    person = find_person(connection, desk.study.about.name, hash_of(token)) if token else None
    if person is None:
        raise Refusal(401, _NO_LINK)
    if person.state == "dropped":
        raise Refusal(403, _DROPPED)
    return person
