"""The leaderboard: every model on every set, against both golds, ranked only where it is deserved.

Two models are told apart on a set by a paired permutation test over the posts that both answered,
adjusted (Holm 1979) for all pairs and sets of one gold. A model's rank on a set is one more than
the number of models that are significantly better; models that cannot be told apart share a rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from mentallama.benchmark.evaluate import Evaluation, Group, as_rows, groups, score_predictions
from mentallama.benchmark.evidence import Evidence, score_evidence
from mentallama.benchmark.golds import Join, Question, ask_people, count_joins
from mentallama.benchmark.inference.card import RiskPoint, risk_curve
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.integrity import Integrity, check_integrity
from mentallama.benchmark.scores import adjust_holm, compare
from mentallama.benchmark.slices import Known, Slice, slice_scores
from mentallama.tasks import get_task
from mentallama.types import GoldSource, Prediction, Response

COMPARE_RESAMPLES = 10_000
"""Permutations per pair: few would leave no p value small enough to survive the adjustment."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the rows of a set that both answered: weighted F1 over all rows, in points."""

    task: str
    gold: GoldSource
    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    a_right_only: int
    b_right_only: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A row on which one of two models is right and the other is not."""

    task: str
    gold: GoldSource
    sample_id: str
    post_id: str | None
    aspect: str | None
    label: str
    right: str
    wrong: str
    wrong_label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCurve:
    """How often the surest verdicts of a model on a set are wrong; coverage is of those answered.

    A verdict that rules read counts as surer than any that a labeller guessed.
    """

    model: str
    task: str
    gold: GoldSource
    answered: int
    points: tuple[RiskPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All that the leaderboard shows."""

    evaluation: Evaluation
    comparisons: tuple[Comparison, ...]
    flips: tuple[Flip, ...]
    ranks: Mapping[tuple[str, GoldSource, str], int]
    """By task, gold and model."""
    joins: tuple[Join, ...]
    integrity: tuple[Integrity, ...]
    evidence: tuple[Evidence, ...]
    slices: tuple[Slice, ...]
    curves: tuple[RiskCurve, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What the raw corpora say."""

    labels: Mapping[Question, set[str]]
    marked: Mapping[Question, tuple[str, ...]]


def make_board(
    responses: Sequence[Response],
    cascade: Cascade,
    known: Known,
    people: People | None,
    *,
    golds: Sequence[GoldSource] = ("release", "human", "corpus"),
    resamples: int = 1000,
    seed: int = 0,
) -> Board:
    """Read, score, compare and check the responses of several models."""
    read = cascade(responses)
    evaluation = _evaluate(responses, read, known, people, golds, resamples, seed)
    found = groups(evaluation)
    comparisons, flips = _compare_all(found, seed)
    own = [group for (_, _, gold), group in found.items() if gold == _first_gold(found)]
    evidence = [
        score_evidence([r for r, _ in group.pairs], known.texts, people.marked, seed=seed)
        for group in own
        if people
    ]
    return Board(
        evaluation=evaluation,
        comparisons=tuple(comparisons),
        flips=tuple(flips),
        ranks=_rank(found, comparisons),
        joins=tuple(count_joins(responses, known.texts, people.labels)) if people else (),
        integrity=tuple(
            check_integrity(g.pairs, cascade.labellers.get(g.pairs[0][0].task), known.texts)
            for g in own
        ),
        evidence=tuple(one for one in evidence if one),
        slices=tuple(
            one
            for group in found.values()
            for one in slice_scores(group.pairs, known, resamples=resamples, seed=seed)
        ),
        curves=tuple(curve for group in found.values() if (curve := _risk(group))),
        notes=tuple(_notes(cascade, evaluation)),
    )


def _evaluate(
    responses: Sequence[Response],
    read: Sequence[Prediction],
    known: Known,
    people: People | None,
    golds: Sequence[GoldSource],
    resamples: int,
    seed: int,
) -> Evaluation:
    """Score against each gold; a response counts once per gold."""
    predictions = {(r.model, r.sample_id): p for r, p in zip(responses, read, strict=True)}
    rows = [response for response in responses if response.gold_source in golds]
    if people and "human" in golds:
        rows += ask_people(responses, known.texts, people.labels)
    chosen = [predictions[row.model, row.sample_id] for row in rows]
    scores = score_predictions(rows, chosen, resamples=resamples, seed=seed)
    return Evaluation(responses=tuple(rows), predictions=tuple(chosen), scores=tuple(scores))


def _risk(group: Group) -> RiskCurve | None:
    """Return the risk-coverage curve; None where no labeller was asked, so that all are alike."""
    answered = [(response, read) for response, read in group.pairs if read.label is not None]
    if not any(read.confidence is not None for _, read in answered):
        return None
    first = group.pairs[0][0]
    sure = [1.0 if read.confidence is None else read.confidence for _, read in answered]
    right = [read.label == response.gold for response, read in answered]
    return RiskCurve(
        model=first.model,
        task=first.task,
        gold=first.gold_source,
        answered=len(answered),
        points=tuple(risk_curve(np.array(sure), np.array(right))),
    )


def _first_gold(found: Mapping[tuple[str, str, GoldSource], Group]) -> GoldSource | None:
    return next((gold for _, _, gold in found), None)


def _compare_all(
    found: Mapping[tuple[str, str, GoldSource], Group], seed: int
) -> tuple[list[Comparison], list[Flip]]:
    sets: dict[tuple[str, GoldSource], dict[str, Group]] = {}
    for (task, model, gold), group in found.items():
        sets.setdefault((task, gold), {})[model] = group
    comparisons: list[Comparison] = []
    flips: list[Flip] = []
    for (task, gold), models in sets.items():
        for a, b in combinations(models, 2):
            comparison, flipped = _compare_two(task, gold, (a, models[a]), (b, models[b]), seed)
            comparisons += comparison
            flips += flipped
    adjusted: list[Comparison] = []
    for gold in dict.fromkeys(one.gold for one in comparisons):
        family = [one for one in comparisons if one.gold == gold]
        for one, p in zip(family, adjust_holm([one.p for one in family]), strict=True):
            adjusted.append(replace(one, p_holm=p))
    return adjusted, flips


def _compare_two(
    task: str, gold: GoldSource, a: tuple[str, Group], b: tuple[str, Group], seed: int
) -> tuple[list[Comparison], list[Flip]]:
    """Compare two models on their common rows; nothing where there is none."""
    by_id = {response.sample_id: (response, read) for response, read in b[1].pairs}
    common = [pair for pair in a[1].pairs if pair[0].sample_id in by_id]
    if not common:
        return [], []
    other = [by_id[response.sample_id] for response, _ in common]
    spec = get_task(task)
    found = compare(
        as_rows(spec, common),
        as_rows(spec, other),
        len(spec.labels),
        resamples=COMPARE_RESAMPLES,
        seed=seed,
    )
    flips = []
    for (response, own), (_, others) in zip(common, other, strict=True):
        if (own.label == response.gold) != (others.label == response.gold):
            own_right = own.label == response.gold
            flips.append(
                Flip(
                    task=task,
                    gold=gold,
                    sample_id=response.sample_id,
                    post_id=response.post_id,
                    aspect=response.aspect,
                    label=response.gold,
                    right=a[0] if own_right else b[0],
                    wrong=b[0] if own_right else a[0],
                    wrong_label=others.label if own_right else own.label,
                )
            )
    comparison = Comparison(
        task=task,
        gold=gold,
        a=a[0],
        b=b[0],
        n=len(common),
        difference=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        p_holm=found.p,
        a_right_only=sum(flip.right == a[0] for flip in flips),
        b_right_only=sum(flip.right == b[0] for flip in flips),
    )
    return [comparison], flips


def _rank(
    found: Mapping[tuple[str, str, GoldSource], Group], comparisons: Sequence[Comparison]
) -> dict[tuple[str, GoldSource, str], int]:
    ranks = {(task, gold, model): 1 for task, model, gold in found}
    for one in comparisons:
        if one.p_holm < ALPHA and one.difference:
            worse = one.b if one.difference > 0 else one.a
            ranks[one.task, one.gold, worse] += 1
    return ranks


def _notes(cascade: Cascade, evaluation: Evaluation) -> list[str]:
    notes = [
        f"{task}: scores are provisional, the labeller {labeller.provisional.removeprefix('it ')}"
        for task, labeller in cascade.labellers.items()
        if labeller.provisional
    ]
    tasks = dict.fromkeys(response.task for response in evaluation.responses)
    without = [task for task in tasks if task not in cascade.labellers]
    if without:
        notes.append(f"read by anchored phrases alone, no labeller: {', '.join(without)}")
    notes += [
        f"{task}: {count:,} responses to the labeller's own training rows were left to the rules"
        for task, count in cascade.withheld.items()
    ]
    unknown = sum(response.post_id is None for response in evaluation.responses)
    if unknown:
        notes.append(
            f"{unknown:,} of {len(evaluation.responses):,} rows name no post; their intervals take "
            "rows as independent"
        )
    return notes
