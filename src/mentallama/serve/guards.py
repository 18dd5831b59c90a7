"""What a request to the analyser passes before a route sees it: token, place and body."""

import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mentallama.serve.pool import Pool
from mentallama.serve.settings import Settings
from mentallama.web.guards import take_body
from mentallama.web.refusals import refuse
from mentallama.web.tokens import digest

STATIC = "/static/"
QUEUED = ("/v1/analyse", "/v1/analyse/batch")
_PATHS = frozenset({"/", "/health", "/metrics", "/openapi.json", "/v1/support", *QUEUED})
_OPEN = frozenset({"/", "/health", "/openapi.json"})
"""What may be had without a token: nothing of anybody's."""
_RETRY_SECONDS = 2


def template(path: str) -> str:
    """Return the route's path, so that what a client makes up is not counted by name."""
    if path.startswith(STATIC):
        return f"{STATIC}{{name}}"
    return path if path in _PATHS else "other"


class Token:
    """Asks for the token, where there is one."""

    def __init__(self, app: ASGIApp, token_hash: bytes | None) -> None:
        self._app = app
        self._hash = token_hash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request without the token, unless nothing of anybody's is asked for."""
        if scope["type"] != "http" or self._hash is None or self._may_pass(scope, self._hash):
            await self._app(scope, receive, send)
            return
        line = "a token is needed: send it as 'Authorization: Bearer TOKEN'"
        await refuse(401, line, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _may_pass(self, scope: Scope, token_hash: bytes) -> bool:
        path = scope["path"]
        if path in _OPEN or path.startswith(STATIC):
            return True
        header = Headers(scope=scope).get("authorization", "")
        kind, _, token = header.partition(" ")
        given = digest(token.strip().encode("utf-8", "surrogateescape"))
        return kind.lower() == "bearer" and hmac.compare_digest(given, token_hash)


class Intake:
    """Gives an analysis a place in the queue, and then reads a body of bounded length."""

    def __init__(self, app: ASGIApp, pool: Pool, settings: Settings) -> None:
        self._app = app
        self._pool = pool
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is too much or too long; hand on the rest with the body read."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
        elif scope["path"] not in QUEUED:
            await self._take(scope, receive, send)
        elif self._pool.full:
            line = f"all places are taken; try again in {_RETRY_SECONDS} seconds"
            answer = refuse(503, line, {"Retry-After": str(_RETRY_SECONDS)})
            await answer(scope, receive, send)
        else:
            with self._pool.place():
                await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits = self._settings
        await take_body(
            self._app,
            scope,
            receive,
            send,
            max_bytes=limits.max_bytes,
            seconds=limits.body_seconds,
        )
