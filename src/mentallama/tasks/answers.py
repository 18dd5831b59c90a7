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
_JOINER = re.compile(
    r"\s*(?:,\s*(?:and|or|as well as)\b|,|/|&|\band\b|\bor\b|\bas well as\b)\s*", re.IGNORECASE
)
_HARD_JOINER = re.compile(r"\s*(?:/|&|\band\b|\bor\b|\bas well as\b)", re.IGNORECASE)
_BOTH_WORDS = re.compile(r"(?:both\s+)?yes\s+and\s+no\b", re.IGNORECASE)
_WORD = re.compile(
    r"(yes|no)\b(?!\s*(?:/|\\|&|or\b|and\b))"
    r"(?=\s*(?:[.,;:!)\]}\"'\n–—-]|$)|\s+(?:the|this|that|it|they|there|i)\b)",  # noqa: RUF001
    re.IGNORECASE,
)
# Models answer in the language of a post now and then.
_ABROAD = {
    "yes": ("sí", "si", "ja", "oui", "sim", "sì", "да", "是的", "是", "はい", "نعم"),
    "no": ("nein", "nee", "non", "não", "nej", "нет", "否", "不是", "不", "いいえ", "لا"),
}
_WORD_ABROAD = re.compile(
    rf"(?:({'|'.join(_ABROAD['yes'])})|(?:{'|'.join(_ABROAD['no'])}))(?=\s*(?:[.,;:!,。、،]|$))",
    re.IGNORECASE,
)
_SUFFIX = (
    r"(?:[\s-]+related)?"
    r"(?:\s+(?:issues?|problems?|stress(?:ors?)?|matters|difficulties|concerns|reasons))?"
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
    if patterns.words and _BOTH_WORDS.match(text):
        return Opening(frozenset({"yes", "no"}), "yes/no word")
    if patterns.words and (match := _WORD.match(text)):
        return _read_word(patterns, match[1].lower(), text[match.end() :])
    if patterns.words and (match := _WORD_ABROAD.match(text)):
        return Opening(frozenset({"yes" if match[1] else "no"}), "yes/no word")
    return _read_names(patterns, text)


def name_at(task: Task, text: str) -> tuple[str, int] | None:
    """Return the label whose short name stands at the start or behind a stem, and where it ends."""
    patterns = _patterns(task)
    stem = patterns.stem.match(text) if patterns.stem else None
    return _first_match(patterns.names, text, stem.end() if stem else 0)


def names_joined(task: Task, text: str) -> set[str]:
    """Return the labels whose short names stand at the start, joined by commas, "and", "or".

    None where something that is no label is joined to them.
    """
    found, end = _joined(_patterns(task).names, text, 0)
    return set() if _HARD_JOINER.match(text, end) else found


def _read_word(patterns: _Patterns, key: str, rest: str) -> Opening:
    """Read "yes" or "no"; a statement of the other label right behind it is a second verdict."""
    statement = _read_names(patterns, rest[_SEPARATOR.match(rest).end() :])  # type: ignore[union-attr]
    labels = frozenset({key}) | (statement.labels if statement else frozenset())
    return Opening(labels, "yes/no word")


def _read_names(patterns: _Patterns, text: str) -> Opening | None:
    """Read one short name, or several joined by commas or "and", up to a boundary."""
    stem = patterns.stem.match(text) if patterns.stem else None
    found, end = _joined(patterns.names, text, stem.end() if stem else 0)
    if not found or _HARD_JOINER.match(text, end) or not _BOUNDARY.match(text, end):
        return None
    return Opening(frozenset(found), "stem and short name" if stem else "short name")


def _joined(
    names: tuple[tuple[str, re.Pattern[str]], ...], text: str, position: int
) -> tuple[set[str], int]:
    """Return the labels named one after the other from a position on, and where the last ends."""
    found: set[str] = set()
    end = position
    while match := _first_match(names, text, position):
        key, end = match
        found.add(key)
        joiner = _JOINER.match(text, end)
        if not joiner:
            break
        position = joiner.end()
    return found, end


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
        names=tuple((key, _compile_name(name, "" if words else _SUFFIX)) for key, name in names),
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


def _compile_name(name: str, suffix: str) -> re.Pattern[str]:
    return re.compile(rf"[\"'(]?{_source(name)}\b{suffix}\b", re.IGNORECASE)


def _compile(text: str) -> re.Pattern[str]:
    return re.compile(_source(text), re.IGNORECASE)
