"""Training a labeller on gold answers, and measuring it on what it did not see.

Rows of one post stay in one part. The scores of the held-out rows set the temperature and the
floors. The card's figures for a part hold for a temperature and floors set on the other parts, so
that no row is reported on that helped to set them. The labeller that is saved is fitted on all
rows, with temperature and floors from all held-out ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mentallama.benchmark.inference.calibrate import Calibration, calibrate
from mentallama.benchmark.inference.card import FEWEST_WORDS, View, judge
from mentallama.benchmark.inference.heldout import (
    ALONE,
    Scored,
    gold_of,
    join,
    long_enough,
    make_view,
    parts_of,
    score_texts,
    view_texts,
    views_beside,
)
from mentallama.benchmark.inference.labeller import Scorer, Settings, TaskLabeller, row_hash
from mentallama.benchmark.inference.linear import known_words
from mentallama.errors import InputError
from mentallama.tasks.versions import label_set_version
from mentallama.types import Sample, Task

On = Literal["both", "explanation", "response"]
"""What a labeller is fitted on: the gold answer, its explanation alone, or each in turn."""
Fit = Callable[[Sequence[str], Sequence[int], int], Scorer]
"""Fits a scorer on texts, label indices and the number of labels."""
FEWEST_ROWS = 20
PARTS = 5


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out rows in every view, and the part of each row."""

    views: Mapping[str, Scored]
    part: NDArray[np.int64]


def train_labeller(
    task: Task,
    rows: Sequence[Sample],
    fit: Fit,
    *,
    trained_on: str,
    beside: Mapping[str, Sequence[Sample]],
    on: On = "both",
    folds: int = PARTS,
    risk: float = 0.05,
) -> TaskLabeller:
    """Fit, calibrate and measure a labeller.

    ``beside`` names further explanations to measure it on, such as the experts'; those that stand
    on a training post are left out. ``folds`` of five parts are held out in turn. ``risk`` is the
    share of wrong guesses allowed among answers. Raises InputError where there are too few rows.
    """
    rows = [row for row in rows if row.explanation]
    _check_rows(task, rows)
    labels = tuple(label.key for label in task.labels)
    gold = gold_of(labels, rows)
    held = _held_out(task, rows, gold, fit, on, folds)
    calibration = _calibrate(task, held.views[ALONE], risk)
    texts, indices = _training_texts(rows, gold, on)
    scorer, known = fit(texts, indices, len(labels)), known_words(texts)
    own = {row.post.id for row in rows}
    fresh = {name: [s for s in some if s.post.id not in own] for name, some in beside.items()}
    views = cross_fit(task, held, risk)
    views += views_beside(scorer, known, labels, fresh, calibration)
    parts = len(set(held.part))
    calibrated = (
        f"{len(held.part):,} held-out rows in {parts} parts, the figures of each from temperature "
        f"and floors of the other {parts - 1}"
    )
    return TaskLabeller(
        scorer=scorer,
        settings=Settings(
            kind=scorer.kind,
            task=task.key,
            labels=labels,
            temperature=calibration.temperature,
            confidence_floor=calibration.confidence_floor,
            familiarity_floor=calibration.familiarity_floor,
            trained_on=f"{trained_on}, {len(rows):,} rows, {on}",
            label_set=label_set_version(task),
        ),
        known=known,
        trained=frozenset(row_hash(task.key, row.explanation) for row in rows),
        card=judge(task.key, views, calibrated),
    )


def _check_rows(task: Task, rows: Sequence[Sample]) -> None:
    found = len({row.post.label for row in rows})
    if len(rows) < FEWEST_ROWS or found < 2:
        raise InputError(
            f"{task.key}: {len(rows)} training rows with {found} labels; a labeller needs "
            f"{FEWEST_ROWS} rows and 2 labels"
        )
    readable = sum(long_enough(row.explanation) for row in rows)
    if readable < FEWEST_ROWS:
        raise InputError(
            f"{task.key}: {readable} of {len(rows)} training rows have an explanation of "
            f"{FEWEST_WORDS} words or more; a labeller needs {FEWEST_ROWS} of them"
        )
    if (posts := len({row.post.id for row in rows})) < 2 * PARTS:
        raise InputError(
            f"{task.key}: the training rows stand on {posts} posts; a labeller needs {2 * PARTS}"
        )


def _held_out(
    task: Task, rows: Sequence[Sample], gold: NDArray[np.int64], fit: Fit, on: On, folds: int
) -> Held:
    fold = parts_of(rows, PARTS)
    scored: dict[str, list[Scored]] = {}
    kept: list[Sample] = []
    for number in range(folds):
        inside = np.flatnonzero(fold != number).tolist()
        outside = np.flatnonzero(fold == number).tolist()
        if len(set(gold[inside])) < 2:
            raise InputError(
                f"{task.key}: all rows of one label stand on a few posts, so that a fifth of the "
                "posts cannot be held out"
            )
        texts, labels = _training_texts([rows[i] for i in inside], gold[inside], on)
        scorer, known = fit(texts, labels, len(task.labels)), known_words(texts)
        chosen = [rows[i] for i in outside]
        for name, view in view_texts(task, chosen).items():
            found = score_texts(scorer, known, view, gold[outside], len(task.labels))
            scored.setdefault(name, []).append(found)
        kept += chosen
    # A single fold is halved, so that one half can be judged by the other.
    part = parts_of(kept, max(2, folds))
    return Held({name: join(parts) for name, parts in scored.items()}, part)


def _calibrate(task: Task, alone: Scored, risk: float) -> Calibration:
    read = alone.pick(alone.read)
    if not len(read.gold):
        raise InputError(
            f"{task.key}: no held-out explanation has {FEWEST_WORDS} words; a labeller cannot be "
            "calibrated"
        )
    return calibrate(read.logits, read.familiar, read.gold, risk)


def cross_fit(task: Task, held: Held, risk: float) -> list[View]:
    """Measure every view, each part with the calibration of the others."""
    alone = held.views[ALONE]
    by_part = {
        int(number): _calibrate(task, alone.pick(held.part != number), risk)
        for number in set(held.part)
    }
    calibrations = [by_part[int(number)] for number in held.part]
    labels = [label.key for label in task.labels]
    return [make_view(name, labels, one, calibrations) for name, one in held.views.items()]


def _training_texts(
    rows: Sequence[Sample], gold: NDArray[np.int64], on: On
) -> tuple[list[str], list[int]]:
    answers, explanations = [r.response for r in rows], [r.explanation for r in rows]
    labels = [int(label) for label in gold]
    match on:
        case "response":
            return answers, labels
        case "explanation":
            return explanations, labels
        case "both":
            return answers + explanations, labels + labels
