"""The routes of raters: the item to rate next, those rated before, and what is given."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy import Connection

from mentallama.human.room.bodies import SubmissionBody, check
from mentallama.human.room.desk import Desk, need_role
from mentallama.human.room.pages import split_sentences
from mentallama.human.room.settings import as_stamp
from mentallama.human.room.store import (
    ClashError,
    NotAssignedError,
    Slot,
    StaleError,
    Stored,
    find_slot,
    list_slots,
    read_stored,
    submit,
)
from mentallama.types import Item
from mentallama.web.refusals import Refusal


def add_rating(app: FastAPI, desk: Desk) -> None:
    """Add the routes of raters."""
    _add_pages(app, desk)
    _add_requests(app, desk)


def _add_pages(app: FastAPI, desk: Desk) -> None:
    @app.get("/start", response_class=HTMLResponse, include_in_schema=False)
    def start(request: Request) -> HTMLResponse:
        with desk.reading() as connection:
            person = need_role(desk, connection, request, "rater")
            slots = list_slots(connection, person.id)
        return HTMLResponse(desk.pages.render("start", person=person.name, **_count(slots)))

    @app.get("/rate", response_class=HTMLResponse, include_in_schema=False)
    def rate(request: Request) -> HTMLResponse:
        with desk.reading() as connection:
            person = need_role(desk, connection, request, "rater")
            slots = list_slots(connection, person.id)
            slot = next((slot for slot in slots if slot.state == "open"), None)
            return HTMLResponse(_render(desk, connection, person.name, slots, slot))

    @app.get("/items/{item}", response_class=HTMLResponse, include_in_schema=False)
    def item(item: str, request: Request) -> HTMLResponse:
        with desk.reading() as connection:
            person = need_role(desk, connection, request, "rater")
            slot = _need_slot(desk, connection, person.id, item)
            slots = list_slots(connection, person.id)
            return HTMLResponse(_render(desk, connection, person.name, slots, slot))


def _add_requests(app: FastAPI, desk: Desk) -> None:
    @app.get("/v1/next")
    def next_item(request: Request) -> JSONResponse:
        """Give the item to rate next, or null at the end."""
        with desk.reading() as connection:
            person = need_role(desk, connection, request, "rater")
            slots = list_slots(connection, person.id)
        slot = next((slot for slot in slots if slot.state == "open"), None)
        scales = {aspect.key: aspect.scores for aspect in desk.study.rubric.aspects}
        about = {"rubric": desk.study.rubric.stamp, "scales": scales, **_count(slots)}
        return JSONResponse({"item": _show(desk.items[slot.item]) if slot else None, **about})

    @app.post("/v1/submissions")
    async def give(body: SubmissionBody, request: Request) -> JSONResponse:
        """Store what a rater gives an item; answered when it is on disk."""
        time = as_stamp(desk.clock())
        future = desk.writer.do(lambda connection: _give(desk, connection, request, body, time))
        try:
            stored = await asyncio.wrap_future(future)
        except StaleError as error:
            line = "this item has other marks by now, from another tab or window"
            return JSONResponse({"error": line, "stored": _show_stored(error.stored)}, 409)
        except ClashError:
            raise Refusal(409, "this id was used for other marks; make a new one") from None
        about = {"id": stored.id, "item": body.item, "kind": stored.kind}
        return JSONResponse({**about, "sequence": stored.sequence, "time": stored.time})


def _give(
    desk: Desk, connection: Connection, request: Request, body: SubmissionBody, time: str
) -> Stored:
    person = need_role(desk, connection, request, "rater")
    slot = _need_slot(desk, connection, person.id, body.item)
    return submit(connection, slot, check(body, desk.items[body.item], desk.study.rubric), time)


def _need_slot(desk: Desk, connection: Connection, person: int, item: str) -> Slot:
    """Return a rater's place; refuse an item that is nobody's or somebody else's."""
    if item not in desk.items:
        raise Refusal(404, "There is no such item in this study.")
    try:
        return find_slot(connection, person, item)
    except NotAssignedError:
        raise Refusal(403, "This item is not one of yours.") from None


def _show(item: Item) -> dict[str, str]:
    """Return what a rater may know of an item."""
    return {"id": item.id, "post": item.post, "question": item.question, "answer": item.answer}


def _show_stored(stored: Stored | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    about = {"id": stored.id, "kind": stored.kind, "marks": stored.marks, "note": stored.note}
    return {**about, "evidence": stored.evidence}


def _count(slots: Sequence[Slot]) -> dict[str, int]:
    """Return how many items are done, and of how many."""
    return {"done": sum(slot.state != "open" for slot in slots), "of": len(slots)}


def _render(
    desk: Desk, connection: Connection, person: str, slots: Sequence[Slot], slot: Slot | None
) -> str:
    """Return the page of an item, or the last page where there is none."""
    stored = read_stored(connection, [one.latest for one in slots if one.latest])
    values = {"person": person, **_count(slots), "back": _find_back(slots, stored, slot)}
    if slot is None:
        skipped = [one for one in slots if one.state == "skipped"]
        return desk.pages.render("done", skipped=skipped, **values)
    shown, given = _show(desk.items[slot.item]), stored.get(slot.latest or "")
    aspects = [
        {"key": aspect.key, "title": aspect.title, "scores": aspect.scores}
        for aspect in desk.study.rubric.aspects
    ]
    about = {
        "item": slot.item,
        "post": shown["post"],
        "sentences": split_sentences(shown["post"]),
        "stored": _show_stored(given),
        "rubric": desk.study.rubric.stamp,
        "aspects": aspects,
        "back": values["back"],
    }
    return desk.pages.render(
        "rate", item=shown, about=about, given=given, position=slot.position, **values
    )


def _find_back(slots: Sequence[Slot], stored: dict[str, Stored], slot: Slot | None) -> str | None:
    """Return the address of the item that was given marks last, before those of this one."""
    given = {one.item: stored[one.latest].sequence for one in slots if one.latest}
    now = given.get(slot.item, math.inf) if slot else math.inf
    before = [item for item, sequence in given.items() if sequence < now]
    return f"/items/{max(before, key=given.__getitem__)}" if before else None
