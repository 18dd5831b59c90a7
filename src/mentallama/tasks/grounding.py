"""How an explanation is tied to its post: the quotes it gives, where they stand, what it copies."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mentallama.tasks.posts import text_key
from mentallama.types import Task

RUN = 5
"""Words in a run that counts as copied."""
_ELIDED = r"(?i:cause|cos|em|til|till|tis|twas|bout|round|n|d|s|t|ll|re|ve|\d+s?)\b"
"""Words that open with an apostrophe of their own, such as 'cause."""
QUOTED = re.compile(
    r"[\"\u201c]([^\"\u201c\u201d]{3,300}?)[\"\u201d]"
    r"|\u201e([^\u201e\u201c\u201d]{3,300}?)[\u201c\u201d]"
    r"|\u00ab\s*([^\u00ab\u00bb]{3,300}?)\s*\u00bb"
    # In single marks an apostrophe between letters is a letter; a closing mark has none behind it.
    r"|(?<!\w)\u2018(?=\w)((?:[^\u2018\u2019\"\u201c\u201d]|(?<=\w)\u2019(?=\w)){3,300}?)\u2019(?!\w)"
    rf"|(?<![\w'])'(?=\w)(?!{_ELIDED})((?:[^'\"\u201c\u201d\n]|(?<=\w)'(?=\w)){{3,300}}?)'(?![\w'])"
)
"""A passage in marks: double, low, angled, single curly, or single straight; one group each."""
_FEWEST = (2, 2, 2, 2, 3)
"""Words from which on each of these is a quote and not emphasis, or two stray apostrophes."""
_ELLIPSIS = re.compile(r"\.\.\.|\u2026|\[[^\]]*\]")
_WORD = re.compile(r"[\w']+")


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage that an explanation says the post contains, and where it stands there.

    Offsets are characters of the post, end excluded; None where it does not stand in it.
    """

    text: str
    start: int | None
    end: int | None


def find_quotes(task: Task, explanation: str, post: str, listed: Sequence[str] = ()) -> list[Quote]:
    """Find the quotes, listed or set in marks, and their places in the post.

    Case, punctuation, marks and white space do not count; an ellipsis splits a quote in two. Marked
    single words are emphasis, not quotes, and a label's own wording may stand in marks.
    """
    wordings = {
        text_key(text)
        for label in task.labels
        for text in (label.completion, label.phrase, *label.also)
    }
    quotes = []
    for quote in (*listed, *_marked(explanation)):
        for part in _ELLIPSIS.split(quote):
            if (key := text_key(part)) and key not in wordings:
                place = locate(post, part)
                start, end = place or (None, None)
                quotes.append(Quote(part.strip(), start, end))
    return quotes


def _marked(explanation: str) -> list[str]:
    """Return the passages in marks that are long enough for a quote."""
    passages = []
    for match in QUOTED.finditer(explanation):
        text, fewest = next((m, n) for m, n in zip(match.groups(), _FEWEST, strict=True) if m)
        if len(text.split()) >= fewest:
            passages.append(text)
    return passages


def locate(post: str, passage: str) -> tuple[int, int] | None:
    """Return where a passage stands in the post, by letters and digits alone."""
    key = text_key(passage)
    if not key:
        return None
    text, places = _letters(post, key.isascii())
    if (found := text.find(key)) >= 0:
        return places[found], places[found + len(key) - 1] + 1
    # A few characters change their number when lower-cased: the quote stands, its place is unsure.
    return (0, len(post)) if key in text_key(post) else None


@lru_cache(maxsize=4096)
def _letters(post: str, plain: bool) -> tuple[str, list[int]]:
    """Return what ``text_key`` keeps of a post, and where each of its characters stands."""
    if plain:
        places = [i for i, char in enumerate(post) if char.isascii() and char.isalnum()]
        return "".join(post[i].lower() for i in places), places
    places = [i for i, char in enumerate(post) if len(char.casefold()) == 1 and not char.isspace()]
    return "".join(post[i].casefold() for i in places), places


def copied_share(text: str, post: str) -> float | None:
    """Return which share of a text's runs of five words stands in the post; quotes do not count.

    None where the text has no such run.
    """
    own, known = runs(QUOTED.sub(" . ", text)), runs(post)
    total = sum(own.values())
    return sum(n for run, n in own.items() if run in known) / total if total else None


def runs(text: str) -> Counter[tuple[str, ...]]:
    """Count the runs of five words of a text."""
    return Counter(_runs(_WORD.findall(text.lower())))


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1))
