"""A trained labeller of one task: it reads a label from a text, or says why it does not."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mentallama import __version__
from mentallama.benchmark.inference.card import Card
from mentallama.benchmark.inference.linear import familiarity
from mentallama.benchmark.scores import Floats
from mentallama.tasks.posts import text_key
from mentallama.tasks.wording import REASONING

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
    label_set: str = ""
    """Version of the task's label set when it was trained; empty where that is not known."""
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
    """Return what stands for one training row, so that a labeller knows its own.

    ``answer`` is a gold answer in either form, or its explanation alone: the label sentence in
    front of "Reasoning:", which differs between the forms, does not count, nor does broken
    encoding. The post does not enter, as a file of responses need not say which one it was.
    """
    explanation = answer.partition(REASONING)[2] or answer
    return hashlib.sha256(f"{task}\0{text_key(explanation)}".encode()).hexdigest()[:16]
