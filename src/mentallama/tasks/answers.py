"""Which label a text opens with, by anchored phrases alone.

Anchored means: the wording stands at the very start of the text and ends at a boundary, so that
"know" is never "no", "yesterday" never "yes" and "work and school" never just "work".
The wordings come from the task values; nothing is guessed and nothing is forced into a class.

Example (invented): SAD, "This post shows the stress cause related to family issues. Reasoning: ..."
opens with ``family`` by the rule "label sentence".
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from mentallama.types import Label, Task

_BOUNDARY = re.compile(
    r"\s*(?:[.,;:!)\]}\"'\n]|$)|\s+(?:because|since|as|based on|reasoning)\b", re.IGNORECASE
)
_JOINER = re.compile(r"\s*(?:,\s*(?:and|or)\b|,|/|&|\band\b|\bor\b)\s*", re.IGNORECASE)
_HARD_JOINER = re.compile(r"\s*(?:/|&|\band\b|\bor\b)", re.IGNORECASE)
_WORD = re.compile(
    r"(yes|no)\b(?!\s*(?:/|\\|&|or\b|and\b))"
    r"(?=\s*(?:[.,;:!)\]}\"'\n–—-]|$)|\s+(?:the|this|that|it|they|there|i)\b)",  # noqa: RUF001
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\s.,;:!–—-]*")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Opening:
    """The labels that a text opens with (usually one) and the rule that read them."""

    labels: frozenset[str]
    rule: str


@dataclass(frozen=True, slots=True)
class _Patterns:
    sentences: tuple[tuple[str, re.Pattern[str]], ...]
    names: tuple[tuple[str, re.Pattern[str]], ...]
    stem: re.Pattern[str] | None
    words: bool


def read_opening(task: Task, text: str) -> Opening | None:
    """Return what ``text`` opens with, or None where no wording of the task stands there."""
    patterns = _patterns(task)
    text = text.lstrip(" \t\r\n\"'([")
    for key, pattern in patterns.sentences:
        if (match := pattern.match(text)) and _BOUNDARY.match(text, match.end()):
            return Opening(frozenset({key}), "label sentence")
    if patterns.words and (match := _WORD.match(text)):
        return _read_word(patterns, match[1].lower(), text[match.end() :])
    return _read_names(patterns, text)


def _read_word(patterns: _Patterns, key: str, rest: str) -> Opening:
    """Read "yes" or "no"; a statement of the other label right behind it is a second verdict."""
    statement = _read_names(patterns, rest[_SEPARATOR.match(rest).end() :])  # type: ignore[union-attr]
    labels = frozenset({key}) | (statement.labels if statement else frozenset())
    return Opening(labels, "yes/no word")


def _read_names(patterns: _Patterns, text: str) -> Opening | None:
    """Read one short name, or several joined by commas or "and", up to a boundary."""
    stem = patterns.stem.match(text) if patterns.stem else None
    position = stem.end() if stem else 0
    found: set[str] = set()
    end = None
    while match := _first_match(patterns.names, text, position):
        key, end = match
        found.add(key)
        joiner = _JOINER.match(text, end)
        if not joiner:
            break
        position = joiner.end()
    if end is None or _HARD_JOINER.match(text, end) or not _BOUNDARY.match(text, end):
        return None
    return Opening(frozenset(found), "stem and short name" if stem else "short name")


def _first_match(
    names: tuple[tuple[str, re.Pattern[str]], ...], text: str, position: int
) -> tuple[str, int] | None:
    for key, pattern in names:
        if match := pattern.match(text, position):
            return key, match.end()
    return None


@lru_cache(maxsize=64)
def _patterns(task: Task) -> _Patterns:
    sentences = [(label.key, _compile(label.phrase.rstrip("."))) for label in task.labels]
    words = all(label.completion in ("yes", "no") for label in task.labels)
    names = [
        (label.key, name) for label in task.labels for name in _short_names(task, label, words)
    ]
    # Longest first: "health issues" must not be read as "health" followed by something else.
    names.sort(key=lambda pair: -len(pair[1]))
    stems = sorted(task.stems, key=len, reverse=True)
    stem = "|".join(_source(text) for text in stems)
    return _Patterns(
        sentences=tuple(sentences),
        names=tuple((key, re.compile(rf"[\"'(]?{_source(name)}\b", re.I)) for key, name in names),
        stem=re.compile(rf"(?:{stem})\b\s*:?\s*", re.I) if stem else None,
        words=words,
    )


def _short_names(task: Task, label: Label, words: bool) -> list[str]:
    names = label.also if words else (label.completion, *label.also)
    aspects = task.aspects or ("",)
    return [
        name.replace("{aspect}", aspect)
        for name in names
        for aspect in (aspects if "{aspect}" in name else ("",))
    ]


def _source(text: str) -> str:
    return r"\s+".join(re.escape(word) for word in text.split())


def _compile(text: str) -> re.Pattern[str]:
    return re.compile(_source(text), re.IGNORECASE)
