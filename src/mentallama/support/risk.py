"""Whether a text speaks of risk to somebody's life, the writer's or another's.

Families of meaning, not a classifier: what each holds, and why, stands in ``words/*.yaml``. The
aim is to miss nobody; a panel shown to somebody who needs none does little harm.
"""

from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from mentallama.support.phrases import PhraseBook, Places, find_places
from mentallama.support.spelling import Speller

_HINTS_APART = 110
_SHORT = 33  # spaces in a spelled text

Strength = Literal["clear", "hint", "short"]


class Family(BaseModel):
    """Phrases of one meaning, and why they are looked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    why: str
    strength: Strength = "clear"
    """One clear phrase is enough; a hint needs another beside it; "short" counts as clear in a
    text of a few words and not at all in a long one."""
    phrases: str
    """One a line."""


class Idiom(BaseModel):
    """Phrases that excuse a match whose last word they cover."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    why: str
    unless: str = ""
    """A name among the idioms' signs: where the text holds one of its phrases, nothing is
    excused."""
    given: str = ""
    """The same, the other way round: excused only where the text holds one of its phrases."""
    phrases: str


class _Spelling(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    spellings: dict[str, str]
    is_after: str
    masked: str


def speaks_of_risk(text: str) -> bool:
    """Say whether a text speaks of a risk to somebody's life."""
    return bool(find_families(text))


def find_families(text: str) -> tuple[str, ...]:
    """Return the families of meaning that were found, in no case any words of the text."""
    spelled = spell(text)
    places = find_places(spelled)
    found = list(_phrases("clear").find(spelled, places))
    if spelled.count(" ") <= _SHORT:
        found += _phrases("short").find(spelled, places)
    hints = list(_phrases("hint").find(spelled, places))
    excused = _excused(spelled, places) if found or len(hints) > 1 else set()
    clear = {family for family, _, end in found if end not in excused}
    left = sorted((start, family) for family, start, end in hints if end not in excused)
    return tuple(sorted(clear | _pair(left)))


def _pair(hints: list[tuple[int, str]]) -> set[str]:
    """Return the families of hints that stand close to a hint of another family."""
    close = [
        {one, other}
        for (first, one), (second, other) in pairwise(hints)
        if one != other and second - first <= _HINTS_APART
    ]
    return set().union(*close)


def spell(text: str) -> str:
    """Bring a text to the spelling that the phrases are written in."""
    return _speller().spell(text)


def _excused(spelled: str, places: Places) -> set[int]:
    """Return every position that an idiom covers; a match that ends there is excused."""
    found = list(_idiom_phrases().find(spelled, places))
    names = {name for name, _, _ in found}
    idioms = _idioms()
    covered: set[int] = set()
    for name, start, end in found:
        idiom = idioms.get(name)
        if idiom and idiom.unless not in names and (not idiom.given or idiom.given in names):
            covered.update(range(start + 1, end + 1))
    return covered


@lru_cache(maxsize=8)
def _read(name: str) -> Any:
    return yaml.safe_load((files(__package__) / "words" / name).read_text("utf-8"))


@lru_cache(maxsize=1)
def _families() -> tuple[Family, ...]:
    rows = [row for name in ("families.yaml", "languages.yaml") for row in _read(name)]
    return tuple(Family.model_validate(row) for row in rows)


@lru_cache(maxsize=1)
def _idioms() -> dict[str, Idiom]:
    rows = [Idiom.model_validate(row) for row in _read("idioms.yaml")["idioms"]]
    return {idiom.name: idiom for idiom in rows}


@lru_cache(maxsize=3)
def _phrases(strength: Strength) -> PhraseBook:
    chosen = (family for family in _families() if family.strength == strength)
    return PhraseBook(((f.name, f.phrases.splitlines()) for f in chosen), _read("groups.yaml"))


@lru_cache(maxsize=1)
def _idiom_phrases() -> PhraseBook:
    signs: dict[str, str] = _read("idioms.yaml")["signs"]
    texts = {**signs, **{name: idiom.phrases for name, idiom in _idioms().items()}}
    groups = ((name, phrases.splitlines()) for name, phrases in texts.items())
    return PhraseBook(groups, _read("groups.yaml"))


@lru_cache(maxsize=1)
def _speller() -> Speller:
    spelling = _Spelling.model_validate(_read("spelling.yaml"))
    books = (_phrases("clear"), _phrases("short"), _phrases("hint"), _idiom_phrases())
    words = set(spelling.masked.split()).union(*(book.words for book in books))
    return Speller(
        spellings={old: tuple(new.split()) for old, new in spelling.spellings.items()},
        is_after=frozenset(spelling.is_after.split()),
        masked=tuple(spelling.masked.split()),
        vocabulary=frozenset(w.rstrip("*") for w in words if len(w) > 1 or w == "i"),
    )
