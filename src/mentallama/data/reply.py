"""From what a teacher wrote to a typed answer: verdict, explanation, quotes, or why there is none.

A refusal, a filtered, empty, cut-off or unreadable answer is an outcome of its own; it is counted
and never taken for an explanation.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from mentallama.chat import Reply
from mentallama.tasks import get_task
from mentallama.tasks.answers import read_opening
from mentallama.types import Task

Outcome = Literal["explained", "refusal", "filtered", "empty", "cut off", "unreadable"]
OUTCOMES: tuple[Outcome, ...] = (
    "explained",
    "refusal",
    "filtered",
    "empty",
    "cut off",
    "unreadable",
)
_REFUSAL = re.compile(
    r"^\W*(?:(?:i[' ]?a?m|i am|we are|we're)\s+(?:very |so |really )?(?:sorry|unable|not able)"
    r"|sorry\b|i (?:can(?:not|'?t|no)|won'?t|must decline|do not feel)\b|as an ai\b"
    r"|unfortunately, i\b|my apologies|i apologi[sz]e)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A teacher's answer to one question, as it is kept."""

    id: str
    task: str
    aspect: str | None
    label: str | None
    """The annotated label, whether the teacher was told or not."""
    outcome: Outcome
    verdict: str | None
    """Key of the label that the teacher's verdict means."""
    explanation: str
    quotes: tuple[str, ...]
    mode: str
    model: str
    prompt_hash: str
    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The typed part of a reply."""

    outcome: Outcome
    verdict: str | None = None
    explanation: str = ""
    quotes: tuple[str, ...] = ()


def read_reply(task: Task, reply: Reply) -> Answer:
    """Read a reply strictly; only a whole JSON object with verdict and explanation explains."""
    if reply.refusal:
        return Answer("refusal")
    if reply.finish == "content_filter":
        return Answer("filtered")
    text = reply.text.strip()
    if not text:
        return Answer("empty")
    if reply.finish == "length":
        return Answer("cut off")
    if _REFUSAL.match(text):
        return Answer("refusal")
    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except json.JSONDecodeError:
        return Answer("unreadable")
    return _read_object(task, value)


def _read_object(task: Task, value: Any) -> Answer:
    if not isinstance(value, dict):
        return Answer("unreadable")
    verdict, explanation = value.get("verdict"), value.get("explanation")
    quotes = value.get("quotes") or []
    if not isinstance(verdict, str) or not isinstance(explanation, str):
        return Answer("unreadable")
    if not isinstance(quotes, list) or any(not isinstance(quote, str) for quote in quotes):
        return Answer("unreadable")
    explanation = " ".join(explanation.split())
    if not explanation:
        return Answer("empty")
    if _REFUSAL.match(explanation):
        return Answer("refusal")
    label = read_verdict(task, verdict)
    if label is None:
        return Answer("unreadable")
    return Answer("explained", label, explanation, tuple(q.strip() for q in quotes if q.strip()))


def read_verdict(task: Task, verdict: str) -> str | None:
    """Return the key of the one label that a verdict names, or None."""
    for label in task.labels:
        if verdict.strip().rstrip(".").casefold() in (label.completion.casefold(), label.key):
            return label.key
    opening = read_opening(task, verdict)
    return next(iter(opening.labels)) if opening and len(opening.labels) == 1 else None


def as_explained(
    task: str,
    reply: Reply,
    *,
    id: str,
    aspect: str | None,
    label: str | None,
    mode: str,
    model: str,
    prompt_hash: str,
) -> Explained:
    """Join a reply with the question that it answers."""
    answer = read_reply(get_task(task), reply)
    return Explained(
        id=id,
        task=task,
        aspect=aspect,
        label=label,
        outcome=answer.outcome,
        verdict=answer.verdict,
        explanation=answer.explanation,
        quotes=answer.quotes,
        mode=mode,
        model=model,
        prompt_hash=prompt_hash,
        prompt_tokens=reply.prompt_tokens,
        answer_tokens=reply.answer_tokens,
    )
