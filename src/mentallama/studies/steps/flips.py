"""How many verdicts flip where posts are changed in a way that should not matter, or not much."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mentallama.benchmark.contrast import Share
from mentallama.benchmark.scores import Estimate, mean_share
from mentallama.studies.results import Flips, Ran
from mentallama.types import Prediction, Response

Pairs = list[tuple[Response, Prediction]]
_SEED, _RESAMPLES = 0, 1000


def count_flips(
    rows: Mapping[str, Pairs], again: Sequence[tuple[tuple[str, ...], Ran, Pairs]]
) -> list[Flips]:
    """Pair each run's answers on changed posts with those on the posts as they are.

    After all sets together comes each of several by itself.
    """
    found = []
    for (run, variant), ran, pairs in again:
        plain, changed = first_gold(rows.get(run, [])), first_gold(pairs)
        tasks = list(dict.fromkeys(response.task for response, _ in changed))
        found.append(_count(Flips(run=run, variant=variant), ran, plain, changed))
        for task in tasks if len(tasks) > 1 else []:
            own = [pair for pair in changed if pair[0].task == task]
            found.append(_count(Flips(run=run, variant=variant, task=task), ran, plain, own))
    return found


def first_gold(pairs: Pairs) -> Pairs:
    """Leave out the copies of rows that carry people's labels as a second gold."""
    return [pair for pair in pairs if pair[0].gold_source == pairs[0][0].gold_source]


def _count(empty: Flips, ran: Ran, plain: Pairs, changed: Pairs) -> Flips:
    known = {response.sample_id: read for response, read in plain}
    both = [(r, known[r.sample_id], read) for r, read in changed if r.sample_id in known]
    if not both:
        return replace(empty, why_not=ran.why_not or "no post has any of it")
    posts = [str(response.post_id) for response, _, _ in both]
    flipped = [float(before.label != after.label) for _, before, after in both]
    moved = [float(a.label == r.gold) - float(b.label == r.gold) for r, b, a in both]
    return replace(
        empty,
        n=len(both),
        posts=len(set(posts)),
        flipped=(share := share_of(flipped, posts)),
        change=_change(moved, posts, share),
        undecided=sum((b.label is None) != (a.label is None) for _, b, a in both),
    )


def _change(moved: Sequence[float], posts: Sequence[str], flipped: Estimate) -> Estimate:
    """Return the change of accuracy; where all rows moved alike, as far as flips may reach."""
    found = mean_share(moved, posts, resamples=_RESAMPLES, seed=_SEED)
    if found.low != found.high or flipped.low is None or flipped.high is None:
        return found
    reach = {0.0: (-flipped.high, flipped.high), -100.0: (-flipped.high, -flipped.low)}
    return Estimate(found.value, *reach.get(found.value or 0.0, (flipped.low, flipped.high)))


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
