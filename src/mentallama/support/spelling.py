"""Text as people type it, brought to one plain spelling for the phrases to be looked up in.

Case, accents, curly and dropped apostrophes, stretched letters, digits and signs in place of
letters, letters with gaps between them: all of it ends as words with one space before each.

>>> from mentallama.support.risk import spell
>>> spell("I cant sleeeep")
' ^ i can not sleep . $ '
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import groupby
from unicodedata import category, normalize

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u0060\u00b4\uff07"), "'")
_QUOTES = dict.fromkeys(map(ord, "\u201c\u201d\u201e"), '"')
_SAME: dict[int, int | str] = {**_APOSTROPHES, **_QUOTES, **str.maketrans("łøđı", "lodi")}
_LEET = str.maketrans("0134578@$!", "oieastbasi")
_ALONE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"  # scripts that put no space between words
_LETTER = rf"[^\W_{_ALONE}]"
_TOKEN = re.compile(
    rf"(?P<word>[@$]?{_LETTER}(?:['@$*!]?{_LETTER})*|[{_ALONE}])"
    r"|[.!?;:\u2026]+(?=[\s\"')\]]|$)|\n\s*\n|[\u3002\u2600-\u27bf\U0001f300-\U0001faff]"
)
_LONG = re.compile(r"(.)\1\1+")
_SIGNS = re.compile(r"['@$*!]")
_SUFFIXES = {"'ll": "will", "'d": "would", "'ve": "have", "'re": "are", "'m": "am"}
_LONGEST_RUN = 60


def fold(text: str) -> str:
    """Lower the case; drop accents and what cannot be seen."""
    text = text.casefold().translate(_SAME)
    if text.isascii():
        return text
    marks = {"Mn", "Mc", "Me", "Cf"}
    return "".join(c for c in normalize("NFKD", text) if category(c) not in marks).translate(_SAME)


def plain_words(text: str) -> list[str]:
    """Cut a phrase of ours into words, as a text would be cut, without respelling any."""
    return [_SIGNS.sub("", found["word"]) for found in _TOKEN.finditer(fold(text)) if found["word"]]


def _tokens(text: str) -> Iterator[str]:
    """Cut a text into words as they are written, and a dot where a sentence ends."""
    return (found["word"] or "." for found in _TOKEN.finditer(fold(text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speller:
    """How words are respelled: from what is written to what the phrases say."""

    spellings: Mapping[str, tuple[str, ...]]
    is_after: Set[str]
    """Words after which 's stands for "is"; after others it is dropped."""
    masked: tuple[str, ...]
    """Words that people write with stars in them."""
    vocabulary: Set[str]
    """Every word of the phrases: what a stretched or disguised word may turn out to be."""

    def spell(self, text: str) -> str:
        """Return the text's words, one space before each; ^ opens it, . ends a sentence, $ all.

        A word said twice in a row is kept once.
        """
        read = (word for raw in self._join(_tokens(text)) for word in self._read(raw))
        words = [word for word, _ in groupby(read)]
        end = ["$"] if words[-1:] == ["."] else [".", "$"]
        return " ".join(["", "^", *words, *end, ""])

    def _read(self, word: str) -> tuple[str, ...]:
        if word == ".":
            return (word,)
        if word.isalpha():
            return self.spellings.get(word) or self._shrink(word)
        return self._decode(word)

    def _shrink(self, word: str) -> tuple[str, ...]:
        """Take stretched letters back, to one or to two as a word is known with."""
        if word in self.vocabulary or not _LONG.search(word):
            return (word,)
        shorter = (_LONG.sub(r"\1", word), _LONG.sub(r"\1\1", word))
        known = next(
            (w for w in shorter if w in self.vocabulary or w in self.spellings), shorter[0]
        )
        return self.spellings.get(known, (known,))

    def _decode(self, word: str) -> tuple[str, ...]:
        """Read a word with apostrophes, digits or signs in it."""
        if "'" in word:
            return self._contraction(word)
        if "*" in word:
            shape = re.compile(re.escape(word).replace(r"\*", "."))
            return tuple(w for w in self.masked if shape.fullmatch(w))[:1] or (word[:1],)
        plain = word.translate(_LEET)
        read = self.spellings.get(plain) or self._shrink(plain)
        if not word.isdigit() and read[0] in self.vocabulary:
            return read
        return tuple(filter(None, _SIGNS.split(word)))

    def _contraction(self, word: str) -> tuple[str, ...]:
        joined = word.replace("'", "")
        if word in self.spellings or joined in self.spellings:
            return self.spellings.get(word) or self.spellings[joined]
        head, mark, tail = word.rpartition("'")
        if mark + tail in _SUFFIXES:
            return (*self._decode_head(head), _SUFFIXES[mark + tail])
        if tail == "s" and head in self.is_after:
            return (head, "is")
        return (_SIGNS.sub("", joined),)

    def _decode_head(self, head: str) -> tuple[str, ...]:
        return self.spellings.get(head, (_SIGNS.sub("", head),))

    def _join(self, words: Iterable[str]) -> Iterator[str]:
        """Put letters that stand apart together again: three or more in a row are a word."""
        for single, run in groupby(words, lambda w: len(w) == 1 and "a" <= w <= "z"):
            letters = list(run)
            if single and 3 <= len(letters) <= _LONGEST_RUN:
                yield from self._segment("".join(letters))
            else:
                yield from letters

    def _segment(self, letters: str) -> list[str]:
        """Cut a string into the fewest known words; leave it whole where that cannot be done."""
        best: list[list[str] | None] = [[]]
        for end in range(1, len(letters) + 1):
            options = [
                [*before, letters[start:end]]
                for start in range(max(0, end - 12), end)
                if (before := best[start]) is not None and letters[start:end] in self.vocabulary
            ]
            best.append(min(options, key=len, default=None))
        return best[-1] or [letters]
