"""Who rates which item, and in which order; and what becomes of a rater's items who drops out.

Pure functions of their arguments: the same seed gives the same order.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence

from mentallama.errors import InputError
from mentallama.human.study import Place
from mentallama.types import Item


def assign(items: Sequence[Item], raters: Sequence[str], overlap: int, seed: int) -> list[Place]:
    """Give every item to ``overlap`` raters, and calibration items to all of them, first.

    Loads differ by at most one. Each rater has an order of their own; items on one post are not
    neighbours where that can be avoided. Raises InputError where raters are too few or named twice.
    """
    if len(set(raters)) != len(raters):
        raise InputError("two raters have the same name")
    if not 1 <= overlap <= len(raters):
        raise InputError(
            f"{overlap} raters an item, of {len(raters)} raters: name more raters, or a smaller "
            "overlap"
        )
    chance = random.Random(f"assignment/{seed}")  # noqa: S311
    own: dict[str, list[Item]] = {rater: [] for rater in raters}
    for item in chance.sample(items, len(items)):
        if item.calibration:
            continue
        # Equal loads are taken in random turn, so that who rates with whom changes.
        turn = chance.sample(raters, len(raters))
        for rater in sorted(turn, key=lambda rater: len(own[rater]))[:overlap]:
            own[rater].append(item)
    first = [item for item in items if item.calibration]
    places = []
    for rater, rest in own.items():
        order = _keep_apart([], chance.sample(first, len(first)))
        order = _keep_apart(order, chance.sample(rest, len(rest)))
        places += [Place(rater=rater, item=x.id, position=i) for i, x in enumerate(order, 1)]
    return places


def _keep_apart(start: Sequence[Item], items: Iterable[Item]) -> list[Item]:
    """Append items to ``start``, each in the last gap behind it between two other posts."""
    order = list(start)
    waiting = []
    for item in items:
        if (gap := _last_gap(order, len(start), item)) is None:
            waiting.append(item)
        else:
            order.insert(gap, item)
    for item in waiting:
        gap = _last_gap(order, len(start), item)
        order.insert(len(order) if gap is None else gap, item)
    return order


def _last_gap(order: Sequence[Item], first: int, item: Item) -> int | None:
    """Return the last place from ``first`` on that is beside no item on the same post."""
    for gap in range(len(order), first - 1, -1):
        if all(beside.post != item.post for beside in order[max(gap - 1, 0) : gap + 1]):
            return gap
    return None


def reassign(
    places: Sequence[Place],
    finished: Collection[tuple[str, str]],
    gone: str,
    raters: Sequence[str],
    *,
    overlap: int | None = None,
) -> list[Place]:
    """Return new places, at the ends of orders, for what a rater who dropped out leaves undone.

    ``finished`` holds (rater, item); ``raters`` are those still there; ``overlap`` is the study's
    (None: the fewest raters that an item has). An item goes to a rater who has not had it, as
    evenly as can be. What has enough raters without the one who left, as calibration items have,
    goes to nobody. Raises InputError where an item finds no rater.
    """
    staying = [rater for rater in raters if rater != gone]
    holders: dict[str, list[str]] = {}
    for place in sorted(places, key=lambda place: place.position):
        holders.setdefault(place.item, []).append(place.rater)
    if overlap is None:
        overlap = min((len(held) for held in holders.values()), default=0)
    takers = {}
    for item, held in holders.items():
        still = [rater for rater in held if rater in staying or (rater, item) in finished]
        if gone in held and (gone, item) not in finished and len(still) < overlap:
            takers[item] = [rater for rater in staying if rater not in held]
    if stuck := sum(not able for able in takers.values()):
        raise InputError(
            f"{stuck:,} of {len(takers):,} open items of '{gone}' were given to all raters who are "
            "left; invite another rater"
        )
    loads = {rater: sum(place.rater == rater for place in places) for rater in staying}
    ends = {
        rater: max((place.position for place in places if place.rater == rater), default=0)
        for rater in staying
    }
    return [
        Place(rater=rater, item=item, position=ends[rater] + number)
        for rater, items in _share(takers, loads).items()
        for number, item in enumerate(items, 1)
    ]


def _share(
    takers: Mapping[str, Sequence[str]], loads: Mapping[str, int]
) -> dict[str, dict[str, None]]:
    """Give each item to one of its takers so that loads end as equal as they can.

    Optimal semi-matching (Harvey et al. 2006): an item may push others along a chain of raters
    to the least loaded one that can be reached. The items of a rater are keys, in order.
    """
    loads = dict(loads)
    given: dict[str, dict[str, None]] = {rater: {} for rater in loads}
    for item, able in takers.items():
        came: dict[str, tuple[str | None, str]] = dict.fromkeys(able, (None, item))
        reached = list(able)
        for rater in reached:
            for held in given[rater]:
                for other in takers[held]:
                    if other not in came:
                        came[other] = (rater, held)
                        reached.append(other)
        last = min(reached, key=loads.__getitem__)
        loads[last] += 1
        while True:
            before, moved = came[last]
            given[last][moved] = None
            if before is None:
                break
            del given[before][moved]
            last = before
    return given
