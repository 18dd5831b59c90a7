"""A fake model that ships: made-up answers, for tests and for dry runs of whole pipelines."""

import hashlib
from collections.abc import Iterator, Sequence

from mentallama.models.backend import Completion, Decoding
from mentallama.tasks import list_tasks
from mentallama.tasks.wording import render_answer
from mentallama.types import Form, Task

_REASON = "This answer was made up by the fake model, which did not read the post."
_NOTHING_ASKED = f"No question of a known task was found. Reasoning: {_REASON}"


class FakeModel:
    """Answers each prompt with one of its task's label sentences, the same one each time."""

    name = "fake"
    key = "fake 1"

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Yield an answer to each prompt; of ``decoding`` only the limit and the seed count."""
        for prompt in prompts:
            words = _answer(prompt, decoding.seed).split(" ")
            yield Completion(
                text=" ".join(words[: decoding.max_new_tokens]),
                cut_off=len(words) > decoding.max_new_tokens,
                prompt_tokens=len(prompt.split()),
                answer_tokens=min(len(words), decoding.max_new_tokens),
            )


def _answer(prompt: str, seed: int) -> str:
    found = _find_question(prompt)
    if not found:
        return _NOTHING_ASKED
    task, form = found
    number = int(hashlib.sha256(f"{seed} {prompt}".encode()).hexdigest(), 16)
    return render_answer(task.labels[number % len(task.labels)], _REASON, form)


def _find_question(prompt: str) -> tuple[Task, Form] | None:
    """Return whose question a prompt asks last, and in which form."""
    best: tuple[int, int, Task, Form] | None = None
    for task in list_tasks():
        for question, form in _questions(task):
            at = prompt.rfind(question)
            # A question may stand within another task's longer one.
            if at >= 0 and (best is None or (at + len(question), len(question)) > best[:2]):
                best = (at + len(question), len(question), task, form)
    return (best[2], best[3]) if best else None


def _questions(task: Task) -> Iterator[tuple[str, Form]]:
    forms: tuple[tuple[str | None, Form], ...] = (
        (task.question, "instruction"),
        (task.completion_question, "completion"),
    )
    for aspect in task.aspects or ("",):
        for question, form in forms:
            if question:
                yield question.replace("{aspect}", aspect), form
