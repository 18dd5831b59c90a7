"""Explanations put together from verdict, evidence and what annotators looked for.

Nothing is written by a model: every quote stands in the post, every other word is ours.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from mentallama.analysis.ask import Question
from mentallama.tasks import get_label, get_task
from mentallama.types import Evidence

ABSENT = ("no", "none")
"""Labels that say that something is not there: no passage speaks for them."""
_LONGEST_QUOTE = 160


def compose(question: Question, label: str, evidence: Sequence[Evidence]) -> str:
    """Return the explanation of a verdict."""
    looked_for = f"Annotators looked for {concept(question)}."
    if label in ABSENT:
        return f"No passage of the post speaks clearly for this. {looked_for}"
    if not evidence:
        return (
            f"No single passage stands out: the verdict rests on the post as a whole. {looked_for}"
        )
    quotes = _join([f'"{_shorten(one.text)}"' for one in evidence])
    verb = "speaks" if len(evidence) == 1 else "speak"
    return f"{quotes} {verb} most for this label. {looked_for}"


def compose_unsure(question: Question, guesses: Sequence[tuple[str, float]]) -> str:
    """Return why there is no verdict: the likeliest labels and how likely they are."""
    named = [f"{_name(question, label)} ({100 * chance:.0f} %)" for label, chance in guesses[:2]]
    return f"Too unsure for a verdict: {_join(named)}. Annotators looked for {concept(question)}."


def concept(question: Question) -> str:
    """Return what annotators looked for; of a user's own task, its title."""
    found: Any = _concepts().get(question.task)
    if isinstance(found, dict):
        found = found.get(question.aspect)
    return str(found or f"what the question asks ({get_task(question.task).title})")


@cache
def _concepts() -> dict[str, Any]:
    text = (files("mentallama.analysis") / "concepts.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def _name(question: Question, label: str) -> str:
    return get_label(get_task(question.task), label).completion


def _shorten(quote: str) -> str:
    """Shorten a long passage at its end; what is left still stands in the post."""
    flat = " ".join(quote.split())
    return flat if len(flat) <= _LONGEST_QUOTE else f"{flat[: _LONGEST_QUOTE - 3].rstrip()}..."


def _join(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
