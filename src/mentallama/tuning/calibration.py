"""How sure a classifier that answers every question may be, measured on validation posts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mentallama.errors import InputError
from mentallama.tasks import list_tasks
from mentallama.tasks.questions import combine, find_outputs, output_name, question_name
from mentallama.types import GoldSource

if TYPE_CHECKING:
    from mentallama.tuning.build import Job

_ROWS = 64
_GOLDS: tuple[GoldSource, ...] = ("release", "human")
FEWEST = 30
"""Validation posts under which nothing is measured; such a question keeps a temperature of 1."""


def calibrate(job: "Job", model: Any) -> dict[str, dict[str, float]]:
    """Return temperature, floor and number of validation posts for each question."""
    if job.feedback is None or job.recipe.risk is None:
        raise InputError("reads post_alone needs the benchmark's feedback")
    logits, labels = _read(job, model)
    places = {name: number for number, name in enumerate(job.classes)}
    questions = list(dict.fromkeys(name.rpartition("/")[0] for name in job.classes))
    return {
        question_name(task.key, aspect, gold): _measure(
            job,
            combine(logits, find_outputs(places, task, aspect, gold)),
            labels[:, questions.index(question_name(task.key, aspect, gold))]
            - places[output_name(task.key, aspect, gold, task.labels[0].key)],
        )
        for task in list_tasks()
        for aspect in task.aspects or (None,)
        for gold in _GOLDS
        if question_name(task.key, aspect, gold) in questions
    }


def _measure(job: "Job", logits: Any, labels: Any) -> dict[str, float]:
    """Measure one question from logits of shape (posts, labels) and the right label of each post;
    a negative number stands for none."""
    rows = labels >= 0
    count = int(rows.sum())
    if count < FEWEST or job.feedback is None or job.recipe.risk is None:
        return {"temperature": 1.0, "floor": 0.0, "n": count}
    temperature, floor = job.feedback.calibrate(logits[rows], labels[rows], job.recipe.risk)
    return {"temperature": temperature, "floor": floor, "n": count}


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
