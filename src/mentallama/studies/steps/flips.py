"""How many verdicts flip where posts are changed in a way that should not matter, or not much."""

from collections.abc import Mapping, Sequence

from mentallama.benchmark.contrast import Share
from mentallama.benchmark.scores import Estimate, mean_share
from mentallama.studies.results import Flips, Ran
from mentallama.types import Prediction, Response

Pairs = list[tuple[Response, Prediction]]
_SEED, _RESAMPLES = 0, 1000


def count_flips(
    rows: Mapping[str, Pairs], again: Sequence[tuple[tuple[str, ...], Ran, Pairs]]
) -> list[Flips]:
    """Pair each run's answers on changed posts with those on the posts as they are."""
    return [
        _count(run, variant, ran, first_gold(rows.get(run, [])), first_gold(pairs))
        for (run, variant), ran, pairs in again
    ]


def first_gold(pairs: Pairs) -> Pairs:
    """Leave out the copies of rows that carry people's labels as a second gold."""
    return [pair for pair in pairs if pair[0].gold_source == pairs[0][0].gold_source]


def _count(run: str, variant: str, ran: Ran, plain: Pairs, changed: Pairs) -> Flips:
    known = {response.sample_id: read for response, read in plain}
    both = [(r, known[r.sample_id], read) for r, read in changed if r.sample_id in known]
    if not both:
        return Flips(run=run, variant=variant, why_not=ran.why_not or "no post has any of it")
    posts = [str(response.post_id) for response, _, _ in both]
    flipped = [float(before.label != after.label) for _, before, after in both]
    moved = [float(a.label == r.gold) - float(b.label == r.gold) for r, b, a in both]
    return Flips(
        run=run,
        variant=variant,
        n=len(both),
        posts=len(set(posts)),
        flipped=share_of(flipped, posts),
        change=mean_share(moved, posts, resamples=_RESAMPLES, seed=_SEED),
        undecided=sum((b.label is None) != (a.label is None) for _, b, a in both),
    )


def share_of(values: Sequence[float], posts: Sequence[str]) -> Estimate:
    """Return a share in percent; its interval draws posts.

    Of nothing or of all the bootstrap would give an interval of no width: there it is Wilson's for
    as many independent posts.
    """
    found = mean_share(values, posts, resamples=_RESAMPLES, seed=_SEED)
    if found.value not in (0.0, 100.0):
        return found
    n = len(set(posts))
    low, high = Share(model="", what="", right=n if found.value else 0, n=n).interval
    return Estimate(found.value, low, high)
