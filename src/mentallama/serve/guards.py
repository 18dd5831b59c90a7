"""What a request passes before a route sees it: watch, origin, token, place and body."""

import asyncio
import hmac
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mentallama.serve.log import log_failure
from mentallama.serve.metrics import Metrics
from mentallama.serve.pool import Pool
from mentallama.serve.refusals import refuse
from mentallama.serve.settings import Settings, digest

STATIC = "/static/"
QUEUED = ("/v1/analyse", "/v1/analyse/batch")
_PATHS = frozenset({"/", "/health", "/metrics", "/openapi.json", "/v1/support", *QUEUED})
_OPEN = frozenset({"/", "/health", "/openapi.json"})
"""What may be had without a token: nothing of anybody's."""
_OWN_SITE = (None, "same-origin", "none")
_RETRY_SECONDS = 2
_GONE = 499
"""Counted where the client went away before there was an answer."""
_SWALLOWED = 16
"""A body of up to so many times the limit is read and thrown away: a client that still sends when
it is refused sees a broken connection and not the refusal."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def template(path: str) -> str:
    """Return the route's path, so that what a client makes up is not counted by name."""
    if path.startswith(STATIC):
        return f"{STATIC}{{name}}"
    return path if path in _PATHS else "other"


class Watch:
    """Counts requests, sets the headers of every answer and lets no exception through."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and answer in the place of whatever fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 0, time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            log_failure("request", error)
            if not status:
                answer = refuse(500, "the server failed; its log names the kind of error")
                await answer(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - start
            path = template(scope["path"])
            self._metrics.count_request(scope["method"], path, status or _GONE, seconds)


class Origin:
    """Answers only under the server's own names and only its own page.

    A name that was bent to this machine (DNS rebinding) and forms on other sites stay outside.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request that names another host or comes from another site."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._hosts and _host(headers.get("host", "")) not in self._hosts:
            line = "this server does not answer under that host name"
            await refuse(400, line)(scope, receive, send)
        elif scope["method"] == "POST" and headers.get("sec-fetch-site") not in _OWN_SITE:
            await refuse(403, "requests of other sites are refused")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _host(header: str) -> str:
    """Return the name in a Host header without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


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
        limit = self._settings.max_bytes
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                body = await _read(receive, limit, Headers(scope=scope))
        except TimeoutError:
            line = f"the body took longer than {self._settings.body_seconds:g} seconds"
            await refuse(408, line, {"Connection": "close"})(scope, receive, send)
            return
        except _TooLongError:
            line = f"the body is longer than {limit:,} bytes; send less at a time"
            await refuse(413, line, {"Connection": "close"})(scope, receive, send)
            return
        except _GoneError:
            return
        await self._app(scope, _again(body, receive), send)


class _TooLongError(Exception):
    """A body is over the limit."""


class _GoneError(Exception):
    """The client went away."""


async def _read(receive: Receive, limit: int, headers: Headers) -> bytes:
    """Return a body of up to ``limit`` bytes; never hold more than that."""
    most = limit * _SWALLOWED
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _TooLongError
    body, size, more = bytearray(), 0, True
    while more and size <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= limit:
            body += chunk
        else:
            body.clear()
    if size > limit:
        raise _TooLongError
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body once, and then what comes behind it."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
