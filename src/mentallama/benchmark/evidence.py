"""Evidence that a model quotes, against the passages that people marked (IRF, CAMS).

Evidence is compared word by word: which words of the post lie in a quoted passage, which in a
marked one (DeYoung et al. 2020, ERASER). Beside each model stand random passages of the same
lengths, the floor that any choice of words reaches.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mentallama.benchmark.golds import Question
from mentallama.benchmark.integrity import explanation_of
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.grounding import find_quotes, locate
from mentallama.tasks.posts import text_key
from mentallama.types import Post, Response

_WORD = re.compile(r"\S+")
_DRAWS = 20
"""Random choices per post."""
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How well a model's quotes meet the marked passages; shares from 0 to 100."""

    model: str
    task: str
    marked: int
    """Responses to posts with a marked passage that stands in the post."""
    quoted: int
    """Of these, with at least one quote from the post; the shares are means over them."""
    token_f1: float | None
    iou: float | None
    random_f1: float | None
    random_iou: float | None


def marked_passages(posts: Iterable[Post]) -> dict[Question, tuple[str, ...]]:
    """Collect the passages that people marked, by question."""
    return {
        (post.task, post.aspect, text_key(post.text)): post.evidence
        for post in posts
        if post.evidence
    }


def score_evidence(
    responses: Sequence[Response],
    texts: Mapping[str, str],
    marked: Mapping[Question, tuple[str, ...]],
    *,
    seed: int,
) -> Evidence | None:
    """Score one model on one task; None where no post of it has a marked passage."""
    task, rng = get_task(responses[0].task), random.Random(seed)  # noqa: S311
    scores: list[tuple[float, float, float, float]] = []
    marked_posts = 0
    for response in responses:
        post = texts.get(response.post_id or "")
        if post is None:
            continue
        passages = marked.get((task.key, response.aspect, text_key(post)), ())
        gold = words_in(post, [place for text in passages if (place := locate(post, text))])
        if not gold:
            continue
        quotes = find_quotes(task, explanation_of(task, response.text), post)
        spans = [(q.start, q.end) for q in quotes if q.start is not None and q.end is not None]
        found = words_in(post, spans)
        marked_posts += 1
        if found:
            chance = _by_chance(post, spans, gold, rng)
            scores.append((*overlap(found, gold), *chance))
    if not marked_posts:
        return None
    means = [100 * float(mean) for mean in np.mean(scores, axis=0)] if scores else [None] * 4
    return Evidence(
        model=responses[0].model,
        task=task.key,
        marked=marked_posts,
        quoted=len(scores),
        token_f1=means[0],
        iou=means[1],
        random_f1=means[2],
        random_iou=means[3],
    )


def words_in(post: str, spans: Iterable[Span]) -> set[int]:
    """Return the numbers of the words of a post that lie in one of the spans."""
    places = list(spans)
    return {
        number
        for number, word in enumerate(_WORD.finditer(post))
        if any(start < word.end() and word.start() < end for start, end in places)
    }


def overlap(found: set[int], gold: set[int]) -> tuple[float, float]:
    """Return token F1 and intersection over union of two sets of words; 0 where one is empty."""
    common = len(found & gold)
    if not common:
        return 0.0, 0.0
    return 2 * common / (len(found) + len(gold)), common / len(found | gold)


def _by_chance(
    post: str, spans: Sequence[Span], gold: set[int], rng: random.Random
) -> tuple[float, float]:
    """Return the mean overlap of passages of the same lengths at random places."""
    total = len(_WORD.findall(post))
    lengths = [len(words_in(post, [span])) for span in spans]
    scores = []
    for _ in range(_DRAWS):
        found: set[int] = set()
        for length in lengths:
            start = rng.randint(0, max(0, total - length))
            found |= set(range(start, start + length))
        scores.append(overlap(found, gold))
    f1, iou = np.mean(scores, axis=0)
    return float(f1), float(iou)


def evidence_table(found: Sequence[Evidence]) -> Table:
    """Lay the overlap out, a line per task and model."""
    return Table(
        title="Quoted evidence against the passages that people marked",
        header=(
            "task",
            "model",
            "posts",
            "with a quote",
            "token F1",
            "random",
            "IoU",
            "random IoU",
        ),
        rows=tuple(
            (
                one.task,
                one.model,
                f"{one.marked:,}",
                f"{one.quoted:,}",
                *(
                    "not computed" if value is None else f"{value:.1f}"
                    for value in (one.token_f1, one.random_f1, one.iou, one.random_iou)
                ),
            )
            for one in found
        ),
    )
