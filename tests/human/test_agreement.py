"""Agreement: published examples, well-kept libraries on resamples, and what cannot be computed."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from mentallama.human import coefficients as c
from mentallama.human.agreement import (
    UNDEFINED,
    Agreement,
    agreement_notes,
    agreement_tables,
    measure_agreement,
    part_time,
)
from mentallama.human.ratings import write_ratings
from mentallama.human.severity import measure_severity, severity_table
from mentallama.io import write_csv
from mentallama.tables import as_markdown
from mentallama.types import Rating
from tests.conftest import Run, shared

KRIPPENDORFF = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
"""Four raters, twelve units (Krippendorff 2011, Computing Krippendorff's alpha-reliability)."""
SHROUT_FLEISS = (
    (9, 2, 5, 8),
    (6, 1, 3, 2),
    (8, 4, 6, 8),
    (7, 1, 2, 6),
    (10, 5, 6, 9),
    (6, 2, 4, 7),
)
"""Six targets, four judges (Shrout and Fleiss 1979, table 1)."""


def ratings(raters: Sequence[Sequence[int | None]], aspect: str = "overall") -> list[Rating]:
    """Make ratings of one row of marks per rater."""
    return [
        Rating(
            study="s",
            item=f"i{item}",
            rater=f"r{rater}",
            aspect=aspect,
            value=value,
            outcome="skipped" if value is None else "scored",
            position=item,
            time="",
            rubric="x@1",
        )
        for rater, marks in enumerate(raters, 1)
        for item, value in enumerate(marks, 1)
    ]


def by_statistic(found: Sequence[Agreement]) -> dict[str, Agreement]:
    return {one.statistic: one for one in found}


def test_krippendorffs_example() -> None:
    found = by_statistic(measure_agreement(ratings(KRIPPENDORFF), resamples=200))
    for level, value in (("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)):
        one = found[f"alpha_{level}"]
        assert one.value == pytest.approx(value, abs=0.0005)
        assert one.low is not None and one.high is not None and one.low < value < one.high
        assert (one.items, one.raters, one.missing) == (11, 4, 7)


def test_shrout_and_fleiss_example() -> None:
    found = by_statistic(measure_agreement(ratings([*zip(*SHROUT_FLEISS, strict=True)])))
    assert found["icc_2_1"].value == pytest.approx(0.29, abs=0.005)
    assert found["icc_2_k"].value == pytest.approx(0.62, abs=0.005)
    marks, once = np.array(SHROUT_FLEISS, dtype=float), np.ones((1, 6))
    assert c.icc(marks, once, "icc_1_1")[0] == pytest.approx(0.17, abs=0.005)
    assert c.icc(marks, once, "icc_1_k")[0] == pytest.approx(0.44, abs=0.005)


def test_fleiss_example() -> None:
    """Fourteen psychologists, ten patients, five categories (Fleiss 1971): 0.210."""
    table = """0 0 0 0 14  0 2 6 4 2  0 0 3 5 6  0 3 9 2 0  2 2 8 1 1
               7 7 0 0 0  3 2 6 3 0  2 5 3 2 2  6 5 2 1 0  0 2 2 3 7"""
    counts = np.array(table.split(), dtype=int).reshape(10, 5)
    marks = [[value for value, n in enumerate(row) for _ in range(n)] for row in counts]
    found = by_statistic(measure_agreement(ratings([*zip(*marks, strict=True)])))
    assert found["fleiss_kappa"].value == pytest.approx(0.210, abs=0.0005)


def test_cohens_kappa_is_the_mean_over_pairs_by_shared_items() -> None:
    rng = np.random.default_rng(1)
    marks = rng.integers(0, 4, (3, 30))
    marks[1] = np.where(rng.random(30) < 0.6, marks[0], marks[1])
    rows = [
        [None if (r, i % 5) == (2, 0) else int(v) for i, v in enumerate(row)]
        for r, row in enumerate(marks)
    ]
    found = by_statistic(measure_agreement(ratings(rows)))
    for weights, name in ((None, "cohen_kappa"), ("quadratic", "cohen_kappa_quadratic")):
        kappas, shared_items = [], []
        for a, b in combinations(rows, 2):
            both = [(x, y) for x, y in zip(a, b, strict=True) if None not in (x, y)]
            left, right = zip(*both, strict=True)
            kappas.append(cohen_kappa_score(left, right, weights=weights, labels=[0, 1, 2, 3]))
            shared_items.append(len(both))
        assert found[name].value == pytest.approx(np.average(kappas, weights=shared_items))


def test_every_resample_is_what_the_libraries_say_of_the_drawn_items() -> None:
    """The interval's shortcut by sums over items is exact, with and without missing marks."""
    rng = np.random.default_rng(2)
    whole = np.clip(rng.integers(0, 4, (15, 1)) + rng.integers(-1, 2, (15, 4)), 0, 3).astype(float)
    holes = np.where(rng.random(whole.shape) < 0.3, np.nan, whole)
    holes = holes[(~np.isnan(holes)).sum(axis=1) > 1]
    levels: tuple[c.Level, ...] = ("nominal", "ordinal", "interval")
    for _ in range(20):
        drawn = rng.integers(0, len(holes), len(holes))
        weights = np.bincount(drawn, minlength=len(holes))[None, :].astype(float)
        for level in levels:
            known = krippendorff.alpha(holes[drawn].T, level_of_measurement=level)
            assert c.resample_alpha(holes, weights, level)[0] == pytest.approx(known)
        for squared in (False, True):
            assert c.resample_cohen(holes, weights, squared=squared)[0] == pytest.approx(
                c.cohen(holes[drawn], squared=squared)
            )
        drawn = rng.integers(0, len(whole), len(whole))
        weights = np.bincount(drawn, minlength=len(whole))[None, :].astype(float)
        known = fleiss_kappa(aggregate_raters(whole[drawn].astype(int))[0])
        assert c.resample_fleiss(whole, weights)[0] == pytest.approx(known)
        once = np.ones((1, len(whole)))
        assert c.icc(whole, weights, "icc_2_1") == pytest.approx(
            c.icc(whole[drawn], once, "icc_2_1")
        )


def test_equal_marks_say_that_there_is_no_variation() -> None:
    found = measure_agreement(ratings([[2, 2, 2, None], [2, 2, 2, 1]]))
    assert {one.why_not for one in found} == {UNDEFINED}
    assert {one.value for one in found} == {one.low for one in found} == {None}
    assert "undefined: no variation" in as_markdown(agreement_tables(found))


def test_marks_that_nobody_shares_say_so() -> None:
    found = measure_agreement(ratings([[1, None, 2], [None, 3, None]]))
    assert {(one.value, one.items, one.missing) for one in found} == {(None, 0, 3)}
    assert {one.why_not for one in found} == {"fewer than two items to go by"}


def test_fleiss_kappa_rests_on_items_with_the_same_number_of_marks_and_says_how_many() -> None:
    """Three raters an item of four, and two items that all four marked: these two are left out."""
    rows: list[list[int | None]] = [
        [0, 1, 2, 3, 0, 1, None, None, 3, 0],
        [0, 1, 2, 3, 0, None, 2, 3, 3, 1],
        [0, 2, 2, None, None, 1, 2, 2, 3, 0],
        [None, None, None, 2, 0, 1, 2, 3, 3, 0],
    ]
    found = by_statistic(measure_agreement(ratings(rows)))
    assert found["alpha_nominal"].items == 10 and found["alpha_nominal"].note is None
    assert found["fleiss_kappa"].items == found["icc_1_1"].items == 8
    kept = [[row[i] for row in rows if row[i] is not None] for i in range(8)]
    known = fleiss_kappa(aggregate_raters(np.array(kept, dtype=int))[0])
    assert found["fleiss_kappa"].value == pytest.approx(known)
    (note,) = agreement_notes([*found.values()])
    assert note.startswith("n: fleiss_kappa, icc_1_1, icc_1_k rest on the items with 3 marks each")
    assert ", n 8" in as_markdown(agreement_tables([*found.values()]))


def test_drift_shows_by_thirds_of_each_raters_own_order() -> None:
    """The raters agree on the first third and contradict each other on the last."""
    marks = [0, 1, 2, 3] * 6
    other = [*marks[:8], *marks[8:16], *[3 - mark for mark in marks[16:]]]
    found = measure_agreement(ratings([marks, other]), over_time=True)
    values = {one.period: one.value for one in found if one.statistic == "alpha_ordinal"}
    assert list(values) == ["first third", "middle third", "last third"]
    assert values["first third"] == 1 and float(values["last third"] or 0) < -0.5
    # A rater's own order counts, not the study's.
    late = [replace(r, position=r.position + 40) for r in ratings([marks])]
    assert list(part_time(late).values()).count("first third") == 8


def test_tasks_are_measured_apart() -> None:
    rows = ratings([[0, 1, 2, 3, 0, 1], [0, 1, 2, 3, 1, 0]])
    tasks = {f"i{n}": "DR" if n < 5 else "SAD" for n in range(1, 7)}
    found = measure_agreement(rows, tasks=tasks)
    values = {one.task: one for one in found if one.statistic == "alpha_nominal"}
    assert values["DR"].value == 1 and values["DR"].items == 4
    assert float(values["SAD"].value or 0) < 0 and values["SAD"].items == 2


def test_severity_is_the_deviation_from_the_others_median() -> None:
    """r3 is one point stricter than the median of r1 and r2, and skips one item."""
    found = {
        one.rater: one
        for one in measure_severity(ratings([[2, 3, 2, 1], [2, 3, 3, 1], [1, 2, None, 0]]))
    }
    assert found["r3"].deviation == -1
    assert (found["r3"].marks, found["r3"].skipped, found["r3"].compared) == (3, 1, 3)
    # Against the medians of r2 and r3: 1.5, 2.5, 3 and 0.5.
    assert found["r1"].deviation == statistics.mean([0.5, 0.5, -1, 0.5])
    assert list(found) == ["r3", "r1", "r2"]
    assert "| r3    |" in as_markdown([severity_table([*found.values()])])


def test_a_rater_without_company_has_no_deviation() -> None:
    (alone,) = measure_severity(ratings([[1, 2]]))
    assert alone.deviation is None and alone.compared == 0


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = ratings(KRIPPENDORFF)
    assert measure_agreement(rows, seed=3) == measure_agreement(rows, seed=3)
    assert measure_agreement(rows, seed=3) != measure_agreement(rows, seed=4)


def test_the_command_gives_one_json_object(run: Run, tmp_path: Path) -> None:
    """Two files are put together: each rater's marks may lie in a file of their own."""
    rows = ratings(KRIPPENDORFF)
    write_ratings(tmp_path / "a.csv", [r for r in rows if r.rater in ("r1", "r2")])
    write_ratings(tmp_path / "b.jsonl", [r for r in rows if r.rater in ("r3", "r4")])
    done = run("rate", "agreement", "a.csv", "b.jsonl", "--json", "--resamples", "100")
    assert done.returncode == 0, done.stderr
    found = {one["statistic"]: one for one in json.loads(done.stdout)["agreement"]}
    assert round(found["alpha_ordinal"]["value"], 3) == 0.815
    assert {"aspect", "low", "high", "items", "raters", "why_not"} <= set(found["alpha_ordinal"])
    done = run("rate", "agreement", "a.csv", "--by", "task")
    assert done.returncode == 2 and "--study FOLDER" in done.stderr


def test_marks_that_are_no_scale_are_refused(run: Run, tmp_path: Path) -> None:
    write_csv(
        tmp_path / "r.csv",
        ["item", "rater", "aspect", "value"],
        [["a", "x", "o", "0"], ["a", "y", "o", "100000000"]],
    )
    done = run("rate", "agreement", "r.csv")
    assert done.returncode == 2 and "spread over 101 values or more" in done.stderr


@pytest.mark.parametrize(
    ("name", "items", "known"),
    [
        ("chatgpt_data", 121, (-0.02, 0.08, 0.01, 0.07)),
        ("chatgpt_false_data", 43, (-0.03, 0.31, 0.28, 0.06)),
    ],
)
def test_the_released_marks_give_the_known_kappas(
    run: Run, name: str, items: int, known: tuple[float, ...]
) -> None:
    folder = shared("imhi") / "human_evaluation" / "DR_annotation"
    done = run("rate", "agreement", folder / f"{name}.csv", "--json")
    assert done.returncode == 0, done.stderr
    found = [
        one for one in json.loads(done.stdout)["agreement"] if one["statistic"] == "fleiss_kappa"
    ]
    assert [one["aspect"] for one in found] == ["fluency", "completeness", "reliability", "overall"]
    assert [one["value"] for one in found] == pytest.approx(known, abs=0.006)
    assert {(one["items"], one["raters"], one["missing"]) for one in found} == {(items, 3, 0)}
