"""What matrices, flips and shares say, in two sentences each, made of their numbers alone."""

from collections.abc import Iterator, Sequence

from mentallama.benchmark.paired import ALPHA
from mentallama.studies.plan import MINUS
from mentallama.studies.results import Cell, Flips, Result, Shown
from mentallama.studies.steps.close import CLOSE
from mentallama.studies.steps.shares import CONTRASTS, NUANCE, UNTAGGED, VERSIONS

Said = tuple[str, list[str]]


def crossed_findings(result: Result) -> dict[str, list[str]]:
    """Return what was found, under a title each; or why nothing could be."""
    return dict(
        [
            *_matrices(result.cells),
            *_flips(result.flips),
            *_shown(result.shown),
        ]
    )


def _points(value: float | None) -> str:
    return f"{value or 0.0:+.1f}".replace("-", MINUS)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known)


def _reasons(some: Sequence[Cell | Flips]) -> str:
    return "; ".join(dict.fromkeys(one.why_not for one in some if one.why_not))


def _matrices(cells: Sequence[Cell]) -> Iterator[Said]:
    for title in dict.fromkeys((cell.matrix, cell.model) for cell in cells):
        own = [cell for cell in cells if (cell.matrix, cell.model) == title]
        moved = [cell for cell in own if cell.loss.value is not None]
        name = ", ".join(title)
        if moved:
            yield name, [_say_losses(name, moved), _say_floors(own)]
        else:
            yield (
                name,
                [f"{name}: no transfer could be drawn, {_say_missing(own)}."],
            )


def _say_losses(name: str, moved: Sequence[Cell]) -> str:
    ordered = sorted(moved, key=lambda cell: cell.loss.value or 0.0)
    told = [c for c in moved if (c.p_holm or 0.0) < ALPHA]
    worse = sum((c.loss.value or 0.0) < 0 for c in told)
    first, last = ordered[0], ordered[-1]
    span = (
        f", from {_points(first.loss.value)} ({first.row} → {first.column}, n = {first.n:,}) to "
        f"{_points(last.loss.value)} ({last.row} → {last.column}, n = {last.n:,})"
    )
    return (
        f"{name}: taught others' posts instead of the tested ones' own, weighted F1 changes by "
        f"{_points(_mean([c.loss.value for c in moved]))} points on the mean of "
        f"{len(moved)} transfers{span if len(moved) > 1 else ''}; {worse} of {len(moved)} are told "
        f"from chance as worse and {len(told) - worse} as better (Holm over the study)."
    )


def _say_floors(own: Sequence[Cell]) -> str:
    moved = [c for c in own if c.row != c.column and c.f1.low is not None]
    above = [c for c in moved if (c.f1.low or 0.0) > (c.floor or 0.0)]
    lacking = f"; {_say_missing(own)}" if any(c.why_not for c in own) else ""
    return (
        f"{len(above)} of {len(moved)} transfers lie with their whole interval above the floor of "
        f"always giving the test's most frequent label{lacking}."
    )


def _say_missing(own: Sequence[Cell]) -> str:
    missing = sum(cell.why_not is not None for cell in own)
    return f"{missing} of {len(own)} cells are not run, for reasons that stand beside the plot"


def _flips(flips: Sequence[Flips]) -> Iterator[Said]:
    for run in dict.fromkeys(one.run for one in flips):
        every = [one for one in flips if one.run == run and one.why_not is None]
        own = [one for one in every if one.task is None]
        name = f"Flips of “{run}”"
        if not own:
            told = _reasons([one for one in flips if one.run == run])
            yield name, [f"Not drawn: {told}."]
            continue
        pairs = [(one, other) for one in own for other in own if _is_chance_of(other, one)]
        yield (
            name,
            [_say_flips(run, own, every), _say_chance(pairs) if pairs else _say_accuracy(own)],
        )


def _say_flips(run: str, own: Sequence[Flips], every: Sequence[Flips]) -> str:
    ordered = sorted(own, key=lambda one: one.flipped.value or 0.0)
    mean = _mean([one.flipped.value for one in own])
    if len(own) == 1:
        return f"Verdicts of “{run}” flip under {_flip(own[0])}."
    return (
        f"{mean:.1f} % of verdicts of “{run}” flip on the mean of {len(own)} changes: most under "
        f"{_flip(ordered[-1])}, least under {_flip(ordered[0])}{_by_set(every)}."
    )


