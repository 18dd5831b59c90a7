"""How close explanations come to the gold ones, beside the floors and the ceiling of each metric.

Floors: the gold explanation of another row, and the bare label sentence. Ceiling: the gold
explanation against the experts', where both exist for a post. A metric whose floor is high says
little about a model that beats it by little.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mentallama.benchmark.integrity import explanation_of
from mentallama.benchmark.metrics.metric import Metric, Models, Text
from mentallama.benchmark.pairing import question_key, row_keys
from mentallama.errors import InputError
from mentallama.progress import track
from mentallama.tables import Table
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import text_key
from mentallama.tasks.versions import row_fingerprint
from mentallama.tasks.wording import REASONING
from mentallama.types import Response, Sample

Kind = Literal["model", "floor", "ceiling"]
SHUFFLED, LABEL_ONLY, EXPERTS = "gold of other rows", "label sentence only", "gold against experts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One system's explanations of one task, and the posts they are about."""

    model: str
    task: str
    kind: Kind
    texts: tuple[Text, ...]
    posts: tuple[str, ...]
    """Id of the post (or row) of each text, to draw rows of a post together."""
    gold: str
    """Whose explanations are the references: a gold source, or "experts"."""
    rows: str
    """Fingerprint of the rows asked, with and without an explanation."""
    without: int
    """Rows without an explanation; they are counted and not scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationScore:
    """The mean of one metric over one system's explanations, with a 95 % interval."""

    model: str
    task: str
    kind: Kind
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    without: int
    gold: str
    rows: str
    """See ``Explained``."""
    signature: str
    why_not: str | None
    """Why it was not computed."""


def gather(
    responses: Sequence[Response], posts: Mapping[str, str], limit: int | None, seed: int
) -> list[Explained]:
    """Take the explanations of each model and task, and build the floors of each task.

    ``limit`` keeps that many rows a task, drawn with the seed, the same for every model.
    """
    groups: dict[tuple[str, str], list[Response]] = {}
    keys: dict[tuple[str, str], str] = {}
    for key, response in zip(row_keys(responses), responses, strict=True):
        groups.setdefault((response.task, response.model), []).append(response)
        keys[response.model, response.sample_id] = key
    systems: list[Explained] = []
    golds: dict[str, dict[str, Response]] = {}
    for (task, model), rows in groups.items():
        kept = draw(rows, limit, seed)
        golds.setdefault(task, {}).update({keys[row.model, row.sample_id]: row for row in kept})
        systems.append(_explained(model, "model", kept, posts, [row.text for row in kept]))
    for rows_by_id in golds.values():
        rows = list(rows_by_id.values())
        systems.append(_explained(SHUFFLED, "floor", rows, posts, _shuffled(rows, seed)))
        systems.append(_explained(LABEL_ONLY, "floor", rows, posts, _labels(rows)))
    return systems


def draw(rows: Sequence[Response], limit: int | None, seed: int) -> list[Response]:
    """Draw rows by what they answer, so that every model gets the same ones."""
    if limit is None or len(rows) <= limit:
        return list(rows)
    # By the question itself, so that models with fewer rows still share theirs with the others.
    order = sorted(rows, key=lambda row: random.Random(f"{seed} {question_key(row)}").random())  # noqa: S311
    return order[:limit]


def _shuffled(rows: Sequence[Response], seed: int) -> list[str]:
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)  # noqa: S311
    # Each row gets the next one's answer in a random circle, so none keeps its own.
    following = {row: order[(place + 1) % len(order)] for place, row in enumerate(order)}
    return [rows[following[number]].reference for number in range(len(rows))]


def _labels(rows: Sequence[Response]) -> list[str]:
    phrases = [get_label(get_task(row.task), row.gold).phrase for row in rows]
    return [f"{phrase} {REASONING} {phrase}" for phrase in phrases]


def _explained(
    model: str,
    kind: Kind,
    rows: Sequence[Response],
    posts: Mapping[str, str],
    answers: Sequence[str],
) -> Explained:
    texts: list[Text] = []
    owners: list[str] = []
    for row, answer in zip(rows, answers, strict=True):
        task = get_task(row.task)
        hypothesis = explanation_of(task, answer)
        reference = row.reference.partition(REASONING)[2].strip()
        if hypothesis and reference:
            texts.append(
                Text(
                    hypothesis=hypothesis,
                    reference=reference,
                    post=posts.get(row.post_id or "", ""),
                    hypothesis_in_full=answer,
                    reference_in_full=row.reference,
                )
            )
            owners.append(row.post_id or row.sample_id)
    return Explained(
        model=model,
        task=rows[0].task,
        kind=kind,
        texts=tuple(texts),
        posts=tuple(owners),
        gold=", ".join(dict.fromkeys(row.gold_source for row in rows)),
        rows=row_fingerprint((row.gold, row.reference) for row in rows),
        without=len(rows) - len(texts),
    )


