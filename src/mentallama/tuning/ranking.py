"""From judged answers to pairs: models' responses, people's ratings, checks of explanations.

Whoever judges passes in what was found; nothing here reads a label or scores a text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mentallama.errors import InputError
from mentallama.io import need_unique, read_records
from mentallama.tuning.pairs import Found, NoPair, Origin, Pair, join_found, no_pair
from mentallama.types import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One answer to a question, with what is known of it."""

    text: str
    model: str
    right: bool | None = None
    """Whether its label is the gold one; None where none was read, or labels play no part."""
    score: float | None = None
    """How good it is besides; higher is better."""
    faults: tuple[str, ...] = ()
    """What is wrong with it; an answer with a fault is never chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the answers to a question are compared."""

    source: Origin
    unit: str
    """What a score is, for the reason."""
    least: float
    """Smallest difference of scores that tells two answers apart."""
    every: bool = False
    """All ordered pairs of a question, not just its best answer against its worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """An answer with faults of content, beside a sample whose own answer has none."""

    sample: Sample
    response: str
    faults: tuple[str, ...]
    chosen_from: str
    rejected_from: str


class Rating(BaseModel):
    """One mark that one rater gave to one answer, joined with who wrote it: a line of JSON Lines.

    ``mentallama rate pairs`` makes these of a study's ratings; from elsewhere they come as a file
    with exactly these keys:
    ``item_id`` (one answer as it is shown to raters), ``rater``, ``aspect``, ``value`` (0 to 3, as
    in the paper's section 3), ``response`` (the answer in full), ``sample_id`` (the row of the data
    that it answers) and ``model`` (who wrote it).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    item_id: str = Field(min_length=1)
    rater: str = Field(min_length=1)
    aspect: str = Field(min_length=1)
    value: float = Field(ge=0, le=3)
    response: str = Field(min_length=1)
    sample_id: str = Field(min_length=1)
    model: str = Field(min_length=1)


def rank_pairs(sample: Sample, candidates: Sequence[Candidate], how: Comparison) -> Found:
    """Pair the answers to one question, ranked by label first, then by score.

    A wrong or faulty answer is never chosen, and a wrong label is rejected rather than none.
    Answers with equal labels must differ by ``how.least``; otherwise nothing tells them apart.
    Empty answers are left out.
    """
    candidates = [one for one in candidates if one.text.strip()]
    good = [one for one in candidates if one.right is not False and not one.faults]
    if len({one.text.strip() for one in candidates}) < 2:
        return no_pair(sample, how.source, "fewer than two different answers")
    if not good:
        right = any(one.right for one in candidates)
        what = "right answer without a fault" if right else "answer with the right label"
        return no_pair(sample, how.source, f"no {what}")
    tries: Iterable[tuple[Candidate, Candidate]] = permutations(candidates, 2)
    if not how.every:
        tries = [(max(good, key=_rank), min(candidates, key=_rank))]
    pairs = tuple(_pair_up(sample, tries, how))
    return Found(pairs=pairs) if pairs else no_pair(sample, how.source, "nothing tells them apart")


def _rank(candidate: Candidate) -> tuple[int, float]:
    score = float("-inf") if candidate.score is None else candidate.score
    return (False, None, True).index(candidate.right), score


def _pair_up(
    sample: Sample, tries: Iterable[tuple[Candidate, Candidate]], how: Comparison
) -> Iterator[Pair]:
    number = 0
    for chosen, rejected in tries:
        if decided := _decide(chosen, rejected, how):
            number += 1
            reason, margin = decided
            yield _make(sample, how.source, number, (chosen, rejected), reason, margin)


def _decide(chosen: Candidate, rejected: Candidate, how: Comparison) -> tuple[str, float] | None:
    """Return why the first answer is better and by how much, or None where it is not."""
    if chosen.right is False or chosen.faults or chosen.text.strip() == rejected.text.strip():
        return None
    faults = f" ({', '.join(rejected.faults)})" if rejected.faults else ""
    if chosen.right and not rejected.right:
        other = "none" if rejected.right is None else "a wrong one"
        return f"right label against {other}{faults}", 1.0
    if chosen.right != rejected.right or chosen.score is None or rejected.score is None:
        return None
    # Rounded, so that a difference of exactly the least one is not lost in the last bit.
    margin = round(chosen.score - rejected.score, 6)
    if margin <= 0 or margin < how.least:
        return None
    return f"{how.unit} {chosen.score:.2f} against {rejected.score:.2f}{faults}", margin


