"""The room over HTTP. Nothing here knows who wrote an answer: the key is never opened."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import Engine, text
from starlette.middleware import Middleware

from mentallama import NOTICE, __version__
from mentallama.human.room.bodies import EnterBody, NoBody
from mentallama.human.room.desk import COOKIE, Desk, who
from mentallama.human.room.lead import add_lead
from mentallama.human.room.pages import Pages, load_files
from mentallama.human.room.rating import add_rating
from mentallama.human.room.settings import Clock, RoomSettings, utc_now
from mentallama.human.room.store import LEAD, list_slots
from mentallama.human.room.writer import Writer
from mentallama.human.study import Study
from mentallama.web.guards import Body, Origin, Shield
from mentallama.web.refusals import Refusal, add_refusals, refuse

STATIC = "/static/"
_KEPT = {"Cache-Control": "private, max-age=604800, immutable"}
"""Files whose address changes with their content may be kept by the browser."""


def make_room(
    study: Study, engine: Engine, settings: RoomSettings | None = None, clock: Clock = utc_now
) -> FastAPI:
    """Return the application in which a study is rated; its people are in the database."""
    settings = settings or RoomSettings()
    version, static = load_files()
    desk = Desk(
        study=study,
        items={item.id: item for item in study.items},
        engine=engine,
        writer=Writer(engine),
        pages=Pages(study, settings, version),
        clock=clock,
    )
    app = FastAPI(
        title="mentallama rating room",
        version=__version__,
        description=NOTICE,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(desk),
        middleware=[
            Middleware(Shield, headers=_keep),
            Middleware(Origin, hosts=settings.hosts),
            Middleware(Body, max_bytes=settings.max_bytes, seconds=settings.body_seconds),
        ],
    )
    add_refusals(app)
    _word_refusals(app, desk.pages)
    _add_door(app, desk)
    _add_state(app, desk, version, static)
    add_rating(app, desk)
    add_lead(app, desk)
    return app


def _lifespan(desk: Desk) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # What the imports left is not searched for garbage: that would hold a submit up for 0.2 s.
        gc.collect()
        gc.freeze()
        yield
        gc.unfreeze()
        desk.writer.close()
        desk.engine.dispose()

    return lifespan


def _keep(path: str, status: int) -> dict[str, str]:
    return _KEPT if path.startswith(STATIC) and status == 200 else {}


def _word_refusals(app: FastAPI, pages: Pages) -> None:
    """Answer refusals of pages with a page, those of requests with a line of JSON."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        if request.url.path.startswith("/v1/"):
            return refuse(error.status, error.line)
        return HTMLResponse(pages.render_door(error.line), error.status)

    app.add_exception_handler(Refusal, answer)


def _add_door(app: FastAPI, desk: Desk) -> None:
    @app.get("/", include_in_schema=False)
    def index(request: Request) -> Response:
        with desk.reading() as connection:
            person = who(desk, connection, request.cookies.get(COOKIE, ""))
        return RedirectResponse("/lead" if person.role == LEAD else "/rate", 303)

    @app.get("/enter", response_class=HTMLResponse, include_in_schema=False)
    async def door() -> HTMLResponse:
        return HTMLResponse(desk.pages.render_door(None))

    @app.post("/v1/enter")
    def enter(body: EnterBody, request: Request) -> JSONResponse:
        """Open a personal link: its secret comes back as a cookie that no script can read."""
        with desk.reading() as connection:
            person = who(desk, connection, body.token)
            new = not any(slot.latest for slot in list_slots(connection, person.id))
        rater = "/start" if new else "/rate"
        answer = JSONResponse({"next": "/lead" if person.role == LEAD else rater})
        behind = request.headers.get("x-forwarded-proto", request.url.scheme)
        answer.set_cookie(
            COOKIE, body.token, httponly=True, samesite="strict", secure=behind == "https"
        )
        return answer

    @app.post("/v1/leave")
    async def leave(body: NoBody) -> JSONResponse:
        """Forget the link in this browser."""
        answer = JSONResponse({"next": "/enter"})
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def _add_state(
    app: FastAPI, desk: Desk, version: str, static: dict[str, tuple[bytes, str]]
) -> None:
    @app.get("/health")
    def health() -> dict[str, str]:
        """Say 200 where the database answers."""
        with desk.reading() as connection:
            connection.execute(text("SELECT 1"))
        return {"status": "ok"}

    @app.get(STATIC + "{of}/{name}", include_in_schema=False)
    async def file(of: str, name: str) -> Response:
        if of != version or name not in static:
            raise Refusal(404, "There is no such file.")
        content, kind = static[name]
        return Response(content, media_type=kind)
