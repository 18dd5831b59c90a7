"""Coefficients of agreement, for the marks as given and for many resamples of the items at once.

Values come from krippendorff and statsmodels. Their intervals need every coefficient a thousand
times, so each is also written as a function of sums over items: ``weights`` (resamples x items)
says how often an item was drawn, and one matrix product resamples. Tests hold the two equal.

``marks`` are whole numbers, items x raters, NaN where there is none.

Sources: Krippendorff, Content Analysis (2004), chapter 11; Fleiss, Psychological Bulletin 76
(1971); Cohen, Psychological Bulletin 70 (1968); Shrout and Fleiss, Psychological Bulletin 86
(1979), table 2, for the intraclass correlations, which no library of ours has.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
IccForm = Literal["icc_1_1", "icc_1_k", "icc_2_1", "icc_2_k"]


def alpha(marks: Floats, level: Level) -> float:
    """Krippendorff's alpha; marks may be missing."""
    import krippendorff

    return float(krippendorff.alpha(reliability_data=marks.T, level_of_measurement=level))


def resample_alpha(marks: Floats, weights: Floats, level: Level) -> Floats:
    """Krippendorff's alpha per resample: coincidences are sums over items."""
    counts = _counts(marks)
    given = counts.sum(axis=1)
    own = counts[:, :, None] * counts[:, None, :] - _diagonal(counts)
    # An item with one mark has no coincidence.
    own /= np.maximum(given - 1, 1)[:, None, None]
    table = np.tensordot(weights, own, axes=1)
    margin = table.sum(axis=-1)
    total = margin.sum(axis=-1)
    distance = _distances(marks, margin, level)
    observed = (table * distance).sum(axis=(-2, -1))
    expected = (margin[:, :, None] * margin[:, None, :] * distance).sum(axis=(-2, -1))
    return 1 - _ratio((total - 1) * observed, expected)


def _distances(marks: Floats, margin: Floats, level: Level) -> Floats:
    """Squared distances of every two values, per resample: ordinal ones go by mid-ranks."""
    scale = _scale(marks)
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(len(scale)), (len(margin), len(scale), len(scale)))
    places = margin.cumsum(axis=-1) - margin / 2 if level == "ordinal" else scale[None, :]
    squares: Floats = (places[:, :, None] - places[:, None, :]) ** 2
    return squares


def fleiss(marks: Floats) -> float:
    """Fleiss' kappa; every item has the same number of marks, by whichever raters."""
    from statsmodels.stats.inter_rater import fleiss_kappa  # type: ignore[import-untyped]

    return float(fleiss_kappa(_counts(marks), method="fleiss"))


def resample_fleiss(marks: Floats, weights: Floats) -> Floats:
    """Fleiss' kappa per resample."""
    counts = _counts(marks)
    given = counts.sum(axis=1)
    agreed = ((counts**2).sum(axis=1) - given) / (given * (given - 1))
    drawn = weights.sum(axis=1)
    shares = (weights @ counts) / (weights @ given)[:, None]
    chance = (shares**2).sum(axis=1)
    return _ratio((weights @ agreed) / drawn - chance, 1 - chance)


def cohen(marks: Floats, *, squared: bool) -> float:
    """Cohen's kappa, meaned over pairs of raters by the items that both marked.

    ``squared`` weighs a disagreement by its square. Pairs without variation are left out; NaN
    where none remains.
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    kappas, shared = [], []
    for own in _tables(marks):
        table = own.sum(axis=0)
        if not _varies(table):
            continue
        weighting = "quadratic" if squared else None
        kappas.append(float(cohens_kappa(table, wt=weighting, return_results=False)))
        shared.append(table.sum())
    return float(np.average(kappas, weights=shared)) if kappas else float("nan")


def resample_cohen(marks: Floats, weights: Floats, *, squared: bool) -> Floats:
    """Mean of Cohen's kappas per resample."""
    total, shared = np.zeros(len(weights)), np.zeros(len(weights))
    places = np.arange(len(_scale(marks)))
    apart = np.subtract.outer(places, places)
    cost = apart**2 if squared else apart != 0
    for own in _tables(marks):
        table = np.tensordot(weights, own, axes=1)
        n = table.sum(axis=(-2, -1))
        by_chance = table.sum(axis=-1)[:, :, None] * table.sum(axis=-2)[:, None, :]
        kappas = 1 - _ratio(n * (table * cost).sum(axis=(-2, -1)), (by_chance * cost).sum((-2, -1)))
        known = ~np.isnan(kappas)
        total += np.where(known, n * np.nan_to_num(kappas), 0)
        shared += np.where(known, n, 0)
    return _ratio(total, shared)


def _tables(marks: Floats) -> Iterator[Floats]:
    """Give, per pair of raters who share an item, items x values of one x values of the other."""
    scale = _scale(marks)
    hot = (marks[:, :, None] == scale).astype(float)
    for a, b in combinations(range(marks.shape[1]), 2):
        own = hot[:, a, :, None] * hot[:, b, None, :]
        if own.any():
            yield own


def _varies(table: Floats) -> bool:
    """Say whether two raters used more than one value between them."""
    return int(((table.sum(axis=0) + table.sum(axis=1)) > 0).sum()) > 1


def icc(marks: Floats, weights: Floats, form: IccForm) -> Floats:
    """Intraclass correlation per resample (Shrout and Fleiss 1979), items x marks, none missing.

    Forms 1 take the raters of every item as drawn anew, forms 2 the same raters (columns) for all
    items; ``k`` is the reliability of the mean of all marks of an item.
    """
    k = marks.shape[1]
    n = weights.sum(axis=1)
    means = marks.mean(axis=1)
    grand = weights @ means / n
    columns = (weights @ marks) / n[:, None]
    within = weights @ ((marks - means[:, None]) ** 2).sum(axis=1)
    raters = n * ((columns - grand[:, None]) ** 2).sum(axis=1)
    msr = k * (weights @ means**2 - n * grand**2) / (n - 1)
    msc = raters / (k - 1)
    msw = within / (n * (k - 1))
    mse = (within - raters) / ((n - 1) * (k - 1))
    match form:
        case "icc_1_1":
            return _ratio(msr - msw, msr + (k - 1) * msw)
        case "icc_1_k":
            return _ratio(msr - msw, msr)
        case "icc_2_1":
            return _ratio(msr - mse, msr + (k - 1) * mse + k * (msc - mse) / n)
        case "icc_2_k":
            return _ratio(msr - mse, msr + (msc - mse) / n)


def _scale(marks: Floats) -> Floats:
    """Return every whole number from the lowest mark to the highest."""
    return np.arange(np.nanmin(marks), np.nanmax(marks) + 1)


def _counts(marks: Floats) -> Floats:
    """Count marks by item and value."""
    counts: Floats = (marks[:, :, None] == _scale(marks)).sum(axis=1).astype(float)
    return counts


def _diagonal(counts: Floats) -> Floats:
    return counts[:, :, None] * np.eye(counts.shape[1])


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    quotient: Floats = np.full(below.shape, np.nan)
    return np.divide(above, below, out=quotient, where=np.abs(below) > 1e-12)
