"""When a labeller answers: its temperature and its floors, set on held-out rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mentallama.benchmark.inference.labeller import CONFIDENCE_FLOOR, softmax
from mentallama.benchmark.scores import Floats

_FAMILIAR_PERCENT = 1
"""This share of the held-out rows lies under the floor of familiarity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is divided out of the scores, and from where on a labeller answers."""

    temperature: float
    confidence_floor: float
    familiarity_floor: float


def calibrate(
    logits: Floats, familiar: Floats, gold: NDArray[np.int64], risk: float
) -> Calibration:
    """Set temperature and floors on rows of shape (rows, labels); ``risk`` is allowed to be wrong.

    A labeller that cannot keep the risk anywhere has a confidence floor of 1.
    """
    temperature = fit_temperature(logits, gold)
    return Calibration(
        temperature=temperature,
        confidence_floor=_floor(softmax(logits / temperature), gold, risk),
        familiarity_floor=float(np.percentile(familiar, _FAMILIAR_PERCENT)),
    )


def fit_temperature(logits: Floats, gold: NDArray[np.int64]) -> float:
    """Return the temperature under which the right labels are likeliest (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        chances = softmax(logits / np.exp(log_temperature))[np.arange(len(gold)), gold]
        return float(-np.log(np.clip(chances, 1e-9, None)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def _floor(chances: Floats, gold: NDArray[np.int64], risk: float) -> float:
    """Return the lowest confidence from which on at most ``risk`` of the guesses are wrong."""
    confidence, wrong = chances.max(axis=1), chances.argmax(axis=1) != gold
    order = np.argsort(-confidence, kind="stable")
    share = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    # A floor lets all guesses of its confidence pass, so only the last of equal ones may set it.
    last = np.append(np.diff(confidence[order]) != 0, True)
    allowed = np.flatnonzero((share <= risk) & last)
    floor = float(confidence[order[allowed[-1]]]) if len(allowed) else 1.0
    return max(CONFIDENCE_FLOOR, floor)
