"""The outputs of a model that answers every question on a post at once: their names, and which of
them answer a question.

    >>> question_name("Irf", "perceived burdensomeness", "human")
    'Irf[perceived burdensomeness]@human'
    >>> output_name("SAD", None, "release", "family")
    'SAD/family'
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mentallama.types import GoldSource, Task


def question_name(task: str, aspect: str | None, gold: GoldSource = "release") -> str:
    """Return the name of a question; labels of people are another question than the release's."""
    return f"{task}{f'[{aspect}]' if aspect else ''}{'@human' if gold == 'human' else ''}"


def output_name(task: str, aspect: str | None, gold: GoldSource, label: str) -> str:
    """Return the name of the output that stands for one label of a question."""
    return f"{question_name(task, aspect, gold)}/{label}"


def find_outputs(
    places: Mapping[str, int], task: Task, aspect: str | None, gold: GoldSource
) -> list[list[int]]:
    """Return the outputs, label by label, that answer a question; nothing where none does.

    Of the release's question people's answers are a second opinion: on validation posts the mean of
    the two was as right or better wherever there were both.
    """
    golds: tuple[GoldSource, ...] = ("human",) if gold == "human" else ("release", "human")
    found = []
    for one in golds:
        names = [output_name(task.key, aspect, one, label.key) for label in task.labels]
        if all(name in places for name in names):
            found.append([places[name] for name in names])
    return found


def combine(logits: Any, outputs: Sequence[Sequence[int]]) -> Any:
    """Return the mean log-probabilities, of shape (rows, labels), of one or several opinions."""
    import numpy as np

    opinions = []
    for columns in outputs:
        values = logits[:, list(columns)]
        values = values - values.max(axis=1, keepdims=True)
        opinions.append(values - np.log(np.exp(values).sum(axis=1, keepdims=True)))
    return np.mean(opinions, axis=0)
