"""Training a labeller on gold answers, and measuring it on what it did not see.

Rows of one post stay in one fold. The scores of the held-out rows set the temperature, the floor
under which the labeller abstains (from a stated risk), and the accuracy card; the labeller that
is saved is then fitted on all rows.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mentallama.benchmark.inference.card import View, judge, measure, reasons_only, reword
from mentallama.benchmark.inference.labeller import (
    CONFIDENCE_FLOOR,
    Scorer,
    Settings,
    TaskLabeller,
    row_hash,
    softmax,
)
from mentallama.benchmark.inference.linear import familiarity, known_words
from mentallama.benchmark.scores import Floats
from mentallama.errors import InputError
from mentallama.types import Sample, Task

On = Literal["both", "explanation", "response"]
"""What a labeller is fitted on: the gold answer, its explanation alone, or each in turn."""
Fit = Callable[[Sequence[str], Sequence[int], int], Scorer]
"""Fits a scorer on texts, label indices and the number of labels."""
FEWEST_ROWS = 20
_FEWEST_WORDS = 4
_ALONE = "explanation alone"


def train_labeller(
    task: Task,
    rows: Sequence[Sample],
    fit: Fit,
    *,
    trained_on: str,
    beside: Mapping[str, Sequence[Sample]],
    on: On = "both",
    folds: int = 5,
    risk: float = 0.05,
) -> TaskLabeller:
    """Fit, calibrate and measure a labeller.

    ``beside`` names further explanations to measure it on, such as the experts'; those that stand
    on a training post are left out. ``risk`` is the share of wrong guesses allowed among answers.
    Raises InputError where there are too few rows or only one label.
    """
    rows = [row for row in rows if row.explanation]
    labels = tuple(label.key for label in task.labels)
    gold = np.array([labels.index(str(row.post.label)) for row in rows])
    if len(rows) < FEWEST_ROWS or len(set(gold)) < 2:
        raise InputError(
            f"{task.key}: {len(rows)} training rows with {len(set(gold))} labels; a labeller needs "
            f"{FEWEST_ROWS} rows and 2 labels"
        )
    held = _held_out(task, rows, gold, fit, on, folds)
    temperature = _fit_temperature(held[_ALONE].logits, held[_ALONE].gold)
    texts, indices = _training_texts(rows, gold, on)
    scorer, known = fit(texts, indices, len(labels)), known_words(texts)
    settings = Settings(
        kind=scorer.kind,
        task=task.key,
        labels=labels,
        temperature=temperature,
        confidence_floor=_floor(held[_ALONE], temperature, risk),
        familiarity_floor=float(np.percentile(held[_ALONE].familiar, 1)),
        trained_on=f"{trained_on}, {len(rows):,} rows, {on}",
    )
    own = {row.post.id for row in rows}
    for name, samples in beside.items():
        fresh = [s for s in samples if s.explanation and s.post.id not in own]
        if fresh:
            held[name] = _score(scorer, known, fresh, labels)
    views = [_view(name, settings, scored) for name, scored in held.items()]
    return TaskLabeller(
        scorer=scorer,
        settings=settings,
        known=known,
        trained=frozenset(row_hash(task.key, row.response) for row in rows),
        card=judge(task.key, views),
    )


class Scored:
    """Scores of held-out texts of one view, gathered fold by fold."""

    def __init__(self) -> None:
        self._logits: list[Floats] = []
        self._familiar: list[Floats] = []
        self._gold: list[NDArray[np.int64]] = []

    def add(self, logits: Floats, familiar: Floats, gold: NDArray[np.int64]) -> None:
        """Add the texts of a fold."""
        self._logits.append(logits)
        self._familiar.append(familiar)
        self._gold.append(gold)

    @property
    def logits(self) -> Floats:
        """Scores of shape (texts, labels)."""
        return np.concatenate(self._logits)

    @property
    def familiar(self) -> Floats:
        """Familiarity of each text."""
        return np.concatenate(self._familiar)

    @property
    def gold(self) -> NDArray[np.int64]:
        """Index of each text's right label."""
        return np.concatenate(self._gold)


def _held_out(
    task: Task, rows: Sequence[Sample], gold: NDArray[np.int64], fit: Fit, on: On, folds: int
) -> dict[str, Scored]:
    fold = np.array([zlib.crc32(row.post.id.encode()) % max(folds, 5) for row in rows])
    held: dict[str, Scored] = {}
    for number in range(folds):
        inside = np.flatnonzero(fold != number).tolist()
        outside = np.flatnonzero(fold == number).tolist()
        if not outside:
            continue
        texts, labels = _training_texts([rows[i] for i in inside], gold[inside], on)
        scorer, known = fit(texts, labels, len(task.labels)), known_words(texts)
        for name, view in _views(task, [rows[i] for i in outside]).items():
            kept = [i for i, text in enumerate(view) if len(text.split()) >= _FEWEST_WORDS]
            chosen = [view[i] for i in kept]
            if chosen:
                held.setdefault(name, Scored()).add(
                    scorer.logits(chosen), familiarity(chosen, known), gold[outside][kept]
                )
    return held


def _views(task: Task, rows: Sequence[Sample]) -> dict[str, list[str]]:
    views = {
        "response": [row.response for row in rows],
        _ALONE: [row.explanation for row in rows],
        "reasons only": [reasons_only(task, row.explanation) for row in rows],
    }
    for row in rows:
        for name, text in reword(task, str(row.post.label), row.explanation).items():
            views.setdefault(name, []).append(text)
    return views


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


def _fit_temperature(logits: Floats, gold: NDArray[np.int64]) -> float:
    """Return the temperature under which the right labels are likeliest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        chances = softmax(logits / np.exp(log_temperature))[np.arange(len(gold)), gold]
        return float(-np.log(np.clip(chances, 1e-9, None)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def _floor(held: Scored, temperature: float, risk: float) -> float:
    """Return the lowest confidence from which on at most ``risk`` of the guesses are wrong."""
    chances = softmax(held.logits / temperature)
    confidence, wrong = chances.max(axis=1), chances.argmax(axis=1) != held.gold
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    allowed = np.flatnonzero(share <= risk)
    floor = float(confidence[order[allowed[-1]]]) if len(allowed) else 1.0
    return max(CONFIDENCE_FLOOR, floor)


def _score(
    scorer: Scorer, known: Floats, samples: Sequence[Sample], labels: Sequence[str]
) -> Scored:
    texts = [sample.explanation for sample in samples]
    gold = np.array([labels.index(str(sample.post.label)) for sample in samples])
    scored = Scored()
    scored.add(scorer.logits(texts), familiarity(texts, known), gold)
    return scored


def _view(name: str, settings: Settings, scored: Scored) -> View:
    chances = softmax(scored.logits / settings.temperature)
    answers = (chances.max(axis=1) >= settings.confidence_floor) & (
        scored.familiar >= settings.familiarity_floor
    )
    return measure(name, settings.labels, scored.gold.tolist(), chances, answers.tolist())
