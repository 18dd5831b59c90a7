"""Asking an analyser about posts, and the record that every surface gives back."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from mentallama import NOTICE
from mentallama.errors import InputError
from mentallama.tasks import get_task, list_tasks
from mentallama.types import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question that can be asked about any post."""

    task: str
    aspect: str | None = None


class Analyser(Protocol):
    """A model that answers questions on posts. The caller passes it in; there is no global one."""

    @property
    def name(self) -> str:
        """What to call it in results."""
        ...

    @property
    def key(self) -> str:
        """A text that differs whenever it would answer differently."""
        ...

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        """Yield, for each post in order, one analysis per question; posts hold some text."""
        ...


def list_questions(tasks: Sequence[str] | None = None) -> list[Question]:
    """Return the questions of some tasks, all by default; a task with aspects has one for each.

    Raises InputError where a task is not known, or none is named.
    """
    if tasks is not None and not tasks:
        raise InputError("no task is named; leave it out for all of them")
    chosen = [get_task(key) for key in dict.fromkeys(tasks)] if tasks else list_tasks()
    return [
        Question(task=task.key, aspect=aspect)
        for task in chosen
        for aspect in task.aspects or [None]
    ]


def analyse(
    posts: Sequence[str], *, analyser: Analyser, tasks: Sequence[str] | None = None
) -> Iterator[list[Analysis]]:
    """Yield, for each post in order, one analysis per question of ``list_questions(tasks)``.

    A post without a word is an answer of its own, not an error, and is not shown to the analyser.
    """
    questions = list_questions(tasks)
    answers = analyser.answer([post for post in posts if has_words(post)], questions)
    for post in posts:
        yield next(answers) if has_words(post) else [_nothing(q, analyser) for q in questions]


def has_words(post: str) -> bool:
    """Say whether there is anything to read in a text: one letter, digit or sign is enough."""
    return any(not char.isspace() and char.isprintable() for char in post)


def _nothing(question: Question, analyser: Analyser) -> Analysis:
    return abstain(question, analyser.name, "There is nothing to read in this post.")


def abstain(question: Question, model: str, why: str, **values: Any) -> Analysis:
    """Return an analysis without a label; ``why`` is said in its explanation."""
    return Analysis(
        task=question.task,
        aspect=question.aspect,
        abstained=True,
        explanation=why,
        model=model,
        **values,
    )


def as_reply(analyses: Sequence[Analysis]) -> dict[str, Any]:
    """Return what every surface gives for one post, ready for JSON."""
    shown = [asdict(one) for one in analyses]
    for one in shown:
        if one["example"] is None:
            del one["example"]
    return {"analyses": shown, "notice": NOTICE.replace("\n", " ")}
