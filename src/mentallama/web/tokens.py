"""Secrets that a request bears; only their hash is kept."""

import hashlib

from mentallama.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names of this machine to itself."""
_SHORTEST_TOKEN = 16


def hash_token(token: str) -> bytes:
    """Return what is kept of a token; raise InputError where it is too short to be a secret."""
    if len(token) < _SHORTEST_TOKEN:
        raise InputError(f"the token is too short; use {_SHORTEST_TOKEN} characters or more")
    return digest(token.encode())


def digest(token: bytes) -> bytes:
    """Return the hash under which tokens are compared."""
    return hashlib.sha256(token).digest()
