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
from mentallama.benchmark.scores import SMALL, Estimate, describe, mean_share, starred
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
    """Of these, with at least one quote from the post."""
    token_f1: Estimate
    """Mean over the responses that quote; ``iou`` and the random ones too."""
    iou: Estimate
    random_f1: Estimate
    random_iou: Estimate
    token_f1_all: Estimate
    """Mean over all of them; a response that quotes nothing has found nothing."""
    iou_all: Estimate


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
    resamples: int = 1000,
    seed: int,
) -> Evidence | None:
    """Score one model on one task; None where no post of it has a marked passage."""
    task, rng = get_task(responses[0].task), random.Random(seed)  # noqa: S311
    scores: list[tuple[float, float, float, float]] = []
    posts: list[str] = []
    silent: list[str] = []
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
        if found:
            chance = _by_chance(post, spans, gold, rng)
            scores.append((*overlap(found, gold), *chance))
        (posts if found else silent).append(str(response.post_id))
    if not posts and not silent:
        return None
    f1, iou, random_f1, random_iou = ([row[column] for row in scores] for column in range(4))
    nothing = [0.0] * len(silent)

    def mean(values: Sequence[float], owners: Sequence[str]) -> Estimate:
        return mean_share(values, owners, resamples=resamples, seed=seed)

    return Evidence(
        model=responses[0].model,
        task=task.key,
        marked=len(posts) + len(silent),
        quoted=len(posts),
        token_f1=mean(f1, posts),
        iou=mean(iou, posts),
        random_f1=mean(random_f1, posts),
        random_iou=mean(random_iou, posts),
        token_f1_all=mean([*f1, *nothing], [*posts, *silent]),
        iou_all=mean([*iou, *nothing], [*posts, *silent]),
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
    """Lay the overlap out, a line per task and model; a star marks what rests on few posts."""
    return Table(
        title="Quoted evidence against the passages that people marked (95 % interval over posts; "
        f"* under {SMALL} posts)",
        header=(
            "task",
            "model",
            "posts",
            "with a quote",
            "token F1, quoting",
            "random",
            "IoU, quoting",
            "random IoU",
            "token F1, all posts",
            "IoU, all posts",
        ),
        rows=tuple(
            (
                one.task,
                one.model,
                f"{one.marked:,}",
                f"{one.quoted:,}",
                *(
                    starred(describe(value), n)
                    for value, n in (
                        (one.token_f1, one.quoted),
                        (one.random_f1, one.quoted),
                        (one.iou, one.quoted),
                        (one.random_iou, one.quoted),
                        (one.token_f1_all, one.marked),
                        (one.iou_all, one.marked),
                    )
                ),
            )
            for one in found
        ),
    )
