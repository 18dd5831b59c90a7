"""From responses to scores: read labels, count, and estimate (paper, section 5.1)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.labeller import TaskLabeller
from mentallama.benchmark.inference.rules import Labeller, is_empty, read_by_rules
from mentallama.benchmark.scores import Estimate, Metric, Row, Variant, estimate_all
from mentallama.errors import InputError
from mentallama.tasks import get_task, list_tasks
from mentallama.types import GoldSource, Prediction, Response, Score, Task

F1_METRICS: tuple[Metric, ...] = ("weighted_f1", "macro_f1", "accuracy")
REFERENCE_LENGTH = 70
"""Characters of a response that the reference script looks at."""


PHRASES = "anchored phrases"
PROVISIONAL = "provisional"
"""What stands beside scores that lean on a labeller without a passed card."""
_NO_AUTHORS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reads a task's labels where the phrases find nothing."""

    name: str
    provisional: str | None
    """Why scores that lean on it are provisional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Responses with what was read from them and the scores that follow."""

    responses: tuple[Response, ...]
    predictions: tuple[Prediction, ...]
    scores: tuple[Score, ...]
    readers: Mapping[str, Reader] = field(default_factory=dict)
    """By task; a task without one was read by anchored phrases alone."""
    clusters: str = ""
    """What the bootstrap drew, such as "authors (300 rows), posts (105 rows)"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One model on one task: its scores, keyed "metric variant", and what was read from what."""

    scores: dict[str, Score]
    pairs: list[tuple[Response, Prediction]]
    reader: Reader | None = None

    @property
    def read_by(self) -> str:
        """Say by what the labels were read."""
        return f"{PHRASES}, then {self.reader.name}" if self.reader else PHRASES

    @property
    def provisional(self) -> str | None:
        """Say why the scores are provisional; None where no verdict leans on an unproven reader."""
        if not self.reader or not self.reader.provisional:
            return None
        leans = any(p.label and p.route.startswith("labeller:") for _, p in self.pairs)
        return self.reader.provisional if leans else None


def groups(evaluation: Evaluation) -> dict[tuple[str, str, GoldSource], Group]:
    """Return the evaluation by task, model and gold, in the order of its scores."""
    found: dict[tuple[str, str, GoldSource], Group] = {}
    for score in evaluation.scores:
        empty = Group(scores={}, pairs=[], reader=evaluation.readers.get(score.task))
        group = found.setdefault((score.task, score.model, score.gold), empty)
        group.scores[f"{score.metric} {score.variant}"] = score
    for response, prediction in zip(evaluation.responses, evaluation.predictions, strict=True):
        found[response.task, response.model, response.gold_source].pairs.append(
            (response, prediction)
        )
    return found


def name_readers(labellers: Mapping[str, TaskLabeller]) -> dict[str, Reader]:
    """Name the labeller of each task, and say which are without a passed card."""
    return {
        task: Reader(
            name=f"{one.settings.kind} ({one.settings.trained_on})", provisional=one.provisional
        )
        for task, one in labellers.items()
    }


def cluster_of(response: Response, authors: Mapping[str, str]) -> str:
    """Return what is drawn together with a row: its author's rows, else its post's, else itself."""
    author = authors.get(response.post_id or "")
    return f"author {author}" if author else response.post_id or response.sample_id


def describe_clusters(responses: Iterable[Response], authors: Mapping[str, str]) -> str:
    """Say what the bootstrap draws, and for how many rows."""
    counts = {"authors": 0, "posts": 0, "single rows that name no post": 0}
    for response in responses:
        if response.post_id in authors:
            counts["authors"] += 1
        else:
            counts["posts" if response.post_id else "single rows that name no post"] += 1
    return ", ".join(f"{name} ({count:,} rows)" for name, count in counts.items() if count)


def say_readers(found: Iterable[Group]) -> list[str]:
    """Say by what labels were read and why scores are provisional, in sentences."""
    tasks: dict[str, dict[str, None]] = {}
    doubts: dict[str, dict[str, None]] = {}
    for group in found:
        task = group.pairs[0][0].task
        tasks.setdefault(group.read_by, {})[task] = None
        if group.provisional:
            doubts.setdefault(group.provisional, {})[task] = None
    return [
        *(f"labels read by {name}: {', '.join(own)}" for name, own in tasks.items()),
        *(
            f"scores marked {PROVISIONAL} lean on a labeller without a passed card ({why}): "
            f"{', '.join(own)}"
            for why, own in doubts.items()
        ),
    ]


def evaluate(
    responses: Sequence[Response],
    *,
    labeller: Labeller = read_by_rules,
    authors: Mapping[str, str] = _NO_AUTHORS,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score responses of any number of models and tasks.

    F1 and accuracy come in three variants: over rows with a verdict ("answered"), over all rows
    with the others counted wrong ("all"), and with the reference script's forced class ("forced").
    Intervals are 95 % bootstrap percentiles over posts, or over authors where ``authors`` names
    that of a post; a row without ``post_id`` is a post of its own.
    """
    predictions = labeller(responses)
    scores = score_predictions(
        responses, predictions, authors=authors, resamples=resamples, seed=seed
    )
    return Evaluation(
        responses=tuple(responses),
        predictions=tuple(predictions),
        scores=tuple(scores),
        readers=name_readers(labeller.labellers) if isinstance(labeller, Cascade) else {},
        clusters=describe_clusters(responses, authors),
    )


def score_predictions(
    responses: Sequence[Response],
    predictions: Sequence[Prediction],
    *,
    authors: Mapping[str, str] = _NO_AUTHORS,
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
        scores += _score_group(*key, pairs[key], authors, resamples, seed)
    return scores


def as_rows(
    task: Task,
    pairs: Sequence[tuple[Response, Prediction]],
    authors: Mapping[str, str] = _NO_AUTHORS,
) -> list[Row]:
    """Turn read responses of one task into rows to score, clustered by author or post."""
    return _rows(task, [(response, prediction.label) for response, prediction in pairs], authors)


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
    authors: Mapping[str, str],
    resamples: int,
    seed: int,
) -> list[Score]:
    task = get_task(task_key)
    rows = as_rows(task, pairs, authors)
    answered = [row for row in rows if row.predicted is not None]
    forced = _rows(task, [(one, forced_label(task, one.text)) for one, _ in pairs], authors)
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


def _rows(
    task: Task, read: Sequence[tuple[Response, str | None]], authors: Mapping[str, str]
) -> list[Row]:
    index = {label.key: number for number, label in enumerate(task.labels)}
    return [
        Row(
            gold=index[response.gold],
            predicted=None if label is None else index[label],
            cluster=cluster_of(response, authors),
        )
        for response, label in read
    ]
