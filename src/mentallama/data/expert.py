"""What a teacher is asked: expert instruction, expert examples, the post, and (or not) its label.

The paper gives the teacher, for each set, a task instruction written by experts, two random
expert-written examples for each class, and the post with its annotated label (section 3 there).
The texts here are our own: ``experts/instructions.yaml`` and one file of examples for each task.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mentallama.config import load_config
from mentallama.errors import InputError
from mentallama.io import read_records
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import post_id
from mentallama.types import Label, Post, Task

Message = dict[str, str]
Mode = Literal["label", "no-label", "zero-shot"]
"""With the annotated label and examples (the paper's); with examples but without the label, to
check correctness; with neither."""

MODES: tuple[Mode, ...] = ("label", "no-label", "zero-shot")
SHOTS = 2
"""Examples for each class."""

_ROLE = (
    "You help to build a data set for non-clinical research on mental health in social media. You "
    "explain, step by step and from the text alone, how a post answers a question. You diagnose "
    "nobody and give no advice."
)
_FORM = (
    'Answer with one JSON object and nothing else: {{"verdict": one of {labels}, "explanation": '
    "two to five sentences in the third person that name the emotions and the evidence and end "
    'with what follows for the question, "quotes": [short passages copied word for word from the '
    "post that support the verdict; an empty list where there are none]}}."
)
_LABELLED = "People have annotated the post; explain why their answer holds."
_UNLABELLED = "Decide the answer yourself and explain it."


class _Instructions(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    version: int
    tasks: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An expert's answer to an invented post."""

    id: str
    aspect: str | None
    label: str
    post: str
    explanation: str
    quotes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """What the experts wrote for one task."""

    instruction: str
    examples: tuple[Example, ...]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask a teacher; its id is made of task, post and, where there is one, aspect."""

    id: str
    post: Post
    messages: tuple[Message, ...]
    labels: tuple[str, ...]
    """The words that a verdict may consist of."""
    prompt_hash: str


def question_id(post: Post) -> str:
    """Name a post's question within its task."""
    return f"{post.task}/{post.id}" + (f"/{post.aspect}" if post.aspect else "")


def load_expert(task: Task, folder: Path | None = None) -> Expert:
    """Read instruction and examples of a task: from ``folder`` where it has them, else ours.

    A task without any (a user's own) is asked about by its question alone, without examples.
    """
    if folder and not (folder / "instructions.yaml").exists():
        raise InputError(f"{folder}: no instructions.yaml")
    for place in (folder, Path(str(files("mentallama.data") / "experts"))):
        if place and (place / "instructions.yaml").exists():
            known = _instructions(place / "instructions.yaml")
            if task.key in known.tasks:
                path = place / f"{task.key}.jsonl"
                examples = _read_examples(task, path) if path.exists() else ()
                return Expert(
                    instruction=known.tasks[task.key].strip(),
                    examples=examples,
                    version=f"{known.version}",
                )
    return Expert(instruction="", examples=(), version="0")


@lru_cache(maxsize=4)
def _instructions(path: Path) -> _Instructions:
    return load_config(path, _Instructions)


@lru_cache(maxsize=64)
def _read_examples(task: Task, path: Path) -> tuple[Example, ...]:
    examples = read_records(path, Example)
    for example in examples:
        get_label(task, example.label)
        if example.aspect not in (task.aspects or (None,)):
            raise InputError(f"{path}: {example.id} names an aspect that {task.key} does not have")
        if any(quote not in example.post for quote in example.quotes):
            raise InputError(f"{path}: {example.id} quotes what does not stand in its post")
    return tuple(examples)


def make_question(
    post: Post,
    expert: Expert,
    mode: Mode = "label",
    *,
    shots: int = SHOTS,
    seed: int = 0,
) -> Question:
    """Put together what the teacher reads. Examples are drawn by seed, task, aspect and post.

    Raises InputError where the label is to be explained and the post has none.
    """
    task = get_task(post.task)
    if mode == "label" and post.label is None:
        raise InputError(f"post {post.id} has no label to explain; ask with --mode no-label")
    choice = [] if mode == "zero-shot" else choose_examples(task, post, expert, shots, seed)
    labels = tuple(label.completion for label in task.labels)
    form = _FORM.format(labels=json.dumps(labels, ensure_ascii=False))
    told = _LABELLED if mode == "label" else _UNLABELLED
    system = " ".join(part for part in (_ROLE, expert.instruction, told, form) if part)
    messages: list[Message] = [{"role": "system", "content": system}]
    for example in choice:
        label = get_label(task, example.label)
        messages.append(_ask(task, example.post, example.aspect, label, mode))
        messages.append(_answer(label, example))
    known = get_label(task, post.label) if post.label else None
    messages.append(_ask(task, post.text, post.aspect, known, mode))
    return Question(
        id=question_id(post),
        post=post,
        messages=tuple(messages),
        labels=labels,
        prompt_hash=hash_json([*messages, {"version": expert.version, "mode": mode}]),
    )


def choose_examples(task: Task, post: Post, expert: Expert, shots: int, seed: int) -> list[Example]:
    """Draw examples of each class, never the post itself, and mix their order."""
    chance = random.Random(f"{seed}/{question_id(post)}")  # noqa: S311
    chosen: list[Example] = []
    for label in task.labels:
        fitting = [
            example
            for example in expert.examples
            if example.label == label.key
            and example.aspect == post.aspect
            and post_id(example.post) != post.id
        ]
        chosen += chance.sample(fitting, min(shots, len(fitting)))
    chance.shuffle(chosen)
    return chosen


def hash_json(value: Any) -> str:
    """Return a short hash of a JSON value."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def expert_posts(task: Task, expert: Expert) -> Sequence[Post]:
    """Return the experts' own posts as posts to ask about, their explanations as the reference."""
    return [
        Post(
            id=post_id(example.post),
            text=example.post,
            task=task.key,
            aspect=example.aspect,
            label=example.label,
            split="expert",
            evidence=example.quotes,
        )
        for example in expert.examples
    ]


def _ask(task: Task, text: str, aspect: str | None, label: Label | None, mode: Mode) -> Message:
    question = task.question.replace("{aspect}", aspect or "")
    content = f"Post:\n{text}\n\nQuestion: {question}"
    if mode == "label" and label:
        content += f"\nAnnotated answer: {label.completion}"
    return {"role": "user", "content": content}


def _answer(label: Label, example: Example) -> Message:
    value = {
        "verdict": label.completion,
        "explanation": example.explanation,
        "quotes": list(example.quotes),
    }
    return {"role": "assistant", "content": json.dumps(value, ensure_ascii=False)}
