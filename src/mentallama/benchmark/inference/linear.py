"""A linear reader of explanations: hashed words and pairs of words, TF-IDF, logistic regression.

It trains in seconds without torch. Words are hashed, so the saved file holds numbers only and no
word of anybody's post.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mentallama.benchmark.scores import Floats

BUCKETS = 2**17
"""Hash buckets. Two words in one bucket are rare enough at the few 10,000 words of a task."""
WEIGHTS = "weights.npz"
_OFTEN = 2
"""Texts that a pair of words stands in before it counts as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Weights of one task (a ``Scorer``)."""

    idf: "Floats"
    """Shape (BUCKETS,)."""
    weights: "Floats"
    """Shape (labels, BUCKETS)."""
    bias: "Floats"
    """Shape (labels,)."""

    kind = "linear"

    def logits(self, texts: Sequence[str]) -> "Floats":
        """Return scores of shape (texts, labels); their softmax is the unscaled confidence."""
        counts = count_words(texts)
        scores: Floats = np.asarray(_tfidf(counts, self.idf) @ self.weights.T) + self.bias
        return scores

    def save(self, folder: Path) -> None:
        """Write the weights into a labeller's folder."""
        np.savez_compressed(
            folder / WEIGHTS,
            idf=self.idf.astype(np.float32),
            weights=self.weights.astype(np.float32),
            bias=self.bias,
        )


def load_linear(folder: Path) -> Linear:
    """Read the weights of a labeller's folder."""
    with np.load(folder / WEIGHTS, allow_pickle=False) as arrays:
        return Linear(
            idf=arrays["idf"].astype(float),
            weights=arrays["weights"].astype(float),
            bias=arrays["bias"],
        )


def fit_linear(texts: Sequence[str], labels: Sequence[int], count: int) -> Linear:
    """Fit a regression over ``count`` labels; labels that do not occur get no weight."""
    from sklearn.linear_model import LogisticRegression

    counts = count_words(texts)
    idf = np.log((1 + len(texts)) / (1 + _document_counts(counts))) + 1
    model = LogisticRegression(C=20.0, class_weight="balanced", solver="newton-cg", max_iter=200)
    model.fit(_tfidf(counts, idf), labels)
    weights, bias = np.zeros((count, BUCKETS)), np.full(count, -np.inf)
    found = [int(label) for label in model.classes_]
    if len(found) == 2:
        weights[found[1]], bias[found] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[found], bias[found] = model.coef_, model.intercept_
    return Linear(idf=idf, weights=weights, bias=bias)


def known_words(texts: Sequence[str]) -> "Floats":
    """Return which buckets occur in more than a few texts; shape (BUCKETS,), 0 or 1."""
    known: Floats = (_document_counts(count_words(texts)) >= _OFTEN).astype(float)
    return known


def familiarity(texts: Sequence[str], known: "Floats") -> "Floats":
    """Return the share of each text's words and pairs of words that are known, 0 to 1."""
    occurs = count_words(texts) > 0
    share: Floats = (occurs @ known) / np.maximum(1, np.asarray(occurs.sum(axis=1)).ravel())
    return share


def count_words(texts: Sequence[str]) -> Any:
    """Count words and pairs of words by bucket; a sparse matrix of shape (texts, BUCKETS)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(
        ngram_range=(1, 2), n_features=BUCKETS, alternate_sign=False, norm=None
    )
    return hasher.transform(texts)


def _document_counts(counts: Any) -> "Floats":
    found: Floats = np.asarray((counts > 0).sum(axis=0)).ravel()
    return found


def _tfidf(counts: Any, idf: "Floats") -> Any:
    from sklearn.preprocessing import normalize

    scaled = counts.copy()
    scaled.data = np.log(scaled.data) + 1
    return normalize(scaled.multiply(idf).tocsr())
