"""Models compared by people's marks: by hand, against closed forms, and from a study's files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mentallama.errors import InputError
from mentallama.human.comparison import (
    compare_models,
    comparison_tables,
    say_comparisons,
)
from mentallama.human.ratings import write_ratings
from mentallama.human.rubric import load_rubric
from mentallama.human.study import About, Key, Place, Study, key_path, write_study
from mentallama.io import write_records
from mentallama.tables import as_markdown
from mentallama.tuning.pairs import read_pairs
from mentallama.types import Item, Rating
from tests.conftest import Run, sample

Marks = Mapping[str, Mapping[str, Sequence[int | None]]]
"""By model, then by row: one mark per rater."""


def key(model: str, row: str) -> Key:
    return Key(item=f"{model}{row}", model=model, sample_id=row, task="SAD", gold="family")


def ratings(marks: Marks, aspect: str = "overall") -> list[Rating]:
    return [
        Rating(
            study="room",
            item=f"{model}{row}",
            rater=f"rater-{rater}",
            aspect=aspect,
            value=value,
            outcome="skipped" if value is None else "scored",
            position=1,
            time="",
            rubric="mentallama@1",
        )
        for model, rows in marks.items()
        for row, values in rows.items()
        for rater, value in enumerate(values, 1)
    ]


def keys(marks: Marks) -> dict[str, Key]:
    made = [key(model, row) for model, rows in marks.items() for row in rows]
    return {one.item: one for one in made}


BY_HAND: Marks = {
    "a": {"p": [1, 1], "q": [0, 2], "r": [1, None], "s": [2, 2], "only-a": [3, 3]},
    "b": {"p": [2, 2], "q": [2, 2], "r": [2, 2], "s": [3, 3], "unmarked": [None, None]},
}


def test_a_difference_is_over_the_rows_rated_for_both() -> None:
    """Four rows, each one point better: all signs equal in 2 of 16, so p is 0.125."""
    means, (found,) = compare_models(ratings(BY_HAND), keys(BY_HAND))
    assert (found.a, found.b, found.n) == ("a", "b", 4)
    assert (found.mean_a, found.mean_b, found.difference) == (1.25, 2.25, 1.0)
    assert (found.low, found.high) == (1.0, 1.0)
    assert found.p == pytest.approx(2 / 16, abs=0.015) and found.p_holm == found.p
    own = {one.model: one for one in means}
    assert (own["a"].rows, own["a"].marks, own["a"].value) == (5, 9, 1.6)
    assert (own["b"].rows, own["b"].marks, own["b"].raters) == (4, 8, 2)


def test_the_interval_is_that_of_a_mean_over_rows() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 200), rng.integers(1, 4, 200)
    marks = {"a": {str(i): [int(x)] for i, x in enumerate(a)}} | {
        "b": {str(i): [int(x)] for i, x in enumerate(b)}
    }
    _, (found,) = compare_models(ratings(marks), keys(marks), resamples=4000)
    low, high = stats.t.interval(0.95, 199, np.mean(b - a), stats.sem(b - a))
    assert (found.low, found.high) == (
        pytest.approx(low, abs=0.02),
        pytest.approx(high, abs=0.02),
    )


def crossed(rows: int, effect: float) -> Marks:
    """Return marks of three raters on answers of two models: rows and answers differ."""
    rng = np.random.default_rng(7)
    row, answer = rng.normal(5, 1.5, rows), rng.normal(0, 1, (2, rows))
    noise = rng.normal(0, 0.7, (2, rows, 3)) + np.array([0, -1, 1])
    marks = row[None, :, None] + answer[:, :, None] + noise
    marks[1] += effect
    return {
        model: {str(i): [int(x) for x in np.round(own[i])] for i in range(rows)}
        for model, own in zip("ab", marks, strict=True)
    }


def test_the_mixed_model_of_a_balanced_study_is_the_paired_t_test() -> None:
    """Rows x models x raters all crossed: REML has a closed form, that of the rows' differences."""
    marks = crossed(60, 1.0)
    _, (found,) = compare_models(ratings(marks), keys(marks))
    own = np.array([np.mean(marks["b"][i]) - np.mean(marks["a"][i]) for i in marks["a"]])
    error = own.std(ddof=1) / sqrt(60)
    assert found.mixed.difference == pytest.approx(own.mean())
    assert found.mixed.low == pytest.approx(own.mean() - 1.96 * error, abs=0.005)
    assert found.mixed.high == pytest.approx(own.mean() + 1.96 * error, abs=0.005)
    assert found.mixed.marks == 360


