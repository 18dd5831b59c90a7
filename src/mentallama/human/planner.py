"""How many items and raters it takes to see a difference between models: power by simulation.

A mark is a latent normal value, rounded and held on the scale from 0 to 3: a mean of the model, how
good this answer is, how severe this rater is, and what is left. Two models answer the same posts,
each answer is marked by k raters of the pool, and the difference of the mean marks of a post's two
answers is tested (paired t-test over posts, two-sided).

The standard deviations were fitted so that simulated marks have the mean and the variance
components (items, raters, rest; two-way analysis of variance) of the overall marks of the release's
``DR_annotation``, three marks a row. 121 explanations: mean 2.58, components 0.033, 0.024 and
0.268, latent 0.27, 0.23 and 0.59. 43 explanations written for a wrong label: mean 1.57, components
0.122, 0.075 and 0.483, latent 0.37, 0.30 and 0.66. Completeness and reliability there vary more
between answers (latent 0.44 to 0.76). The defaults lie between these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from mentallama.errors import InputError
from mentallama.tables import Table

Array = NDArray[np.float64]
HIGHEST = 3
MOST = 4000
"""Items of a model beyond which no plan is made."""
SIMULATIONS = 2000
_FEWEST = 5
_LEVEL = 0.05
_BLOCK = 2_000_000
"""Numbers drawn at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations of the parts of a latent mark, in points of the scale."""

    item: float = 0.4
    """Between answers. All of it is taken as the answer's own: what a post has in common for both
    models would make a difference easier to see."""
    rater: float = 0.3
    rest: float = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a study is to show, and who marks."""

    difference: float
    """Of two models' mean marks, in points of the scale."""
    mean: float = 2.0
    """Mean mark of the worse of the two."""
    models: int = 2
    """Of more than two, the level is shared among the pairs (Bonferroni)."""
    raters: int = 5
    power: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A size of a study and how often it would see the difference."""

    raters_per_item: int
    items: int | None
    """Of each model; None where ``MOST`` do not reach the power, and so in all that follows."""
    power: float | None = None
    low: float | None = None
    """Of Wilson's 95 % interval of the simulated power."""
    high: float | None = None
    readings: int | None = None
    """An item read by a rater, of all models together."""
    hours: float | None = None
    """Of all raters together."""


def plan(
    goal: Goal, overlap: int, *, items: int | None, spread: Spread, seconds: float, seed: int
) -> Plan:
    """Return the fewest items that reach the power, or how far ``items`` reach.

    A reading takes ``seconds``. Raises InputError for values that no study can have.
    """
    from scipy.stats import binomtest

    _need_sense(goal, overlap, spread)
    if items and items > MOST:
        raise InputError(f"{items:,} items of each model: plans go up to {MOST:,}")
    chance = np.random.default_rng(seed)
    means = latent_means(goal, spread)
    most = items or _enough(goal, simulate(means, (200, 100), overlap, goal, spread, chance))
    if most > 2 * MOST:
        return Plan(raters_per_item=overlap, items=None)
    most = min(most, MOST)
    differences = simulate(means, (SIMULATIONS, most), overlap, goal, spread, chance)
    reached = powers(differences, goal.models)
    number = items or _first_to_stay(reached, goal.power)
    if number is None:
        return Plan(raters_per_item=overlap, items=None)
    power = float(reached[number - 1])
    bounds = binomtest(round(power * SIMULATIONS), SIMULATIONS).proportion_ci(method="wilson")
    readings = number * goal.models * overlap
    return Plan(
        raters_per_item=overlap,
        items=number,
        power=power,
        low=float(bounds.low),
        high=float(bounds.high),
        readings=readings,
        hours=readings * seconds / 3600,
    )


def _need_sense(goal: Goal, overlap: int, spread: Spread) -> None:
    if not 0 < goal.mean < goal.mean + goal.difference < HIGHEST:
        raise InputError(
            f"means of {goal.mean:g} and {goal.mean + goal.difference:g} are not both inside the "
            f"scale, 0 to {HIGHEST}; change --mean or --difference"
        )
    if overlap > goal.raters:
        raise InputError(f"{overlap} raters an item, of {goal.raters} raters: name more --raters")
    if spread.item + spread.rest <= 0:
        raise InputError("marks that do not vary need no plan: --item-sd or --rest-sd must be > 0")


