"""The dress of a response, taken off before it is read: markup, JSON, tables, an echoed prompt."""

import json
import re
from collections.abc import Iterator
from typing import Any

from mentallama.types import Task

_MARKUP = re.compile(r"[*#`_>]+")
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})  # noqa: RUF001
_NEXT_EXAMPLE = re.compile(r"(?<=\S)\s*\b(?:Now,?\s+)?Consider this post:", re.IGNORECASE)
_ECHO = "Consider this post:"
_TABLE_ROW = re.compile(r"^\s*\|(.+)\|\s*$", re.MULTILINE)
_ANSWER_KEYS = ("label", "answer", "verdict", "prediction", "class", "category", "result", "cause")


def clean(task: Task, text: str) -> str:
    """Drop markup and an echo of the prompt, straighten quotes, end before an example of its own.

    Models that were not tuned to stop go on with "Consider this post: ..." and a post they invent.
    """
    text = _MARKUP.sub("", text.translate(_QUOTES)).strip()
    if text.startswith(_ECHO):
        text = _behind_question(task, text)
    return _NEXT_EXAMPLE.split(text, maxsplit=1)[0]


def _behind_question(task: Task, text: str) -> str:
    """Return what follows the first copy of the task's question, or the text where it has none."""
    for aspect in task.aspects or ("",):
        _, question, rest = text.partition(task.question.replace("{aspect}", aspect))
        if question:
            return rest.strip()
    return text


def json_answer(text: str) -> tuple[bool, Any]:
    """Return whether a JSON object holds a field such as "label", and what stands in it."""
    start = text.find("{")
    # Prose in front of an object is fine; an object deep inside a text is not its answer.
    if start < 0 or len(text[:start].split()) > 20:
        return False, None
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except json.JSONDecodeError:
        return False, None
    if isinstance(found, dict):
        lowered = {str(key).lower(): value for key, value in found.items()}
        for key in _ANSWER_KEYS:
            if key in lowered:
                return True, lowered[key]
    return False, None


def table_answers(task: Task, text: str, aspect: str | None) -> Iterator[str]:
    """Yield the last cell of each row of a Markdown table, other aspects' rows left out."""
    others = {name.lower() for name in task.aspects if name != aspect}
    for match in _TABLE_ROW.finditer(text):
        cells = [cell.strip() for cell in match[1].split("|")]
        if len(cells) > 1 and not (aspect and cells[0].lower() in others):
            yield cells[-1]


def sentences(text: str) -> list[str]:
    """Split into sentences and lines; numbers of a list are left out."""
    parts = re.split(r"(?<=[.!?])[\"')\]]*\s+|\n+", text)
    return [part for part in parts if re.search(r"[^\W\d_]{2}", part)]
