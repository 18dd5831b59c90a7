"""What identifies people, taken out of a post before it leaves the machine.

Handles, subreddits, links, e-mail addresses and phone numbers are found by pattern, names by a
recogniser that the caller passes in. Each gets a placeholder that is stable within a text: the same
handle is [USER_1] wherever it stands. Example (invented): "ask u/blue_kettle at 07700 900461"
becomes "ask [USER_1] at [PHONE_1]".

Not found: names without a recogniser, street addresses, handles without @, u/, #1234 or a label
("insta: blue_kettle9"), addresses spelled out ("x at y dot com"), seven digits without a dash.
Phones are read by pattern: ``phonenumbers`` 9.0.43 finds 6 of the 10 invented numbers of the sample
corpus as valid (US and GB); as merely possible all 10, with 68 false alarms in its posts.
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

# What follows a word: its end, or a link glued to it.
_STOP = r"(?!(?!https?://)\w)"
_REST = r"""(?:[^\s<>"\[\]()]|\([^\s<>"\[\]()]*\))"""
_SITE = r"(?:com|org|net|edu|gov|info|app|xyz|example|test|invalid|(?:co|org|ac|com)\.(?:uk|au|nz))"
# Short links; endings that are English words ("it", "me", "in") count only in these.
_SHORT = r"(?:redd\.it|dlvr\.it|spoti\.fi|amzn\.to|is\.gd|(?:wp|fb|t|wa|paypal)\.me|youtu\.be)"
_COUNTRY = r"(?:ly|gl|co|io|tv|gg|uk|de|fr|ca|au|nz|ie|nl|eu|fm|cc|dev|social|blog|link|page|site)"
_APPS = r"(?:discord|instagram|insta|ig|snapchat|snap|kik|telegram|tiktok|skype|twitter)"
_GAP = r"(?:[ ]?\(|\)[ .-]?|[ .-])"
_SHAPES: tuple[tuple[str, str, str], ...] = (
    (
        "email",
        r"(?<![\w.+%-])",
        rf"[\w.+%-]{{1,64}}@(?:(?:[\w-]+\.)+[a-z]{{2,}}"
        rf"|(?:gmail|hotmail|yahoo|outlook|icloud|protonmail){_STOP})",
    ),
    ("url", "", rf"(?:https?|ftp)://(?=\w){_REST}+"),
    ("url", r"(?<!\w)", rf"www\.(?=\w){_REST}+"),
    ("url", r"(?<![\w/])", rf"/?[ru]/\w+(?:-\w+)*/(?:comments|wiki|s)/{_REST}+"),
    (
        "url",
        r"(?<![\w@.-])",
        rf"(?:(?:[\w-]{{1,63}}\.){{1,5}}{_SITE}{_STOP}(?:[/?]{_REST}*)?"
        rf"|(?:{_SHORT}|(?:[\w-]{{1,63}}\.){{1,5}}{_COUNTRY})/{_REST}+)",
    ),
    ("subreddit", r"(?<![\w/])", r"/?r/\w{2,}"),
    ("user", r"(?<![\w/])", r"/?u/(?=[\w-]{3})\w+(?:-\w+)*"),
    (
        "user",
        r"(?<!\w)",
        rf"{_APPS}[ ]?[:=][ ]?(?:[a-z_][\w.]{{1,31}}\#\d{{4}}{_STOP}"
        r"|(?=[\d_.]{0,30}[a-z])(?=[a-z.]{0,30}[\d_])(?=[\w.]{4})\w+(?:\.\w+)*(?!@|\.?\w))",
    ),
    ("user", r"(?<!\w)", rf"[a-z_][\w.]{{1,31}}\#\d{{4}}{_STOP}"),
    (
        "user",
        r"(?<![\w@])",
        # Not "@9pm": a time or an amount.
        r"@(?!\d{1,4}(?:am|pm|ish|h|hrs?|mg|k)?\b)\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?",
    ),
    (
        "phone",
        r"(?<![\w$£€#+])",
        rf"""(?:
          (?:\+?1{_GAP}?)?(?:\(\d{{3}}\)[ .-]?|\d{{3}}[.-]|[2-9]\d\d[ ](?=[2-9]))
            \d{{3}}[ .-]?\d{{4}}
        | (?:\+|00[ ]?)\d{{1,7}}{_GAP}\d{{1,7}}(?:{_GAP}\d{{2,7}}){{0,5}}
        | \+\d{{9,15}}
        | \(?0[1-9]\d{{0,4}}\)?(?P<gap>[ .-])\d{{2,8}}(?:(?P=gap)\d{{2,4}}){{0,3}}
        | [2-9]\d\d-\d{{4}}
        | [6-9]\d{{4}}[ -]\d{{5}}
        | 0[1-9]\d{{8,9}} | 1?[2-9]\d{{9}} | 00\d{{9,13}}
        ){_STOP}(?!%|[.,-]\d{{1,20}}(?![\w@.%+-]))""",
    ),
)


def _compile(*, anywhere: bool) -> re.Pattern[str]:
    """Compile all shapes, with the left boundary of each or, for the place behind a match, bare."""
    parts = (
        f"(?P<{kind}_{number}>{left if anywhere else ''}{body})"
        for number, (kind, left, body) in enumerate(_SHAPES)
    )
    return re.compile("|".join(parts), re.VERBOSE | re.IGNORECASE)


_ANYWHERE = _compile(anywhere=True)
_BEHIND_A_MATCH = _compile(anywhere=False)
_PLACEHOLDER = re.compile(r"\[(?:USER|SUBREDDIT|URL|EMAIL|PHONE|NAME)_[0-9]+\]")
_DATE = re.compile(r"\d{1,2}[-. ]\d{1,2}[-. ](?:19|20)\d\d")
_IN_A_NUMBER = re.compile(r"\d[.,:/-]$|[$£€] $")
_PREFIX = re.compile(rf"(?:{_APPS} ?[:=] ?|/?[ru]/|@)", re.IGNORECASE)
_END = ".,;:!?'\"*’"  # noqa: RUF001


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where an identifier stood, and where its placeholder stands; ends are excluded."""

    kind: str
    """One of user, subreddit, url, email, phone, name."""
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

    A text that is de-identified already stays as it is: placeholders that it holds are text like
    any other, and new ones take numbers that they leave free. Of matches that overlap, the longest
    says the kind, and all that they cover is replaced.
    """
    numbering = _Numbering(text)
    parts: list[str] = []
    spans: list[Span] = []
    position = length = 0
    for start, end, kind in _find(text, names):
        placeholder = numbering.placeholder(kind, text[start:end])
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


def restore_offset(result: Deidentified, new_position: int) -> int:
    """Return where a position of the new text lies in the original one.

    Inside a placeholder, it is the start of what stood there.
    """
    number = bisect_right(result.spans, new_position, key=lambda span: span.new_start) - 1
    if number < 0:
        return new_position
    span = result.spans[number]
    return span.start if new_position < span.new_end else new_position - span.new_end + span.end


def restore(result: Deidentified, text: str) -> str:
    """Put the identifiers back into a text that quotes the placeholders.

    A quote of the new text gets the spelling of its place ("u/Ann", "@ann"), any other text the
    first spelling. Placeholders that the original text held itself stay.
    """
    place = result.text.find(text)
    spelled: dict[str, str] = {}
    for span, spelling in zip(result.spans, result.originals, strict=True):
        spelled.setdefault(span.placeholder, spelling)
    starts = (span.new_start for span in result.spans)
    at = dict(zip(starts, result.originals, strict=True))

    def original(match: re.Match[str]) -> str:
        first = spelled.get(match[0], match[0])
        return at.get(place + match.start(), first) if place >= 0 else first

    return _PLACEHOLDER.sub(original, text)


def names_from(path: Path) -> Names:
    """Make a recogniser from a file of names, one a line; whole words, case as it stands there."""
    names = sorted({line.strip() for line in read_text(path).splitlines() if line.strip()})
    if not names:
        raise InputError(f"{path}: no names; expected one a line")
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")
    return lambda text: [match.span() for match in pattern.finditer(text)]


class _Numbering:
    """Numbers identifiers by kind; passes over numbers that the text uses already."""

    def __init__(self, text: str) -> None:
        self._taken = set(_PLACEHOLDER.findall(text))
        self._known: dict[tuple[str, str], str] = {}
        self._last: Counter[str] = Counter()

    def placeholder(self, kind: str, original: str) -> str:
        same = (kind, _sameness(kind, original))
        if same not in self._known:
            self._known[same] = self._next(kind)
        return self._known[same]

    def _next(self, kind: str) -> str:
        while True:
            self._last[kind] += 1
            placeholder = f"[{kind.upper()}_{self._last[kind]}]"
            if placeholder not in self._taken:
                return placeholder


def _sameness(kind: str, original: str) -> str:
    """Return what two spellings of one identifier share."""
    if kind == "url":
        return original
    if kind == "phone":
        return re.sub(r"\D", "", original)
    if kind in ("user", "subreddit"):
        original = original[match.end() :] if (match := _PREFIX.match(original)) else original
    return " ".join(original.casefold().split())


def _find(text: str, names: Names | None) -> list[tuple[int, int, str]]:
    found = list(_scan(text, 0, len(text)))
    if names is None:
        return found
    blocks = _merge([*found, *_find_names(text, names)])
    result: list[tuple[int, int, str]] = []
    position = 0
    for block in [*blocks, (len(text), len(text), "")]:
        # What stood against a name may be an identifier now that the name is gone.
        result += _scan(text, position, block[0])
        result.append(block)
        position = block[1]
    return result[:-1]


def _find_names(text: str, names: Names) -> Iterator[tuple[int, int, str]]:
    """Yield what the recogniser found, less what it read into placeholders of the text."""
    held = [match.span() for match in _PLACEHOLDER.finditer(text)]
    for start, end in names(text):
        number = bisect_right(held, start, key=lambda span: span[0]) - 1
        inside = number >= 0 and end <= held[number][1]
        if 0 <= start < end <= len(text) and not inside:
            yield start, end, "name"


def _merge(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Join identifiers that overlap into one of the kind of the longest."""
    merged: list[tuple[int, int, str]] = []
    longest = 0
    for start, end, kind in sorted(found):
        if not merged or start >= merged[-1][1]:
            merged.append((start, end, kind))
            longest = end - start
            continue
        first, last, before = merged[-1]
        merged[-1] = (first, max(last, end), kind if end - start > longest else before)
        longest = max(longest, end - start)
    return merged