def latent_means(goal: Goal, spread: Spread) -> tuple[float, float]:
    """Return the latent means at which the expected marks are the goal's two means."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    width = sqrt(spread.item**2 + spread.rater**2 + spread.rest**2)
    steps = np.arange(HIGHEST) + 0.5

    def find(mark: float) -> float:
        span = HIGHEST + 10 * width
        return float(brentq(lambda x: norm.cdf((x - steps) / width).sum() - mark, -span, span))

    return find(goal.mean), find(goal.mean + goal.difference)


def simulate(
    means: tuple[float, float],
    shape: tuple[int, int],
    overlap: int,
    goal: Goal,
    spread: Spread,
    chance: np.random.Generator,
) -> Array:
    """Return each study's differences of a post's two mean marks, (studies, posts)."""
    studies, posts = shape
    block = max(1, _BLOCK // (posts * goal.raters))
    parts = []
    for start in range(0, studies, block):
        size = min(block, studies - start)
        severity = chance.normal(0, spread.rater, (size, goal.raters))
        worse, better = (_marks(mean, posts, overlap, severity, spread, chance) for mean in means)
        parts.append(better - worse)
    return np.concatenate(parts)


def _marks(
    mean: float,
    posts: int,
    overlap: int,
    severity: Array,
    spread: Spread,
    chance: np.random.Generator,
) -> Array:
    """Return one model's mean marks, (studies, posts), each by ``overlap`` raters of the pool."""
    studies, raters = severity.shape
    lots = chance.random((studies, posts, raters))
    who = np.argpartition(lots, overlap - 1, axis=2)[..., :overlap]
    latent = mean + chance.normal(0, spread.item, (studies, posts, 1))
    latent = latent + severity[np.arange(studies)[:, None, None], who]
    latent = latent + chance.normal(0, spread.rest, who.shape)
    marks: Array = np.clip(np.rint(latent), 0, HIGHEST).mean(axis=2)
    return marks


def powers(differences: Array, models: int) -> Array:
    """Return the share of studies whose first 1, 2, ... posts show the difference, (posts,).

    A study shows it where the paired t-test is significant in the right direction.
    """
    from scipy.stats import t

    count = np.arange(1, differences.shape[1] + 1)
    mean = np.cumsum(differences, axis=1) / count
    square = np.cumsum(differences**2, axis=1) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.maximum(square - mean**2, 0) / (count - 1))
        seen = mean / error > t.ppf(1 - _level(models) / 2, count - 1)
    shares: Array = seen.mean(axis=0)
    return shares


def _level(models: int) -> float:
    return _LEVEL / comb(models, 2)


def _enough(goal: Goal, differences: Array) -> int:
    """Return half as many items again as a normal approximation asks for."""
    from scipy.stats import norm

    reach = norm.ppf(1 - _level(goal.models) / 2) + norm.ppf(goal.power)
    return int(1.5 * differences.var() * (reach / goal.difference) ** 2) + 30


def _first_to_stay(reached: Array, power: float) -> int | None:
    """Return the fewest items from which on the power is not under ``power`` any more."""
    under = np.flatnonzero(reached < power)
    first = max(int(under[-1]) + 2 if len(under) else 1, _FEWEST)
    return first if first <= len(reached) else None


def plan_table(plans: Sequence[Plan], goal: Goal) -> Table:
    """Show plans, one for each number of raters an item."""
    return Table(
        title=f"Studies that see a difference of {goal.difference:g}",
        header=(
            "raters per item",
            "items per model",
            "power [95 %]",
            "readings",
            "hours in all",
            "hours per rater",
        ),
        rows=tuple(_row(one, goal.raters) for one in plans),
    )


def _row(one: Plan, raters: int) -> tuple[str | int, ...]:
    if one.items is None or one.hours is None or one.readings is None:
        return (one.raters_per_item, f"over {MOST:,}", "-", "-", "-", "-")
    power = f"{one.power:.2f} [{one.low:.2f}, {one.high:.2f}]"
    hours = (f"{one.hours:.1f}", f"{one.hours / raters:.1f}")
    return (one.raters_per_item, one.items, power, one.readings, *hours)
