"""Two models' single marks as a mixed-effects model.

``mark ~ model + rater + (1 | row) + (1 | answer)``. An answer has an effect of its own because its
raters see the same text: without it the interval would be too narrow. Raters are offsets and not
drawn from a distribution, as a study has too few of them to estimate one; the difference of models
is the same to the second digit either way, and fitting takes seconds where marks are thousands.
"""

import warnings
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Single marks as columns."""

    mark: tuple[float, ...]
    second: tuple[float, ...]
    """1 for an answer of the second model, 0 for one of the first."""
    row: tuple[str, ...]
    rater: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """The difference that the model estimates (REML), with a 95 % Wald interval."""

    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    marks: int
    why_not: str | None = None


def fit_mixed(marks: Marks) -> Mixed:
    """Fit the model; say why not where it cannot be fitted."""
    n = len(marks.mark)
    if len(set(marks.row)) < 2:
        return Mixed(marks=n, why_not="fewer than two rows in common")
    if len(set(marks.mark)) < 2:
        return Mixed(marks=n, why_not="no variation")
    if not {*_raters(marks, 0)} & {*_raters(marks, 1)}:
        return Mixed(marks=n, why_not="no rater marked answers of both")
    fitted = _fit(marks)
    if fitted is None:
        return Mixed(marks=n, why_not="did not converge")
    difference, low, high, p = fitted
    return Mixed(difference=difference, low=low, high=high, p=p, marks=n)


def _raters(marks: Marks, second: float) -> list[str]:
    return [r for r, s in zip(marks.rater, marks.second, strict=True) if s == second]


def _fit(marks: Marks) -> tuple[float, float, float, float] | None:
    """Return estimate, interval and p, or None where no optimiser found them."""
    import pandas as pd  # type: ignore[import-untyped]
    from statsmodels.regression.mixed_linear_model import (  # type: ignore[import-untyped]
        MixedLM,
    )

    columns = {"mark": marks.mark, "second": marks.second, "row": marks.row, "rater": marks.rater}
    model = MixedLM.from_formula(
        "mark ~ second + C(rater)",
        groups="row",
        re_formula="1",
        vc_formula={"answer": "0 + C(second)"},
        data=pd.DataFrame(columns),
    )
    # One by one: given together, the second would go on from where the first was lost.
    for optimiser in ("lbfgs", "powell"):
        with warnings.catch_warnings():
            # A variance of zero is a result here, and what did not converge is asked for below.
            warnings.simplefilter("ignore")
            try:
                fitted = model.fit(reml=True, method=[optimiser])
                low, high = fitted.conf_int().loc["second"]
            except np.linalg.LinAlgError:
                continue
        values = [float(x) for x in (fitted.params["second"], low, high, fitted.pvalues["second"])]
        if fitted.converged and np.all(np.isfinite(values)):
            return values[0], values[1], values[2], values[3]
    return None
