"""Explanations with their floors and ceiling, and the correlation of metrics with people."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mentallama.benchmark.correlation import correlate
from mentallama.benchmark.explanations import (
    against_experts,
    gather,
    mean_interval,
    need_one_signature,
    score_explanations,
)
from mentallama.benchmark.metrics import METRICS, length, rouge
from mentallama.benchmark.metrics.metric import Models
from mentallama.errors import InputError
from mentallama.io import read_csv, write_csv
from mentallama.marks import ASPECTS, Rated, read_rated
from mentallama.types import Response, Sample
from tests.conftest import Run, sample, shared

NAMES = ("Ada", "Bela", "Cyrus", "Dora", "Emil", "Fritzi")
ROWS = [
    sample("SAD", "work", text=f"{name} invented", row=n, explanation=f"{name} shouts at {name}.")
    for n, name in enumerate(NAMES, 1)
]


def gold(rows: list[Sample]) -> list[Response]:
    return [
        Response(
            sample_id=row.id, task="SAD", text=row.response, model="gold", gold="work",
            reference=row.response, post_id=row.post.id,
        )
        for row in rows
    ]  # fmt: skip


def test_floors_lie_under_the_gold_and_no_row_keeps_its_own() -> None:
    systems = gather(gold(ROWS), {}, None, seed=0)
    scores = score_explanations(systems, [rouge.METRICS[0]], Models(), resamples=100)
    values = {score.model: score.value for score in scores}
    assert values["gold"] == 100
    assert values["gold of other rows"] == pytest.approx(50)  # "shouts at" of four words
    assert values["label sentence only"] < 50  # type: ignore[operator]


def test_rows_without_an_explanation_are_counted_not_scored() -> None:
    silent = replace(gold(ROWS[:1])[0], text="work")
    (system, *_) = gather([silent, *gold(ROWS[1:])], {}, None, seed=0)
    (score,) = score_explanations([system], [rouge.METRICS[0]], Models(), resamples=100)
    assert (score.n, score.without, score.value) == (5, 1, 100)


def test_what_cannot_be_computed_has_a_reason_and_no_value() -> None:
    scores = score_explanations(
        gather(gold(ROWS), {}, None, 0)[:1], METRICS, Models(), resamples=100
    )
    for score in scores:
        assert (score.value is None) == (score.why_not is not None)


def test_a_limit_draws_the_same_rows_for_every_model() -> None:
    rows = gold(ROWS)
    other = [replace(row, model="other") for row in reversed(rows)]
    first, second, *_ = gather([*rows, *other], {}, 3, seed=4)
    assert sorted(first.posts) == sorted(second.posts) and len(first.posts) == 3


def test_experts_are_the_ceiling() -> None:
    expert = sample("SAD", "work", text="Ada invented", explanation="Ada shouts.", split="expert")
    (found,) = against_experts([*ROWS, expert])
    assert (found.kind, len(found.texts)) == ("ceiling", 1)
    assert (found.texts[0].hypothesis, found.texts[0].reference) == (
        "Ada shouts at Ada.",
        "Ada shouts.",
    )


def test_the_interval_draws_whole_posts() -> None:
    wide = mean_interval([0.0] * 50 + [1.0] * 50, ["a"] * 50 + ["b"] * 50, 2000, 0)
    assert wide == (0.5, 0, 1)
    narrow = mean_interval([0.0] * 50 + [1.0] * 50, [str(i) for i in range(100)], 2000, 0)
    assert 0.38 < narrow[1] < 0.43 and 0.57 < narrow[2] < 0.62


def test_two_signatures_are_not_compared() -> None:
    (score,) = score_explanations(
        gather(gold(ROWS), {}, None, 0)[:1], [length.METRIC], Models(), resamples=100
    )
    with pytest.raises(InputError, match="cannot be compared"):
        need_one_signature([score, replace(score, signature="length|characters")])


def test_correlation_by_hand() -> None:
    """Lengths 1, 2, 3, 4 against means 1, 2, 3, 0: Pearson -0.2, two of six pairs concordant."""
    marks = {1: (1, 1, 1), 2: (1, 2, 3), 3: (3, 3, 3), 4: (0, 0, 0)}
    rated = [
        Rated(post="p", explanation="w " * n, marks=dict.fromkeys(ASPECTS, mark))
        for n, mark in marks.items()
    ]
    found = correlate(rated, [length.METRIC], Models(), resamples=50)
    values = {one.statistic: one.value for one in found if one.aspect == "overall"}
    assert values["pearson"] == pytest.approx(-0.2)
    assert values["spearman"] == pytest.approx(-0.2)
    assert values["kendall"] == pytest.approx((3 - 3) / 6)
    still = [Rated(post="p", explanation="w", marks=one.marks) for one in rated]
    assert {one.value for one in correlate(still, [length.METRIC], Models(), resamples=50)} == {
        None
    }


def test_broken_marks_get_one_line(tmp_path: Path) -> None:
    columns = ["text", "label", "gpt-3.5-turbo", *ASPECTS]
    write_csv(tmp_path / "x.csv", columns, [["p", "1", "e", "[1, 2]", "[1]", "three", "[1]"]])
    with pytest.raises(InputError, match="row 1: reliability: expected a list"):
        read_rated(tmp_path)


def test_every_number_names_its_gold_and_its_rows() -> None:
    """Floors and models were asked the same rows; other rows have another fingerprint."""

    def rows(responses: list[Response]) -> set[tuple[str, str]]:
        systems = gather(responses, {}, None, 0)
        scores = score_explanations(systems, [length.METRIC], Models(), resamples=100)
        return {(score.gold, score.rows) for score in scores}

    (first,) = rows(gold(ROWS))
    assert first[0] == "release"
    assert rows(gold(ROWS)[::-1]) == {first}
    assert rows(gold(ROWS[:5])) != {first}


def test_results_are_written_as_json_markdown_and_csv(
    run: Run, tmp_path: Path, corpus_folder: Path
) -> None:
    run("generate", "--model", "gold", "--data", corpus_folder, "--out", "out/gold.jsonl")
    arguments = ("out", "--data", corpus_folder, "--limit", "3", "--resamples", "100")
    done = run("benchmark", "explanations", *arguments, "--out", "res", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "res" / "explanations.json").read_text())
    assert found == json.loads(done.stdout)
    assert set(found) == {"explanations", "label_sets", "models"}
    assert len(found["label_sets"]) == 10
    page = (tmp_path / "res" / "explanations.md").read_text()
    assert "| task " in page and "signature: chrF2|sentence" in page
    assert "not computed: no weights given (--bartscore MODEL)" in page
    header, rows = read_csv(tmp_path / "res" / "explanations.csv")
    assert header == list(found["explanations"][0]) and len(rows) == len(found["explanations"])
    values = [row[header.index("value")] for row in rows]
    assert [float(v) if v else None for v in values] == [
        one["value"] for one in found["explanations"]
    ]


def test_rows_given_twice_are_refused(run: Run, corpus_folder: Path) -> None:
    run("generate", "--model", "gold", "--data", corpus_folder, "--out", "out/gold.jsonl")
    done = run("benchmark", "explanations", "out", "out/gold.jsonl", "--limit", "2")
    assert done.returncode == 2 and "was read from out/gold.jsonl already" in done.stderr
    arguments = ("--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--out", "j")
    data = ("--data", corpus_folder)
    done = run("benchmark", "judge", "out", "out/gold.jsonl", *data, *arguments)
    assert done.returncode == 2 and "was read from out/gold.jsonl already" in done.stderr


def test_a_result_beside_the_responses_is_not_read_as_one(run: Run, corpus_folder: Path) -> None:
    run("generate", "--model", "gold", "--data", corpus_folder, "--out", "out/gold.jsonl")
    arguments = ("benchmark", "explanations", "out", "--limit", "2", "--resamples", "100")
    run(*arguments, "--out", "out")
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert "no file of responses but a result: out/explanations.csv" in done.stderr


def test_correlations_are_written_too(run: Run, tmp_path: Path) -> None:
    columns = ["text", "label", "gpt-3.5-turbo", *ASPECTS]
    rows = [[f"invented {n}", "1", "w " * n, *[f"[{n % 4}, 1]"] * 4] for n in range(1, 6)]
    write_csv(tmp_path / "marks" / "x.csv", columns, rows)
    done = run("benchmark", "correlate", "marks", "--resamples", "100", "--out", "res")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "res" / "correlations.json").read_text())["correlations"]
    header, rows = read_csv(tmp_path / "res" / "correlations.csv")
    assert header == list(found[0]) and len(rows) == len(found)
    assert "Kendall correlation" in (tmp_path / "res" / "correlations.md").read_text()
    assert "invented" not in "".join(path.read_text() for path in (tmp_path / "res").iterdir())


def test_weights_need_their_model(run: Run) -> None:
    done = run("benchmark", "correlate", "x", "--bartscore-weights", "y.pth")
    assert done.returncode == 2
    assert "--bartscore-weights needs the model under them: --bartscore MODEL" in done.stderr


def test_the_released_marks_give_the_known_correlations(run: Run) -> None:
    """Facts recomputed from the release's files; ROUGE-1 on fluency is .165, so .16 or .17."""
    known = {
        "ROUGE-1": (0.165, 0.49, 0.35, 0.41),
        "ROUGE-2": (0.10, 0.38, 0.29, 0.35),
        "ROUGE-L": (0.18, 0.47, 0.36, 0.43),
        "BLEU": (0.05, 0.34, 0.25, 0.30),
        "length in words": (0.16, 0.21, 0.01, 0.12),
    }
    folder = shared("imhi") / "human_evaluation" / "DR_annotation"
    done = run("benchmark", "correlate", folder, "--json", "--resamples", "100")
    assert done.returncode == 0, done.stderr
    found = {
        (one["metric"], one["aspect"]): one
        for one in json.loads(done.stdout)["correlations"]
        if one["statistic"] == "pearson"
    }
    for metric, values in known.items():
        for aspect, value in zip(ASPECTS, values, strict=True):
            assert found[metric, aspect]["value"] == pytest.approx(value, abs=0.006), (
                metric,
                aspect,
            )
    assert found["BERTScore", "overall"]["value"] is None
    assert found["ROUGE-1", "overall"]["n"] == 164
