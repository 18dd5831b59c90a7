"""What a request passes before a route of any server of ours sees it: origin and body."""

import asyncio
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mentallama.web.log import log_failure
from mentallama.web.refusals import refuse

More = Callable[[str, int], Mapping[str, str]]
"""More headers, by path and status."""
Seen = Callable[[str, str, int, float], None]
"""Told of a request's method, path, status and seconds."""
_GONE = 499
"""Said where the client went away before there was an answer."""

_OWN_SITE = (None, "same-origin", "none")
_SWALLOWED = 16
"""A body of up to so many times the limit is read and thrown away: a client that still sends when
it is refused sees a broken connection and not the refusal."""
HEADERS = {
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
"""Headers of every answer."""


class Shield:
    """Sets the headers of every answer, says how each request ended, lets no exception through."""

    def __init__(
        self, app: ASGIApp, *, headers: More | None = None, seen: Seen | None = None
    ) -> None:
        """``headers`` gives more of them for a path and a status; ``seen`` is told of each end."""
        self._app = app
        self._more, self._seen = headers, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and answer in the place of whatever fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start, path = 0, time.perf_counter(), scope["path"]

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                more = self._more(path, status) if self._more else {}
                MutableHeaders(scope=message).update({**HEADERS, **more})
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            log_failure("request", error)
            if not status:
                answer = refuse(500, "the server failed; its log names the kind of error")
                await answer(scope, receive, sending)
        finally:
            if self._seen:
                seconds = time.perf_counter() - start
                self._seen(scope["method"], path, status or _GONE, seconds)


class Body:
    """Reads bodies of bounded length in bounded time before anything else sees them."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes, self._seconds = max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on with its body read, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        await take_body(
            self._app, scope, receive, send, max_bytes=self._max_bytes, seconds=self._seconds
        )


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


async def take_body(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, max_bytes: int, seconds: float
) -> None:
    """Read a body of bounded length in bounded time, then hand the request on; refuse others."""
    try:
        async with asyncio.timeout(seconds):
            body = await _read(receive, max_bytes, Headers(scope=scope))
    except TimeoutError:
        line = f"the body took longer than {seconds:g} seconds"
        await refuse(408, line, {"Connection": "close"})(scope, receive, send)
        return
    except _TooLongError:
        line = f"the body is longer than {max_bytes:,} bytes; send less at a time"
        await refuse(413, line, {"Connection": "close"})(scope, receive, send)
        return
    except _GoneError:
        return
    await app(scope, _again(body, receive), send)


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
