"""From responses to scores: read labels, count, and estimate (paper, section 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from mentallama.benchmark.inference.rules import Labeller, is_empty, read_by_rules
from mentallama.benchmark.scores import Estimate, Metric, Row, Variant, estimate_all
from mentallama.errors import InputError
from mentallama.tasks import get_task, list_tasks
from mentallama.types import GoldSource, Prediction, Response, Score, Task

F1_METRICS: tuple[Metric, ...] = ("weighted_f1", "macro_f1", "accuracy")
REFERENCE_LENGTH = 70
"""Characters of a response that the reference script looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Responses with what was read from them and the scores that follow."""

    responses: tuple[Response, ...]
    predictions: tuple[Prediction, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One model on one task: its scores, keyed "metric variant", and what was read from what."""

    scores: dict[str, Score]
    pairs: list[tuple[Response, Prediction]]


def groups(evaluation: Evaluation) -> dict[tuple[str, str, GoldSource], Group]:
    """Return the evaluation by task, model and gold, in the order of its scores."""
    found: dict[tuple[str, str, GoldSource], Group] = {}
    for score in evaluation.scores:
        group = found.setdefault((score.task, score.model, score.gold), Group(scores={}, pairs=[]))
        group.scores[f"{score.metric} {score.variant}"] = score
    for response, prediction in zip(evaluation.responses, evaluation.predictions, strict=True):
        found[response.task, response.model, response.gold_source].pairs.append(
            (response, prediction)
        )
    return found


def evaluate(
    responses: Sequence[Response],
    *,
    labeller: Labeller = read_by_rules,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score responses of any number of models and tasks.

    F1 and accuracy come in three variants: over rows with a verdict ("answered"), over all rows
    with the others counted wrong ("all"), and with the reference script's forced class ("forced").
    Intervals are 95 % bootstrap percentiles over posts; a row without ``post_id`` is a post of
    its own.
    """
    predictions = labeller(responses)
    return Evaluation(
        responses=tuple(responses),
        predictions=tuple(predictions),
        scores=tuple(score_predictions(responses, predictions, resamples=resamples, seed=seed)),
    )


def score_predictions(
    responses: Sequence[Response],
    predictions: Sequence[Prediction],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Score]:
    """Score predictions that are already there, one group per model and task."""
    pairs: dict[tuple[str, str, GoldSource], list[tuple[Response, Prediction]]] = {}
    for response, prediction in zip(responses, predictions, strict=True):
        if response.sample_id != prediction.sample_id:
            raise InputError(f"prediction {prediction.sample_id} stands beside another response")
        key = (response.model, response.task, response.gold_source)
        pairs.setdefault(key, []).append((response, prediction))
    order = {task.key: index for index, task in enumerate(list_tasks())}
    scores: list[Score] = []
    # Task by task, and within a task in the order in which the models came.
    for key in sorted(pairs, key=lambda key: order[key[1]]):
        scores += _score_group(*key, pairs[key], resamples, seed)
    return scores


def as_rows(task: Task, pairs: Sequence[tuple[Response, Prediction]]) -> list[Row]:
    """Turn read responses of one task into rows to score, clustered by post."""
    index = {label.key: number for number, label in enumerate(task.labels)}
    return [_row(index, response, prediction.label) for response, prediction in pairs]


def forced_label(task: Task, text: str) -> str:
    """Return the class that the reference script would count a response as."""
    head = ("nan" if is_empty(text) else text)[:REFERENCE_LENGTH].lower()
    for keyword, key in task.reference.keywords:
        if keyword in head:
            return key
    return task.reference.default


def _score_group(
    model: str,
    task_key: str,
    gold: GoldSource,
    pairs: list[tuple[Response, Prediction]],
    resamples: int,
    seed: int,
) -> list[Score]:
    task = get_task(task_key)
    index = {label.key: number for number, label in enumerate(task.labels)}
    rows = [_row(index, response, prediction.label) for response, prediction in pairs]
    answered = [row for row in rows if row.predicted is not None]
    forced = [_row(index, response, forced_label(task, response.text)) for response, _ in pairs]
    labels = len(task.labels)
    parts: list[tuple[Variant, dict[Metric, Estimate]]] = [
        ("answered", estimate_all(answered, labels, F1_METRICS, resamples=resamples, seed=seed)),
        ("all", estimate_all(rows, labels, F1_METRICS, resamples=resamples, seed=seed)),
        ("forced", estimate_all(forced, labels, F1_METRICS, resamples=resamples, seed=seed)),
        ("all", estimate_all(rows, labels, ["coverage"], resamples=resamples, seed=seed)),
    ]
    return [
        Score(
            model=model,
            task=task_key,
            metric=metric,
            variant=variant,
            gold=gold,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=len(rows),
            answered=len(answered),
        )
        for variant, estimates in parts
        for metric, estimate in estimates.items()
    ]


def _row(index: dict[str, int], response: Response, label: str | None) -> Row:
    return Row(
        gold=index[response.gold],
        predicted=None if label is None else index[label],
        cluster=response.post_id or response.sample_id,
    )