def read_ratings(path: Path) -> list[Rating]:
    """Read a file whose layout is that of ``Rating``.

    Raises InputError where a rater marked an aspect of an item twice, or where an item changes
    between rows.
    """
    ratings = read_records(path, Rating)
    need_unique((f"{r.item_id}, {r.rater}, {r.aspect}" for r in ratings), path)
    first: dict[str, Rating] = {}
    for number, rating in enumerate(ratings, 1):
        known = first.setdefault(rating.item_id, rating)
        if _answer(known) != _answer(rating):
            raise InputError(
                f"{path}: row {number}: item {rating.item_id} has another response, sample or "
                "model than before; every answer needs an item_id of its own"
            )
    return ratings


def _answer(rating: Rating) -> tuple[str, str, str]:
    return rating.response, rating.sample_id, rating.model


def pairs_from_ratings(
    ratings: Iterable[Rating],
    samples: Mapping[str, Sample],
    *,
    aspect: str = "overall",
    margin: float = 0.5,
    raters: int = 2,
    every: bool = False,
) -> Found:
    """Pair answers to one question by the mean of people's marks of one aspect (0 to 3).

    An answer counts from ``raters`` marks on; two means tell answers apart from a difference of
    ``margin`` on. ``samples`` gives the prompts, by sample id.
    """
    how = Comparison(source="ratings", unit=f"mean mark '{aspect}'", least=margin, every=every)
    questions: dict[str, dict[str, list[Rating]]] = {}
    for rating in ratings:
        marks = questions.setdefault(rating.sample_id, {}).setdefault(rating.item_id, [])
        if rating.aspect == aspect:
            marks.append(rating)
    parts = []
    for name, items in questions.items():
        rated = [_rated(marks) for marks in items.values() if len(marks) >= max(raters, 1)]
        sample = samples.get(name)
        if sample is None:
            parts.append(_unknown(name))
        elif len(rated) < 2:
            reason = f"fewer than two answers with {raters} raters each"
            parts.append(no_pair(sample, "ratings", reason))
        else:
            parts.append(rank_pairs(sample, rated, how))
    return join_found(parts)


def _rated(marks: Sequence[Rating]) -> Candidate:
    mean = sum(mark.value for mark in marks) / len(marks)
    return Candidate(text=marks[0].response, model=marks[0].model, score=mean)


def _unknown(name: str) -> Found:
    gap = NoPair(
        source="ratings", task="unknown", sample_id=name, reason="no such sample in the data"
    )
    return Found(none=(gap,))


def pairs_from_quality(faulty: Iterable[Faulty]) -> Found:
    """Pair good answers with answers to the same question in which a check found faults."""
    questions: dict[str, list[Faulty]] = {}
    for one in faulty:
        questions.setdefault(one.sample.id, []).append(one)
    return join_found(_check(rows) for rows in questions.values())


def _check(rows: Sequence[Faulty]) -> Found:
    sample = rows[0].sample
    pairs = []
    for number, row in enumerate(rows, 1):
        good = Candidate(text=sample.response, model=row.chosen_from)
        bad = Candidate(text=row.response, model=row.rejected_from)
        if row.faults and bad.text.strip() not in ("", good.text.strip()):
            reason = f"no fault of content against {', '.join(row.faults)}"
            margin = float(len(row.faults))
            pairs.append(_make(sample, "quality", number, (good, bad), reason, margin))
    if not pairs:
        return no_pair(sample, "quality", "no answer with a fault of content")
    return Found(pairs=tuple(pairs))


def _make(
    sample: Sample,
    source: Origin,
    number: int,
    answers: tuple[Candidate, Candidate],
    reason: str,
    margin: float,
) -> Pair:
    chosen, rejected = answers
    return Pair(
        id=f"{source}/{sample.id}/{number}",
        task=sample.post.task,
        prompt=sample.prompt,
        chosen=chosen.text.strip(),
        rejected=rejected.text.strip(),
        source=source,
        reason=reason,
        margin=margin,
        chosen_from=chosen.model,
        rejected_from=rejected.model,
        sample_id=sample.id,
        split=sample.post.split,
    )