def test_a_strict_rater_who_saw_one_model_more_often_does_not_move_the_mixed_model() -> None:
    """Rater 3 gives two points less and marked only b's answers of most rows; a and b are equal."""
    rows = [str(i) for i in range(24)]
    marks: dict[str, dict[str, list[int | None]]] = {"a": {}, "b": {}}
    for i, row in enumerate(rows):
        base = 4 + i % 3
        marks["a"][row] = [base, base + 1, base - 2 if i < 4 else None]
        marks["b"][row] = [base, base + 1, base - 2]
    _, (found,) = compare_models(ratings(marks), keys(marks))
    assert found.difference is not None and found.difference < -0.5
    assert found.mixed.difference == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("marks", "why"),
    [
        ({"a": {"p": [1]}, "b": {"p": [2]}}, "fewer than two rows in common"),
        ({"a": {"p": [1], "q": [1]}, "b": {"p": [1], "q": [1]}}, "no variation"),
        (
            {"a": {"p": [1, None], "q": [2, None]}, "b": {"p": [None, 3], "q": [None, 1]}},
            "no rater marked answers of both",
        ),
    ],
)
def test_a_mixed_model_that_cannot_be_fitted_says_why(marks: Marks, why: str) -> None:
    means, found = compare_models(ratings(marks), keys(marks))
    assert found[0].mixed.difference is None and found[0].mixed.why_not == why
    assert f"not fitted: {why}" in as_markdown(comparison_tables(means, found))


def test_models_without_a_row_in_common_are_said_to_have_none() -> None:
    marks: Marks = {"a": {"p": [1, 2]}, "b": {"q": [2, 2]}}
    means, found = compare_models(ratings(marks), keys(marks))
    assert (found[0].n, found[0].difference, found[0].p_holm) == (0, None, None)
    assert "no row in common" in as_markdown(comparison_tables(means, found))
    assert say_comparisons(found)[0] == "a and b share no rated row."


def better(rows: int, by: int) -> Marks:
    return {
        "a": {str(i): [i % 2, 1] for i in range(rows)},
        "b": {str(i): [i % 2 + by, 1 + by] for i in range(rows)},
    }


def test_p_values_are_adjusted_over_aspects_and_pairs_and_said_in_two_sentences() -> None:
    """Twelve rows, all better on one aspect; on the other, as often better as worse."""
    uneven: Marks = {
        "a": {str(i): [1, 1] for i in range(12)},
        "b": {str(i): [1 + i % 2, 1 - (i + 1) % 2] for i in range(12)},
    }
    marks = [*ratings(better(12, 1), "reliability"), *ratings(uneven, "overall")]
    _, found = compare_models(marks, keys(uneven))
    first, second = found
    assert (first.aspect, second.aspect) == ("reliability", "overall")
    # Holm: the smaller p counts twice, the larger once (and is never below the first).
    assert first.p_holm == pytest.approx(2 * float(first.p or 0))
    assert second.p_holm == second.p
    one, two = say_comparisons(found)
    assert one.startswith(
        "b is rated higher than a on reliability (by 1.00 points, 1.00 to 1.00, n = 12 rows, p "
    )
    assert two.startswith("On overall (") and "n = 12 rows" in two
    assert two.endswith("no difference was shown, which is no proof that there is none.")


