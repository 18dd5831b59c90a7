"""Which passages of a post a verdict of a classifier rests on.

A post is split into clauses; a clause weighs what it says for the label when it is read alone, and
what the post loses of the label when it is left out. No weight inside the network is consulted: a
passage counts by what the model does with and without it (DeYoung et al. 2020, ERASER: sufficiency
and comprehensiveness).
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mentallama.types import Evidence

Span = tuple[int, int]
Read = Callable[[Sequence[str]], Any]
"""Gives, for some texts, how much each speaks for one label; an array of one number per text."""

MOST_CLAUSES = 40
"""A longer post is cut into this many passages of neighbouring clauses."""
MOST_SHOWN = 3
_FEWEST_WORDS = 3
_LONG_SENTENCE = 18
"""Words from which on a sentence is cut at its commas and conjunctions."""
_SHARE_OF_BEST = 0.5
"""A passage is shown if it weighs at least this share of the heaviest."""
_SENTENCE = re.compile(r"(?<=[.!?\u2026\u3002])[\"'\u201d\u2019)\]]*\s+|\s*\n+\s*")
_CLAUSE = re.compile(
    r"(?<=[,;:])\s+|\s+[-\u2013\u2014]+\s+"
    r"|\s+(?=(?:but|because|although|though|so|and then|and i)\s)",
    re.IGNORECASE,
)


def split_clauses(text: str) -> list[Span]:
    """Return the places of a text's clauses, in order; white space between them is left out."""
    spans: list[Span] = []
    for start, end in _cut(text, (0, len(text)), _SENTENCE):
        long = len(text[start:end].split()) >= _LONG_SENTENCE
        spans += _join_short(text, _cut(text, (start, end), _CLAUSE)) if long else [(start, end)]
    return _at_most(_join_short(text, spans), MOST_CLAUSES)


def _cut(text: str, span: Span, border: re.Pattern[str]) -> list[Span]:
    places, start = [], span[0]
    for found in border.finditer(text, *span):
        places.append((start, found.start()))
        start = found.end()
    places.append((start, span[1]))
    return [trimmed for place in places if (trimmed := _trim(text, place))]


def _trim(text: str, span: Span) -> Span | None:
    inner = text[slice(*span)]
    start = span[0] + len(inner) - len(inner.lstrip())
    end = span[0] + len(inner.rstrip())
    return (start, end) if end > start else None


def _join_short(text: str, spans: Sequence[Span]) -> list[Span]:
    """Join what is too short to say anything with what stands before it."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and len(text[start:end].split()) < _FEWEST_WORDS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _at_most(spans: list[Span], most: int) -> list[Span]:
    if len(spans) <= most:
        return spans
    borders = np.linspace(0, len(spans), most + 1).astype(int)
    return [(spans[first][0], spans[last - 1][1]) for first, last in pairwise(borders)]


def weigh_alone(read: Read, text: str, spans: Sequence[Span]) -> list[float]:
    """Return what each passage says for the label when it is all there is to read."""
    return [float(value) for value in read([text[start:end] for start, end in spans])]


def weigh_left_out(read: Read, text: str, spans: Sequence[Span]) -> list[float]:
    """Return what the text loses of the label when each passage is left out."""
    without = [f"{text[:start]} {text[end:]}" for start, end in spans]
    whole, *rest = read([text, *without])
    return [float(whole - value) for value in rest]


def choose_evidence(
    text: str, spans: Sequence[Span], weights: Sequence[float]
) -> tuple[Evidence, ...]:
    """Return the few passages that weigh most, in the order of the text; none that weighs against.

    A text of one passage is its own evidence.
    """
    order = sorted(range(len(spans)), key=lambda i: -weights[i])[:MOST_SHOWN]
    best = weights[order[0]] if order else 0.0
    chosen = [i for i in order if weights[i] > 0 and weights[i] >= _SHARE_OF_BEST * best]
    if len(spans) == 1:
        chosen = [0]
    return tuple(
        Evidence(start=start, end=end, text=text[start:end])
        for start, end in (spans[i] for i in sorted(chosen))
    )
