"""A small language of phrases, and a book that finds many of them in one text.

    want ~2 to (die|be dead)      "want so badly to die"

A word is itself, ``stem*`` any ending; ``(a|b c)`` one of these, ``[a]`` may be missing, ``~2`` up
to two words of any kind, ``{name}`` a named group. Nothing repeats without a bound, so a search
takes time in proportion to the text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mentallama.support.spelling import plain_words

_PIECE = re.compile(r"\{\w+\}|~\d+|[()\[\]|.^$]|[^\s(){}\[\]|~.^$]+")
_COMMON_WORDS = (
    "a all am and any are at be but can do for have he i if in is it just like me more my no "
    "not of on or she so that the they this to up want was we were what when will with would "
    "you . ^ $ "
)
_COMMON = frozenset(_COMMON_WORDS.split())

Places = dict[str, tuple[int, int]]
_REACH = 150
"""Letters on either side of its rarest word within which a phrase is looked for."""

Needs = tuple[frozenset[str], ...]
"""Sets of words (or stems); a text without any word of one of them cannot hold the phrase."""


@dataclass(frozen=True, eq=False)
class Phrase:
    """One phrase as an expression, compiled when first needed."""

    source: str
    needs: Needs

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression; it runs over spelled text."""
        return re.compile(f"{self.source}(?= )")


class PhraseBook:
    """Named groups of phrases, found in spelled text by the rarest word that each needs."""

    def __init__(
        self, groups: Iterable[tuple[str, Iterable[str]]], names: Mapping[str, str]
    ) -> None:
        """Read ``groups`` of (name, phrases); ``names`` holds what stands in braces."""
        self._by_word: dict[str, list[tuple[str, Phrase]]] = defaultdict(list)
        self.words: set[str] = set()
        for name, texts in groups:
            for text in texts:
                self._add(name, parse(text, names))
        self._stems = {word[:-1] for word in self.words if word.endswith("*")}
        self._lengths = sorted({len(stem) for stem in self._stems})

    def _add(self, name: str, phrase: Phrase) -> None:
        rarest = min(phrase.needs, key=lambda need: (len(need & _COMMON), len(need)))
        for word in rarest:
            self._by_word[word].append((name, phrase))
        self.words.update(*phrase.needs)

    def find(self, spelled: str, places: Places) -> Iterator[tuple[str, int, int]]:
        """Yield (group, start, end) of every phrase in a spelled text with these places."""
        places = {**places, **self._stem_places(places)} if self._stems else places
        present = set(places)
        near: dict[tuple[str, Phrase], tuple[int, int]] = {}
        for word in self._by_word.keys() & present:
            first, last = places[word]
            for pair in self._by_word[word]:
                low, high = near.get(pair, (first, last))
                near[pair] = min(low, first), max(high, last)
        for (name, phrase), (first, last) in near.items():
            if any(need.isdisjoint(present) for need in phrase.needs):
                continue
            stretch = max(0, first - _REACH), last + _REACH
            for found in phrase.pattern.finditer(spelled, *stretch):
                yield name, found.start(), found.end()

    def _stem_places(self, places: Places) -> Places:
        """Return the places of the stems that words of a text begin with."""
        found: Places = {}
        for word, (first, last) in places.items():
            for length in self._lengths:
                if word[:length] in self._stems:
                    stem = f"{word[:length]}*"
                    low, high = found.get(stem, (first, last))
                    found[stem] = min(low, first), max(high, last)
        return found


def find_places(spelled: str) -> Places:
    """Return where each word of a spelled text stands first and last."""
    places: Places = {}
    at = 0
    for word in spelled.split():
        places[word] = places[word][0] if word in places else at, at
        at += len(word) + 1
    return places


def parse(text: str, names: Mapping[str, str]) -> Phrase:
    """Read one phrase. Raises ValueError where it is not well formed or may match nothing."""
    pieces = _PIECE.findall(text)
    source, needs = _read_sequence(pieces, names)
    if pieces or not needs:
        raise ValueError(f"not a phrase: {text}")
    return Phrase(source, needs)


def _read_sequence(pieces: list[str], names: Mapping[str, str]) -> tuple[str, Needs]:
    """Read up to a closing bracket or a bar, taking what was read off ``pieces``."""
    source, needs = "", list[frozenset[str]]()
    while pieces and pieces[0] not in (")", "]", "|"):
        part, wanted = _read_piece(pieces, names)
        source += part
        needs += wanted
    return source, tuple(needs)


def _read_piece(pieces: list[str], names: Mapping[str, str]) -> tuple[str, Needs]:
    piece = pieces.pop(0)
    if piece == "(":
        return _read_choice(pieces, names, ")")
    if piece == "[":
        return _read_choice(pieces, names, "]")[0] + "?", ()
    if piece[0] == "{":
        return _read_choice([*_PIECE.findall(names[piece[1:-1]]), ")"], names, ")")
    if piece[0] == "~":
        return rf"(?: \w+){{0,{piece[1:]}}}", ()
    return _read_word(piece)


def _read_choice(pieces: list[str], names: Mapping[str, str], close: str) -> tuple[str, Needs]:
    options = [_read_sequence(pieces, names)]
    while pieces and pieces[0] == "|":
        pieces.pop(0)
        options.append(_read_sequence(pieces, names))
    if not pieces or pieces.pop(0) != close:
        raise ValueError(f"no {close} where one is due")
    return _join([source for source, _ in options]), _needs([needs for _, needs in options])


def _join(options: list[str]) -> str:
    """Write a choice; a space that all options begin with goes first, which matches faster."""
    if all(option[:1] == " " for option in options):
        return f"(?: (?:{'|'.join(option[1:] for option in options)}))"
    return f"(?:{'|'.join(options)})"


def _needs(options: list[Needs]) -> Needs:
    """Return what a choice needs: one word of any option, if every option needs one."""
    if not all(options):
        return ()
    rarest = [min(needs, key=lambda need: len(need & _COMMON)) for needs in options]
    return (frozenset().union(*rarest),)


@lru_cache(maxsize=4096)
def _read_word(piece: str) -> tuple[str, Needs]:
    if piece in (".", "^", "$"):
        return f" {re.escape(piece)}", (frozenset(piece),)
    words = plain_words(piece)
    if not words or "?" in piece:
        raise ValueError(f"not a word: {piece}")
    stem = piece.endswith("*")
    source = "".join(f" {word}" for word in words) + (r"\w*" if stem else "")
    keys = [*words[:-1], words[-1] + "*" if stem else words[-1]]
    return source, tuple(frozenset([key]) for key in keys)
