"""Label inference by anchored phrases, which may abstain (paper, section 5.1 there by rules).

A verdict is read only where it is given: at the opening of the response, or behind a cue such as
"Answer:". What stands inside the reasoning names no label here, because reasoning mentions labels
that it argues against. A response therefore has one verdict, several, none, a refusal, or it is
empty; nothing is forced into a class.

Example (invented): "Answer: No, the poster does not suffer from stress. Reasoning: ..." -> ``no``,
route "rules: yes/no word after a cue".

A trained labeller joins as a second ``Labeller`` that is asked where this one abstains.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from mentallama.tasks import get_task, list_tasks
from mentallama.tasks.answers import Opening, read_opening
from mentallama.tasks.wording import REASONING
from mentallama.types import Outcome, Prediction, Response, Task

Labeller = Callable[[Sequence[Response]], list[Prediction]]
"""Reads one prediction from each response, in order."""

_MARKUP = re.compile(r"[*#`_>]+")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})  # noqa: RUF001
_NEXT_EXAMPLE = re.compile(r"(?<=\S)\s*\b(?:Now,?\s+)?Consider this post:", re.IGNORECASE)
_QUESTION_ECHO = re.compile(r"\s*(?:\(?yes\s*(?:/|or)\s*no\)?[.?:]?|[^.!?\n:]{0,200}\?)\s*", re.I)
_PREAMBLE = re.compile(
    r"\s*(?:(?:my |the |correct |final |best |short )*(?:answer|label|verdict)"
    r"(?: to (?:this|the) question)?(?: is)?(?:\s*[:\-]\s*|\s+(?:that )?)"
    r"|i would say(?: that)?,?\s+|i think(?: that)?,?\s+"
    r"|based on (?:the|this|your) (?:given )?(?:post|text|information)[^,.\n]{0,40},\s*"
    r"|(?:so|therefore|thus|in conclusion|overall),?\s+"
    r"|(?:please )?(?:explain|select|choose|pick|justify|provide)\b[^.:\n]{0,80}[.:]\s*)",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"(?:^|[\n.!?{,]\s*)\"?(?:(?:so|therefore|thus|hence),?\s+)?"
    r"(?:my |the |correct |final |best )*(?:answer|label|verdict)\"?"
    r"(?: to (?:this|the) question)?(?:\s+is\b\s*:?|\s*[:=])\s*(?:that )?",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?:^|(?<=\s))\(?([A-I]|[1-9])[.)]\s+(?=\S)")
_REFUSAL = re.compile(
    r"\W*(?:i['\u2019]?m sorry|i am sorry|sorry,|i apologi[sz]e|as an ai\b|as a language model\b"
    r"|i (?:can ?not|can't|am not able to|am unable to|won't|will not)\b"
    r"|i'm (?:not able|unable) to\b)",
    re.IGNORECASE,
)


def read_by_rules(responses: Sequence[Response]) -> list[Prediction]:
    """Read each response by anchored phrases (a ``Labeller``)."""
    return [_predict(response) for response in responses]


def read_label(task: Task, text: str) -> tuple[Outcome, str | None, str]:
    """Return outcome, label key and the rule that decided, for one response."""
    if is_empty(text):
        return "empty", None, "no text"
    clean = _clean(text)
    openings = _openings(task, clean)
    labels = {key for _, opening in openings for key in opening.labels}
    if len(labels) == 1:
        place, opening = openings[0]
        return "verdict", labels.pop(), f"{opening.rule} {place}"
    if labels:
        return "several", None, "verdicts for more than one label"
    if _answers_another_question(task, clean):
        return "none", None, "label sentence of another question"
    if _REFUSAL.match(clean):
        return "refusal", None, "opens with a refusal"
    if _lists_options(task, clean.partition(REASONING)[0]) and not _CUE.search(clean):
        return "several", None, "list of options without a choice"
    return "none", None, "no anchored phrase"


def is_empty(text: str) -> bool:
    """Say whether a response holds no text; pandas writes a missing one as "nan"."""
    return text.strip() in ("", "nan", "NaN")


def _predict(response: Response) -> Prediction:
    outcome, label, rule = read_label(get_task(response.task), response.text)
    return Prediction(
        sample_id=response.sample_id, outcome=outcome, label=label, route=f"rules: {rule}"
    )


def _clean(text: str) -> str:
    """Drop markup, straighten quotes, and end where the model starts an example of its own."""
    text = _MARKUP.sub("", text.translate(_QUOTES)).strip()
    return _NEXT_EXAMPLE.split(text, maxsplit=1)[0]


def _openings(task: Task, text: str) -> list[tuple[str, Opening]]:
    """Collect every anchored verdict with its place; a choice behind a cue settles a list."""
    cued = [
        ("after a cue", opening)
        for match in _CUE.finditer(text)
        if (opening := _read_at(task, text[match.end() :]))
    ]
    answer, mark, reasoning = text.partition(REASONING)
    if _lists_options(task, answer):
        return cued
    if mark and not answer.strip():
        return _first_sentence(task, reasoning) + cued
    opening = _read_at(task, _skip_lead_in(answer))
    stated = ([("at the opening", opening)] if opening else []) + _restated(task, answer)
    offered = {key for _, stated_opening in stated for key in stated_opening.labels}
    return cued if cued and len(offered) > 1 else stated + cued


def _first_sentence(task: Task, reasoning: str) -> list[tuple[str, Opening]]:
    """Read a response that begins with "Reasoning:" only by a whole label sentence right behind."""
    opening = read_opening(task, reasoning)
    if opening and opening.rule == "label sentence":
        return [("at the opening of the reasoning", opening)]
    return []


def _answers_another_question(task: Task, text: str) -> bool:
    """Say whether the text opens with a label sentence that belongs to other tasks only.

    "Yes, the poster suffers from stress." is no verdict on a wellness dimension.
    """
    opening = _skip_lead_in(text.removeprefix(REASONING)).lower()
    return opening.startswith(_foreign_sentences(task))


@lru_cache(maxsize=64)
def _foreign_sentences(task: Task) -> tuple[str, ...]:
    own = {label.phrase for label in task.labels}
    others = {label.phrase for other in list_tasks() for label in other.labels}
    return tuple(sorted(phrase.rstrip(".").lower() for phrase in others - own))


def _restated(task: Task, text: str) -> list[tuple[str, Opening]]:
    """Find whole label sentences that begin a later sentence of the answer part."""
    found = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text)[1:]:
        opening = read_opening(task, sentence)
        if opening and opening.rule == "label sentence":
            found.append(("in a later sentence", opening))
    return found


def _read_at(task: Task, text: str) -> Opening | None:
    if option := _OPTION.match(text):
        text = text[option.end() :]
    return None if _answers_another_question(task, text) else read_opening(task, text)


def _lists_options(task: Task, text: str) -> bool:
    """Say whether the text offers choices, such as "A) Yes B) No", instead of making one.

    Numbered points count only where a label of the task stands behind the number.
    """
    marks = [
        match[1]
        for match in _OPTION.finditer(text)
        if match[1].isalpha() or read_opening(task, text[match.end() :])
    ]
    return len(marks) > 1 and marks[0] in "A1" and marks[1] in "B2"


def _skip_lead_in(text: str) -> str:
    """Step over an echo of the question and over words such as "Answer:"."""
    position = 0
    while match := _QUESTION_ECHO.match(text, position) or _PREAMBLE.match(text, position):
        if match.end() == position:
            break
        position = match.end()
    return text[position:]


def count_outcomes(predictions: Iterable[Prediction]) -> dict[str, int]:
    """Count predictions by outcome, in a fixed order, zeros included."""
    outcomes: tuple[Outcome, ...] = ("verdict", "several", "none", "refusal", "empty")
    counts: dict[str, int] = dict.fromkeys(outcomes, 0)
    for prediction in predictions:
        counts[prediction.outcome] += 1
    return counts
