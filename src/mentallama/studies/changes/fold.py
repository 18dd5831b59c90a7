"""Asking the posts of several sets one common yes-or-no question: "as:QUESTION".

What each set's labels mean for the question stands here; a label that says neither leaves its
rows out. So models of one set can be asked about another's posts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mentallama.errors import InputError, nearest
from mentallama.tasks import get_label, get_task
from mentallama.tasks.wording import render_answer, render_prompt
from mentallama.types import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Which labels of a set mean yes and no."""

    yes: tuple[str, ...] = ("yes",)
    no: tuple[str, ...] = ("no",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A yes-or-no question of some task, and what sets say about it."""

    task: str
    aspect: str | None = None
    sets: dict[tuple[str, str | None], Meaning]


_SAME = Meaning()
QUESTIONS = {
    # Suicidal and bipolar posts may be of depressed people or not: they are left out.
    "depression": Question(
        task="DR",
        sets={
            ("DR", None): _SAME,
            ("CLP", None): _SAME,
            ("swmh", None): Meaning(yes=("depression",), no=("none", "anxiety")),
            ("t-sid", None): Meaning(yes=("depression",), no=("none", "ptsd")),
        },
    ),
    "loneliness": Question(
        task="loneliness",
        sets={("loneliness", None): _SAME, ("Irf", "thwarted belongingness"): _SAME},
    ),
    # What MultiWD calls vocational is work and money; school may be either and is left out.
    "work": Question(
        task="MultiWD",
        aspect="vocational",
        sets={
            ("MultiWD", "vocational"): _SAME,
            ("SAD", None): Meaning(
                yes=("work", "financial"),
                no=("family", "social", "health", "emotional", "everyday", "other"),
            ),
            ("CAMS", None): Meaning(
                yes=("job",), no=("none", "bias", "medication", "relationship", "alienation")
            ),
        },
    ),
    # Whether a model of one condition finds it, or any distress: asked under one question's name.
    "any-condition": Question(
        task="DR",
        sets={
            ("DR", None): _SAME,
            ("dreaddit", None): _SAME,
            ("loneliness", None): _SAME,
            ("Irf", "thwarted belongingness"): _SAME,
            ("Irf", "perceived burdensomeness"): _SAME,
        },
    ),
}


def fold(samples: Sequence[Sample], value: str) -> list[Sample]:
    """Put rows under a common question; rows of sets that say nothing on it are left out."""
    if value not in QUESTIONS:
        hint = nearest(value, QUESTIONS) or f" Known: {', '.join(QUESTIONS)}."
        raise InputError(f"alter: as:{value}.{hint}")
    asked = [_ask(sample, QUESTIONS[value]) for sample in samples]
    return [sample for sample in asked if sample]


def only_aspect(samples: Sequence[Sample], value: str) -> list[Sample]:
    """Keep the rows of one aspect; raise InputError where the sets at hand have none such."""
    known = {aspect for s in samples for aspect in get_task(s.post.task).aspects}
    if value not in known:
        raise InputError(f"alter: aspect:{value}.{nearest(value, known) or ''}")
    return [sample for sample in samples if sample.post.aspect == value]


def _ask(sample: Sample, question: Question) -> Sample | None:
    post = sample.post
    meaning = question.sets.get((post.task, post.aspect))
    if meaning is None or post.label not in meaning.yes + meaning.no:
        return None
    task = get_task(question.task)
    label = get_label(task, "yes" if post.label in meaning.yes else "no")
    response = render_answer(label, sample.explanation, sample.form)
    prompt = render_prompt(task, post.text, question.aspect, sample.form)
    asked = replace(post, task=task.key, aspect=question.aspect, label=label.key, evidence=())
    return replace(sample, post=asked, prompt=prompt, response=response)
