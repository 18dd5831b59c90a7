"""What a server may take on, and whom it answers."""

from dataclasses import dataclass, field

from mentallama.web.tokens import LOOPBACK


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
