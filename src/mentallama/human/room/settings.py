"""What a room takes on, whom it answers, and how it cares for raters."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mentallama.errors import InputError
from mentallama.web.tokens import LOOPBACK

_SPAN = re.compile(r"(?P<count>\d{1,4})(?P<minutes>m?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of work; 0 for no end."""

    count: int
    unit: str
    """"minutes" or "items"."""


def parse_span(text: str) -> Span:
    """Read ``25m`` (minutes), ``40`` (items) or ``0`` (never); raise InputError."""
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise InputError(
            f"'{text}': expected minutes such as 25m, items such as 40, or 0 for never"
        )
    return Span(count=int(found["count"]), unit="minutes" if found["minutes"] else "items")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings:
    """The limits of one room."""

    break_after: Span = Span(count=25, unit="minutes")
    """When a break is suggested, again and again."""
    session_limit: Span = Span(count=60, unit="items")
    """When a session gently ends; it can be gone on with."""
    locale: str = "en"
    """Language and region of the help lines."""
    hosts: tuple[str, ...] = LOOPBACK
    """Names under which the room may be asked; empty for any."""
    max_bytes: int = 64_000
    """Longest body of a request."""
    body_seconds: float = 30
    """Longest time that a body may take to arrive."""


Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def as_stamp(time: datetime) -> str:
    """Write a time as it stands on ratings: UTC, milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
