"""What a request passes before a route sees it: headers of every answer, and the body."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mentallama.human.room.settings import RoomSettings
from mentallama.web.guards import HEADERS, take_body
from mentallama.web.log import log_failure
from mentallama.web.refusals import refuse

STATIC = "/static/"
_KEPT = {"Cache-Control": "private, max-age=604800, immutable"}
"""Files whose address changes with their content may be kept by the browser."""


class Shield:
    """Sets the headers of every answer, bounds bodies and lets no exception through."""

    def __init__(self, app: ASGIApp, settings: RoomSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and answer in the place of whatever fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                kept = scope["path"].startswith(STATIC) and message["status"] == 200
                headers = {**HEADERS, **(_KEPT if kept else {})}
                MutableHeaders(scope=message).update(headers)
            await send(message)

        try:
            await self._pass(scope, receive, sending)
        except Exception as error:
            log_failure("request", error)
            if not started:
                line = "the server failed; its log names the kind of error"
                await refuse(500, line)(scope, receive, sending)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        limits = self._settings
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        await take_body(
            self._app,
            scope,
            receive,
            send,
            max_bytes=limits.max_bytes,
            seconds=limits.body_seconds,
        )
