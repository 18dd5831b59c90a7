"""The report of an evaluation: one HTML file that opens anywhere and loads nothing from outside."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.benchmark.evaluate import Evaluation, Group, groups
from mentallama.benchmark.inference.rules import count_outcomes
from mentallama.benchmark.reported import reported_scores
from mentallama.pages import describe_software, write_page
from mentallama.tasks import get_task
from mentallama.types import GoldSource, Prediction, Response, Score, Task

SAMPLES_PER_TASK = 4
"""Rows shown per task, with every model's response."""

_LIBRARIES = ("numpy", "scikit-learn", "torch", "transformers", "trl")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model on one task, as the template shows it."""

    model: str
    gold: GoldSource
    scores: Mapping[str, Score]
    """Keyed "metric variant", such as "weighted_f1 all"."""
    outcomes: Mapping[str, int]
    confusion: Sequence[Sequence[int]]
    """Gold label by prediction; the last column counts rows without a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One post in the sample viewer, with what each model made of it."""

    task: str
    aspect: str | None
    post: str | None
    """None where the file names no post."""
    gold: str
    answers: list[tuple[Response, Prediction]]


def write_report(
    evaluation: Evaluation,
    path: Path,
    *,
    title: str,
    run: Mapping[str, str],
    posts: Mapping[str, str] | None = None,
) -> None:
    """Write the report.

    ``run`` says what was run, line by line. ``posts`` maps post ids to texts; without it neither
    posts nor responses, which quote them, are shown.
    """
    write_page(
        path,
        "benchmark",
        "report.html.j2",
        title=title,
        run={**run, **describe_software(_LIBRARIES)},
        tables=_tables(evaluation),
        models=list(dict.fromkeys(score.model for score in evaluation.scores)),
        samples=_choose_samples(evaluation, posts) if posts is not None else None,
        reported=_reported(),
        gold={score.gold for score in evaluation.scores},
        has_clusters=all(response.post_id for response in evaluation.responses),
    )


def _tables(evaluation: Evaluation) -> list[tuple[Task, list[ModelRow]]]:
    """Return, task by task, one row per model in the order of the scores."""
    tables: dict[str, list[ModelRow]] = {}
    for (task, model, gold), group in groups(evaluation).items():
        tables.setdefault(task, []).append(_model_row(get_task(task), model, gold, group))
    return [(get_task(key), rows) for key, rows in tables.items()]


def _model_row(task: Task, model: str, gold: GoldSource, group: Group) -> ModelRow:
    keys = [label.key for label in task.labels]
    table = [[0] * (len(keys) + 1) for _ in keys]
    for response, prediction in group.pairs:
        column = keys.index(prediction.label) if prediction.label else len(keys)
        table[keys.index(response.gold)][column] += 1
    return ModelRow(
        model=model,
        gold=gold,
        scores=group.scores,
        outcomes=count_outcomes(prediction for _, prediction in group.pairs),
        confusion=table,
    )


def _choose_samples(evaluation: Evaluation, posts: Mapping[str, str]) -> list[Shown]:
    """Draw the same few rows per task each time, and collect every model's answer to them."""
    rows: dict[str, dict[str, list[tuple[Response, Prediction]]]] = {}
    for response, prediction in zip(evaluation.responses, evaluation.predictions, strict=True):
        samples = rows.setdefault(response.task, {})
        samples.setdefault(response.sample_id, []).append((response, prediction))
    chosen = []
    for task, samples in rows.items():
        draw = random.Random(task).sample(sorted(samples), min(SAMPLES_PER_TASK, len(samples)))  # noqa: S311
        chosen += [_show(samples[sample_id], posts) for sample_id in draw]
    return chosen


def _show(answers: list[tuple[Response, Prediction]], posts: Mapping[str, str]) -> Shown:
    first = answers[0][0]
    return Shown(
        task=first.task,
        aspect=first.aspect,
        post=posts.get(first.post_id or ""),
        gold=first.gold,
        answers=answers,
    )


def _reported() -> dict[str, list[tuple[str, float, str]]]:
    cells: dict[str, list[tuple[str, float, str]]] = {}
    for cell in reported_scores():
        cells.setdefault(cell.task, []).append((cell.model, cell.weighted_f1, cell.known_from))
    return cells
