"""Worked examples for prompts, from training rows that give nothing of the evaluation away.

Which rows may serve is decided before any is chosen. Held out is every post that is asked about or
given and is not in a training split; a training row whose post is one of them, a near-duplicate or
an excerpt of one (as the audit and the tuning gate find copies) is left out for all prompts. Where
a training post is asked about, its own row and its copies are left out of its own prompt.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

import numpy as np

from mentallama.errors import InputError
from mentallama.models.retrieval import Embed, Floats, choose_top, similarities
from mentallama.near import match_copies
from mentallama.tasks import get_task
from mentallama.tasks.answers import read_opening
from mentallama.tasks.posts import text_key
from mentallama.types import Form, Sample

Question = tuple[str, Form, str | None]
"""Task, form and aspect: examples answer the question that is asked."""
Round = tuple[Sample, ...]
"""One example of each label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Training rows that may serve as examples, and how many may not."""

    rows: dict[Question, list[Sample]]
    """Per question, one row for each distinct post, ordered by the post's id."""
    copies: dict[str, set[str]]
    """For the key of a post, the keys of training posts that are copies of it."""
    of: int
    """Training rows of the tasks and forms asked about."""
    excluded: int
    """Of these, rows whose post also stands in an evaluation split, or a copy of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How examples are chosen: so many of each label, the same for all or nearest to each post."""

    shots: int
    examples: Literal["fixed", "nearest"] = "fixed"
    seed: int = 0
    embed: Embed | None = None
    """Vectors to measure nearness by; None means TF-IDF."""


def make_pool(asked: Sequence[Sample], given: Sequence[Sample]) -> Pool:
    """Keep the training rows among ``given`` that leak nothing of any evaluation split.

    ``given`` may hold every split of a folder: rows of the others are held out like those asked.
    Rows without a label or an explanation are no examples, nor are those whose explanation opens
    with another label's verdict (79 of 2,441 MultiWD test rows of the release do).
    """
    wanted = {(sample.post.task, sample.form) for sample in asked}
    train = [s for s in given if s.post.split == "train" and (s.post.task, s.form) in wanted]
    keys = [text_key(sample.post.text) for sample in train]
    held = _by_key([s for s in (*asked, *given) if s.post.split != "train"])
    copies = match_copies(_by_key(train), {**_by_key(asked), **held})
    leaking = set(held).union(*(copies.get(key, ()) for key in held))
    clean = [s for s, key in zip(train, keys, strict=True) if key not in leaking]
    rows: dict[Question, dict[str, Sample]] = {}
    for sample in sorted(clean, key=lambda sample: (sample.post.id, sample.id)):
        if _is_sound(sample):
            same = rows.setdefault(question_of(sample), {})
            same.setdefault(text_key(sample.post.text), sample)
    return Pool(
        rows={question: list(found.values()) for question, found in rows.items()},
        copies=copies,
        of=len(train),
        excluded=len(train) - len(clean),
    )


def _is_sound(sample: Sample) -> bool:
    if not sample.post.label or not sample.explanation.strip():
        return False
    opening = read_opening(get_task(sample.post.task), sample.explanation)
    return opening is None or opening.labels == {sample.post.label}


def question_of(sample: Sample) -> Question:
    """Return what is asked about the sample's post."""
    return sample.post.task, sample.form, sample.post.aspect


def choose_examples(asked: Sequence[Sample], pool: Pool, choice: Choice) -> list[list[Round]]:
    """Return examples for each sample asked, in order: rounds of one of each label.

    The nearest round comes last, and in it the nearest example. Raises InputError naming task and
    label where the pool has too few.
    """
    numbers: dict[Question, list[int]] = {}
    for number, sample in enumerate(asked):
        numbers.setdefault(question_of(sample), []).append(number)
    chosen: list[list[Round]] = [[] for _ in asked]
    for question, places in numbers.items():
        found = _choose(question, [asked[place] for place in places], pool, choice)
        for place, rounds in zip(places, found, strict=True):
            chosen[place] = rounds
    return chosen


def _choose(
    question: Question, asked: Sequence[Sample], pool: Pool, choice: Choice
) -> Iterator[list[Round]]:
    """Choose for samples of one question."""
    rows = pool.rows.get(question, [])
    keys = {text_key(row.post.text): place for place, row in enumerate(rows)}
    labels = {
        label.key: np.array([i for i, row in enumerate(rows) if row.post.label == label.key], int)
        for label in get_task(question[0]).labels
    }
    for label, places in labels.items():
        _need(len(places), choice.shots, question, label, pool)
    for sample, ranks in zip(asked, _ranks(asked, rows, choice), strict=True):
        own = text_key(sample.post.text)
        barred = [keys[key] for key in {own, *pool.copies.get(own, ())} if key in keys]
        scores = ranks.copy()
        scores[barred] = -np.inf
        best = []
        for label, places in labels.items():
            best.append(choose_top(scores, places, choice.shots))
            _need(len(best[-1]), choice.shots, question, label, pool)
        rounds = [
            sorted(places, key=lambda i: (scores[i], -i)) for places in zip(*best, strict=True)
        ]
        yield [tuple(rows[place] for place in places) for places in reversed(rounds)]


def _ranks(asked: Sequence[Sample], rows: Sequence[Sample], choice: Choice) -> Iterator[Floats]:
    """Yield a score of every row for each sample asked, shape ``(len(rows),)``, highest first."""
    if choice.examples == "nearest":
        texts = [row.post.text for row in rows]
        return similarities([sample.post.text for sample in asked], texts, choice.embed)
    drawn = np.array([_draw(choice.seed, row.post.id) for row in rows], np.float32)
    return repeat(drawn, len(asked))


def _draw(seed: int, post: str) -> float:
    """Return a number from 0 to 1 that depends on seed and post alone, not on the other posts."""
    digest = hashlib.sha256(f"{seed}/{post}".encode()).digest()
    return int.from_bytes(digest[:3]) / 2**24


def _need(found: int, shots: int, question: Question, label: str, pool: Pool) -> None:
    if found < shots:
        task, form, aspect = question
        raise InputError(
            f"{task}{f' ({aspect})' if aspect else ''}: {found} {form} training rows can serve as "
            f"examples of label '{label}', {shots} asked for; {pool.excluded:,} of {pool.of:,} "
            "rows are left out as copies of evaluation posts"
        )


def _by_key(samples: Sequence[Sample]) -> dict[str, str]:
    return {text_key(sample.post.text): sample.post.text for sample in samples}
