"""What the lm-evaluation-harness tasks score by: labels read by anchored phrases alone.

A response without one verdict counts as wrong in weighted F1 and accuracy; coverage says how many
have one.
"""

from collections.abc import Mapping, Sequence

from mentallama.benchmark.inference.rules import read_label
from mentallama.benchmark.scores import FUNCTIONS, Metric, Row, confusion
from mentallama.tasks import get_task

Item = tuple[str, str, str | None]
"""Task, gold label, label read."""


def process_results(doc: Mapping[str, str], results: Sequence[str]) -> dict[str, Item]:
    """Read the label of one response."""
    _, label, _ = read_label(get_task(doc["task"]), results[0], doc["aspect"] or None)
    item = (doc["task"], doc["label"], label)
    return {"weighted_f1": item, "accuracy": item, "coverage": item}


def weighted_f1(items: Sequence[Item]) -> float:
    """Weighted F1 over all rows, 0 to 1."""
    return _score("weighted_f1", items)


def accuracy(items: Sequence[Item]) -> float:
    """Accuracy over all rows, 0 to 1."""
    return _score("accuracy", items)


def coverage(items: Sequence[Item]) -> float:
    """Share of rows with one verdict, 0 to 1."""
    return _score("coverage", items)


def _score(metric: Metric, items: Sequence[Item]) -> float:
    keys = [label.key for label in get_task(items[0][0]).labels]
    rows = [
        Row(keys.index(gold), None if label is None else keys.index(label), str(number))
        for number, (_, gold, label) in enumerate(items)
    ]
    return float(FUNCTIONS[metric](confusion(rows, len(keys))))
