"""The panel: a few kind sentences and the lines of a country, from ``locales/*.yaml``.

A country's file (``en-GB``) holds its lines; what it leaves out (title, message, the note on the
numbers) is that of its language (``en``).
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict

from mentallama.errors import InputError, nearest
from mentallama.support.risk import speaks_of_risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A service that a person can turn to."""

    name: str
    contact: str
    url: str | None
    where: str
    hours: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What is shown to the person at the keyboard; no word of it comes from the text."""

    title: str
    message: str
    lines: tuple[Line, ...]
    sourced: str
    """When the numbers were written down, from where, and how far they were checked."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    contact: str
    url: str | None = None
    where: str
    hours: str | None = None
    source: str | None = None
    """Home page of the service; none for emergency numbers, which are common knowledge."""
    checked: date
    """When the line was written down; the language's note says how far that is a check."""


class _Locale(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    message: str
    note: str
    """How the numbers were come by; holds {date} and {sources}."""
    lines: tuple[_Entry, ...]
    always: tuple[_Entry, ...]
    """What follows the lines of every country that speaks the language."""


def find_support(text: str, locale: str = "en") -> Support | None:
    """Return the panel of a locale where a text speaks of risk, else None.

    A country without a file gets its language's. Raises InputError for an unknown language.
    """
    found = load_support(locale)
    return found if speaks_of_risk(text) else None


def load_support(locale: str = "en") -> Support:
    """Return the panel of a locale, whatever anybody wrote; raise InputError as find_support."""
    return _load(_resolve(locale))


def list_locales() -> list[str]:
    """Return the locales that have a file, by name."""
    names = (entry.name for entry in (files(__package__) / "locales").iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def _resolve(locale: str) -> str:
    by_fold = {name.casefold(): name for name in list_locales()}
    wanted = locale.strip().replace("_", "-").casefold()
    for name in (wanted, wanted.partition("-")[0]):
        if name in by_fold:
            return by_fold[name]
    known = ", ".join(by_fold.values())
    hint = nearest(wanted, by_fold.values())
    raise InputError(f"no crisis lines for the locale '{locale}'.{hint} Known: {known}.")


@lru_cache(maxsize=32)
def _load(name: str) -> Support:
    language = name.partition("-")[0]
    values = _Locale.model_validate({**_read(language), **_read(name)})
    entries = (*values.lines, *values.always)
    dates = sorted({entry.checked.isoformat() for entry in entries})
    sources = ", ".join(dict.fromkeys(entry.source for entry in entries if entry.source))
    return Support(
        title=values.title,
        message=values.message.strip(),
        lines=tuple(_line(entry) for entry in entries),
        sourced=values.note.strip().format(date=", ".join(dates), sources=sources),
    )


def _line(entry: _Entry) -> Line:
    return Line(
        name=entry.name,
        contact=entry.contact,
        url=entry.url,
        where=entry.where,
        hours=entry.hours,
    )


def _read(name: str) -> dict[str, object]:
    file = files(__package__) / "locales" / f"{name}.yaml"
    values: dict[str, object] = yaml.safe_load(file.read_text("utf-8"))
    return values
