"""Label inference by anchored phrases, which may abstain (paper, section 5.1 uses a classifier).

A verdict is read only where it is given, in this order of trust: at the opening of the response or
behind a cue such as "Answer:"; in the sentence that closes it ("Therefore, the poster suffers from
stress."); in whole statements inside the reasoning, if all of them agree. Words that merely occur
in the reasoning name no label, because reasoning mentions labels that it argues against. What has
no verdict is something else, never a class.

Example (invented): "Answer: No, the poster does not suffer from stress. Reasoning: ..." -> ``no``,
route "rules: yes/no word after a cue".
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from mentallama.benchmark.inference.layout import clean, json_answer, sentences, table_answers
from mentallama.benchmark.inference.rule_card import rule_confidence
from mentallama.tasks import get_task, list_tasks
from mentallama.tasks.answers import Opening, name_at, names_joined, read_opening
from mentallama.tasks.statements import is_yes_no, labels_named
from mentallama.tasks.wording import REASONING
from mentallama.types import Outcome, Prediction, Response, Task

Labeller = Callable[[Sequence[Response]], list[Prediction]]
"""Reads one prediction from each response, in order."""
Reading = tuple[Outcome, str | None, str]
"""Outcome, label key where the outcome is "verdict", and the rule that decided."""

_QUESTION_ECHO = re.compile(r"\s*(?:\(?yes\s*(?:/|or)\s*no\)?[.?:]?|[^.!?\n:]{0,200}\?)\s*", re.I)
_PREAMBLE = re.compile(
    r"\s*(?:(?:my |the |correct |final |best |short )*(?:answer|label|verdict|response)"
    r"(?: to (?:this|the) question)?(?: is)?(?:\s*[:\-]\s*|\s+(?:that )?)"
    r"|i would say(?: that)?,?\s+|i think(?: that)?,?\s+"
    r"|based on (?:the|this|your) (?:given )?(?:post|text|information)[^,.\n]{0,40},\s*"
    r"|(?:so|therefore|thus|in conclusion|overall),?\s+"
    r"|(?:analysis|assessment|evaluation|conclusion)\s*:?\s*\n+"
    r"|(?:please )?(?:explain|select|choose|pick|justify|provide)\b[^.:\n]{0,80}[.:]\s*)",
    re.IGNORECASE,
)
_CUE = re.compile(
    r"(?:^|[\n.!?{,]\s*)\"?(?:(?:so|therefore|thus|hence),?\s+)?"
    r"(?:my |the |correct |final |best )*(?:answer|label|verdict|response)\"?"
    r"(?: to (?:this|the) question)?(?:\s+is\b\s*:?|\s*[:=])\s*(?:that )?",
    re.IGNORECASE,
)
_HEDGE = re.compile(r"\s*(?:it|this|the \w+(?: \w+)?) (?:could|might|may) be (?:either )?", re.I)
_OPTION = re.compile(r"(?:^|(?<=\s))\(?([A-I]|[1-9])[.)]\s+(?=\S)")
_NUMBER = re.compile(r"\s*\(?1[.)]\s+")
_REFUSAL = re.compile(
    r"\W*(?:i['\u2019]?m sorry|i am sorry|sorry,|i apologi[sz]e|as an ai\b|as a language model\b"
    r"|i (?:can ?not|can't|am not able to|am unable to|won't|will not)\b"
    r"|i'm (?:not able|unable) to\b)",
    re.IGNORECASE,
)
_DECLINES = re.compile(
    r"\b(?:i|we) (?:cannot|can't|can not|am unable to|am not able to) "
    r"(?:answer|determine|say|tell|provide|diagnose)\b"
    r"|\b(?:hard|difficult|impossible) to (?:say|tell|determine|know|pinpoint|identify)\b"
    r"|\bnot (?:possible|enough information) to (?:say|tell|determine|answer)\b"
    r"|\b(?:unclear|unknown|uncertain) (?:whether|if)\b",
    re.IGNORECASE,
)


def read_by_rules(responses: Sequence[Response]) -> list[Prediction]:
    """Read each response by anchored phrases (a ``Labeller``)."""
    return [_predict(response) for response in responses]


def read_label(task: Task, text: str, aspect: str | None = None) -> Reading:
    """Return outcome, label key and the rule that decided, for one response."""
    if is_empty(text):
        return "empty", None, "no text"
    cleaned = clean(task, text)
    return (
        _read_json(task, cleaned)
        or _read_stated(task, cleaned, aspect)
        or _read_reason_for_none(task, cleaned)
        or _read_statements(task, cleaned)
        or _read_rest(task, cleaned)
    )


def is_empty(text: str) -> bool:
    """Say whether a response holds no text; pandas writes a missing one as "nan"."""
    return text.strip() in ("", "nan", "NaN")


def _predict(response: Response) -> Prediction:
    task = get_task(response.task)
    outcome, label, rule = read_label(task, response.text, response.aspect)
    return Prediction(
        sample_id=response.sample_id,
        outcome=outcome,
        label=label,
        route=f"rules: {rule}",
        confidence=rule_confidence(task.key, rule) if label else None,
    )


def _one(labels: Iterable[str], rule: str) -> Reading | None:
    """Return a verdict for one label, "several" for more, None without any."""
    found = set(labels)
    if len(found) == 1:
        return "verdict", found.pop(), rule
    return ("several", None, "verdicts for more than one label") if found else None


def _read_json(task: Task, text: str) -> Reading | None:
    given, answer = json_answer(text)
    if not given:
        return None
    if answer is None or answer == "":
        return "undecided", None, "JSON field without a label"
    named = [_exact(task, value) for value in (answer if isinstance(answer, list) else [answer])]
    if None in named:
        return "off_set", None, "JSON field with another label"
    return _one((str(key) for key in named), "JSON field")


def _exact(task: Task, value: Any) -> str | None:
    """Return the label that a field or a cell names and nothing else."""
    if isinstance(value, bool):
        value = "yes" if value else "no"
    opening = read_opening(task, str(value))
    return next(iter(opening.labels)) if opening and len(opening.labels) == 1 else None


def _read_stated(task: Task, text: str, aspect: str | None) -> Reading | None:
    """Read verdicts at the opening, behind a cue, in a table, or on a line of their own."""
    openings = _openings(task, text)
    if openings:
        place, first = openings[0]
        labels = {key for _, opening in openings for key in opening.labels}
        return _one(labels, f"{first.rule} {place}")
    cells = (_exact(task, cell) for cell in table_answers(task, text, aspect))
    if found := _one((key for key in cells if key), "cell of a table"):
        return found
    answer = text.partition(REASONING)[0]
    lines = [key for line in answer.splitlines()[:4] if (key := _only_a_name(task, line))]
    return _one(lines, "line of its own") if len(set(lines)) == 1 else None


def _only_a_name(task: Task, line: str) -> str | None:
    found = name_at(task, line.strip().rstrip("."))
    return found[0] if found and found[1] == len(line.strip().rstrip(".")) else None


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
        return _behind_reasoning(task, reasoning) + cued
    opening = _read_at(task, _skip_lead_in(answer)) or _weighed(task, answer)
    stated = ([("at the opening", opening)] if opening else []) + _restated(task, answer)
    offered = {key for _, stated_opening in stated for key in stated_opening.labels}
    return cued if cued and len(offered) > 1 else stated + cued


def _behind_reasoning(task: Task, reasoning: str) -> list[tuple[str, Opening]]:
    """Read a response that begins with "Reasoning:" only by a whole statement right behind it."""
    reasoning = _NUMBER.sub("", reasoning, count=1)
    opening = None if _answers_another_question(task, reasoning) else read_opening(task, reasoning)
    if opening and (opening.rule == "label sentence" or is_yes_no(task)):
        return [("at the opening of the reasoning", opening)]
    return []


def _answers_another_question(task: Task, text: str) -> bool:
    """Say whether the text opens with a label sentence that belongs to other tasks only.

    "Yes, the poster suffers from stress." is no verdict on a wellness dimension.
    """
    opening = _skip_lead_in(text.removeprefix(REASONING)).lstrip().lower()
    return opening.startswith(_foreign_sentences(task))


@lru_cache(maxsize=64)
def _foreign_sentences(task: Task) -> tuple[str, ...]:
    own = {label.phrase for label in task.labels}
    others = {label.phrase for other in list_tasks() for label in other.labels}
    return tuple(sorted(phrase.rstrip(".").lower() for phrase in others - own))


def _weighed(task: Task, text: str) -> Opening | None:
    """Read "It could be work or family" as both; "It could be work" commits to nothing."""
    if match := _HEDGE.match(text):
        labels = names_joined(task, text[match.end() :])
        if len(labels) > 1:
            return Opening(frozenset(labels), "names that are weighed")
    return None


def _restated(task: Task, text: str) -> list[tuple[str, Opening]]:
    """Find whole label sentences that begin a later sentence of the answer part."""
    found = []
    for sentence in sentences(text)[1:]:
        opening = read_opening(task, sentence)
        if opening and opening.rule == "label sentence":
            found.append(("in a later sentence", opening))
    return found


def _read_at(task: Task, text: str) -> Opening | None:
    if option := _OPTION.match(text):
        text = text[option.end() :]
    if _answers_another_question(task, text):
        return None
    return read_opening(task, text)


def _read_statements(task: Task, text: str) -> Reading | None:
    """Read what the last sentence states, else the first, else all of them if they agree.

    Both answers in one sentence of a yes/no task weigh one against the other; they are no pair of
    verdicts.
    """
    said = sentences(text)
    stated = [labels_named(task, sentence) for sentence in said]
    opening = _read_at(task, _skip_lead_in(said[-1])) if said and REASONING in text else None
    if opening:
        stated[-1] = set(opening.labels)
    for labels, place in ((stated[-1:], "closes"), (stated[:1], "opens"), (stated, "runs through")):
        found = set().union(*labels)
        if len(found) == 1 or (found and place != "runs through" and not is_yes_no(task)):
            return _one(found, f"statement that {place} it")
    return None


def _read_reason_for_none(task: Task, text: str) -> Reading | None:
    """Read the plain cases in which no verdict is to be looked for any further."""
    if _answers_another_question(task, text):
        return "undecided", None, "label sentence of another question"
    if _REFUSAL.match(text):
        return "refusal", None, "opens with a refusal"
    if _names_no_label(task, text):
        return "off_set", None, "names a label that the task does not have"
    return None


def _names_no_label(task: Task, text: str) -> bool:
    """Say whether "... stress cause related to" and the like is followed by no label."""
    text = _skip_lead_in(text.removeprefix(REASONING))
    match = _label_stem(task).match(text) if not is_yes_no(task) else None
    return bool(match and re.match(r"\W*\w", text[match.end() :])) and not name_at(task, text)


@lru_cache(maxsize=64)
def _label_stem(task: Task) -> re.Pattern[str]:
    stems = [stem for stem in task.stems if stem.split()[-1] in ("to", "of", "is")]
    return re.compile("|".join(re.escape(stem) for stem in stems) or r"(?!)", re.IGNORECASE)


def _read_rest(task: Task, text: str) -> Reading:
    said = sentences(text)
    # In front of an explanation such words weigh; on their own they decline.
    if said and REASONING not in text and (_DECLINES.search(said[0]) or _DECLINES.search(said[-1])):
        return "undecided", None, "says that it does not decide"
    if all(sentence.rstrip().endswith("?") for sentence in said):
        return "undecided", None, "asks back"
    if REASONING not in text and _lists_options(task, text) and not _CUE.search(text):
        return "several", None, "list of options without a choice"
    return "undecided", None, NOTHING


NOTHING = "no anchored phrase"
"""The rule's name where reading by rules found nothing, so that another reader may try."""


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
    counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    for prediction in predictions:
        counts[prediction.outcome] += 1
    return counts


OUTCOMES: tuple[Outcome, ...] = (
    "verdict",
    "several",
    "off_set",
    "refusal",
    "empty",
    "undecided",
)
