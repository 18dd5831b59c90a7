"""Texts with known labels, in several views, and what a scorer makes of them."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mentallama.benchmark.inference.calibrate import Calibration
from mentallama.benchmark.inference.card import (
    DECIDES,
    FEWEST_WORDS,
    Guesses,
    View,
    measure,
    reasons_only,
    reword,
)
from mentallama.benchmark.inference.labeller import Scorer, softmax
from mentallama.benchmark.inference.linear import familiarity
from mentallama.benchmark.scores import Floats
from mentallama.types import Sample, Task

ALONE = DECIDES[0]
"""The view on which temperature and floors are set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Scores of the texts of one view."""

    logits: Floats
    """Shape (texts, labels); zeros for texts that are too short to be read."""
    familiar: Floats
    gold: NDArray[np.int64]
    read: NDArray[np.bool_]
    """Which texts have words enough."""

    def pick(self, which: NDArray[np.bool_]) -> "Scored":
        """Return some of the texts."""
        return Scored(
            logits=self.logits[which],
            familiar=self.familiar[which],
            gold=self.gold[which],
            read=self.read[which],
        )


def join(parts: Sequence[Scored]) -> Scored:
    """Put the texts of several parts one behind the other."""
    return Scored(
        logits=np.concatenate([part.logits for part in parts]),
        familiar=np.concatenate([part.familiar for part in parts]),
        gold=np.concatenate([part.gold for part in parts]),
        read=np.concatenate([part.read for part in parts]),
    )


def long_enough(text: str) -> bool:
    """Say whether a text has words enough to be read."""
    return len(text.split()) >= FEWEST_WORDS


def score_texts(
    scorer: Scorer, known: Floats, texts: Sequence[str], gold: NDArray[np.int64], labels: int
) -> Scored:
    """Score texts; those that are too short get no score."""
    read = np.array([long_enough(text) for text in texts], dtype=bool)
    chosen = [text for text, enough in zip(texts, read, strict=True) if enough]
    logits, familiar = np.zeros((len(texts), labels)), np.zeros(len(texts))
    if chosen:
        logits[read] = scorer.logits(chosen)
        familiar[read] = familiarity(chosen, known)
    return Scored(logits=logits, familiar=familiar, gold=gold, read=read)


def view_texts(task: Task, rows: Sequence[Sample]) -> dict[str, list[str]]:
    """Return the texts of every view of the rows, in their order."""
    views = {
        "response": [row.response for row in rows],
        ALONE: [row.explanation for row in rows],
        DECIDES[1]: [reasons_only(task, row.explanation) for row in rows],
    }
    for row in rows:
        for name, text in reword(task, str(row.post.label), row.explanation).items():
            views.setdefault(name, []).append(text)
    return views


def gold_of(labels: Sequence[str], rows: Sequence[Sample]) -> NDArray[np.int64]:
    """Return the index of each row's label among ``labels``."""
    index = {key: number for number, key in enumerate(labels)}
    return np.array([index[str(row.post.label)] for row in rows], dtype=np.int64)


def parts_of(rows: Sequence[Sample], parts: int) -> NDArray[np.int64]:
    """Share rows out among parts of about equal size; rows of a post stay together."""
    posts = sorted({row.post.id for row in rows}, key=lambda key: (zlib.crc32(key.encode()), key))
    part = {post: number % parts for number, post in enumerate(posts)}
    return np.array([part[row.post.id] for row in rows], dtype=np.int64)


def make_view(
    name: str, labels: Sequence[str], scored: Scored, calibrations: Sequence[Calibration]
) -> View:
    """Measure one view; ``calibrations`` holds one for each text."""
    temperature = np.array([one.temperature for one in calibrations])
    chances = softmax(scored.logits / temperature[:, None])
    sure = np.array([one.confidence_floor for one in calibrations])
    familiar = np.array([one.familiarity_floor for one in calibrations])
    answered = (chances.max(axis=1) >= sure) & (scored.familiar >= familiar) & scored.read
    guesses = Guesses(gold=scored.gold, chances=chances, read=scored.read, answered=answered)
    return measure(name, labels, guesses)


def views_beside(
    scorer: Scorer,
    known: Floats,
    labels: Sequence[str],
    beside: Mapping[str, Sequence[Sample]],
    calibration: Calibration,
) -> list[View]:
    """Measure the explanations of further rows; names without rows are left out."""
    views = []
    for name, rows in beside.items():
        rows = [row for row in rows if row.explanation]
        if rows:
            texts, gold = [row.explanation for row in rows], gold_of(labels, rows)
            scored = score_texts(scorer, known, texts, gold, len(labels))
            views.append(make_view(name, labels, scored, [calibration] * len(rows)))
    return views
