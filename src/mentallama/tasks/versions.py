"""Short hashes by which a result says what it was measured on.

Scores of different label sets are not compared; those of different rows are, and it is said.
"""

import hashlib
import json
from collections.abc import Iterable

from mentallama.tasks import get_task
from mentallama.types import Task


def label_set_version(task: Task) -> str:
    """Return 12 hex digits of the labels' keys, phrases and completion words, in any order."""
    labels = sorted((label.key, label.phrase, label.completion) for label in task.labels)
    return hashlib.sha256(json.dumps(labels).encode()).hexdigest()[:12]


def label_sets(tasks: Iterable[str]) -> dict[str, str]:
    """Return the label-set version of each task named, by its key."""
    return {key: label_set_version(get_task(key)) for key in dict.fromkeys(tasks)}


def row_fingerprint(golds: Iterable[tuple[str, str]]) -> str:
    """Return 12 hex digits of the gold label and the gold answer of each row, in any order.

    Neither ids nor the order of rows counts: both differ between our layout and the reference's.
    """
    digests = sorted(
        hashlib.sha256(f"{label}\0{answer.strip()}".encode()).hexdigest() for label, answer in golds
    )
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]
