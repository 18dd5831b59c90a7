"""The application: its routes, and the guards before them."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.middleware import Middleware

from mentallama import NOTICE, __version__
from mentallama.analysis import Analyser, analyse, as_reply, list_questions
from mentallama.errors import InputError, nearest
from mentallama.serve.disconnect import until_gone
from mentallama.serve.guards import Intake, Token, template
from mentallama.serve.health import Health
from mentallama.serve.metrics import CONTENT_TYPE, Metrics
from mentallama.serve.page import describe_models, render_page
from mentallama.serve.pool import Pool
from mentallama.serve.records import (
    AnalyseBody,
    BatchBody,
    BatchReply,
    ErrorReply,
    HealthReply,
    Reply,
    SupportBody,
    SupportReply,
)
from mentallama.serve.settings import Settings
from mentallama.tasks import list_tasks
from mentallama.web.guards import Origin, Shield
from mentallama.web.log import log_failure
from mentallama.web.refusals import Refusal, add_refusals, refuse
from mentallama.web.static import load_static

FindSupport = Callable[[str, str], Any]
"""Given a text and a locale, returns what to show to somebody at risk, or None."""
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorReply} for status in (400, 401, 403, 404, 408, 413, 422, 500, 503)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the routes of one server share."""

    analysers: Mapping[str, Analyser]
    settings: Settings
    pool: Pool
    health: Health
    metrics: Metrics

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count an answered request under its route."""
        self.metrics.count_request(method, template(path), status, seconds)


def make_app(
    analysers: Mapping[str, Analyser],
    settings: Settings | None = None,
    support: FindSupport | None = None,
) -> FastAPI:
    """Return the application that serves these analysers; the first is asked by default."""
    settings = settings or Settings()
    pool = Pool(workers=settings.workers, queue=settings.queue)
    desk = Desk(
        analysers=analysers,
        settings=settings,
        pool=pool,
        health=Health(analysers, pool.start),
        metrics=Metrics(lambda: pool.waiting),
    )
    app = FastAPI(
        title="mentallama",
        version=__version__,
        description=NOTICE,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(desk),
        responses=_ERRORS,
        middleware=[
            Middleware(Shield, seen=desk.count),
            Middleware(Origin, hosts=settings.hosts),
            Middleware(Token, token_hash=settings.token_hash),
            Middleware(Intake, pool=pool, settings=settings),
        ],
    )
    add_refusals(app)
    _add_analysis(app, desk)
    _add_support(app, desk, support)
    _add_state(app, desk)
    _add_page(app, desk)
    return app


def _lifespan(desk: Desk) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk.health.check()
        yield
        desk.pool.close()

    return lifespan


def _add_analysis(app: FastAPI, desk: Desk) -> None:
    @app.post("/v1/analyse", response_model=Reply)
    async def analyse_post(body: AnalyseBody, request: Request) -> JSONResponse:
        """Say what a post is taken to show."""
        replies = await _answer(desk, request, [body.text], body.tasks, body.model)
        return JSONResponse(replies[0] if replies else None)

    @app.post("/v1/analyse/batch", response_model=BatchReply)
    async def analyse_posts(body: BatchBody, request: Request) -> JSONResponse:
        """Say what each of several posts is taken to show."""
        most = desk.settings.max_texts
        if len(body.texts) > most:
            raise Refusal(422, f"texts: {len(body.texts)} posts; send up to {most} at a time")
        results = await _answer(desk, request, body.texts, body.tasks, body.model)
        return JSONResponse({"results": results})


async def _answer(
    desk: Desk,
    request: Request,
    posts: Sequence[str],
    tasks: Sequence[str] | None,
    model: str | None,
) -> list[dict[str, Any]]:
    """Analyse posts in a thread of the pool; fewer come back only where the client has left."""
    name = _choose(desk.analysers, model)
    _check_tasks(tasks)
    async with until_gone(request) as gone:
        replies = await desk.pool.run(
            lambda: _analyse(posts, desk.analysers[name], tasks, gone.is_set)
        )
    if replies is None:
        desk.health.doubt(name)
        raise Refusal(500, "the model failed on this request; the log names the kind of error")
    desk.metrics.count_posts(name, len(replies))
    return replies


def _analyse(
    posts: Sequence[str],
    analyser: Analyser,
    tasks: Sequence[str] | None,
    gone: Callable[[], bool],
) -> list[dict[str, Any]] | None:
    """Return the replies, or None where the analyser failed.

    Its exception ends here: it may quote a post, and what leaves a thread may be logged.
    """
    replies: list[dict[str, Any]] = []
    try:
        if not gone():
            for analyses in analyse(posts, analyser=analyser, tasks=tasks):
                replies.append(as_reply(analyses))
                if gone():
                    break
    except Exception as error:
        log_failure("analysis", error)
        return None
    return replies


def _choose(analysers: Mapping[str, Analyser], model: str | None) -> str:
    if model is None:
        return next(iter(analysers))
    if model not in analysers:
        raise Refusal(404, f"no such model here; this server has {', '.join(analysers)}")
    return model


def _check_tasks(tasks: Sequence[str] | None) -> None:
    """Refuse tasks that are not known; the name that was sent is not repeated."""
    known = [task.key for task in list_tasks()]
    for number, key in enumerate(tasks or ()):
        if key not in known:
            hint = nearest(key[:40], known) or f" Known: {', '.join(known)}."
            raise Refusal(422, f"tasks.{number}: no such task.{hint}")
    try:
        list_questions(tasks)
    except InputError as error:
        raise Refusal(422, f"tasks: {error}") from None


def _add_support(app: FastAPI, desk: Desk, support: FindSupport | None) -> None:
    @app.post("/v1/support", response_model=SupportReply)
    def find_support(body: SupportBody) -> Any:
        """Say whether help should be shown beside a post; no label depends on it."""
        locale = body.locale or desk.settings.locale
        try:
            return {"support": support(body.text, locale) if support else None}
        except Exception as error:
            log_failure("support", error)
        return refuse(500, "the search for help failed; the log names the kind of error")


def _add_state(app: FastAPI, desk: Desk) -> None:
    @app.get("/health", response_model=HealthReply)
    async def health() -> JSONResponse:
        """Say 200 once every model has answered a real question, and 503 otherwise."""
        ok = desk.health.ok
        if not ok:
            desk.health.check()
        reply = {"status": "ok" if ok else "not ready", "models": desk.health.states}
        return JSONResponse(reply, 200 if ok else 503)

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Give the server's counts to Prometheus."""
        return Response(desk.metrics.render(), media_type=CONTENT_TYPE)


def _add_page(app: FastAPI, desk: Desk) -> None:
    page = render_page(describe_models(desk.analysers), desk.settings)
    files = load_static("mentallama.serve")

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in files:
            raise Refusal(404, "there is no such file")
        content, kind = files[name]
        return Response(content, media_type=kind)