def test_the_better_model_is_named_whichever_comes_first_in_the_alphabet() -> None:
    marks = better(12, 1)
    turned = {"a": marks["b"], "b": marks["a"]}
    _, found = compare_models(ratings(turned), keys(turned))
    one, two = say_comparisons(found)
    assert one.startswith("a is rated higher than b on overall (by 1.00 points, 1.00 to 1.00, n =")
    assert two == "No other aspect was compared."


def test_every_two_of_three_models_are_compared() -> None:
    marks = {**better(6, 1), "c": better(6, 2)["b"]}
    _, found = compare_models(ratings(marks), keys(marks))
    assert [(one.a, one.b) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    p = [float(one.p or 0) for one in found]
    assert max(float(one.p_holm or 0) for one in found) >= 3 * min(p)


def test_an_item_that_the_key_does_not_have_is_named() -> None:
    with pytest.raises(InputError, match="row 1: item 'ap' is not in the key"):
        compare_models(ratings({"a": {"p": [1]}}), {})


POSTS = [f"invented message number {word}" for word in ("one", "two", "three", "four")]
ANSWERS = {
    "short": "This post shows other stress causes. Reasoning: none.",
    "long": "This post shows other stress causes. Reasoning: it says so in many more words.",
}
MARKS: Marks = {
    # The second row differs by a quarter; the third has one mark only on one side.
    "short": {"1": [1, 1, 1], "2": [2, 2, 2, 2], "3": [1, None, None], "4": [0, 1, 1]},
    "long": {"1": [3, 3, 2], "2": [2, 2, 2, 3], "3": [3, 3, 3], "4": [3, 3, 3]},
}


def make_study(folder: Path, names: Mapping[str, str]) -> None:
    """Write a study of two models' answers to four posts, its ratings and the data beside it."""
    samples = [
        sample(label="other", text=text, explanation=f"gold {row}", row=row)
        for row, text in enumerate(POSTS, 1)
    ]
    write_records(folder / "samples.jsonl", samples)
    items = [
        Item(
            id=f"{model}{row}",
            task="SAD",
            question="What is the stress cause of this post?",
            post=POSTS[int(row) - 1],
            answer=ANSWERS[model],
        )
        for model, rows in MARKS.items()
        for row in rows
    ]
    about = About(
        name="room",
        rubric="mentallama@1",
        seed=0,
        overlap=3,
        raters=("rater-1", "rater-2", "rater-3", "rater-4"),
        created="2025-01-01T00:00:00+00:00",
    )
    places = [Place(rater="rater-1", item=item.id, position=i) for i, item in enumerate(items, 1)]
    study = Study(
        about=about, rubric=load_rubric("mentallama"), items=tuple(items), places=tuple(places)
    )
    own = [
        replace(key(model, row), sample_id=names[row]) for model in MARKS for row in MARKS[model]
    ]
    write_study(folder / "room", study, own)
    write_ratings(folder / "ratings.csv", ratings(MARKS))


@pytest.mark.parametrize("layout", ["ours", "reference"])
def test_ratings_become_pairs_that_tuning_reads(run: Run, tmp_path: Path, layout: str) -> None:
    """Rows of the reference layout are counted file by file: they are found by their post."""
    whole = {"ours": "SAD/test/instruction/0000{}", "reference": "SAD/0000{}"}[layout]
    make_study(tmp_path, {row: whole.format(row) for row in "1234"})
    data = tmp_path / "data"
    _as_data(tmp_path / "samples.jsonl", data)
    arguments = ("--study", "room", "--data", data, "--out", "pairs.jsonl")
    done = run("rate", "pairs", "ratings.csv", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    pairs = read_pairs(tmp_path / "pairs.jsonl")
    assert [(p.chosen, p.rejected) for p in pairs] == [(ANSWERS["long"], ANSWERS["short"])] * 2
    assert [(p.chosen_from, p.rejected_from) for p in pairs] == [("long", "short")] * 2
    assert [p.margin for p in pairs] == pytest.approx([5 / 3, 7 / 3], abs=1e-5)
    assert POSTS[0] in pairs[0].prompt and POSTS[3] in pairs[1].prompt
    (counts,) = json.loads(done.stdout)["pairs"]
    assert counts["questions"] == 4 and counts["none"] == {
        "nothing tells them apart": 1,
        "fewer than two answers with 2 raters each": 1,
    }
    assert "2 of 2 pairs are about posts of evaluation splits" in done.stderr


def _as_data(samples: Path, folder: Path) -> None:
    from mentallama.dataset import Manifest, start_folder, write_manifest, write_samples
    from mentallama.io import read_records
    from mentallama.types import Sample

    start_folder(folder)
    file = write_samples(folder, read_records(samples, Sample))
    write_manifest(
        folder, Manifest(source="invented", gold_source="release", version="0", files=(file,))
    )


def test_another_aspect_or_another_studys_ratings_make_no_pairs(run: Run, tmp_path: Path) -> None:
    make_study(tmp_path, {row: f"SAD/0000{row}" for row in "1234"})
    arguments = ("--study", "room", "--data", ".", "--out", "pairs.jsonl")
    done = run("rate", "pairs", "ratings.csv", *arguments, "--aspect", "style")
    assert done.returncode == 2 and "--aspect style: the rubric has consistency" in done.stderr
    write_ratings(tmp_path / "other.csv", [replace(r, study="other") for r in ratings(MARKS)])
    done = run("rate", "pairs", "other.csv", *arguments)
    assert done.returncode == 2
    assert "other.csv: row 1: is of study 'other', this is 'room'" in done.stderr
    assert not (tmp_path / "pairs.jsonl").exists()


def test_the_command_compares_and_counts_what_is_missing(run: Run, tmp_path: Path) -> None:
    make_study(tmp_path, {row: f"SAD/0000{row}" for row in "1234"})
    name = key_path(tmp_path / "room").name
    done = run("rate", "compare", "ratings.csv", "--key", name, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (one,) = found["comparisons"]
    assert (one["a"], one["b"], one["n"]) == ("long", "short", 4)
    assert one["difference"] == pytest.approx(-(5 / 3 + 1 / 4 + 2 + 7 / 3) / 4)
    assert (found["missing"], found["ratings"]) == (2, 26)
    done = run("rate", "compare", "ratings.csv", "--key", name)
    assert "2 of 26 ratings hold no mark and count for nothing." in done.stdout


def test_metrics_are_correlated_with_a_studys_marks(run: Run, tmp_path: Path) -> None:
    """Lengths of 7 and 14 words against mean marks of the eight answers, Pearson by numpy."""
    make_study(tmp_path, {row: f"SAD/0000{row}" for row in "1234"})
    arguments = ("ratings.csv", "--study", "room", "--resamples", "100", "--json")
    done = run("benchmark", "correlate", *arguments)
    assert done.returncode == 0, done.stderr
    found = [
        one
        for one in json.loads(done.stdout)["correlations"]
        if (one["metric"], one["statistic"]) == ("length in words", "pearson")
    ]
    lengths = [len(ANSWERS[model].split()) for model in MARKS for _ in MARKS[model]]
    means = [
        np.mean([value for value in values if value is not None])
        for rows in MARKS.values()
        for values in rows.values()
    ]
    assert [(one["aspect"], one["n"]) for one in found] == [("overall", 8)]
    assert found[0]["value"] == pytest.approx(np.corrcoef(lengths, means)[0, 1])
    assert "8 of 8 items have marks; 2 of 26 ratings are skips" in done.stderr
    write_ratings(tmp_path / "other.csv", [replace(r, study="other") for r in ratings(MARKS)])
    done = run("benchmark", "correlate", "other.csv", "--study", "room")
    assert done.returncode == 2 and "other.csv: row 1: is of study 'other'" in done.stderr
    done = run("benchmark", "correlate", "ratings.csv")
    assert done.returncode == 2 and "ratings in the long form need --study" in done.stderr
