import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from mentallama.benchmark.scores import FUNCTIONS, Metric, Row, confusion, estimate_all

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "scores.json").read_text())
METRICS: tuple[Metric, ...] = ("weighted_f1", "macro_f1", "accuracy", "coverage")


def golden_rows() -> list[Row]:
    keys = GOLDEN["labels"]
    pairs = [row.split(">") for row in GOLDEN["rows"]]
    return [
        Row(keys.index(gold), None if read == "-" else keys.index(read), str(number))
        for number, (gold, read) in enumerate(pairs)
    ]


@pytest.mark.parametrize("variant", ["all", "answered"])
@pytest.mark.parametrize("metric", METRICS)
def test_values_worked_out_by_hand(metric: Metric, variant: str) -> None:
    rows = [row for row in golden_rows() if variant == "all" or row.predicted is not None]
    value = float(FUNCTIONS[metric](confusion(rows, 3))) * 100
    assert value == pytest.approx(GOLDEN[variant][metric], abs=1e-9)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3))),
        min_size=1,
        max_size=60,
    )
)
def test_agrees_with_scikit_learn(pairs: list[tuple[int, int | None]]) -> None:
    """A row without a verdict is, for scikit-learn, a class that is never gold."""
    table = confusion([Row(g, p, str(n)) for n, (g, p) in enumerate(pairs)], 4)
    gold = [g for g, _ in pairs]
    read = [4 if p is None else p for _, p in pairs]
    present = sorted(set(gold) | {r for r in read if r != 4})
    weighted = f1_score(gold, read, average="weighted", zero_division=0)
    macro = f1_score(gold, read, average="macro", labels=present, zero_division=0)
    assert float(FUNCTIONS["weighted_f1"](table)) == pytest.approx(weighted)
    assert float(FUNCTIONS["macro_f1"](table)) == pytest.approx(macro)
    assert float(FUNCTIONS["accuracy"](table)) == pytest.approx(accuracy_score(gold, read))


def intervals(rows: list[Row], resamples: int = 4000) -> tuple[float, float, float]:
    estimate = estimate_all(rows, 2, ["accuracy"], resamples=resamples, seed=1)["accuracy"]
    assert estimate.value is not None and estimate.low is not None and estimate.high is not None
    return estimate.value, estimate.low, estimate.high


def random_rows(n: int, seed: int = 0) -> list[Row]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 2, n)
    right = rng.random(n) < 0.8
    return [
        Row(int(g), int(g if r else 1 - g), f"post {i}")
        for i, (g, r) in enumerate(zip(gold, right, strict=True))
    ]


def test_the_interval_is_that_of_a_plain_bootstrap_over_rows() -> None:
    rows = random_rows(300)
    right = np.array([row.gold == row.predicted for row in rows], dtype=float)
    rng = np.random.default_rng(5)
    means = [right[rng.integers(0, 300, 300)].mean() * 100 for _ in range(4000)]
    low, high = np.percentile(means, [2.5, 97.5])
    assert intervals(rows)[1:] == pytest.approx((low, high), abs=0.7)


def test_rows_of_one_post_count_as_one_draw() -> None:
    """Writing every row five times, under the same post, must not make the interval narrower."""
    rows = random_rows(200)
    once, five = intervals(rows), intervals([row for row in rows for _ in range(5)])
    assert five == pytest.approx(once, abs=1e-9)
    apart = [Row(r.gold, r.predicted, f"{r.cluster}/{n}") for r in rows for n in range(5)]
    _, low, high = intervals(apart)
    assert high - low < 0.6 * (once[2] - once[1])


def test_intervals_hold_what_they_promise() -> None:
    """Of 300 simulated data sets with true accuracy 0.8, about 95 % have it in their interval."""
    held = 0
    for seed in range(300):
        _, low, high = intervals(random_rows(150, seed), resamples=500)
        held += low <= 80 <= high
    assert 0.91 <= held / 300 <= 0.985


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = random_rows(50)
    assert intervals(rows) == intervals(rows)


def test_nothing_answered_is_not_zero() -> None:
    estimate = estimate_all([], 2, ["weighted_f1"], resamples=100, seed=0)["weighted_f1"]
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
