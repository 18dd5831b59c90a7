"""A reward that rules can verify: the right label, quotes that stand, reasons that agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mentallama.tasks import get_task
from mentallama.tasks.grounding import QUOTED, Quote, find_quotes
from mentallama.tasks.statements import labels_named
from mentallama.types import Outcome, Sample

WEIGHTS = {"label": 0.6, "grounded": 0.2, "consistent": 0.2}
"""The label weighs more than both others: no reasoning makes up for a wrong answer."""
NO_QUOTE = 0.4
"""``grounded`` of reasons that quote nothing."""
NO_STATEMENT = 0.5
"""``consistent`` of reasons that never state a label."""
QUOTED_WORDS = 4
"""Words of the post that must stand in quotes, once each, for quoting to count in full."""
OWN_WORDS = 8
"""Fewest words of reasons besides quotes and sentences that only state a label."""
_SPOIL = frozenset(
    {
        "answers another question",
        "too short",
        "too long",
        "cut off",
        "repetition",
        "copies the post",
        "not in English",
        "broken characters",
        "echoes the prompt",
    }
)
"""Faults of ``data/faults.py`` that leave reasons without reward. The others there are about labels
and quotes, which are parts of their own here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One answer, read by rules."""

    verdict: str | None
    outcome: Outcome
    label: float
    grounded: float
    consistent: float
    faults: tuple[str, ...]
    """Why its reasons earn nothing; empty where they may."""


def reward_weights() -> dict[str, float]:
    """Return the weight of each part of the reward; they add up to 1."""
    return dict(WEIGHTS)


def reward(sample: Sample, text: str) -> dict[str, float]:
    """Score an answer to a sample by rules alone; every part and the ``total`` are from 0 to 1.

    - ``label`` (0.6): 1 where the rules read exactly one verdict and it is the gold label, else 0.
    - ``grounded`` (0.2): share of the quoted passages that stand in the post, times how much of the
      post is quoted: in full from ``QUOTED_WORDS`` different words on (or all of a shorter post),
      so one phrase quoted everywhere earns little. Single words in marks are emphasis, no quotes.
      Quoting nothing earns ``NO_QUOTE``: less than a quote of two words that stands, more than an
      invented one.
    - ``consistent`` (0.2): share of the labels stated inside the reasons that are the verdict;
      ``NO_STATEMENT`` where none is stated, 0 without a verdict.

    The last two are 0 for reasons that are empty, overlong, cut off, repetitive, copied from the
    post, mostly quotes or nothing but the verdict again (``Examined.faults``).
    """
    found = examine(sample, text)
    parts = {name: float(getattr(found, name)) for name in WEIGHTS}
    return parts | {"total": sum(WEIGHTS[name] * value for name, value in parts.items())}


@lru_cache(maxsize=4096)  # GRPO asks for the parts of one answer one by one
def examine(sample: Sample, text: str) -> Examined:
    """Read an answer by rules; see ``reward`` for what the parts mean."""
    from mentallama.benchmark.inference.rules import read_label
    from mentallama.benchmark.integrity import explanation_of

    task = get_task(sample.post.task)
    outcome, verdict, _ = read_label(task, text, sample.post.aspect)
    reasons = explanation_of(task, text)
    quotes = find_quotes(task, reasons, sample.post.text)
    faults = _find_faults(sample, text, reasons)
    return Examined(
        verdict=verdict,
        outcome=outcome,
        label=float(verdict is not None and verdict == sample.post.label),
        grounded=0.0 if faults else _grounded(sample.post.text, quotes),
        consistent=0.0 if faults or verdict is None else _consistent(sample, reasons, verdict),
        faults=faults,
    )


def _find_faults(sample: Sample, text: str, reasons: str) -> tuple[str, ...]:
    from mentallama.benchmark.inference.card import reasons_only
    from mentallama.data.faults import MOST_WORDS, Case, find_faults

    task, post = get_task(sample.post.task), sample.post
    case = Case(task=task, label=str(post.label), post=post.text, explanation=reasons)
    found = [name for name in find_faults(case) if name in _SPOIL]
    if len(text.split()) > MOST_WORDS and "too long" not in found:
        found.append("too long")
    own = QUOTED.sub(" ", reasons)
    if 2 * len(own.split()) < len(reasons.split()):
        found.append("mostly quotes")
    if len(reasons_only(task, own).split()) < OWN_WORDS:
        found.append("no reasons of its own")
    return tuple(found)


def _grounded(post: str, quotes: Sequence[Quote]) -> float:
    from mentallama.benchmark.evidence import words_in

    if not quotes:
        return NO_QUOTE
    spans = [(q.start, q.end) for q in quotes if q.start is not None and q.end is not None]
    needed = min(QUOTED_WORDS, len(post.split()))
    return len(spans) / len(quotes) * min(1.0, len(words_in(post, spans)) / needed)


def _consistent(sample: Sample, reasons: str, verdict: str) -> float:
    from mentallama.benchmark.inference.layout import sentences

    task = get_task(sample.post.task)
    stated = [label for said in sentences(reasons) for label in labels_named(task, said)]
    return stated.count(verdict) / len(stated) if stated else NO_STATEMENT
