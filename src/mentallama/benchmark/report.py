"""The report of an evaluation: one HTML file that opens anywhere and loads nothing from outside."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, zip_longest
from pathlib import Path

from mentallama.benchmark.evaluate import Evaluation, Group, groups
from mentallama.benchmark.inference.rules import count_outcomes
from mentallama.benchmark.integrity import explanation_of
from mentallama.benchmark.pairing import row_keys
from mentallama.benchmark.reported import reported_scores
from mentallama.pages import describe_software, write_page
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.grounding import find_quotes
from mentallama.types import GoldSource, Prediction, Response, Score, Task

SAMPLES_PER_TASK = 40
"""Rows shown per task, with every model's response."""
_DRAWN = ("contradicts", "undecided", "differ")

_LIBRARIES = ("numpy", "scikit-learn", "torch", "transformers", "trl")
Segment = tuple[str, bool]
"""A stretch of a post, and whether some model quotes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a leaderboard shows beside the scores."""

    ranks: Mapping[tuple[str, GoldSource, str], int | None]
    """By task, gold and model; None for a model that was compared with no other."""
    notes: Sequence[str]
    contradicting: Collection[tuple[str, str]]
    """Model and row of explanations that lead to another label than the verdict."""
    tables: Sequence[Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model on one task, as the template shows it."""

    model: str
    gold: GoldSource
    rank: int | None
    scores: Mapping[str, Score]
    """Keyed "metric variant", such as "weighted_f1 all"."""
    read_by: str
    provisional: str | None
    """Why the scores are provisional."""
    outcomes: Mapping[str, int]
    confusion: Sequence[Sequence[int]]
    """Gold label by prediction; the last column counts rows without a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one model made of a post."""

    response: Response
    prediction: Prediction
    quotes: int
    grounded: int
    contradicts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One post in the sample viewer, with what each model made of it."""

    task: str
    aspect: str | None
    post: Sequence[Segment]
    """Empty where the file names no post."""
    golds: Mapping[GoldSource, str]
    answers: Sequence[Answer]
    flags: Sequence[str]
    """What the viewer can filter by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """Weighted F1 of one model against two golds."""

    model: str
    left: Score
    right: Score


def write_report(
    evaluation: Evaluation,
    path: Path,
    *,
    title: str,
    run: Mapping[str, str],
    posts: Mapping[str, str] | None = None,
    beside: Beside | None = None,
) -> None:
    """Write the report.

    ``run`` says what was run, line by line. ``posts`` maps post ids to texts; without it neither
    posts nor responses, which quote them, are shown.
    """
    golds = list(dict.fromkeys(score.gold for score in evaluation.scores))
    contradicting = beside.contradicting if beside else ()
    write_page(
        path,
        "benchmark",
        "report.html.j2",
        title=title,
        run={**run, **describe_software(_LIBRARIES)},
        tables=_tables(evaluation, beside),
        models=list(dict.fromkeys(score.model for score in evaluation.scores)),
        golds=golds,
        slopes=_slopes(evaluation),
        samples=_choose_samples(evaluation, posts, contradicting) if posts is not None else None,
        reported=_reported(),
        beside=beside,
        clusters=evaluation.clusters,
    )


def _tables(evaluation: Evaluation, beside: Beside | None) -> list[tuple[Task, list[ModelRow]]]:
    """Return, task by task, one row per model and gold in the order of the scores."""
    tables: dict[str, list[ModelRow]] = {}
    for (task, model, gold), group in groups(evaluation).items():
        rank = beside.ranks.get((task, gold, model)) if beside else None
        tables.setdefault(task, []).append(_model_row(get_task(task), model, gold, rank, group))
    return [(get_task(key), rows) for key, rows in tables.items()]


def _model_row(
    task: Task, model: str, gold: GoldSource, rank: int | None, group: Group
) -> ModelRow:
    keys = [label.key for label in task.labels]
    table = [[0] * (len(keys) + 1) for _ in keys]
    for response, prediction in group.pairs:
        column = keys.index(prediction.label) if prediction.label else len(keys)
        table[keys.index(response.gold)][column] += 1
    return ModelRow(
        model=model,
        gold=gold,
        rank=rank,
        scores=group.scores,
        read_by=group.read_by,
        provisional=group.provisional,
        outcomes=count_outcomes(prediction for _, prediction in group.pairs),
        confusion=table,
    )


def _slopes(evaluation: Evaluation) -> dict[str, list[Slope]]:
    """Return, by task, the models that are scored against both the release and people."""
    found: dict[tuple[str, str], dict[GoldSource, Score]] = {}
    for score in evaluation.scores:
        if (score.metric, score.variant) == ("weighted_f1", "all") and score.value is not None:
            found.setdefault((score.task, score.model), {})[score.gold] = score
    slopes: dict[str, list[Slope]] = {}
    for (task, model), scores in found.items():
        if "release" in scores and "human" in scores:
            slope = Slope(model=model, left=scores["release"], right=scores["human"])
            slopes.setdefault(task, []).append(slope)
    return slopes


def _choose_samples(
    evaluation: Evaluation,
    posts: Mapping[str, str],
    contradicting: Collection[tuple[str, str]],
) -> list[Shown]:
    """Draw the same rows per task each time, and collect every model's answer to them."""
    rows: dict[str, dict[str, list[tuple[Response, Prediction]]]] = {}
    keys = row_keys(evaluation.responses)
    for key, response, prediction in zip(
        keys, evaluation.responses, evaluation.predictions, strict=True
    ):
        samples = rows.setdefault(response.task, {})
        samples.setdefault(key, []).append((response, prediction))
    return [
        _show(samples[key], posts, contradicting)
        for task, samples in rows.items()
        for key in _draw(task, samples, contradicting)
    ]


def _draw(
    task: str,
    samples: Mapping[str, Sequence[tuple[Response, Prediction]]],
    contradicting: Collection[tuple[str, str]],
) -> list[str]:
    """Draw rows in turn from those that contradict, are undecided, differ, and the rest.

    The rare kinds are what a viewer is for; drawn from all rows alike, few of them would be seen.
    """
    order = random.Random(task).sample(sorted(samples), len(samples))  # noqa: S311
    kinds: dict[str, list[str]] = {name: [] for name in (*_DRAWN, "")}
    for key in order:
        flags = _flags(samples[key], contradicting)
        kinds[next((name for name in _DRAWN if name in flags), "")].append(key)
    turns = (key for turn in zip_longest(*kinds.values()) for key in turn if key is not None)
    return list(islice(turns, SAMPLES_PER_TASK))


def _show(
    pairs: Sequence[tuple[Response, Prediction]],
    posts: Mapping[str, str],
    contradicting: Collection[tuple[str, str]],
) -> Shown:
    first = pairs[0][0]
    post = posts.get(next((one.post_id for one, _ in pairs if one.post_id), ""), "")
    answers: list[Answer] = []
    spans: list[tuple[int, int]] = []
    for response, prediction in pairs:
        # Against a second gold the same response comes again.
        if any(answer.response.model == response.model for answer in answers):
            continue
        task = get_task(response.task)
        quotes = find_quotes(task, explanation_of(task, response.text), post)
        places = [(q.start, q.end) for q in quotes if q.start is not None and q.end is not None]
        spans += places
        answers.append(
            Answer(
                response=response,
                prediction=prediction,
                quotes=len(quotes),
                grounded=len(places),
                contradicts=(response.model, response.sample_id) in contradicting,
            )
        )
    return Shown(
        task=first.task,
        aspect=next((one.aspect for one, _ in pairs if one.aspect), None),
        post=_segments(post, spans),
        golds={response.gold_source: response.gold for response, _ in pairs},
        answers=answers,
        flags=_flags(pairs, contradicting),
    )


def _flags(
    pairs: Sequence[tuple[Response, Prediction]], contradicting: Collection[tuple[str, str]]
) -> list[str]:
    """Say what the viewer can filter a row by; "wrong" and "differ" go by the first gold."""
    source = pairs[0][0].gold_source
    own = [(response, read) for response, read in pairs if response.gold_source == source]
    right = {read.label == response.gold for response, read in own}
    found = {
        "undecided": any(read.label is None for _, read in own),
        "differ": len(right) > 1,
        "wrong": False in right,
        "contradicts": any((one.model, one.sample_id) in contradicting for one, _ in own),
    }
    return [name for name, here in found.items() if here]


def _segments(post: str, spans: Sequence[tuple[int, int]]) -> list[Segment]:
    """Cut a post where a quoted stretch begins or ends."""
    cuts = sorted({0, len(post), *(place for span in spans for place in span)})
    return [
        (post[start:end], any(a <= start and end <= b for a, b in spans))
        for start, end in pairwise(cuts)
    ]


def _reported() -> dict[str, list[tuple[str, float, str]]]:
    cells: dict[str, list[tuple[str, float, str]]] = {}
    for cell in reported_scores():
        cells.setdefault(cell.task, []).append((cell.model, cell.weighted_f1, cell.known_from))
    return cells
