"""The leaderboard: every model on every set, against both golds, ranked where it is deserved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mentallama.benchmark.attributes import Counterfactual, count_changes
from mentallama.benchmark.evaluate import (
    Evaluation,
    Group,
    describe_clusters,
    groups,
    name_readers,
    say_readers,
    score_predictions,
)
from mentallama.benchmark.evidence import Evidence, score_evidence
from mentallama.benchmark.golds import Join, Question, ask_people, count_joins
from mentallama.benchmark.inference.card import RiskPoint, risk_curve
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.integrity import (
    Integrity,
    RowQuote,
    check_gold,
    check_integrity,
    list_quotes,
)
from mentallama.benchmark.paired import Comparison, Flip, pair_models
from mentallama.benchmark.slices import Known, Slice, platform_slices, slice_scores
from mentallama.errors import InputError
from mentallama.types import GoldSource, Prediction, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCurve:
    """How often the surest verdicts of a model on a set are wrong; coverage is of those given."""

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
    ranks: Mapping[tuple[str, GoldSource, str], int | None]
    """By task, gold and model; None for a model that shares no row with another."""
    joins: tuple[Join, ...]
    integrity: tuple[Integrity, ...]
    evidence: tuple[Evidence, ...]
    slices: tuple[Slice, ...]
    counterfactuals: tuple[Counterfactual, ...]
    quotes: tuple[RowQuote, ...]
    """Every quote, with its words."""
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
    """Read, score, compare and check the responses of several models.

    Raises InputError where no response has one of the golds.
    """
    read = cascade(responses)
    evaluation = _evaluate(responses, read, cascade, known, people, golds, resamples, seed)
    found = groups(evaluation)
    paired = pair_models(evaluation, known.authors, seed=seed)
    own = _own(found)
    asked = [response for group in own for response, _ in group.pairs]
    joins = count_joins(responses, known.texts, people.labels) if people else []
    return Board(
        evaluation=evaluation,
        comparisons=paired.comparisons,
        flips=paired.flips,
        ranks=paired.ranks,
        joins=tuple(joins),
        integrity=tuple(_integrity(own, cascade, known, resamples, seed)),
        evidence=tuple(_evidence(own, known, people, resamples, seed)),
        slices=tuple(_parts(list(found.values()), known, resamples, seed)),
        counterfactuals=tuple(
            count_changes([pair for group in own for pair in group.pairs], known.versions)
        ),
        quotes=tuple(list_quotes(asked, known.texts)),
        curves=tuple(curve for group in found.values() if (curve := _risk(group))),
        notes=(
            *say_readers(found.values()),
            *_say_withheld(cascade),
            *_say_golds(golds, people, joins),
            *paired.notes,
            *_say_clusters(evaluation),
        ),
    )


def _evaluate(
    responses: Sequence[Response],
    read: Sequence[Prediction],
    cascade: Cascade,
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
    if not rows:
        raise InputError(
            f"none of {len(responses):,} responses has a label of the gold {' or '.join(golds)}; "
            "human labels are found by the posts of --data in the raw corpora of --raw"
        )
    chosen = [predictions[row.model, row.sample_id] for row in rows]
    scores = score_predictions(rows, chosen, authors=known.authors, resamples=resamples, seed=seed)
    return Evaluation(
        responses=tuple(rows),
        predictions=tuple(chosen),
        scores=tuple(scores),
        readers=name_readers(cascade.labellers),
        # A response counts once, however many golds it is scored against.
        clusters=describe_clusters(
            {(row.model, row.sample_id): row for row in rows}.values(), known.authors
        ),
    )


def _own(found: Mapping[tuple[str, str, GoldSource], Group]) -> list[Group]:
    """Return each model on each task once, under the gold that comes first."""
    once: dict[tuple[str, str], Group] = {}
    for (task, model, _), group in found.items():
        once.setdefault((task, model), group)
    return list(once.values())


def _evidence(
    own: Sequence[Group], known: Known, people: People | None, resamples: int, seed: int
) -> Iterator[Evidence]:
    for group in own if people else ():
        assert people
        rows = [response for response, _ in group.pairs]
        found = score_evidence(rows, known.texts, people.marked, resamples=resamples, seed=seed)
        if found:
            yield found


def _parts(several: Sequence[Group], known: Known, resamples: int, seed: int) -> Iterator[Slice]:
    for group in several:
        yield from slice_scores(group.pairs, known, resamples=resamples, seed=seed)
    pairs = [group.pairs for group in several]
    yield from platform_slices(pairs, known, resamples=resamples, seed=seed)


def _integrity(
    own: Sequence[Group], cascade: Cascade, known: Known, resamples: int, seed: int
) -> list[Integrity]:
    """Check each model, task by task, and the gold answers after the models."""
    tasks: dict[str, list[Group]] = {}
    for group in own:
        tasks.setdefault(group.pairs[0][0].task, []).append(group)
    checked: list[Integrity] = []
    for task, several in tasks.items():
        labeller = cascade.labellers.get(task)
        for group in several:
            checked.append(
                check_integrity(group.pairs, labeller, known.texts, resamples=resamples, seed=seed)
            )
        rows = [response for group in several for response, _ in group.pairs]
        ceiling = check_gold(rows, labeller, known.texts, resamples=resamples, seed=seed)
        checked += [ceiling] if ceiling else []
    return checked


def _risk(group: Group) -> RiskCurve | None:
    """Return the risk-coverage curve; None where a confidence is not known, or all are alike."""
    answered = [(response, read) for response, read in group.pairs if read.label is not None]
    sure = [read.confidence for _, read in answered if read.confidence is not None]
    if len(set(sure)) < 2 or len(sure) < len(answered):
        return None
    first = group.pairs[0][0]
    right = [read.label == response.gold for response, read in answered]
    return RiskCurve(
        model=first.model,
        task=first.task,
        gold=first.gold_source,
        answered=len(answered),
        points=tuple(risk_curve(np.array(sure), np.array(right))),
    )


def _say_withheld(cascade: Cascade) -> list[str]:
    return [
        f"{task}: {count:,} responses to the labeller's own training rows were left to the rules"
        for task, count in cascade.withheld.items()
    ]


def _say_golds(
    golds: Sequence[GoldSource], people: People | None, joins: Sequence[Join]
) -> list[str]:
    if "human" not in golds:
        return []
    if people is None:
        return ["no human labels: no raw corpora were given (--raw), so there is no second gold"]
    without = [join.task for join in joins if not join.joined]
    if not without:
        return []
    return [
        f"no human label for any row (raw corpus not at hand, or not joined): {', '.join(without)}"
    ]


def _say_clusters(evaluation: Evaluation) -> list[str]:
    notes = [f"intervals and tests draw {evaluation.clusters}"]
    unknown = [one for one in evaluation.responses if one.post_id is None]
    if unknown:
        notes.append(
            "rows that name no post count as independent, and models are paired on them by the "
            f"gold answer: {', '.join(dict.fromkeys(one.task for one in unknown))}"
        )
    return notes
