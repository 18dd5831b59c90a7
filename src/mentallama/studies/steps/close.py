"""Whether a model gives close posts of one set and one label one verdict.

Close: each post with its nearest neighbour of the same question and gold label, by the cosine of
sentence embeddings. What is expected is how often any two of its posts of that question and label
get different verdicts, so that a model gains nothing by being right or by always saying the same.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mentallama.benchmark.scores import Estimate, mean_share
from mentallama.dataset import read_samples
from mentallama.studies.embeddings import embed
from mentallama.studies.results import Shown
from mentallama.studies.steps.flips import Pairs, share_of
from mentallama.types import FORMS

CLOSE = "Close posts of one label with different verdicts"
_CLOSE = 0.6
"""Least cosine of a pair; a common measure of being about the same with this encoder."""
_SEED, _RESAMPLES = 0, 1000


def count_between_close(run: str, pairs: Pairs, data: Path, shared: Path) -> Iterator[Shown]:
    """Return the share of pairs with two verdicts, set by set."""
    texts = {
        sample.post.id: sample.post.text
        for form in FORMS
        for sample in read_samples(data, form=form, splits=["test"])
    }
    known = [pair for pair in pairs if pair[0].post_id in texts]
    vectors = embed([texts[str(r.post_id)] for r, _ in known], shared) if known else {}
    for task in dict.fromkeys(response.task for response, _ in known):
        groups: dict[tuple[str | None, str], Pairs] = {}
        for response, read in known:
            if response.task == task:
                groups.setdefault((response.aspect, response.gold), []).append((response, read))
        found = [one for own in groups.values() for one in _differ(own, texts, vectors)]
        if found:
            yield _share(run, task, found)


Differing = tuple[str, float, float]
"""Post, whether its neighbour got another verdict, and how often any other post did."""


def _differ(
    group: Pairs, texts: dict[str, str], vectors: dict[str, np.typing.NDArray[np.float32]]
) -> Iterator[Differing]:
    if len(group) < 2:
        return
    space = np.stack([vectors[texts[str(response.post_id)]] for response, _ in group])
    near = space @ space.T
    same = np.array([[a.post_id == b.post_id for b, _ in group] for a, _ in group])
    near[same] = -1
    often = Counter(read.label for _, read in group)
    for number, (response, read) in enumerate(group):
        other = int(near[number].argmax())
        if near[number, other] >= _CLOSE:
            differs = float(group[other][1].label != read.label)
            yield str(response.post_id), differs, 1 - (often[read.label] - 1) / (len(group) - 1)


def _share(run: str, task: str, found: list[Differing]) -> Shown:
    posts = [post for post, _, _ in found]
    rest: Estimate = mean_share(
        [differs - mean for _, differs, mean in found], posts, resamples=_RESAMPLES, seed=_SEED
    )
    return Shown(
        table=CLOSE,
        what=task,
        run=run,
        n=len(found),
        share=share_of([differs for _, differs, _ in found], posts),
        gap=rest,
        expected=100 * sum(mean for *_, mean in found) / len(found),
    )
