"""Scores of a model's answers to validation posts, by which the best checkpoint is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mentallama.errors import InputError
from mentallama.tasks import get_task
from mentallama.types import Response, Sample

ANSWER_TOKENS = 256
"""Most new tokens of an answer in validation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScore:
    """Weighted F1 (0 to 100) of one task over all rows, those without a verdict counted wrong."""

    weighted_f1: float
    n: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Scores of answers to validation samples."""

    weighted_f1: float
    """Mean over the tasks, each weighing the same."""
    by_task: dict[str, TaskScore]


def weighted_f1(samples: Sequence[Sample], texts: Sequence[str]) -> Validation:
    """Score answers to samples as the benchmark does, labels read by rules.

    Raises InputError where there is nothing to score.
    """
    from mentallama.benchmark.evaluate import as_rows
    from mentallama.benchmark.inference.rules import read_by_rules
    from mentallama.benchmark.scores import confusion
    from mentallama.benchmark.scores import weighted_f1 as score

    if not samples:
        raise InputError("no validation sample to answer")
    groups: dict[str, list[Response]] = {}
    for sample, text in zip(samples, texts, strict=True):
        groups.setdefault(sample.post.task, []).append(_response(sample, text))
    found = {}
    for key, responses in groups.items():
        task = get_task(key)
        rows = as_rows(task, list(zip(responses, read_by_rules(responses), strict=True)))
        found[key] = TaskScore(
            weighted_f1=100 * float(score(confusion(rows, len(task.labels)))),
            n=len(rows),
            answered=sum(row.predicted is not None for row in rows),
        )
    mean = sum(one.weighted_f1 for one in found.values()) / len(found)
    return Validation(weighted_f1=mean, by_task=found)


def _response(sample: Sample, text: str) -> Response:
    return Response(
        sample_id=sample.id,
        task=sample.post.task,
        text=text,
        model="validation",
        gold=str(sample.post.label),
        reference=sample.response,
        aspect=sample.post.aspect,
        post_id=sample.post.id,
    )


def validate(model: Any, tokenizer: Any, samples: Sequence[Sample]) -> dict[str, float]:
    """Let a model in memory answer the samples greedily; return weighted F1 and coverage, 0 to 100.

    Keys: ``weighted_f1`` (mean over tasks), ``answered``, and ``weighted_f1_TASK`` for each task.
    """
    import torch

    order = sorted(samples, key=lambda sample: len(sample.prompt), reverse=True)
    training = model.training
    model.eval()
    try:
        # Generation seeds torch; training must go on with its own random numbers.
        with torch.random.fork_rng():
            texts = _answer(model, tokenizer, order)
    finally:
        model.train(training)
    result = weighted_f1(order, texts)
    scores = result.by_task
    answered = sum(one.answered for one in scores.values()) / len(samples)
    return {
        "weighted_f1": result.weighted_f1,
        "answered": 100 * answered,
        **{f"weighted_f1_{task}": one.weighted_f1 for task, one in scores.items()},
    }


def _answer(model: Any, tokenizer: Any, samples: Sequence[Sample]) -> list[str]:
    from mentallama.models.backend import Backend, Decoding
    from mentallama.models.classifier import Classifier
    from mentallama.models.local import LocalModel

    backend: Backend
    if model.can_generate():
        # A tokenizer's template is the recipe's, or passes the query through unchanged.
        chat = bool(getattr(tokenizer, "chat_template", None))
        backend = LocalModel(model, tokenizer, chat=chat)
    else:
        backend = Classifier(model, tokenizer, samples)
    context = getattr(model.config, "max_position_embeddings", None) or 4 * ANSWER_TOKENS
    decoding = Decoding(max_new_tokens=min(ANSWER_TOKENS, context // 3))
    completions = backend.complete([sample.prompt for sample in samples], decoding)
    return [completion.text for completion in completions]


def calibrate(logits: Any, gold: Any, risk: float) -> tuple[float, float]:
    """Return temperature and confidence floor of logits (rows, labels), as labellers have them."""
    import numpy as np

    from mentallama.benchmark.inference.calibrate import calibrate as measure

    found = measure(logits, np.ones(len(gold)), gold, risk)
    return found.temperature, found.confidence_floor
