"""What a study found, in two sentences a comparison, made of its numbers alone."""

from collections.abc import Sequence
from math import hypot

from mentallama.benchmark.paired import ALPHA
from mentallama.studies.crossed_findings import crossed_findings
from mentallama.studies.plan import MINUS
from mentallama.studies.results import Compared, Result

GOLDS = {
    "release": "the release's labels",
    "human": "people's labels",
    "corpus": "the sample corpus's labels",
}


def findings(result: Result) -> dict[str, list[str]]:
    """Return, by the title of each comparison, what was found; or why nothing could be."""
    said: dict[str, list[str]] = {}
    for title, *runs in result.planned:
        own = [one for one in result.comparisons if one.title == title]
        said[title] = describe(own, len(result.comparisons)) if own else [_nothing(result, runs)]
    return said | leads(result.comparisons) | crossed_findings(result)


def leads(compared: Sequence[Compared]) -> dict[str, list[str]]:
    """Say whether a lead is larger on leaked posts than on clean ones, where both were compared.

    The posts of the two parts differ, so their intervals are joined as those of independent
    estimates: the root of the sum of their squared half widths.
    """
    clean = {(one.a, one.b, one.task, one.gold): one for one in compared if one.posts == "clean"}
    said: dict[str, list[str]] = {}
    for one in compared:
        other = clean.get((one.a, one.b, one.task, one.gold))
        if one.posts == "leaked" and other:
            gap = one.difference - other.difference
            half = hypot(one.high - one.low, other.high - other.low) / 2
            said.setdefault(f"{one.a} {MINUS} {one.b}: leaked against clean posts", []).append(
                f"On {one.task} against {GOLDS[one.gold]} the lead on leaked posts "
                f"(n = {one.n:,}) less that on clean ones (n = {other.n:,}) is {_points(gap)} "
                f"points ({_points(gap - half)} to {_points(gap + half)})."
            )
    return said


def describe(own: Sequence[Compared], tests: int) -> list[str]:
    """Say in two sentences how large the differences are, and which can be told from chance."""
    first = own[0]
    parts = [_size([one for one in own if one.gold == gold]) for gold in _golds(own)]
    where = "" if first.posts == "all" else f" on {first.posts} posts"
    what = f"{_quote(first.a)} minus {_quote(first.b)}{where}, weighted F1 over all rows"
    return [f"{what}: {'; '.join(parts)}.", _certainty(own, tests)]


def _golds(own: Sequence[Compared]) -> list[str]:
    return list(dict.fromkeys(one.gold for one in own))


def _quote(name: str) -> str:
    return f"“{name}”"


def _size(own: Sequence[Compared]) -> str:
    """Say how large the difference is against one gold."""
    rows = sum(one.n for one in own)
    if len(own) == 1:
        one = own[0]
        return (
            f"{_points(one.difference)} points ({_points(one.low)} to {_points(one.high)}) on "
            f"{one.task} against {GOLDS[one.gold]}, n = {one.n:,}"
        )
    ordered = sorted(own, key=lambda one: one.difference)
    mean = sum(one.difference for one in own) / len(own)
    return (
        f"{_points(mean)} points on the mean of {len(own)} sets against {GOLDS[own[0].gold]}, from "
        f"{_points(ordered[0].difference)} on {ordered[0].task} to "
        f"{_points(ordered[-1].difference)} on {ordered[-1].task}, n = {rows:,} rows"
    )


def _points(value: float) -> str:
    return f"{value:+.1f}".replace("-", MINUS)


def _certainty(own: Sequence[Compared], tests: int) -> str:
    told = [one for one in own if one.p_holm < ALPHA]
    ahead = [one for one in told if one.difference > 0]
    behind = [one for one in told if one.difference < 0]
    parts = [
        f"{_quote(name)} is ahead on {_list(some)}"
        for name, some in ((own[0].a, ahead), (own[0].b, behind))
        if some
    ]
    rest = len(own) - len(told)
    if rest == len(own):
        parts = ["none of them can be told from chance" if rest > 1 else "it is within chance"]
    elif rest:
        parts.append(f"{rest} of {len(own)} cannot be told from chance")
    several = f"{tests:,} tests" if tests > 1 else "one test"
    return (
        f"Paired permutation tests over posts, Holm over the study's {several}: {'; '.join(parts)}."
    )


def _list(some: Sequence[Compared]) -> str:
    return ", ".join(f"{one.task} ({one.gold})" for one in some)


def _nothing(result: Result, names: Sequence[str]) -> str:
    reasons = dict.fromkeys(r.why_not for r in result.runs if r.why_not and r.name in names)
    return f"Not drawn: {'; '.join(map(str, reasons)) or 'the runs share no row'}."
