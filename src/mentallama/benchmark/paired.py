"""Two models on the rows that both answered: the difference, the flipped rows, the ranks.

Two models are told apart on a set by a paired permutation test over posts, adjusted (Holm 1979) for
all pairs and sets of one gold. A model's rank is one more than the number of models that are
significantly better; a model that shares no row with any other has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from mentallama.benchmark.evaluate import Evaluation, as_rows
from mentallama.benchmark.pairing import row_keys
from mentallama.benchmark.scores import adjust_holm, compare
from mentallama.tasks import get_task
from mentallama.types import GoldSource, Prediction, Response

RESAMPLES = 10_000
"""Permutations per pair: few would leave no p value small enough to survive the adjustment."""
ALPHA = 0.05
Pair = tuple[Response, Prediction]
Rows = Mapping[str, Pair]
"""What a model answered on one set, by the key of the row."""
Sets = Mapping[tuple[str, GoldSource], Mapping[str, Rows]]
"""By task and gold, then by model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two models on the rows of a set that both answered: weighted F1 over all rows, in points."""

    task: str
    gold: GoldSource
    a: str
    b: str
    n: int
    """Rows that both answered and that are compared."""
    disagreeing: int
    """Rows that both answered under different gold labels; they are left out."""
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
    """Id in the file of the model that is right."""
    wrong_sample_id: str
    post_id: str | None
    aspect: str | None
    label: str
    right: str
    wrong: str
    wrong_label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """All comparisons of a board, and what has to be said about them."""

    comparisons: tuple[Comparison, ...]
    flips: tuple[Flip, ...]
    ranks: Mapping[tuple[str, GoldSource, str], int | None]
    """By task, gold and model; None for a model that was compared with no other."""
    notes: tuple[str, ...]


def pair_models(
    evaluation: Evaluation, authors: Mapping[str, str], *, resamples: int = RESAMPLES, seed: int
) -> Paired:
    """Compare every two models on each set and gold; ``authors`` by post id, where known."""
    sets = _sets(evaluation)
    comparisons: list[Comparison] = []
    flips: list[Flip] = []
    for (task, gold), models in sets.items():
        for a, b in combinations(models, 2):
            found = _compare_two(
                task, gold, (a, models[a]), (b, models[b]), authors, resamples, seed
            )
            if found:
                comparisons.append(found[0])
                flips += found[1]
    adjusted = _adjust(comparisons)
    return Paired(
        comparisons=tuple(adjusted),
        flips=tuple(flips),
        ranks=_rank(sets, adjusted),
        notes=(*_say_rows(sets), *_say_golds(adjusted)),
    )


def _sets(evaluation: Evaluation) -> Sets:
    sets: dict[tuple[str, GoldSource], dict[str, dict[str, Pair]]] = {}
    # In the order of the scores: task by task, and within a task as the models came.
    for score in evaluation.scores:
        sets.setdefault((score.task, score.gold), {}).setdefault(score.model, {})
    keys = row_keys(evaluation.responses)
    for key, response, read in zip(keys, evaluation.responses, evaluation.predictions, strict=True):
        sets[response.task, response.gold_source][response.model][key] = (response, read)
    return sets


def _compare_two(
    task: str,
    gold: GoldSource,
    a: tuple[str, Rows],
    b: tuple[str, Rows],
    authors: Mapping[str, str],
    resamples: int,
    seed: int,
) -> tuple[Comparison, list[Flip]] | None:
    """Compare two models on their common rows; None where there is none."""
    shared = [(a[1][key], b[1][key]) for key in a[1] if key in b[1]]
    common = [(own, other) for own, other in shared if own[0].gold == other[0].gold]
    if not common:
        return None
    spec = get_task(task)
    found = compare(
        as_rows(spec, [own for own, _ in common], authors),
        as_rows(spec, [other for _, other in common], authors),
        len(spec.labels),
        resamples=resamples,
        seed=seed,
    )
    flips = [flip for own, other in common if (flip := _flip(own, other))]
    comparison = Comparison(
        task=task,
        gold=gold,
        a=a[0],
        b=b[0],
        n=len(common),
        disagreeing=len(shared) - len(common),
        difference=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        p_holm=found.p,
        a_right_only=sum(flip.right == a[0] for flip in flips),
        b_right_only=sum(flip.right == b[0] for flip in flips),
    )
    return comparison, flips


def _flip(own: Pair, other: Pair) -> Flip | None:
    """Return the row as a flip where just one of the two is right."""
    gold = own[0].gold
    if (own[1].label == gold) == (other[1].label == gold):
        return None
    right, wrong = (own, other) if own[1].label == gold else (other, own)
    response = right[0]
    return Flip(
        task=response.task,
        gold=response.gold_source,
        sample_id=response.sample_id,
        wrong_sample_id=wrong[0].sample_id,
        post_id=response.post_id or wrong[0].post_id,
        aspect=response.aspect or wrong[0].aspect,
        label=gold,
        right=response.model,
        wrong=wrong[0].model,
        wrong_label=wrong[1].label,
    )


def _adjust(comparisons: Sequence[Comparison]) -> list[Comparison]:
    adjusted: list[Comparison] = []
    for gold in dict.fromkeys(one.gold for one in comparisons):
        family = [one for one in comparisons if one.gold == gold]
        for one, p in zip(family, adjust_holm([one.p for one in family]), strict=True):
            adjusted.append(replace(one, p_holm=p))
    return adjusted


def _rank(
    sets: Sets, comparisons: Sequence[Comparison]
) -> dict[tuple[str, GoldSource, str], int | None]:
    compared = {(one.task, one.gold, model) for one in comparisons for model in (one.a, one.b)}
    better = dict.fromkeys(compared, 0)
    for one in comparisons:
        if one.p_holm < ALPHA and one.difference:
            better[one.task, one.gold, one.b if one.difference > 0 else one.a] += 1
    keys = [(task, gold, model) for (task, gold), models in sets.items() for model in models]
    return {key: better[key] + 1 if key in compared else None for key in keys}


def _say_rows(sets: Sets) -> list[str]:
    """Say, gold by gold, where models stand on different rows, and which share none."""
    notes = []
    for gold in dict.fromkeys(gold for _, gold in sets):
        own = {task: models for (task, other), models in sets.items() if other == gold}
        uneven = [said for task, models in own.items() if (said := _say_uneven(task, models))]
        if uneven:
            notes.append(
                f"gold {gold}: F1 that stand beside each other are over different rows in "
                f"{'; '.join(uneven)}; ranks compare two models on the rows that both answered"
            )
        for task, models in own.items():
            two = combinations(models.items(), 2)
            apart = [f"{a} and {b}" for (a, left), (b, right) in two if not left.keys() & right]
            if apart:
                pairs = ", ".join(apart)
                notes.append(f"{task}, gold {gold}: no row in common, not compared: {pairs}")
    return notes


def _say_uneven(task: str, models: Mapping[str, Rows]) -> str:
    common = set.intersection(*(set(rows) for rows in models.values()))
    sizes = sorted({len(rows) for rows in models.values()})
    if sizes == [len(common)]:
        return ""
    return f"{task} ({' or '.join(f'{n:,}' for n in sizes)}, {len(common):,} common to all)"


def _say_golds(comparisons: Sequence[Comparison]) -> list[str]:
    return [
        f"{one.task}, gold {one.gold}: {one.a} and {one.b} carry different gold labels for "
        f"{one.disagreeing:,} rows that both answered; these are left out of their comparison"
        for one in comparisons
        if one.disagreeing
    ]
