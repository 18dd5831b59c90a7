"""Which rows of several models are one and the same, whatever their order in the files.

A row is what was asked: a task, a post, an aspect and a form. Where a file names no post, the gold
answer stands in. The number of a row says nothing: another model may have answered in another
order, or other rows.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

from mentallama.tasks import get_task
from mentallama.tasks.wording import REASONING
from mentallama.types import FORMS, Response


def question_key(response: Response) -> str:
    """Return what one response answers; equal for every model that was asked the same."""
    if response.post_id:
        parts = (response.task, response.post_id, response.aspect or "", _form(response))
    elif answer := _answer(response):
        parts = (response.task, "gold answer", answer, _form(response))
    else:
        parts = (response.task, "row", response.sample_id, "")
    return "|".join(parts)


def row_keys(responses: Sequence[Response]) -> list[str]:
    """Return, in order, a key for each response, equal where two models answered the same row.

    Of one model and gold no two rows have the same key. A row without a post takes the one that
    another model's row of the same gold answer names, if just one does. What a model was asked
    twice is told apart by gold answer and occurrence.
    """
    known: dict[tuple[str, str], set[str]] = {}
    for response in responses:
        if response.post_id and (answer := _answer(response)):
            known.setdefault((response.task, answer), set()).add(question_key(response))
    asked = [_find(response, known) for response in responses]
    owners = [(response.model, response.gold_source) for response in responses]
    often = Counter(zip(owners, asked, strict=True))
    repeated = {key for (_, key), count in often.items() if count > 1}
    seen: Counter[tuple[tuple[str, str], str]] = Counter()
    keys = []
    for response, owner, key in zip(responses, owners, asked, strict=True):
        if key in repeated:
            key = f"{key}|{_answer(response)}"
            seen[owner, key] += 1
            key = f"{key}|{seen[owner, key]}"
        keys.append(key)
    return keys


def _find(response: Response, known: dict[tuple[str, str], set[str]]) -> str:
    if not response.post_id:
        found = known.get((response.task, _answer(response)), set())
        if len(found) == 1:
            return next(iter(found))
    return question_key(response)


def _answer(response: Response) -> str:
    """Return a hash of the gold answer; empty where the row carries none."""
    text = response.reference.strip()
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""


def _form(response: Response) -> str:
    """Return the form of the question, told from the gold answer, else from the row's id."""
    head = response.reference.partition(REASONING)[0].strip()
    if head:
        phrases = {label.phrase for label in get_task(response.task).labels}
        return "instruction" if head in phrases else "completion"
    return next((part for part in response.sample_id.split("/") if part in FORMS), "")
