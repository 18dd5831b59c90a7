"""Preference pairs: two answers to one question, which is the better one, and why.

The paper has no preference stage; these are the pairs that ours is tuned on (made by
``ranking.py``). A question that gives no pair is kept with the reason: pairs and gaps add up to the
questions looked at.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mentallama.errors import InputError
from mentallama.io import need_unique, read_records, write_records
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.posts import text_key
from mentallama.tasks.wording import WordingError, parse_prompt
from mentallama.types import FORMS, Sample, Split

Origin = Literal["ratings", "quality", "responses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one prompt, the better one first."""

    id: str
    task: str
    prompt: str
    chosen: str
    rejected: str
    source: Origin
    reason: str
    """Why the chosen answer is the better one; holds no text of posts or answers."""
    margin: float
    """Difference that decided: 1 for a label, else points of the score that ``reason`` names
    (reasons 0 to 1, marks 0 to 3), or a number of faults."""
    chosen_from: str
    """Who wrote it: a model, a teacher, or whoever wrote the gold answers."""
    rejected_from: str
    sample_id: str
    split: Split | None = None
    """Split that the post stands in: a model tuned on a test post must not be scored on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPair:
    """A question that gave no pair, and why."""

    source: Origin
    task: str
    sample_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The pairs of some questions, and the questions without one."""

    pairs: tuple[Pair, ...] = ()
    none: tuple[NoPair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCounts:
    """What became of the questions of one task."""

    source: Origin
    task: str
    questions: int
    paired: int
    pairs: int
    none: dict[str, int]
    """Questions without a pair, by reason."""
    chosen_words: float | None
    """Mean words of the chosen answers; where they are longer, length is learnt too."""
    rejected_words: float | None


def join_found(parts: Iterable[Found]) -> Found:
    """Put the pairs of several questions together."""
    parts = list(parts)
    return Found(
        pairs=tuple(pair for part in parts for pair in part.pairs),
        none=tuple(gap for part in parts for gap in part.none),
    )


def no_pair(sample: Sample, source: Origin, reason: str) -> Found:
    """Say that a sample's question gave no pair."""
    gap = NoPair(source=source, task=sample.post.task, sample_id=sample.id, reason=reason)
    return Found(none=(gap,))


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write pairs as JSON Lines (or Parquet, by the name's ending)."""
    write_records(path, pairs)


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs; raise InputError where an id comes twice or two answers are not two."""
    pairs = read_records(path, Pair)
    need_unique((pair.id for pair in pairs), path)
    for number, pair in enumerate(pairs, 1):
        if not pair.chosen or not pair.rejected or pair.chosen == pair.rejected:
            raise InputError(f"{path}: row {number}: needs two answers that differ")
    return pairs


def split_pairs(
    pairs: Sequence[Pair], valid_share: float, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Part pairs into training and validation; all pairs of one post stay on one side.

    ``valid_share`` is a share of posts. Where it is above 0 and there are two posts or more, each
    side gets at least one.
    """
    if not 0 <= valid_share < 1:
        raise InputError(f"validation share {valid_share} of pairs: give 0 to below 1")
    keys = [text_key(post_text(pair)) for pair in pairs]
    posts = sorted(set(keys))
    random.Random(seed).shuffle(posts)  # noqa: S311
    size = max(1, round(valid_share * len(posts))) if valid_share else 0
    held = set(posts[: min(size, len(posts) - 1)]) if posts else set()
    rows = list(zip(pairs, keys, strict=True))
    return [pair for pair, key in rows if key not in held], [p for p, key in rows if key in held]


def post_text(pair: Pair) -> str:
    """Return the post that a pair's prompt asks about, or the prompt where it is worded oddly."""
    task = get_task(pair.task)
    for form in FORMS:
        try:
            return parse_prompt(task, pair.prompt, form).text
        except WordingError:
            continue
    return pair.prompt


def count_pairs(found: Found) -> list[PairCounts]:
    """Count pairs and gaps by source and task, in the order in which they came."""
    groups: dict[tuple[Origin, str], tuple[list[Pair], list[NoPair]]] = {}
    for pair in found.pairs:
        groups.setdefault((pair.source, pair.task), ([], []))[0].append(pair)
    for gap in found.none:
        groups.setdefault((gap.source, gap.task), ([], []))[1].append(gap)
    return [_count(*key, *group) for key, group in groups.items()]


def _count(source: Origin, task: str, pairs: Sequence[Pair], none: Sequence[NoPair]) -> PairCounts:
    paired = len({pair.sample_id for pair in pairs})
    return PairCounts(
        source=source,
        task=task,
        questions=paired + len(none),
        paired=paired,
        pairs=len(pairs),
        none=dict(Counter(gap.reason for gap in none)),
        chosen_words=_mean_words([pair.chosen for pair in pairs]),
        rejected_words=_mean_words([pair.rejected for pair in pairs]),
    )


def _mean_words(texts: Sequence[str]) -> float | None:
    return round(sum(len(text.split()) for text in texts) / len(texts), 1) if texts else None


def pair_tables(counts: Sequence[PairCounts]) -> list[Table]:
    """Lay the counts out, and why questions gave no pair."""
    return [
        Table(
            title="Preference pairs",
            header=(
                "source",
                "task",
                "questions",
                "with a pair",
                "pairs",
                "mean words chosen",
                "rejected",
            ),
            rows=tuple(
                (
                    one.source,
                    one.task,
                    f"{one.questions:,}",
                    f"{one.paired:,}",
                    f"{one.pairs:,}",
                    "none" if one.chosen_words is None else f"{one.chosen_words:.1f}",
                    "none" if one.rejected_words is None else f"{one.rejected_words:.1f}",
                )
                for one in counts
            ),
        ),
        Table(
            title="Questions without a pair",
            header=("task", "reason", "questions"),
            rows=tuple(
                (one.task, reason, f"{number:,}")
                for one in counts
                for reason, number in sorted(one.none.items(), key=lambda item: -item[1])
            ),
        ),
    ]
