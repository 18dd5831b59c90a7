"""Noticing that a client has gone, so that nothing more is computed for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Event

from fastapi import Request

_SECONDS = 0.5
"""Time between two looks."""


@asynccontextmanager
async def until_gone(request: Request) -> AsyncIterator[Event]:
    """Give an event that is set once the client of a request has gone."""
    gone = Event()
    watcher = asyncio.create_task(_watch(request, gone))
    try:
        yield gone
    finally:
        # Also where the server is being stopped: what runs in a thread ends with its post.
        gone.set()
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


async def _watch(request: Request, gone: Event) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_SECONDS)
    gone.set()
