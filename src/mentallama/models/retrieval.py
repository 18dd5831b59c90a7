"""How close posts are to one another: cosine of TF-IDF weights, or of vectors that are passed in.

Nothing of the texts compared with is held twice: the similarities of a few hundred queries at a
time are in memory, whatever the number of posts.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Embed = Callable[[Sequence[str]], NDArray[Any]]
"""Turns n texts into an array of shape (n, dimensions)."""

_CHUNK = 128
_WORD = r"[^\W_]+|[^\w\s]"
"""A word, or a mark on its own: a post may consist of emoji."""


def similarities(
    queries: Sequence[str], texts: Sequence[str], embed: Embed | None = None
) -> Iterator[Floats]:
    """Yield, for each query in order, its cosine with every text, shape ``(len(texts),)``.

    Without ``embed``: TF-IDF of words and pairs of words, logarithmic counts, weighed by how many
    of ``texts`` they occur in.
    """
    if not queries or not texts:
        return
    left, right = _embed(embed, queries, texts) if embed else _weigh(queries, texts)
    across = right.T
    for start in range(0, len(queries), _CHUNK):
        part = left[start : start + _CHUNK] @ across
        yield from part if isinstance(part, np.ndarray) else part.toarray()


def choose_top(scores: Floats, places: NDArray[np.int64], most: int) -> list[int]:
    """Return which of ``places`` score highest, best first; of equals the first.

    Places whose score is minus infinity are never chosen, so there may be fewer than ``most``.
    """
    places = places[np.isfinite(scores[places])]
    if len(places) > most > 0:
        cut = np.partition(scores[places], len(places) - most)[len(places) - most]
        places = places[scores[places] >= cut]
    order = np.argsort(-scores[places], kind="stable")
    return [int(place) for place in places[order][:most]]


def _weigh(queries: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any]:
    """Return sparse rows of length 1 for queries and texts; a text without a word is all zero."""
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORD, dtype=np.float32
    )
    try:
        right = weights.fit_transform(texts)
    except ValueError:  # not a word in any of them
        return csr_array((len(queries), 1), dtype="f4"), csr_array((len(texts), 1), dtype="f4")
    return weights.transform(queries), right


def _embed(embed: Embed, queries: Sequence[str], texts: Sequence[str]) -> tuple[Floats, Floats]:
    return _to_unit(embed(queries)), _to_unit(embed(texts))


def _to_unit(vectors: NDArray[Any]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), np.float32)
