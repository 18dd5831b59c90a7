"""Intervals that cover, tests that neither invent a difference nor miss one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentallama.benchmark.scores import Row, adjust_holm, compare, estimate_all


def answers(
    rng: np.random.Generator, gold: np.ndarray, right: float, per_post: int = 1
) -> list[Row]:
    hits = rng.random(len(gold)) < right
    return [
        Row(int(g), int(g) if hit else int((g + 1 + rng.integers(0, 2)) % 3), str(i // per_post))
        for i, (g, hit) in enumerate(zip(gold, hits, strict=True))
    ]


def test_intervals_cover_the_truth() -> None:
    """200 simulated sets of 300 rows: the true value lies in 92 to 98 % of the intervals."""
    rng = np.random.default_rng(7)
    weights = [0.5, 0.3, 0.2]
    big = answers(rng, rng.choice(3, 400_000, p=weights), 0.7)
    truth = estimate_all(big, 3, ["weighted_f1"], resamples=100, seed=0)["weighted_f1"].value
    covered = 0
    for _ in range(200):
        rows = answers(rng, rng.choice(3, 300, p=weights), 0.7)
        found = estimate_all(rows, 3, ["weighted_f1"], resamples=1000, seed=0)["weighted_f1"]
        covered += found.low <= truth <= found.high  # type: ignore[operator]
    assert 184 <= covered <= 196


def test_a_model_against_itself_does_not_differ() -> None:
    rng = np.random.default_rng(1)
    rows = answers(rng, rng.choice(3, 500), 0.7)
    found = compare(rows, rows, 3, resamples=2000, seed=0)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_equal_models_seldom_differ_significantly() -> None:
    """Under no difference about one test in twenty says otherwise, no more than one in eight."""
    rng = np.random.default_rng(5)
    small = 0
    for _ in range(80):
        gold = rng.choice(3, 200)
        p = compare(answers(rng, gold, 0.7), answers(rng, gold, 0.7), 3, resamples=500, seed=0).p
        small += p < 0.05
    assert small <= 10


def test_a_planted_difference_of_five_points_is_found() -> None:
    rng = np.random.default_rng(2)
    gold = rng.choice(3, 2000)
    a = answers(rng, gold, 0.70)
    spoilt = rng.permutation(np.flatnonzero([row.gold == row.predicted for row in a]))[:100]
    b = [
        Row(row.gold, (row.gold + 1) % 3, row.cluster) if i in set(spoilt.tolist()) else row
        for i, row in enumerate(a)
    ]
    found = compare(a, b, 3, resamples=5000, seed=0)
    assert found.p < 0.05
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(5, abs=0.5)


def test_repeating_rows_makes_nothing_surer() -> None:
    rng = np.random.default_rng(3)
    rows = answers(rng, rng.choice(3, 300), 0.7)
    once = estimate_all(rows, 3, ["weighted_f1"], resamples=4000, seed=0)["weighted_f1"]
    five = estimate_all(rows * 5, 3, ["weighted_f1"], resamples=4000, seed=0)["weighted_f1"]
    assert (five.low, five.high) == (once.low, once.high)
    assert five.value == pytest.approx(once.value)
    other = answers(rng, np.array([row.gold for row in rows]), 0.65)
    assert compare(rows * 5, other * 5, 3, resamples=4000, seed=0).p == pytest.approx(
        compare(rows, other, 3, resamples=4000, seed=0).p, abs=0.02
    )


def test_rows_of_one_post_move_together() -> None:
    """Six questions on a post that are all right or all wrong are worth one, not six."""
    rng = np.random.default_rng(4)
    post = rng.random(100) < 0.7
    together = [Row(1, int(hit), str(i)) for i, hit in enumerate(post) for _ in range(6)]
    apart = [Row(row.gold, row.predicted, str(i)) for i, row in enumerate(together)]
    wide, narrow = (
        estimate_all(rows, 2, ["accuracy"], resamples=2000, seed=0)["accuracy"]
        for rows in (together, apart)
    )
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)  # type: ignore[operator]
    assert 2 < ratio < 3  # the root of six


def test_holm_by_hand() -> None:
    """Holm (1979): .01 x 4, .02 x 3, .03 x 2, .04 x 1, each at least the one before."""
    assert adjust_holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert adjust_holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_order_and_never_lowers(values: list[float]) -> None:
    adjusted = adjust_holm(values)
    assert all(low <= high <= 1 for low, high in zip(values, adjusted, strict=True))
    pairs = sorted(zip(values, adjusted, strict=True))
    assert [a for _, a in pairs] == sorted(a for _, a in pairs)
