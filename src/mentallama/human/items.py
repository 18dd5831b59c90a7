"""Drawing what is rated: the same posts of every model, spread over tasks and labels.

The draw and its order follow from the seed. The ids do not: they come from a secret that is thrown
away, so that nobody can compute from an item who wrote it.
"""

import hmac
import random
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from mentallama.errors import InputError
from mentallama.human.study import Key
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.types import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One answer that may be drawn."""

    row: str
    """What was asked; equal for every model that was asked the same."""
    sample_id: str
    """The row's name in the model's own file; the key takes the first model's."""
    model: str
    task: str
    aspect: str | None
    gold: str
    post: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """One label of one task: rows that every model answered, and how many were drawn."""

    task: str
    label: str
    rows: int
    drawn: int
    calibration: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What is rated, its key, and what is to be said about the draw."""

    items: tuple[Item, ...]
    keys: tuple[Key, ...]
    strata: tuple[Stratum, ...]
    models: tuple[str, ...]
    left_out: int
    """Rows that some model did not answer; none of its answers is drawn."""
    telling: int
    """Items whose answer names a model."""
    doubled: int
    """Items whose answer another model gave to the same row word for word."""


def draw(candidates: Sequence[Candidate], rows: int, calibration: int, seed: int) -> Drawn:
    """Draw ``rows`` rows with the answers of all models, and calibration items beside them.

    One row is taken of each task in turn and, within a task, of each label in turn. A calibration
    item is a further row with one model's answer, the models in turn. Raises InputError where rows
    that every model answered are too few.
    """
    models = tuple(dict.fromkeys(candidate.model for candidate in candidates))
    asked = _by_row(candidates)
    pool = {row: found for row, found in asked.items() if len(found) == len(models)}
    if len(pool) < rows + calibration:
        raise InputError(
            f"{len(pool):,} rows were answered by all of {', '.join(models)}; too few for "
            f"{rows:,} items and {calibration:,} for calibration"
        )
    chance = random.Random(f"items/{seed}")  # noqa: S311
    taken = list(islice(_take(pool, chance), rows + calibration))
    main, extra = taken[:rows], taken[rows:]
    chosen = [(pool[row][model], False) for row in main for model in models]
    chosen += [(pool[row][models[at % len(models)]], True) for at, row in enumerate(extra)]
    chance.shuffle(chosen)
    names = {row: answers[models[0]].sample_id for row, answers in pool.items()}
    secret = secrets.token_bytes(32)
    made = [_make(one, names[one.row], secret, first) for one, first in chosen]
    answers = Counter((candidate.row, candidate.answer) for candidate, _ in chosen)
    return Drawn(
        items=tuple(item for item, _ in made),
        keys=tuple(key for _, key in made),
        strata=_count(pool, main, extra),
        models=models,
        left_out=len(asked) - len(pool),
        telling=sum(names_model(candidate.answer, models) for candidate, _ in chosen),
        doubled=sum(count for count in answers.values() if count > 1),
    )


def _by_row(candidates: Iterable[Candidate]) -> dict[str, dict[str, Candidate]]:
    """Return what each model answered to each row; an empty answer is none."""
    asked: dict[str, dict[str, Candidate]] = {}
    for candidate in candidates:
        answers = asked.setdefault(candidate.row, {})
        if candidate.answer.strip():
            answers[candidate.model] = candidate
    return asked


def _first(answers: Mapping[str, Candidate]) -> Candidate:
    return next(iter(answers.values()))


def _stratum(answers: Mapping[str, Candidate]) -> tuple[str, str]:
    return _first(answers).task, _first(answers).gold


def _take(pool: Mapping[str, Mapping[str, Candidate]], chance: random.Random) -> Iterator[str]:
    """Yield rows of each task in turn and, of a task, of each label in turn.

    Of each task and post one row comes before all further ones of that post.
    """
    rows = chance.sample(list(pool), len(pool))
    often: Counter[tuple[str, str]] = Counter()
    groups: dict[str, dict[str, list[tuple[int, str]]]] = {}
    for row in rows:
        one = _first(pool[row])
        often[one.task, one.post] += 1
        labels = groups.setdefault(one.task, {})
        labels.setdefault(one.gold, []).append((often[one.task, one.post], row))
    ordered = [
        _in_turn([[row for _, row in sorted(group, key=_time)] for group in labels.values()])
        for labels in groups.values()
    ]
    return _in_turn(ordered)


def _time(row: tuple[int, str]) -> int:
    return row[0]


def _in_turn(groups: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield one of each group in turn until all are used up."""
    waiting = [iter(group) for group in groups]
    while waiting:
        for group in list(waiting):
            if (row := next(group, None)) is None:
                waiting.remove(group)
            else:
                yield row


def _make(
    candidate: Candidate, sample_id: str, secret: bytes, calibration: bool
) -> tuple[Item, Key]:
    name = hmac.new(secret, f"{candidate.row}\0{candidate.model}".encode(), "sha256")
    item = Item(
        id=name.hexdigest()[:16],
        task=candidate.task,
        question=get_task(candidate.task).question.replace("{aspect}", candidate.aspect or ""),
        post=candidate.post,
        answer=candidate.answer.strip(),
        calibration=calibration,
    )
    key = Key(
        item=item.id,
        model=candidate.model,
        sample_id=sample_id,
        task=candidate.task,
        aspect=candidate.aspect,
        gold=candidate.gold,
    )
    return item, key


def names_model(text: str, models: Iterable[str]) -> bool:
    """Say whether a model's name, or the last part of a path or hub id, stands in a text."""
    names = {name for model in models for name in (model, model.rstrip("/").rpartition("/")[2])}
    either = "|".join(re.escape(name) for name in names if name)
    return re.search(rf"(?<!\w)(?:{either})(?!\w)", text, re.IGNORECASE) is not None


def _count(
    pool: Mapping[str, Mapping[str, Candidate]], main: Iterable[str], extra: Iterable[str]
) -> tuple[Stratum, ...]:
    rows = Counter(_stratum(answers) for answers in pool.values())
    drawn = Counter(_stratum(pool[row]) for row in main)
    first = Counter(_stratum(pool[row]) for row in extra)
    return tuple(
        Stratum(task=key[0], label=key[1], rows=count, drawn=drawn[key], calibration=first[key])
        for key, count in sorted(rows.items())
    )


def draw_table(strata: Sequence[Stratum]) -> Table:
    """Show the draw; a stratum is short that is used up with less than its share."""
    return Table(
        title="Rows drawn",
        header=("task", "label", "rows", "drawn", "calibration", ""),
        rows=tuple(
            (
                one.task,
                one.label,
                one.rows,
                one.drawn,
                one.calibration,
                "short" if _is_short(one, strata) else "",
            )
            for one in strata
        ),
    )


def _is_short(one: Stratum, strata: Sequence[Stratum]) -> bool:
    """Say whether all rows were taken, and other labels of the task, or other tasks, gave more."""
    totals: Counter[str] = Counter()
    for other in strata:
        totals[other.task] += other.drawn
    labels = max(other.drawn for other in strata if other.task == one.task)
    less = one.drawn < labels or totals[one.task] < max(totals.values())
    return less and one.rows == one.drawn + one.calibration
