"""What a server may take on, and whom it answers."""

import hashlib
from dataclasses import dataclass, field

from mentallama.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The limits of one server."""

    max_bytes: int = 1_000_000
    """Longest body of a request."""
    max_texts: int = 64
    """Most posts of one batch."""
    workers: int = 1
    """Requests analysed at a time."""
    queue: int = 64
    """Requests that may wait; one more is told to come again."""
    body_seconds: float = 30
    """Longest time that a body may take to arrive."""
    locale: str = "en"
    """Language and region of the help that is shown with posts of people at risk."""
    hosts: tuple[str, ...] = LOOPBACK
    """Names under which the server may be asked; empty for any."""
    token_hash: bytes | None = field(default=None, repr=False)
    """What ``hash_token`` makes of the token that requests must bear; None for none."""


def hash_token(token: str) -> bytes:
    """Return what is kept of a token; raise InputError where it is too short to be a secret."""
    if len(token) < _SHORTEST_TOKEN:
        raise InputError(f"the token is too short; use {_SHORTEST_TOKEN} characters or more")
    return digest(token.encode())


def digest(token: bytes) -> bytes:
    """Return the hash under which tokens are compared."""
    return hashlib.sha256(token).digest()
