"""Two results side by side, and the refusal to compare what was not measured alike.

Results are what ``evaluate``, ``leaderboard`` and ``benchmark explanations`` write as JSON. They
carry the version of each task's label set, the gold, a signature of each metric of explanations,
and a fingerprint of the rows. Other label sets, golds, variants or signatures are refused; other
rows and other readers are said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mentallama.benchmark.evaluate import Evaluation, groups
from mentallama.benchmark.explanations import ExplanationScore
from mentallama.errors import CheckError, InputError
from mentallama.io import explain, read_json
from mentallama.tables import Table
from mentallama.tasks.versions import label_sets, row_fingerprint
from mentallama.types import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What the scores of one model on one task against one gold were made from."""

    task: str
    model: str
    gold: str
    rows: str
    """Fingerprint of the rows, the same for every model that answered them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One number of a result, with all that must agree before it is compared."""

    task: str
    model: str
    gold: str
    metric: str
    variant: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    signature: str = ""
    read_by: str = ""
    """What labels were read by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A file of scores."""

    name: str
    label_sets: dict[str, str]
    groups: tuple[Group, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same number in two results; their difference has no interval of its own here."""

    a: Item
    b: Item
    difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Score(Score):
    labels_read_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scores:
    scores: tuple[_Score, ...]
    label_sets: dict[str, str]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explanations:
    explanations: tuple[ExplanationScore, ...]
    label_sets: dict[str, str]


def stamps(evaluation: Evaluation) -> dict[str, object]:
    """Return what a file of scores needs so that it can be compared: label sets and groups."""
    return {
        "label_sets": label_sets(score.task for score in evaluation.scores),
        "groups": [
            {
                "task": task,
                "model": model,
                "gold": gold,
                "rows": row_fingerprint((r.gold, r.reference) for r, _ in group.pairs),
            }
            for (task, model, gold), group in groups(evaluation).items()
        ],
    }


def read_result(path: Path) -> Result:
    """Read scores or scores of explanations; raise InputError where the file is neither."""
    found = read_json(path)
    kinds = [k for k in ("scores", "explanations") if isinstance(found, dict) and k in found]
    if not kinds:
        raise InputError(
            f"{path}: holds neither 'scores' nor 'explanations'; give the JSON of evaluate, "
            "leaderboard or benchmark explanations"
        )
    try:
        if kinds[0] == "scores":
            return _from_scores(str(path), TypeAdapter(_Scores).validate_python(found))
        return _from_explanations(str(path), TypeAdapter(_Explanations).validate_python(found))
    except ValidationError as error:
        reason = f"not scores that can be compared ({explain(error)}); score the responses again"
        raise InputError(f"{path}: {reason}") from None


def _from_scores(name: str, found: _Scores) -> Result:
    items = tuple(
        _item(one, variant=one.variant, read_by=one.labels_read_by) for one in found.scores
    )
    return Result(name=name, label_sets=found.label_sets, groups=found.groups, items=items)


def _item(one: _Score | ExplanationScore, **more: str) -> Item:
    return Item(
        task=one.task,
        model=one.model,
        gold=one.gold,
        metric=one.metric,
        value=one.value,
        low=one.low,
        high=one.high,
        n=one.n,
        **more,
    )


def _from_explanations(name: str, found: _Explanations) -> Result:
    """Take the models' scores; floors and the ceiling are no system's result."""
    own = [one for one in found.explanations if one.kind == "model"]
    items = tuple(_item(one, variant="", signature=one.signature) for one in own)
    made = {(one.task, one.model, one.gold): one.rows for one in own}
    return Result(
        name=name,
        label_sets=found.label_sets,
        groups=tuple(
            Group(task=task, model=model, gold=gold, rows=rows)
            for (task, model, gold), rows in made.items()
        ),
        items=items,
    )


def compare_results(
    a: Result, b: Result, models: tuple[str, str] | None = None
) -> tuple[list[Pair], list[str]]:
    """Return the numbers that both results hold, and notes on what differs or was left out.

    Models are paired by name; where a task has one model in each result, these two are. ``models``
    names one of each instead. Raises CheckError where the results must not be compared, InputError
    where nothing stands in both.
    """
    pairs: list[Pair] = []
    notes: list[str] = []
    for task in _both(a.items, b.items, "task"):
        _need_same(f"{task}: the label set", a.label_sets.get(task), b.label_sets.get(task), a, b)
        for own, other in _models(task, a, b, models):
            left = [one for one in a.items if (one.task, one.model) == (task, own)]
            right = [one for one in b.items if (one.task, one.model) == (task, other)]
            pairs += _pairs(left, right, a, b)
            notes += _left_out(left, right)
            notes += _other_rows(left, right, a, b)
            if left[0].read_by != right[0].read_by:
                notes.append(
                    f"{task}: labels were read by {left[0].read_by or 'what is not known'} in the "
                    f"first, by {right[0].read_by or 'what is not known'} in the second"
                )
    if not pairs:
        raise InputError(f"{a.name} and {b.name}: no metric of one model and task stands in both")
    return pairs, list(dict.fromkeys(notes))


def _both(left: Iterable[Item], right: Iterable[Item], field: str) -> list[str]:
    others = {getattr(one, field) for one in right}
    return list(dict.fromkeys(v for one in left if (v := getattr(one, field)) in others))


def _need_same(what: str, left: object, right: object, a: Result, b: Result) -> None:
    if left != right:
        raise CheckError(
            f"{a.name} and {b.name} cannot be compared: {what} is '{left}' in the first and "
            f"'{right}' in the second"
        )


def _models(
    task: str, a: Result, b: Result, chosen: tuple[str, str] | None
) -> list[tuple[str, str]]:
    own, other = (
        list(dict.fromkeys(one.model for one in result.items if one.task == task))
        for result in (a, b)
    )
    if chosen:
        return [chosen] if chosen[0] in own and chosen[1] in other else []
    common = [name for name in own if name in other]
    if common:
        return [(name, name) for name in common]
    return [(own[0], other[0])] if len(own) == len(other) == 1 else []


def _pairs(left: Sequence[Item], right: Sequence[Item], a: Result, b: Result) -> Iterator[Pair]:
    """Pair one model's numbers with another's; refuse where none of a field's values is shared."""
    task = left[0].task
    if not _both(left, right, "gold"):
        _need_same(f"{task}: the gold", _values(left, "gold"), _values(right, "gold"), a, b)
    for metric in _both(left, right, "metric"):
        own, other = ([one for one in side if one.metric == metric] for side in (left, right))
        if not _both(own, other, "variant"):
            what = f"{task}: the variant of {metric}"
            _need_same(what, _values(own, "variant"), _values(other, "variant"), a, b)
        by_key = {(one.gold, one.variant): one for one in other}
        for one in own:
            if twin := by_key.get((one.gold, one.variant)):
                yield _pair(one, twin, a, b)


def _values(items: Sequence[Item], field: str) -> str:
    return ", ".join(dict.fromkeys(str(getattr(one, field)) for one in items))


def _pair(one: Item, twin: Item, a: Result, b: Result) -> Pair:
    if one.value is None or twin.value is None:
        return Pair(a=one, b=twin, difference=None)
    what = f"{one.task}: the signature of {one.metric}"
    _need_same(what, one.signature, twin.signature, a, b)
    return Pair(a=one, b=twin, difference=one.value - twin.value)


def _left_out(left: Sequence[Item], right: Sequence[Item]) -> Iterator[str]:
    for field in ("gold", "metric", "variant"):
        both = set(_both(left, right, field))
        for side, items in (("first", left), ("second", right)):
            for value in dict.fromkeys(getattr(one, field) for one in items):
                if value not in both:
                    yield f"{items[0].task}: {field} '{value}' stands in the {side} result alone"


def _other_rows(left: Sequence[Item], right: Sequence[Item], a: Result, b: Result) -> Iterator[str]:
    for gold in _both(left, right, "gold"):
        own, other = _group(a, left[0], gold), _group(b, right[0], gold)
        where = f"{left[0].task}, gold {gold}"
        if own is None or other is None:
            yield f"{where}: which rows were scored is not known"
            continue
        if own.rows != other.rows:
            counts = [next(one.n for one in side if one.gold == gold) for side in (left, right)]
            yield (
                f"{where}: the rows differ ({counts[0]:,} and {counts[1]:,}; fingerprints "
                f"{own.rows} and {other.rows}), so part of a difference may be theirs"
            )


def _group(result: Result, item: Item, gold: str) -> Group | None:
    key = (item.task, item.model, gold)
    return next((one for one in result.groups if (one.task, one.model, one.gold) == key), None)


def compare_table(pairs: Sequence[Pair]) -> Table:
    """Lay the pairs out, a line per task, models and metric."""
    return Table(
        title="Two results (A - B; the intervals are each result's own, 95 %)",
        header=("task", "model", "gold", "metric", "A", "B", "A - B", "rows"),
        rows=tuple(
            (
                one.a.task,
                one.a.model if one.a.model == one.b.model else f"{one.a.model} / {one.b.model}",
                one.a.gold,
                f"{one.a.metric} {one.a.variant}".strip(),
                _cell(one.a),
                _cell(one.b),
                "not computed" if one.difference is None else f"{one.difference:+.2f}",
                f"{one.a.n:,}" if one.a.n == one.b.n else f"{one.a.n:,} / {one.b.n:,}",
            )
            for one in pairs
        ),
    )


def _cell(one: Item) -> str:
    if one.value is None:
        return "not computed"
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
