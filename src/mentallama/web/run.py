"""Listening on an address, and running the application there until it is told to stop."""

import asyncio
import errno
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from mentallama.errors import InputError

_CONNECTIONS = 1000
"""A last bound: beyond it a connection is refused before anything is read."""
_GRACE_SECONDS = 5


def bind(host: str, port: int) -> socket.socket:
    """Take an address; raise InputError where that is not possible."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise InputError(f"--host {host}: no such address") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise InputError(_explain(error, host, port)) from None
    return listener


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; stop what uses it, or name another --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} may not be used; name one above 1023 with --port"
    return f"--host {host} --port {port}: {error.strerror}"


def address_of(listener: socket.socket) -> str:
    """Return the address under which a server on this socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: FastAPI, listener: socket.socket, on_start: Callable[[], None]) -> None:
    """Serve until interrupted; call ``on_start`` once requests are taken."""
    asyncio.run(_serve(uvicorn.Server(configure(app)), listener, on_start))


def configure(app: FastAPI) -> uvicorn.Config:
    """Return how the application is served: no access log, and no trust in a proxy's headers."""
    return uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


async def _serve(
    server: uvicorn.Server, listener: socket.socket, on_start: Callable[[], None]
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        on_start()
    await serving
