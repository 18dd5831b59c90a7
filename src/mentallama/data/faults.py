"""What can be wrong with one explanation, seen from its wording, its post and its label.

A content fault makes the row useless as training data; a style fault is a reason to look at it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mentallama.tasks import list_tasks
from mentallama.tasks.posts import text_key
from mentallama.tasks.statements import names_other_label
from mentallama.types import Task

FEWEST_WORDS, MOST_WORDS = 10, 400
COPIED = 0.6
"""Share of an explanation's runs of five words that stand in the post."""
_RUN = 5
_WORD = re.compile(r"[\w']+")
_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{3,300}?)[\"\u201d]")
MOJIBAKE = re.compile("\u201aÄ|â€|Ã|√")
"""UTF-8 that was read as Mac Roman or as Windows-1252."""
_ECHO = re.compile(
    r"consider this post\s*:|\bquestion\s*:|annotated answer\s*:|\bpost\s*:\s|<\w+>|\*\*", re.I
)
_ASSIGNED = re.compile(
    r"\b(?:assigned|annotated|given|provided|gold) (?:label|answer|category)\b|as instructed", re.I
)
_YOU = re.compile(r"\b(?:you|your|you're|yourself)\b", re.IGNORECASE)
_ADVICE = re.compile(
    r"\b(?:should|must|need to|ought to|advised to|encouraged? to|recommended|important to|try to)"
    r"\s+(?:\w+ ){0,3}?"
    r"(?:see|seek|talk|call|contact|reach|consult|consider|exercise|get help|get prof)"
    r"|helpline|hotline",
    re.IGNORECASE,
)
_DIAGNOSIS = re.compile(
    r"\bmeets? (?:the )?(?:diagnostic )?criteria\b|\bthe patient\b|\bclinically diagnos"
    r"|\bshould be diagnosed\b|\bis diagnosed\b|\bdiagnosis (?:is|of) ",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An explanation with what it speaks about."""

    task: Task
    label: str
    post: str
    explanation: str
    verdict: str | None = None
    """What the teacher itself answered, where it was asked for a verdict."""
    quotes: tuple[str, ...] = ()


def find_faults(case: Case) -> list[str]:
    """Name the faults of an explanation; an empty list means none of those looked for."""
    return [name for name, test in (*CONTENT.items(), *STYLE.items()) if test(case)]


def _verdict(case: Case) -> bool:
    return case.verdict is not None and case.verdict != case.label


def _other_label(case: Case) -> bool:
    return names_other_label(case.task, case.label, case.explanation)


def _other_question(case: Case) -> bool:
    """Say whether the explanation gives the label sentence of another task and none of its own."""
    text = " ".join(case.explanation.lower().split())
    own = {_statement(label.phrase) for label in case.task.labels}
    if any(sentence in text for sentence in own):
        return False
    others = {_statement(label.phrase) for task in list_tasks() for label in task.labels} - own
    return any(sentence in text for sentence in others)


def _statement(phrase: str) -> str:
    return re.sub(r"^(?:yes|no), ", "", phrase.lower()).rstrip(".")


def _short(case: Case) -> bool:
    return len(case.explanation.split()) < FEWEST_WORDS


def _long(case: Case) -> bool:
    return len(case.explanation.split()) > MOST_WORDS


def _cut(case: Case) -> bool:
    return bool(case.explanation) and not re.search(r"[.!?][\"')\]\u201d]*$", case.explanation)


def _repeats(case: Case) -> bool:
    """Say whether one run of words comes back three times, the post's own repetitions aside."""
    own = _runs(case.post)
    return any(count >= 3 and own[run] < count for run, count in _runs(case.explanation).items())


def _copies(case: Case) -> bool:
    """Say whether most of the explanation is the post itself; marked quotes do not count."""
    without = _QUOTED.sub(" . ", case.explanation)
    runs, post = _runs(without), _runs(case.post)
    total = sum(runs.values())
    return total >= _RUN and sum(n for run, n in runs.items() if run in post) >= COPIED * total


def _runs(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return Counter(tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1))


def missing_quotes(case: Case) -> list[str]:
    """Return the quotes, listed or set in double marks, that do not stand in the post.

    Case, punctuation and white space do not count; an ellipsis splits a quote in two. Marked
    single words are emphasis, not quotes, and a label's own wording may stand in marks.
    """
    post = text_key(case.post)
    wordings = {text_key(label.completion) for label in case.task.labels}
    wordings |= {text_key(label.phrase) for label in case.task.labels}
    wordings |= {text_key(name) for label in case.task.labels for name in label.also}
    marked = [quote for quote in _QUOTED.findall(case.explanation) if len(quote.split()) > 1]
    return [
        part
        for quote in (*case.quotes, *marked)
        for part in re.split(r"\.\.\.|\u2026|\[[^\]]*\]", quote)
        if (key := text_key(part)) and key not in wordings and key not in post
    ]


def _invented_quote(case: Case) -> bool:
    return bool(missing_quotes(case))


def _language(case: Case) -> bool:
    """Say whether the explanation is not in English."""
    import py3langid

    words = case.explanation.split()
    return len(words) >= 8 and py3langid.classify(case.explanation)[0] not in ("en", "pcm")


def _broken(case: Case) -> bool:
    return bool(MOJIBAKE.search(case.explanation))


def _echo(case: Case) -> bool:
    return bool(_ECHO.search(case.explanation))


def _assigned(case: Case) -> bool:
    return bool(_ASSIGNED.search(case.explanation))


def _addresses(case: Case) -> bool:
    """Say whether it speaks to the poster; "you" in a quote is the post's."""
    return bool(_YOU.search(_QUOTED.sub(" ", case.explanation)))


def _advises(case: Case) -> bool:
    return bool(_ADVICE.search(_QUOTED.sub(" ", case.explanation)))


def _diagnoses(case: Case) -> bool:
    return bool(_DIAGNOSIS.search(_QUOTED.sub(" ", case.explanation)))


Test = Callable[[Case], bool]
CONTENT: dict[str, Test] = {
    "verdict against the label": _verdict,
    "names another label": _other_label,
    "answers another question": _other_question,
    "too short": _short,
    "too long": _long,
    "cut off": _cut,
    "repetition": _repeats,
    "copies the post": _copies,
    "quote not in the post": _invented_quote,
    "not in English": _language,
    "broken characters": _broken,
    "echoes the prompt": _echo,
}
STYLE: dict[str, Test] = {
    "speaks of the label": _assigned,
    "addresses the poster": _addresses,
    "advice": _advises,
    "diagnosis language": _diagnoses,
}


def content_faults(faults: list[str]) -> Iterator[str]:
    """Yield those faults that make a row useless."""
    return (fault for fault in faults if fault in CONTENT)
