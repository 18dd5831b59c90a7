"""The planner: its power is the power, its marks are as asked, and its plans are whole."""

import json

import numpy as np
import pytest

from mentallama.errors import InputError
from mentallama.human.planner import (
    SIMULATIONS,
    Goal,
    Spread,
    latent_means,
    plan,
    plan_table,
    powers,
    simulate,
)
from tests.conftest import Run

GOAL = Goal(difference=0.3)


def test_simulated_marks_have_the_means_that_were_asked_for() -> None:
    for mean, difference in ((2.0, 0.3), (0.4, 1.0), (2.6, 0.2)):
        goal = Goal(difference=difference, mean=mean)
        found = simulate(
            latent_means(goal, Spread()), (400, 200), 3, goal, Spread(), np.random.default_rng(0)
        )
        assert found.shape == (400, 200)
        assert found.mean() == pytest.approx(difference, abs=0.01)
        assert np.allclose(found * 3, np.rint(found * 3))


def test_the_power_is_that_of_scipys_paired_test() -> None:
    from scipy.stats import ttest_1samp

    found = simulate(
        latent_means(GOAL, Spread()), (500, 60), 3, GOAL, Spread(), np.random.default_rng(1)
    )
    reached = powers(found, models=2)
    for posts in (10, 35, 60):
        test = ttest_1samp(found[:, :posts], 0, axis=1)
        shown = (test.pvalue < 0.05) & (test.statistic > 0)
        assert reached[posts - 1] == pytest.approx(shown.mean())


def test_without_a_difference_one_side_is_seen_as_often_as_the_level_says() -> None:
    same = simulate((2.0, 2.0), (4000, 50), 3, GOAL, Spread(), np.random.default_rng(2))
    assert powers(same, models=2)[-1] == pytest.approx(0.025, abs=0.01)
    assert powers(same, models=4)[-1] == pytest.approx(0.025 / 6, abs=0.004)


def test_the_size_is_near_the_one_that_the_theory_of_the_t_test_gives() -> None:
    from statsmodels.stats.power import TTestPower

    spread = Spread(item=1.0, rater=0.0, rest=0.0)
    goal = Goal(difference=0.8, mean=1.1, raters=1)
    found = simulate(
        latent_means(goal, spread), (300, 300), 1, goal, spread, np.random.default_rng(0)
    )
    expected = TTestPower().solve_power(
        effect_size=found.mean() / found.std(), alpha=0.05, power=0.8
    )
    planned = plan(goal, 1, items=None, spread=spread, seconds=60, seed=0)
    assert planned.items == pytest.approx(expected, rel=0.1)


def test_a_plan_reaches_its_power_and_counts_what_it_costs() -> None:
    planned = plan(GOAL, 3, items=None, spread=Spread(), seconds=60, seed=0)
    assert planned.items is not None
    assert planned.power is not None
    assert planned.low is not None
    assert planned.high is not None
    assert 0.8 <= planned.power < 0.85
    assert planned.low < planned.power < planned.high
    assert planned.readings == planned.items * 2 * 3
    assert planned.hours == pytest.approx(planned.readings / 60)
    again = plan(GOAL, 3, items=planned.items, spread=Spread(), seconds=60, seed=1)
    assert again.power == pytest.approx(planned.power, abs=0.05)
    assert planned == plan(GOAL, 3, items=None, spread=Spread(), seconds=60, seed=0)


def test_more_raters_an_item_need_fewer_items_and_more_models_need_more() -> None:
    sizes = [
        plan(GOAL, overlap, items=None, spread=Spread(), seconds=60, seed=0).items or 0
        for overlap in (1, 2, 3, 5)
    ]
    assert sizes == sorted(sizes, reverse=True)
    more = Goal(difference=0.3, models=5)
    assert (plan(more, 3, items=None, spread=Spread(), seconds=60, seed=0).items or 0) > sizes[2]


def test_a_difference_too_small_to_plan_for_says_so() -> None:
    planned = plan(Goal(difference=0.01), 1, items=None, spread=Spread(), seconds=60, seed=0)
    assert (planned.items, planned.power, planned.readings) == (None, None, None)
    assert plan_table([planned], GOAL).rows == ((1, "over 4,000", "-", "-", "-", "-"),)


@pytest.mark.parametrize(
    ("goal", "overlap", "spread", "said"),
    [
        (Goal(difference=1.2), 1, Spread(), "both inside the scale"),
        (Goal(difference=0.0), 1, Spread(), "both inside the scale"),
        (GOAL, 6, Spread(), "6 raters an item, of 5 raters"),
        (GOAL, 1, Spread(item=0, rest=0), "do not vary"),
    ],
)
def test_what_no_study_can_have_is_refused(
    goal: Goal, overlap: int, spread: Spread, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        plan(goal, overlap, items=None, spread=spread, seconds=60, seed=0)


def test_more_items_than_can_be_simulated_are_refused() -> None:
    with pytest.raises(InputError, match="plans go up to 4,000"):
        plan(GOAL, 1, items=4001, spread=Spread(), seconds=60, seed=0)


def test_the_command_prints_a_plan_for_each_number_of_raters(run: Run) -> None:
    done = run("rate", "plan", "--difference", 0.4, "--json")
    assert done.returncode == 0, done.stderr
    plans = json.loads(done.stdout)["plans"]
    assert [one["raters_per_item"] for one in plans] == [1, 2, 3, 5]
    shown = run("rate", "plan", "--difference", 0.4, "--raters-per-item", 3, "--items", 20)
    assert f"{SIMULATIONS:,} simulated studies" in shown.stdout
    assert len([line for line in shown.stdout.splitlines() if line.startswith("| ")]) == 2
