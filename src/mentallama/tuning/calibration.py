"""How sure a classifier that answers every question may be, measured on validation posts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mentallama.errors import InputError
from mentallama.tuning.rows import IGNORED

if TYPE_CHECKING:
    from mentallama.tuning.build import Job

_ROWS = 64
_FEWEST = 30
"""Validation posts under which nothing is measured; such a question keeps a temperature of 1."""


def calibrate(job: "Job", model: Any) -> dict[str, dict[str, float]]:
    """Return temperature, floor and number of validation posts for each question."""
    if job.feedback is None or job.recipe.risk is None:
        raise InputError("reads post_alone needs the benchmark's feedback")
    logits, labels = _read(job, model)
    questions = [name.rpartition("/")[0] for name in job.classes]
    found = {}
    for number, question in enumerate(dict.fromkeys(questions)):
        columns = [place for place, name in enumerate(questions) if name == question]
        rows = labels[:, number] != IGNORED
        count = int(rows.sum())
        if count < _FEWEST:
            found[question] = {"temperature": 1.0, "floor": 0.0, "n": count}
            continue
        temperature, floor = job.feedback.calibrate(
            logits[rows][:, columns], labels[rows, number] - columns[0], job.recipe.risk
        )
        found[question] = {"temperature": temperature, "floor": floor, "n": count}
    return found


def _read(job: "Job", model: Any) -> tuple[Any, Any]:
    """Return logits of shape (posts, outputs) and labels of shape (posts, questions)."""
    import torch

    order = sorted(range(len(job.valid)), key=lambda row: len(job.valid[row]["input_ids"]))
    logits = np.zeros((len(order), len(job.classes)))
    for start in range(0, len(order), _ROWS):
        chosen = order[start : start + _ROWS]
        batch = job.tokenizer.pad(
            {"input_ids": [job.valid[row]["input_ids"] for row in chosen]}, return_tensors="pt"
        ).to(model.device)
        with torch.inference_mode():
            logits[chosen] = model(**batch).logits.float().cpu().numpy()
    return logits, np.array([row["labels"] for row in job.valid])
