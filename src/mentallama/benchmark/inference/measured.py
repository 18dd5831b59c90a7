"""Calibrating and measuring a classifier that was trained elsewhere.

One half of the held-out rows sets the temperature and the floors and says which words its texts
are made of; the card reports on the other half. Posts stay on one side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mentallama.benchmark.inference.calibrate import Calibration, calibrate
from mentallama.benchmark.inference.card import FEWEST_WORDS, judge
from mentallama.benchmark.inference.heldout import (
    gold_of,
    long_enough,
    make_view,
    parts_of,
    score_texts,
    view_texts,
    views_beside,
)
from mentallama.benchmark.inference.labeller import TaskLabeller, row_hash
from mentallama.benchmark.inference.linear import familiarity, known_words
from mentallama.benchmark.inference.train import FEWEST_ROWS, PARTS
from mentallama.benchmark.scores import Floats
from mentallama.errors import InputError
from mentallama.types import Sample, Task

UNKNOWN = "training rows: not known"


def measure_labeller(
    task: Task,
    labeller: TaskLabeller,
    rows: Sequence[Sample],
    *,
    source: str,
    beside: Mapping[str, Sequence[Sample]],
    risk: float = 0.05,
) -> TaskLabeller:
    """Return the labeller with floors set on one half of ``rows`` and a card from the other.

    ``source`` names the rows; those that it is known to be trained on are left out, and ``beside``
    names further explanations to measure it on. Raises InputError where too few rows are left.
    """
    rows = [row for row in rows if row.explanation and not _knows(labeller, row)]
    side = parts_of(rows, 2)
    setting = [row for row, part in zip(rows, side, strict=True) if part == 0]
    reported = [row for row, part in zip(rows, side, strict=True) if part == 1]
    for half in (setting, reported):
        _check_half(task, half)
    calibration, known = _set_floors(labeller, setting, risk)
    labels, scorer = labeller.settings.labels, labeller.scorer
    gold = gold_of(labels, reported)
    views = [
        make_view(
            name,
            labels,
            score_texts(scorer, known, texts, gold, len(labels)),
            [calibration] * len(texts),
        )
        for name, texts in view_texts(task, reported).items()
    ]
    fresh = {name: [s for s in some if not _knows(labeller, s)] for name, some in beside.items()}
    views += views_beside(scorer, known, labels, fresh, calibration)
    calibrated = (
        f"{source}: temperature and floors from {len(setting):,} held-out rows, the figures from "
        f"{len(reported):,} others"
    )
    settings = replace(
        labeller.settings,
        temperature=calibration.temperature,
        confidence_floor=calibration.confidence_floor,
        familiarity_floor=calibration.familiarity_floor,
        trained_on=labeller.settings.trained_on if labeller.trained else UNKNOWN,
    )
    card = judge(task.key, views, calibrated)
    return replace(labeller, settings=settings, known=known, card=card)


def _knows(labeller: TaskLabeller, row: Sample) -> bool:
    return row_hash(row.post.task, row.explanation) in labeller.trained


def _check_half(task: Task, rows: Sequence[Sample]) -> None:
    readable = sum(long_enough(row.explanation) for row in rows)
    if readable < FEWEST_ROWS:
        raise InputError(
            f"{task.key}: {readable} held-out explanations of {FEWEST_WORDS} words or more in one "
            f"half; a card needs {FEWEST_ROWS} in each"
        )


def _set_floors(
    labeller: TaskLabeller, rows: Sequence[Sample], risk: float
) -> tuple[Calibration, Floats]:
    """Return the calibration, and the words that the labeller is known to be calibrated on.

    Familiarity is measured part by part, with the words of the other parts.
    """
    rows = [row for row in rows if long_enough(row.explanation)]
    texts, part = [row.explanation for row in rows], parts_of(rows, PARTS)
    familiar = np.ones(len(rows))
    for number in set(part):
        inside, outside = np.flatnonzero(part != number), np.flatnonzero(part == number)
        words = known_words([texts[i] for i in inside])
        familiar[outside] = familiarity([texts[i] for i in outside], words)
    gold = gold_of(labeller.settings.labels, rows)
    logits = labeller.scorer.logits(texts)
    return calibrate(logits, familiar, gold, risk), known_words(texts)