def against_experts(samples: Iterable[Sample]) -> Iterator[Explained]:
    """Yield, by task, the gold explanations of the posts that experts explained too."""
    experts: dict[tuple[str, str, str | None], Sample] = {}
    golds: dict[tuple[str, str, str | None], Sample] = {}
    for sample in samples:
        if sample.form == "instruction" and sample.explanation:
            post = sample.post
            side = experts if post.split == "expert" else golds
            side[post.task, text_key(post.text), post.aspect] = sample
    by_task: dict[str, list[tuple[Sample, Sample]]] = {}
    for key, expert in experts.items():
        if key in golds:
            by_task.setdefault(key[0], []).append((golds[key], expert))
    for task, pairs in by_task.items():
        yield Explained(
            model=EXPERTS,
            task=task,
            kind="ceiling",
            texts=tuple(
                Text(
                    hypothesis=gold.explanation,
                    reference=expert.explanation,
                    post=gold.post.text,
                    hypothesis_in_full=gold.response,
                    reference_in_full=expert.response,
                )
                for gold, expert in pairs
            ),
            posts=tuple(gold.post.id for gold, _ in pairs),
            gold="experts",
            rows=row_fingerprint((str(one.post.label), one.response) for _, one in pairs),
            without=0,
        )


def score_explanations(
    systems: Sequence[Explained],
    metrics: Sequence[Metric],
    models: Models,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> list[ExplanationScore]:
    """Score every system by every metric; what cannot be computed says why."""
    work = [(system, metric) for system in systems for metric in metrics]
    return [
        _score(system, metric, models, resamples, seed)
        for system, metric in track(work, total=len(work), label="metrics")
    ]


def _score(
    system: Explained, metric: Metric, models: Models, resamples: int, seed: int
) -> ExplanationScore:
    why_not = metric.missing(models)
    rows = [i for i, text in enumerate(system.texts) if text.post or not metric.needs_post]
    if not rows and why_not is None:
        why_not = "the posts are not at hand (--data DIR)" if system.texts else "no explanation"
    value = low = high = None
    if why_not is None:
        scores = metric.score([system.texts[i] for i in rows], models)
        value, low, high = mean_interval(scores, [system.posts[i] for i in rows], resamples, seed)
    return ExplanationScore(
        model=system.model,
        task=system.task,
        kind=system.kind,
        metric=metric.name,
        value=value,
        low=low,
        high=high,
        n=len(rows),
        without=system.without,
        gold=system.gold,
        rows=system.rows,
        signature="" if why_not else metric.signature(models),
        why_not=why_not,
    )


def mean_interval(
    values: Sequence[float], posts: Sequence[str], resamples: int, seed: int
) -> tuple[float, float, float]:
    """Return the mean and its 95 % bootstrap interval; whole posts are drawn."""
    index = {post: number for number, post in enumerate(dict.fromkeys(posts))}
    sums, counts = np.zeros(len(index)), np.zeros(len(index))
    for value, post in zip(values, posts, strict=True):
        sums[index[post]] += value
        counts[index[post]] += 1
    drawn = np.random.default_rng(seed).multinomial(
        len(index), np.full(len(index), 1 / len(index)), size=resamples
    )
    low, high = np.percentile((drawn @ sums) / (drawn @ counts), [2.5, 97.5])
    return float(sums.sum() / counts.sum()), float(low), float(high)


def need_one_signature(scores: Iterable[ExplanationScore]) -> None:
    """Raise InputError where scores of one metric were computed in different ways."""
    known: dict[str, str] = {}
    for score in scores:
        if score.value is not None:
            first = known.setdefault(score.metric, score.signature)
            if first != score.signature:
                raise InputError(
                    f"{score.metric} was computed in two ways that cannot be compared: "
                    f"'{first}' and '{score.signature}'"
                )


def explanation_table(scores: Sequence[ExplanationScore]) -> Table:
    """Lay the scores out, a line per task, system and metric."""
    return Table(
        title="Explanations against the gold ones (mean, 95 % interval over posts)",
        header=("task", "system", "metric", "score", "rows", "without explanation"),
        rows=tuple(
            (
                one.task,
                one.model if one.kind == "model" else f"{one.kind}: {one.model}",
                one.metric,
                f"not computed: {one.why_not}"
                if one.value is None
                else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})",
                f"{one.n:,}",
                f"{one.without:,}",
            )
            for one in scores
        ),
    )
