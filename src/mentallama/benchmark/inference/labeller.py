"""A trained labeller of one task: it reads a label from a text, or says why it does not.

DIR/{TASK}/labeller.json       kind, labels, floors, what it was trained on
DIR/{TASK}/card.json           what it was measured to do; without it scores are provisional
DIR/{TASK}/known.npz           which words it has met, hashed
DIR/{TASK}/trained.txt         hashes of the rows that it was trained on
DIR/{TASK}/weights.npz         or, for an encoder, the files of a transformers model
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import TypeAdapter, ValidationError

from mentallama import __version__
from mentallama.benchmark.inference.card import Card
from mentallama.benchmark.inference.linear import familiarity, load_linear
from mentallama.benchmark.scores import Floats
from mentallama.errors import InputError
from mentallama.io import atomic_write, explain, make_folder, read_json, write_json
from mentallama.tasks import get_task
from mentallama.types import Task

LABELLER, CARD, KNOWN, TRAINED = "labeller.json", "card.json", "known.npz", "trained.txt"
CONFIDENCE_FLOOR = 0.5
"""Below it a guess is more likely wrong than right."""


class Scorer(Protocol):
    """What scores texts against the labels of a task."""

    @property
    def kind(self) -> str:
        """Name of the method."""
        ...

    def logits(self, texts: Sequence[str]) -> Floats:
        """Return scores of shape (texts, labels)."""
        ...

    def save(self, folder: Path) -> None:
        """Write itself into a labeller's folder."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides when a labeller answers, and what it was made from."""

    kind: str
    task: str
    labels: tuple[str, ...]
    temperature: float = 1.0
    """Divides the scores, so that confidence is the share of right guesses (Guo et al. 2017)."""
    confidence_floor: float = CONFIDENCE_FLOOR
    familiarity_floor: float = 0.0
    trained_on: str = "unknown"
    version: str = __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A label and its confidence; no label where the labeller abstains, for the reason given."""

    label: str | None
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLabeller:
    """A scorer with its floors, its card, and the rows that it must not be asked about."""

    scorer: Scorer
    settings: Settings
    known: Floats | None = None
    trained: frozenset[str] = frozenset()
    card: Card | None = None

    @property
    def provisional(self) -> str | None:
        """Return why scores by this labeller are provisional, or None."""
        if self.card is None:
            return "it has no accuracy card"
        return None if self.card.passed else "it failed its accuracy card"

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Read a label from each text, or abstain."""
        if not texts:
            return []
        settings = self.settings
        chances = softmax(self.scorer.logits(texts) / settings.temperature)
        familiar = familiarity(texts, self.known) if self.known is not None else np.ones(len(texts))
        guesses = []
        for row, known in zip(chances, familiar, strict=True):
            label, confidence = settings.labels[int(row.argmax())], float(row.max())
            if known < settings.familiarity_floor:
                guesses.append(Guess(label=None, confidence=confidence, reason="unlike its texts"))
            elif confidence < settings.confidence_floor:
                guesses.append(Guess(label=None, confidence=confidence, reason="not sure"))
            else:
                guesses.append(Guess(label=label, confidence=confidence, reason=""))
        return guesses


def softmax(scores: Floats) -> Floats:
    """Turn scores into chances, row by row."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances: Floats = raised / raised.sum(axis=-1, keepdims=True)
    return chances


def row_hash(task: str, answer: str) -> str:
    """Return what stands for one gold answer, so that a labeller knows its own training rows."""
    return hashlib.sha256(f"{task}\0{answer.strip()}".encode()).hexdigest()[:16]


def save_labeller(labeller: TaskLabeller, folder: Path) -> None:
    """Write a labeller; its settings come last, so that a folder without them is unfinished."""
    make_folder(folder)
    labeller.scorer.save(folder)
    if labeller.known is not None:
        np.savez_compressed(folder / KNOWN, known=labeller.known.astype(np.uint8))
    with atomic_write(folder / TRAINED) as file:
        file.writelines(f"{row}\n" for row in sorted(labeller.trained))
    if labeller.card:
        write_json(folder / CARD, TypeAdapter(Card).dump_python(labeller.card, mode="json"))
    write_json(folder / LABELLER, TypeAdapter(Settings).dump_python(labeller.settings, mode="json"))


def load_labellers(folder: Path) -> dict[str, TaskLabeller]:
    """Read every labeller of a folder, by task; raise InputError where it holds none."""
    if (folder / LABELLER).exists():
        labeller = load_labeller(folder)
        return {labeller.settings.task: labeller}
    found = [path.parent for path in sorted(folder.glob(f"*/{LABELLER}"))]
    if not found:
        raise InputError(
            f"{folder}: no labeller in it; make some with 'mentallama benchmark train-labeller'"
        )
    return {(labeller := load_labeller(path)).settings.task: labeller for path in found}


def load_labeller(folder: Path) -> TaskLabeller:
    """Read one labeller; raise InputError where a file is broken or labels changed since."""
    try:
        settings = TypeAdapter(Settings).validate_python(read_json(folder / LABELLER))
        card = folder / CARD
        read_card = TypeAdapter(Card).validate_python(read_json(card)) if card.exists() else None
    except ValidationError as error:
        raise InputError(f"{folder}: {explain(error)}") from None
    _check_labels(folder, settings, get_task(settings.task))
    known = folder / KNOWN
    trained = folder / TRAINED
    return TaskLabeller(
        scorer=_load_scorer(folder, settings),
        settings=settings,
        known=np.load(known)["known"].astype(float) if known.exists() else None,
        trained=frozenset(trained.read_text().split()) if trained.exists() else frozenset(),
        card=read_card,
    )


def _check_labels(folder: Path, settings: Settings, task: Task) -> None:
    own = {label.key for label in task.labels}
    if set(settings.labels) != own:
        raise InputError(
            f"{folder}: trained on the labels {', '.join(settings.labels)}, but {task.key} has "
            f"{', '.join(sorted(own))}; train it again"
        )


def _load_scorer(folder: Path, settings: Settings) -> Scorer:
    match settings.kind:
        case "linear":
            return load_linear(folder)
        case other:
            raise InputError(f"{folder / LABELLER}: unknown kind of labeller '{other}'")
