"""Shares beside the scores: by tag of nuance, on contrast sets, between versions of one post and
between close posts of one label."""

from collections.abc import Iterator, Mapping, Sequence
from math import hypot, sqrt
from pathlib import Path

from mentallama.benchmark.attributes import corpus_versions, count_changes
from mentallama.benchmark.contrast import CONTRAST, Share, score_contrast
from mentallama.benchmark.scores import Estimate, mean_share
from mentallama.corpus import Part, load_posts
from mentallama.studies.plan import Shown as Kind
from mentallama.studies.results import Shown
from mentallama.studies.steps.close import count_between_close
from mentallama.studies.steps.flips import Pairs, first_gold, share_of
from mentallama.tasks.posts import post_id

NUANCE = "Accuracy by way of speaking"
CONTRASTS = "Contrast sets"
VERSIONS = "Verdicts that change between versions of a post"
UNTAGGED = "untagged posts"
_PARTS: tuple[Part, ...] = ("plain", *CONTRAST)
_SEED, _RESAMPLES = 0, 1000


def measure_shares(
    kinds: Sequence[Kind], rows: Mapping[str, Pairs], data: Path, shared: Path
) -> list[Shown]:
    """Return what a study asks to be shown, run by run."""
    found: list[Shown] = []
    for kind in kinds:
        for run, pairs in rows.items():
            own = first_gold(pairs)
            match kind:
                case "nuance":
                    found += _by_tag(run, own)
                case "contrast":
                    found += _contrasts(run, own)
                case "attributes":
                    found += _versions(run, own)
                case "neighbours":
                    found += count_between_close(run, own, data, shared)
    return found


def _contrasts(run: str, pairs: Pairs) -> Iterator[Shown]:
    for one in score_contrast([response for response, _ in pairs]):
        if not one.what.startswith(("attributes", "plain")):
            yield Shown(table=CONTRASTS, what=one.what, run=run, n=one.n, share=_wilson(one))


def _versions(run: str, pairs: Pairs) -> Iterator[Shown]:
    for one in count_changes(pairs, corpus_versions()):
        share = Share(model=run, what=one.attribute, right=one.changed, n=one.groups)
        yield Shown(table=VERSIONS, what=one.attribute, run=run, n=one.groups, share=_wilson(share))


def _wilson(one: Share) -> Estimate:
    return Estimate(one.percent, *one.interval)


Told = tuple[tuple[str, str | None], str, float]
"""Question, post, and whether the verdict is right."""


def _by_tag(run: str, pairs: Pairs) -> Iterator[Shown]:
    tags = {post_id(post.text): post.tags for part in _PARTS for post in load_posts(part=part)}
    told: list[tuple[Told, tuple[str, ...]]] = [
        (((r.task, r.aspect), str(r.post_id), float(read.label == r.gold)), tags[r.post_id or ""])
        for r, read in pairs
        if r.post_id in tags
    ]
    plain = [one for one, own in told if not own]
    names = dict.fromkeys(tag for _, own in told for tag in own)
    if plain:
        yield _tagged(run, UNTAGGED, plain)
    for tag in sorted(names):
        own = [one for one, its in told if tag in its]
        yield _tagged(run, tag.replace("_", " "), own, plain)


def _tagged(run: str, what: str, own: Sequence[Told], plain: Sequence[Told] = ()) -> Shown:
    share = share_of([right for _, _, right in own], [post for _, post, _ in own])
    expected, gap = _gap(own, plain)
    return Shown(
        table=NUANCE, what=what, run=run, n=len(own), share=share, gap=gap, expected=expected
    )


def _gap(own: Sequence[Told], plain: Sequence[Told]) -> tuple[float | None, Estimate]:
    """Return the accuracy of untagged posts at the same mix of questions, and what is less.

    Tagged rows are set against the untagged ones of their question; both vary, so the half widths
    are joined as those of independent estimates. Questions without untagged posts are left out.
    """
    known: dict[tuple[str, str | None], list[float]] = {}
    for question, _, right in plain:
        known.setdefault(question, []).append(right)
    rows = [(q, post, right, sum(known[q]) / len(known[q])) for q, post, right in own if q in known]
    if not rows:
        return None, Estimate(None, None, None)
    expected = sum(mean for *_, mean in rows) / len(rows)
    rest = mean_share(
        [right - mean for _, _, right, mean in rows],
        [post for _, post, _, _ in rows],
        resamples=_RESAMPLES,
        seed=_SEED,
    )
    assert rest.value is not None and rest.low is not None and rest.high is not None
    weights = {q: sum(one[0] == q for one in rows) / len(rows) for q in {one[0] for one in rows}}
    spread = sum(weights[q] ** 2 * _variance(known[q]) for q in weights)
    half = 100 * 1.96 * sqrt(spread)
    low = rest.value - hypot(rest.value - rest.low, half)
    high = rest.value + hypot(rest.high - rest.value, half)
    return 100 * expected, Estimate(rest.value, low, high)


def _variance(values: Sequence[float]) -> float:
    """Return the variance of a share's estimate."""
    mean = sum(values) / len(values)
    return mean * (1 - mean) / len(values)
