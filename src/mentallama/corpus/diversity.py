"""How varied the posts are, beside real ones: vocabulary, repeated runs of words, look-alikes.

Every measure depends on how much text is looked at: so a real set is drawn down to the number of
posts that the corpus has of that task, several times over, and of each post the first 50 words
count. The draws are averaged.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.corpus import load_posts
from mentallama.dataset import read_samples
from mentallama.errors import InputError
from mentallama.tables import Table
from mentallama.types import SPLITS

TOKENS, HEAD, RUN, DRAWS = 1000, 50, 5, 20
_WORD = re.compile(r"[\w']+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """Measures of a set of posts, averaged over draws of equal size."""

    source: str
    task: str
    pool: int
    """Posts drawn from."""
    posts: int
    """Posts per draw."""
    words: int
    """Median words per post."""
    type_token: float
    """Distinct words in the first 1,000 words of a draw, as a share."""
    repeated_runs: float
    """Share of posts with a run of five words that another post of the draw has too."""
    nearest: float
    """Mean over posts of the cosine to the nearest other post (TF-IDF, words and pairs)."""


def compare(folder: Path, *, seed: int = 0) -> list[Diversity]:
    """Measure the corpus and a folder of samples, task by task, corpus first.

    Raises InputError where the folder has no task with as many posts as the corpus.
    """
    real: dict[str, dict[str, str]] = {}
    for sample in read_samples(folder, splits=SPLITS):
        real.setdefault(sample.post.task, {})[sample.post.id] = sample.post.text
    rows: list[Diversity] = []
    for task, texts in real.items():
        own = [post.text for post in load_posts(task)]
        if len(texts) >= len(own):
            rows.append(measure("corpus", task, own, len(own), seed=seed))
            pool = list(texts.values())
            rows.append(measure(folder.name, task, pool, len(own), seed=seed))
    if not rows:
        raise InputError(f"{folder}: no task has as many instruction posts as the corpus")
    return rows


def measure(source: str, task: str, texts: Sequence[str], size: int, *, seed: int) -> Diversity:
    """Measure draws of ``size`` posts from ``texts``."""
    chance = random.Random(seed)  # noqa: S311
    found = [_measure_draw(chance.sample(list(texts), size)) for _ in range(DRAWS)]
    type_token, repeated, nearest = (sum(x) / DRAWS for x in zip(*found, strict=True))
    return Diversity(
        source=source,
        task=task,
        pool=len(texts),
        posts=size,
        words=sorted(len(text.split()) for text in texts)[len(texts) // 2],
        type_token=type_token,
        repeated_runs=repeated,
        nearest=nearest,
    )


def as_table(rows: Sequence[Diversity]) -> Table:
    """Lay the measures out, one line per set of posts."""
    return Table(
        title=f"Diversity in equal draws (mean of {DRAWS}), first {HEAD} words of a post",
        header=(
            *("task", "posts of", "pool", "per draw", "median words"),
            *("type-token", "repeated 5-word runs", "nearest"),
        ),
        rows=tuple(
            (
                *(row.task, row.source, row.pool, row.posts, row.words),
                f"{row.type_token:.3f}",
                f"{100 * row.repeated_runs:.1f} %",
                f"{row.nearest:.3f}",
            )
            for row in rows
        ),
    )


def split_words(text: str) -> list[str]:
    """Return the lower-cased words of a text."""
    return _WORD.findall(text.lower())


def find_runs(text: str, length: int = RUN) -> set[tuple[str, ...]]:
    """Return the runs of that many words in a text."""
    words = split_words(text)
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def _measure_draw(texts: Sequence[str]) -> tuple[float, float, float]:
    texts = [" ".join(split_words(text)[:HEAD]) for text in texts]
    words = [word for text in texts for word in text.split()][:TOKENS]
    runs = [find_runs(text) for text in texts]
    counts = Counter(run for post in runs for run in post)
    repeated = sum(any(counts[run] > 1 for run in post) for post in runs)
    return len(set(words)) / len(words), repeated / len(texts), _nearest(texts)


def _nearest(texts: Sequence[str]) -> float:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    cosines = (vectors @ vectors.T).toarray()
    np.fill_diagonal(cosines, -1.0)
    return float(cosines.max(axis=1).mean())
