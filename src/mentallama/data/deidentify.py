"""What identifies people, taken out of a post before it leaves the machine.

Handles, subreddits, links, e-mail addresses and phone numbers are found by pattern, names by a
recogniser that the caller passes in. Each gets a placeholder that is stable within a text: the same
handle is [USER_1] wherever it stands. Example (invented): "ask u/blue_kettle at 07700 900461"
becomes "ask [USER_1] at [PHONE_1]".
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mentallama.errors import InputError
from mentallama.io import read_text

Names = Callable[[str], Iterable[tuple[int, int]]]
"""Finds names in a text: pairs of start and end, end excluded."""

_DOMAIN_ENDS = (
    "com|org|net|edu|gov|io|co|uk|us|ca|de|fr|in|au|nz|ie|me|ly|gg|tv|fm|be|info|app|dev|xyz"
    "|example|test|invalid"
)
_PATTERN = re.compile(
    rf"""
      (?P<email>  (?<![\w.+-]) [A-Za-z0-9][\w.+-]{{0,63}} @ [A-Za-z0-9-]{{1,63}} (?: \.[A-Za-z0-9-]{{1,63}} ){{1,5}} )
    | (?P<url>    \b https?:// [^\s<>"'\])]+ | \b www\. [^\s<>"'\])]+
                | (?<![\w@./-]) (?: [a-z0-9-]{{1,63}} \. ){{1,4}} (?: {_DOMAIN_ENDS} ) (?: / [^\s<>"'\])]* | \b (?![\w.@-]) ) )
    | (?P<subreddit> (?<![\w/]) /? r/ [A-Za-z0-9_]{{2,21}} \b )
    | (?P<user>   (?<![\w/]) /? u/ [A-Za-z0-9_-]{{2,20}} \b | (?<![\w@.]) @ [A-Za-z0-9_](?:[\w.]{{0,28}}\w)?
                | (?<![\w#]) [A-Za-z][\w.]{{1,31}} \# \d{{4}} \b )
    | (?P<phone>  (?<![\w.,$£€:/+-]) (?: \+ | \(? (?=0|\d{{3}}) | (?=1[ .-]\(?\d{{3}}[) .-]) ) \d[\d()\ .\t-]{{6,18}} \d (?![\w:/%-]|[.,]\d) )
    """,  # noqa: E501
    re.VERBOSE | re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\[(?:USER|SUBREDDIT|URL|EMAIL|PHONE|NAME)_(\d{1,6})\]")
_DATE = re.compile(
    r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d"
    r"|(?:19|20)\d\d ?- ?(?:19|20)\d\d"
)
_END = ".,;:!?'\")]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where an identifier stood, and where its placeholder stands; ends are excluded."""

    kind: str
    start: int
    end: int
    new_start: int
    new_end: int
    placeholder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """A text without identifiers, and the map back."""

    text: str
    spans: tuple[Span, ...]
    originals: tuple[str, ...] = field(repr=False)
    """What stood at each span; never shown."""

    def kinds(self) -> Counter[str]:
        """Count the identifiers replaced, by kind."""
        return Counter(span.kind for span in self.spans)


def deidentify(text: str, *, names: Names | None = None) -> Deidentified:
    """Replace what identifies people.

    A text that is de-identified already stays as it is; new placeholders are numbered behind those
    that it holds.
    """
    found = _without_overlaps([*_find(text), *_find_names(text, names)])
    first = 1 + max((int(match[1]) for match in _PLACEHOLDER.finditer(text)), default=0)
    numbers: dict[tuple[str, str], int] = {}
    parts: list[str] = []
    spans: list[Span] = []
    position = length = 0
    for start, end, kind in found:
        same = (kind, text[start:end].casefold().lstrip("/"))
        number = numbers.setdefault(same, first + sum(1 for other, _ in numbers if other == kind))
        placeholder = f"[{kind.upper()}_{number}]"
        parts += (text[position:start], placeholder)
        new_start = length + start - position
        length = new_start + len(placeholder)
        position = end
        spans.append(
            Span(
                kind=kind,
                start=start,
                end=end,
                new_start=new_start,
                new_end=length,
                placeholder=placeholder,
            )
        )
    return Deidentified(
        text="".join([*parts, text[position:]]),
        spans=tuple(spans),
        originals=tuple(text[span.start : span.end] for span in spans),
    )


def restore_offset(result: Deidentified, position: int) -> int:
    """Return where a position of the new text lies in the original one.

    Inside a placeholder, it is the start of what stood there.
    """
    number = bisect_right([span.new_start for span in result.spans], position) - 1
    if number < 0:
        return position
    span = result.spans[number]
    return span.start if position < span.new_end else position - span.new_end + span.end


def restore(result: Deidentified, text: str) -> str:
    """Put the identifiers back into a text that quotes the placeholders."""
    known = {
        span.placeholder: original
        for span, original in zip(reversed(result.spans), reversed(result.originals), strict=True)
    }
    return _PLACEHOLDER.sub(lambda match: known.get(match[0], match[0]), text)


def names_from(path: Path) -> Names:
    """Make a recogniser from a file of names, one a line; whole words, case as it stands there."""
    names = sorted({line.strip() for line in read_text(path).splitlines() if line.strip()})
    if not names:
        raise InputError(f"{path}: no names; expected one a line")
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")
    return lambda text: [match.span() for match in pattern.finditer(text)]


def _find(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _PATTERN.finditer(text):
        kind = str(match.lastgroup)
        start, end = match.span()
        if kind == "phone" and not _is_phone(match[0]):
            continue
        if kind in ("url", "email"):
            end = start + len(match[0].rstrip(_END))
        yield start, end, kind


def _is_phone(text: str) -> bool:
    """Tell a phone number from a date, a range of years or a long count."""
    digits = re.sub(r"\D", "", text)
    if not 7 <= len(digits) <= 15 or _DATE.fullmatch(text.strip()):
        return False
    grouped = bool(re.search(r"\d[ .()-]+\d", text))
    return text.startswith("+") or (grouped and len(digits) >= 7) or len(digits) >= 10


def _find_names(text: str, names: Names | None) -> Iterator[tuple[int, int, str]]:
    for start, end in names(text) if names else ():
        if 0 <= start < end <= len(text):
            yield start, end, "name"


def _without_overlaps(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Of identifiers that overlap, keep the longest."""
    kept: list[tuple[int, int, str]] = []
    for span in sorted(found, key=lambda span: (span[0], -span[1])):
        if kept and span[0] < kept[-1][1]:
            if span[1] - span[0] > kept[-1][1] - kept[-1][0]:
                kept[-1] = span
            continue
        kept.append(span)
    return kept
