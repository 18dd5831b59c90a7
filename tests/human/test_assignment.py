"""Assignment: exact overlap, equal loads, own orders, and what a drop-out leaves is taken over."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentallama.errors import InputError
from mentallama.human.assignment import assign, reassign
from mentallama.human.study import Place
from mentallama.types import Item


def make_items(number: int, calibration: int = 0, per_post: int = 1) -> list[Item]:
    return [
        Item(
            id=f"i{index}",
            task="DR",
            question="q",
            post=f"post {index // per_post}",
            answer=f"answer {index}",
            calibration=index < calibration,
        )
        for index in range(number)
    ]


def name_raters(number: int) -> list[str]:
    return [f"r{index}" for index in range(number)]


def spread(loads: Counter[str], raters: Sequence[str]) -> int:
    return max(loads[rater] for rater in raters) - min(loads[rater] for rater in raters)


def finished_by(
    places: Sequence[Place], gone: Collection[str], done: Collection[tuple[str, str]]
) -> dict[str, set[str]]:
    """Return who finishes each item when all who stay finish all of theirs."""
    found: dict[str, set[str]] = defaultdict(set)
    for place in places:
        if place.rater not in gone or (place.rater, place.item) in done:
            found[place.item].add(place.rater)
    return found


@settings(max_examples=60, deadline=None)
@given(
    number=st.integers(1, 60),
    raters=st.integers(1, 8),
    overlap=st.integers(1, 8),
    calibration=st.integers(0, 5),
    seed=st.integers(0, 10**6),
)
def test_every_item_gets_exactly_the_overlap_and_loads_differ_by_at_most_one(
    number: int, raters: int, overlap: int, calibration: int, seed: int
) -> None:
    items, who = make_items(number, calibration, per_post=2), name_raters(raters)
    if overlap > raters:
        with pytest.raises(InputError, match="name more raters"):
            assign(items, who, overlap, seed)
        return
    places = assign(items, who, overlap, seed)
    holders = finished_by(places, (), ())
    assert all(len(holders[x.id]) == (raters if x.calibration else overlap) for x in items)
    assert len(places) == sum(map(len, holders.values()))
    assert spread(Counter(place.rater for place in places), who) <= 1
    first = sum(item.calibration for item in items)
    calibrating = {item.id for item in items if item.calibration}
    for rater in who:
        own = [place for place in places if place.rater == rater]
        assert [place.position for place in own] == list(range(1, len(own) + 1))
        assert {place.item for place in own[:first]} == calibrating
    assert places == assign(items, who, overlap, seed)


def test_each_rater_has_an_order_of_their_own_and_another_seed_gives_another() -> None:
    items, who = make_items(20), name_raters(3)
    orders = {
        seed: [
            [place.item for place in assign(items, who, 3, seed) if place.rater == rater]
            for rater in who
        ]
        for seed in (0, 1)
    }
    assert len({tuple(order) for both in orders.values() for order in both}) == 6


def test_two_answers_to_one_post_are_never_neighbours() -> None:
    items = make_items(60, per_post=3)
    post = {item.id: item.post for item in items}
    for seed in range(20):
        for rater in (who := name_raters(4)):
            order = [p.item for p in assign(items, who, 3, seed) if p.rater == rater]
            assert all(post[a] != post[b] for a, b in pairwise(order))


def test_raters_meet_each_other_on_items() -> None:
    """With six raters and three an item no two groups keep to themselves."""
    holders = finished_by(assign(make_items(60), name_raters(6), 3, 0), (), ())
    pairs = {frozenset((a, b)) for held in holders.values() for a in held for b in held if a != b}
    assert len(pairs) == 15


@pytest.mark.parametrize("seed", range(10))
def test_a_drop_out_midway_leaves_every_item_with_three_raters_and_loads_within_two(
    seed: int,
) -> None:
    items, who = make_items(100), name_raters(5)
    places = assign(items, who, 3, seed)
    gone = who[seed % 5]
    done = {(p.rater, p.item) for p in places if p.position <= 25 + 2 * who.index(p.rater)}
    staying = [rater for rater in who if rater != gone]
    new = reassign(places, done, gone, staying, overlap=3)
    left = {p.item for p in places if p.rater == gone and (gone, p.item) not in done}
    assert {place.item for place in new} == left
    assert len(new) == len(left)
    assert not {(p.rater, p.item) for p in new} & {(p.rater, p.item) for p in places}
    finished = finished_by([*places, *new], [gone], done)
    assert all(len(finished[item.id]) == 3 for item in items)
    assert spread(Counter(p.rater for p in [*places, *new] if p.rater != gone), staying) <= 2
    for rater in staying:
        own = sorted(p.position for p in [*places, *new] if p.rater == rater)
        assert own == list(range(1, len(own) + 1))
    assert new == reassign(places, done, gone, staying)


def test_a_second_drop_out_is_taken_over_too() -> None:
    items, who = make_items(40, calibration=3), name_raters(6)
    places = assign(items, who, 3, 7)
    done: set[tuple[str, str]] = set()
    for gone, staying in (("r0", who[1:]), ("r4", ["r1", "r2", "r3", "r5"])):
        done |= {(p.rater, p.item) for p in places if p.position % 2 and p.rater == gone}
        places = [*places, *reassign(places, done, gone, staying, overlap=3)]
    finished = finished_by(places, ["r0", "r4"], done)
    assert all(len(finished[x.id]) == 3 for x in items if not x.calibration)


def test_calibration_items_of_a_drop_out_go_to_nobody() -> None:
    items, who = make_items(10, calibration=4), name_raters(4)
    new = reassign(assign(items, who, 2, 0), set(), "r3", who[:3], overlap=2)
    assert {place.item for place in new}.isdisjoint({f"i{index}" for index in range(4)})


def test_what_nobody_can_take_over_is_said_and_not_dropped() -> None:
    places = assign(make_items(10), name_raters(3), 3, 0)
    with pytest.raises(InputError, match=r"10 of 10 open items of 'r0'.*invite another rater"):
        reassign(places, set(), "r0", ["r1", "r2"], overlap=3)


def test_a_new_rater_takes_over_where_all_others_have_an_item() -> None:
    places = assign(make_items(10), name_raters(3), 3, 0)
    new = reassign(places, set(), "r0", ["r1", "r2", "late"], overlap=3)
    assert [(p.rater, p.position) for p in new] == [("late", n) for n in range(1, 11)]


def test_an_item_is_passed_on_along_a_chain_so_that_loads_stay_equal() -> None:
    """Worked by hand: x goes to b first; when y needs b, x moves on to c, who has fewest."""
    held = {"x": ["gone", "d", "e"], "y": ["gone", "c", "d"], "own": ["b", "d", "e"]}
    counts: Counter[str] = Counter()
    places = []
    for item, raters in held.items():
        for rater in raters:
            counts[rater] += 1
            places.append(Place(rater=rater, item=item, position=counts[rater]))
    new = reassign(places, set(), "gone", ["b", "c", "d", "e"], overlap=3)
    assert {p.item: p.rater for p in new} == {"x": "c", "y": "b"}


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="same name"):
        assign(make_items(3), ["ann", "ann"], 1, 0)