def _by_set(every: Sequence[Flips]) -> str:
    """Say how much flips in each set, over the rows of all changes."""
    parts = []
    for task in dict.fromkeys(one.task for one in every if one.task):
        own = [one for one in every if one.task == task]
        rows = sum(one.n for one in own)
        share = sum((one.flipped.value or 0.0) * one.n for one in own) / rows
        parts.append(f"{task} {share:.1f} % of {rows:,}")
    return f"; by set, over the rows of all changes, {', '.join(parts)}" if parts else ""


def _flip(one: Flips) -> str:
    share = one.flipped
    return (
        f"{one.variant} ({share.value:.1f} %, {share.low:.1f} to {share.high:.1f}, n = {one.n:,} "
        f"rows of {one.posts:,} posts)"
    )


def _say_accuracy(own: Sequence[Flips]) -> str:
    told = [one for one in own if (one.change.low or 0.0) > 0 or (one.change.high or 0.0) < 0]
    names = ", ".join(f"{one.variant} {_points(one.change.value)}" for one in told)
    return (
        f"Accuracy changes by {_points(_mean([one.change.value for one in own]))} points on the "
        f"mean; {len(told)} of {len(own)} intervals leave out zero{f': {names}' if told else ''}."
    )


def _is_chance_of(other: Flips, one: Flips) -> bool:
    return other.variant == one.variant.replace("mask:", "chance:") != one.variant


def _say_chance(pairs: Sequence[tuple[Flips, Flips]]) -> str:
    parts = [
        f"{one.variant.removeprefix('mask:')} {one.flipped.value:.1f} against "
        f"{other.flipped.value:.1f} % (accuracy {_points(one.change.value)} against "
        f"{_points(other.change.value)}, n = {one.n:,})"
        for one, other in pairs
    ]
    return f"Masked, against as many other words of the same posts: {'; '.join(parts)}."


def _shown(shown: Sequence[Shown]) -> Iterator[Said]:
    for table, run in dict.fromkeys((one.table, one.run) for one in shown):
        own = [one for one in shown if (one.table, one.run) == (table, run)]
        yield f"{table}: “{run}”", _SAY[table](own)


def _share(one: Shown) -> str:
    share = one.share
    return f"{one.what} {share.value:.1f} % ({share.low:.1f} to {share.high:.1f}, n = {one.n:,})"


def _say_nuance(own: Sequence[Shown]) -> list[str]:
    tagged = sorted((o for o in own if o.what != UNTAGGED), key=lambda one: one.share.value or 0.0)
    plain = [one for one in own if one.what == UNTAGGED]
    if not tagged:
        return ["No post asked about is tagged."]
    below = [one for one in tagged if (one.gap.high or 0.0) < 0]
    names = ", ".join(f"{one.what} {_points(one.gap.value)}" for one in below)
    return [
        f"“{own[0].run}” is right on {_list([*plain, tagged[0], tagged[-1]])}.",
        f"Against untagged posts of the same questions, {len(below)} of {len(tagged)} tags are "
        f"read worse with the whole interval{f': {names} points' if below else ''}.",
    ]


def _list(some: Sequence[Shown]) -> str:
    return "; ".join(_share(one) for one in some)


def _say_contrasts(own: Sequence[Shown]) -> list[str]:
    pairs = [one for one in own if one.what.startswith("pairs")]
    traps = [one for one in own if not one.what.startswith("pairs")]
    name = f"“{own[0].run}” is right on"
    return [f"{name} {_list(some)}." for some in (pairs, traps) if some]


def _say_versions(own: Sequence[Shown]) -> list[str]:
    changed = sum(round((one.share.value or 0.0) * one.n / 100) for one in own)
    total = sum(one.n for one in own)
    return [
        f"The verdict of “{own[0].run}” changes in {changed} of {total} questions asked about all "
        "versions.",
        f"By attribute: {_list(own)}.",
    ]


def _say_close(own: Sequence[Shown]) -> list[str]:
    told = [one for one in own if (one.gap.high or 0.0) < 0]
    parts = "; ".join(f"{_share(one)} where chance gives {one.expected or 0.0:.1f}" for one in own)
    return [
        f"“{own[0].run}” gives nearest posts of one label different verdicts: {parts}.",
        f"On {len(told)} of {len(own)} sets that is less than any two posts of one label, with "
        "the whole interval.",
    ]


_SAY = {
    NUANCE: _say_nuance,
    CONTRASTS: _say_contrasts,
    VERSIONS: _say_versions,
    CLOSE: _say_close,
}
