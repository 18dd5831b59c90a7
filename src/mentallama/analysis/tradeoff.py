"""What a cascade would cost and how right it would be, at every threshold, on labelled posts.

Both analysers answer every labelled sample once; any threshold can then be looked at without
asking again. Without a label counts as wrong.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mentallama.analysis.ask import Analyser, Question
from mentallama.analysis.cascade import is_unsure
from mentallama.benchmark.scores import Estimate, Row, describe, estimate_all, starred
from mentallama.errors import InputError
from mentallama.tables import Table
from mentallama.tasks import get_label, get_task
from mentallama.types import Analysis, Sample

GRID = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Thresholds looked at; 0 passes on only what the first leaves open, 1 almost everything."""
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One labelled question on a post and what two analysers answer to it."""

    post_id: str
    gold: str
    first: Analysis
    second: Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one call of an analyser takes, on the mean."""

    seconds: float | None = None
    money: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """A cascade of one threshold on the labelled questions of one task."""

    task: str
    threshold: float
    n: int
    """Questions, each one call of the first analyser."""
    passed_on: int
    """Of these, calls of the second."""
    labelled: int
    """Questions that end with a label."""
    seconds: float | None
    """Of all calls; None where no price is known."""
    money: float | None
    accuracy: Estimate
    """In percent of ``n``, with an interval over posts; without a label is wrong."""
    weighted_f1: Estimate


def tradeoff(
    rows: Sequence[Judged],
    *,
    thresholds: Sequence[float] = GRID,
    prices: tuple[Price, Price] | None = None,
    seed: int = 0,
) -> list[Tradeoff]:
    """Return one line per task and threshold; ``prices`` are the first's and the second's.

    Raises InputError where two analysers did not answer the same question.
    """
    tasks: dict[str, list[Judged]] = {}
    for row in rows:
        if (row.first.task, row.first.aspect) != (row.second.task, row.second.aspect):
            raise InputError(f"post {row.post_id}: the two analyses answer different questions")
        tasks.setdefault(row.first.task, []).append(row)
    return [
        _at(threshold, own, prices, seed)
        for own in tasks.values()
        for threshold in sorted(thresholds)
    ]


def _at(
    threshold: float, rows: Sequence[Judged], prices: tuple[Price, Price] | None, seed: int
) -> Tradeoff:
    task = get_task(rows[0].first.task)
    keys = [label.key for label in task.labels]
    on = [is_unsure(row.first, threshold) for row in rows]
    said = [
        (row.second if unsure else row.first).label for row, unsure in zip(rows, on, strict=True)
    ]
    scored = [
        Row(
            gold=keys.index(get_label(task, row.gold).key),
            predicted=None if label is None else keys.index(label),
            cluster=row.post_id,
        )
        for row, label in zip(rows, said, strict=True)
    ]
    found = estimate_all(
        scored, len(keys), ("accuracy", "weighted_f1"), resamples=RESAMPLES, seed=seed
    )
    calls, (first, second) = (len(rows), sum(on)), prices or (Price(), Price())
    return Tradeoff(
        task=task.key,
        threshold=threshold,
        n=len(rows),
        passed_on=sum(on),
        labelled=sum(label is not None for label in said),
        seconds=_sum(calls, (first.seconds, second.seconds)),
        money=_sum(calls, (first.money, second.money)),
        accuracy=found["accuracy"],
        weighted_f1=found["weighted_f1"],
    )


def _sum(calls: tuple[int, int], each: tuple[float | None, float | None]) -> float | None:
    """Return the price of all calls; None where that of one analyser is not known."""
    if each[0] is None or each[1] is None:
        return None
    return calls[0] * each[0] + calls[1] * each[1]


def tradeoff_table(found: Sequence[Tradeoff]) -> Table:
    """Lay the lines out; a star marks those of few rows."""
    return Table(
        title="What a cascade costs and how right it is (95 % interval over posts; * few rows)",
        header=(
            "task",
            "threshold",
            "passed on",
            "calls of the second",
            "seconds",
            "money",
            "with a label",
            "accuracy",
            "weighted F1",
        ),
        rows=tuple(
            (
                one.task,
                f"{one.threshold:.2f}",
                f"{100 * one.passed_on / one.n:.1f} % of {one.n:,}",
                one.passed_on,
                "not known" if one.seconds is None else f"{one.seconds:,.1f}",
                "not known" if one.money is None else f"{one.money:,.4f}",
                f"{one.labelled:,} of {one.n:,}",
                starred(describe(one.accuracy), one.n),
                starred(describe(one.weighted_f1), one.n),
            )
            for one in found
        ),
    )


def ask_both(
    samples: Iterable[Sample], first: Analyser, second: Analyser
) -> tuple[list[Judged], tuple[Price, Price]]:
    """Ask two analysers about labelled samples; return their answers and the time of a call."""
    labelled = [sample for sample in samples if sample.post.label is not None]
    if not labelled:
        raise InputError("no labelled sample to measure a cascade on")
    answers, prices = zip(*(_ask(labelled, one) for one in (first, second)), strict=True)
    rows = [
        Judged(post_id=sample.post.id, gold=str(sample.post.label), first=a, second=b)
        for sample, a, b in zip(labelled, *answers, strict=True)
    ]
    return rows, (prices[0], prices[1])


def _ask(samples: Sequence[Sample], analyser: Analyser) -> tuple[list[Analysis], Price]:
    """Ask about samples, those of one question together; return the answers in their order."""
    groups: dict[Question, list[int]] = {}
    for number, sample in enumerate(samples):
        question = Question(task=sample.post.task, aspect=sample.post.aspect)
        groups.setdefault(question, []).append(number)
    found: dict[int, Analysis] = {}
    start = time.perf_counter()
    for question, numbers in groups.items():
        posts = [samples[number].post.text for number in numbers]
        for number, [answer] in zip(numbers, analyser.answer(posts, [question]), strict=True):
            found[number] = answer
    took = time.perf_counter() - start
    return [found[number] for number in range(len(samples))], Price(seconds=took / len(samples))
