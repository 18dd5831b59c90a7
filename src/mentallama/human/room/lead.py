"""The routes of the lead: how the study stands, who leaves, and the ratings as a file."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from mentallama.errors import InputError
from mentallama.human.ratings import write_ratings
from mentallama.human.room.desk import Desk, need_role
from mentallama.human.room.people import drop
from mentallama.human.room.progress import measure_live_agreement, measure_progress
from mentallama.human.room.transfer import as_ratings
from mentallama.web.refusals import Refusal

_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class DropBody(BaseModel):
    """Who leaves."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(max_length=200)]


def add_lead(app: FastAPI, desk: Desk) -> None:
    """Add the routes of the lead."""

    @app.get("/lead", response_class=HTMLResponse, include_in_schema=False)
    def lead(request: Request) -> HTMLResponse:
        with desk.reading() as connection:
            person = need_role(desk, connection, request, "lead")
            progress = measure_progress(connection, desk.study)
            agreement = measure_live_agreement(connection, desk.study)
        now = desk.clock().strftime("%H:%M")
        return HTMLResponse(
            desk.pages.render(
                "lead",
                person=person.name,
                study=desk.study.about.name,
                progress=progress,
                agreement=agreement,
                now=now,
            )
        )

    @app.get("/lead/ratings.{kind}", include_in_schema=False)
    def ratings(kind: Literal["csv", "jsonl"], request: Request) -> Response:
        with desk.reading() as connection:
            need_role(desk, connection, request, "lead")
            found = as_ratings(connection, desk.study)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"ratings.{kind}"
            write_ratings(path, found)
            content = path.read_bytes()
        name = f'attachment; filename="ratings.{kind}"'
        return Response(content, media_type=_TYPES[kind], headers={"Content-Disposition": name})

    @app.post("/v1/drop")
    async def drop_rater(body: DropBody, request: Request) -> JSONResponse:
        """Let a rater go; open items go to others."""
        work = desk.writer.do(lambda connection: _drop(desk, connection, request, body.name))
        moved = await asyncio.wrap_future(work)
        return JSONResponse({"name": body.name, "reassigned": moved})


def _drop(desk: Desk, connection: Connection, request: Request, name: str) -> int:
    """Let a rater go; return how many items others were given."""
    need_role(desk, connection, request, "lead")
    try:
        return len(drop(connection, desk.study.about, name))
    except InputError as error:
        raise Refusal(409, str(error)) from None
