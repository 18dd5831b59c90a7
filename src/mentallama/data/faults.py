"""What can be wrong with one explanation, seen from its wording, its post and its label.

A content fault makes the row useless as training data; a style fault is a reason to look at it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mentallama.tasks import list_tasks
from mentallama.tasks.grounding import QUOTED, copied_share, find_quotes, runs
from mentallama.tasks.statements import names_other_label
from mentallama.types import Task

FEWEST_WORDS, MOST_WORDS = 10, 400
COPIED = 0.6
"""Share of an explanation's runs of five words that stand in the post."""
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
    own = runs(case.post)
    return any(count >= 3 and own[run] < count for run, count in runs(case.explanation).items())


def _copies(case: Case) -> bool:
    """Say whether most of the explanation is the post itself; marked quotes do not count."""
    return (copied_share(case.explanation, case.post) or 0) >= COPIED


def missing_quotes(case: Case) -> list[str]:
    """Return the quotes, listed or set in double marks, that do not stand in the post."""
    found = find_quotes(case.task, case.explanation, case.post, case.quotes)
    return [quote.text for quote in found if quote.start is None]


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
    return bool(_YOU.search(QUOTED.sub(" ", case.explanation)))


def _advises(case: Case) -> bool:
    return bool(_ADVICE.search(QUOTED.sub(" ", case.explanation)))


def _diagnoses(case: Case) -> bool:
    return bool(_DIAGNOSIS.search(QUOTED.sub(" ", case.explanation)))


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
