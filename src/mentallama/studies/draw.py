"""Draws that hang on a post's text alone: the same in every process, set and order of rows."""

import hashlib
from collections.abc import Sequence

from mentallama.tasks.posts import text_key
from mentallama.types import Sample


def place_of(text: str) -> float:
    """Return a number from 0 to 1 that copies of a post share."""
    digest = hashlib.sha256(f"study/{text_key(text)}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def draw_posts(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    """Return the rows of at most ``limit`` posts of each set, in their order."""
    if limit is None:
        return list(samples)
    posts: dict[str, dict[str, float]] = {}
    for sample in samples:
        posts.setdefault(sample.post.task, {})[sample.post.id] = place_of(sample.post.text)
    kept = {task: set(sorted(own, key=lambda one: own[one])[:limit]) for task, own in posts.items()}
    return [sample for sample in samples if sample.post.id in kept[sample.post.task]]