def _scan(text: str, start: int, stop: int) -> Iterator[tuple[int, int, str]]:
    """Yield what the shapes find between two positions, left to right.

    Behind a match no left boundary is asked for, as there will be none once a placeholder stands
    there; this is what makes a second pass find nothing.
    """
    position = floor = start
    while position < stop:
        match = _BEHIND_A_MATCH.match(text, position, stop) if position == floor else None
        match = match or _ANYWHERE.search(text, position, stop)
        if match is None:
            return
        kind = str(match.lastgroup).partition("_")[0]
        end = _end(kind, match, text[max(floor, match.start() - 2) : match.start()])
        if end is None:
            position = match.start() + 1
            continue
        yield match.start(), end, kind
        position = floor = end


def _end(kind: str, match: re.Match[str], before: str) -> int | None:
    """Return where a match really ends, or None where it is a number but no phone."""
    if kind == "url":
        return match.start() + len(match[0].rstrip(_END))
    if kind != "phone":
        return match.end()
    length = _phone_length(match[0])
    return None if length is None or _IN_A_NUMBER.search(before) else match.start() + length


def _phone_length(text: str) -> int | None:
    """Return how much of a run of digits is a phone number; None for dates, ranges and counts."""
    international = text.startswith(("+", "00"))
    groups = list(re.finditer(r"\d+", text))
    if not international and (_DATE.match(text) or _is_count([group[0] for group in groups])):
        return None
    while groups:
        digits = sum(len(group[0]) for group in groups)
        most = 15 if international else 12 if len(groups) < 3 else 11
        if digits <= most:
            local = len(groups) == 2 and not text.startswith("0")
            return groups[-1].end() if digits >= (7 if local else 9) else None
        groups.pop()
    return None


def _is_count(groups: list[str]) -> bool:
    """Tell "500-1000" and "9000000000" from phone numbers: all round, or all of one digit."""
    return all(int(group) % 10 == 0 for group in groups) or len(set("".join(groups))) == 1
