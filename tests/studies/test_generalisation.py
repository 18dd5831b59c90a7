"""Matrices: common questions, the right cells, floors by hand, and what is not at hand."""

import csv
from pathlib import Path

import pytest

from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.studies.build import plan_study
from mentallama.studies.changes.fold import QUESTIONS
from mentallama.studies.crossed_findings import crossed_findings
from mentallama.studies.plan import load_study
from mentallama.studies.publish import publish
from mentallama.studies.results import Cell, Ran, Result, read_result
from mentallama.studies.run import run_steps
from mentallama.studies.sources import Sources, open_sources
from mentallama.studies.step import folder_of
from mentallama.studies.steps.alter import alter
from mentallama.studies.steps.matrix import fill_cells
from mentallama.tasks import get_task
from mentallama.types import Prediction, Response
from tests.studies.conftest import Invented

PLAIN = load_samples()
MATRIX = """
name: crossed
title: Crossed
question: Does it hold?
matrices:
  - title: Depression
    models: {words: linear}
    alter: [as:depression]
    rows: {DR: {tasks: [DR]}, CLP: {tasks: [CLP]}}
    columns: {DR: {tasks: [DR]}, CLP: {tasks: [CLP]}}
"""
VARIANTS = """
name: varied
title: Varied
question: Does it flip?
train: {tasks: [DR]}
runs: [{name: words, model: linear}]
variants: [emoji, "swap:region"]
"""


def find(text: str, sources: Sources, root: Path) -> tuple[Result, Path]:
    path = root / "crossed.yaml"
    path.write_text(text)
    plan = plan_study(load_study(str(path)), sources)
    run_steps([plan.result], root)
    page, _ = publish(plan, root)
    return read_result(folder_of(plan.result, root)), page


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_common_question_is_one_of_a_task_with_both_answers_from_every_set(name: str) -> None:
    question = QUESTIONS[name]
    for (task, aspect), meaning in question.sets.items():
        assert aspect is None or aspect in get_task(task).aspects
        assert {*meaning.yes, *meaning.no} <= {label.key for label in get_task(task).labels}
        own = [s for s in PLAIN if (s.post.task, s.post.aspect) == (task, aspect)]
        asked = alter(own, [f"as:{name}"])
        assert {s.post.label for s in asked} == {"yes", "no"}
        assert {(s.post.task, s.post.aspect) for s in asked} == {(question.task, question.aspect)}
        left_out = len([s for s in own if s.post.label not in meaning.yes + meaning.no])
        assert len(asked) == len(own) - left_out
        phrases = {label.key: label.phrase for label in get_task(question.task).labels}
        assert all(s.response.startswith(phrases[str(s.post.label)]) for s in asked)


def test_rows_of_few_words_and_of_one_aspect_are_kept() -> None:
    short, longer = alter(PLAIN, ["words:0-49"]), alter(PLAIN, ["words:50-"])
    assert len(short) + len(longer) == len(PLAIN)
    assert max(len(s.post.text.split()) for s in short) == 49
    kept = alter(PLAIN, ["aspect:thwarted belongingness"])
    assert {s.post.aspect for s in kept} == {"thwarted belongingness"}


def answers(labels: str, gold: str, task: str = "DR") -> list[tuple[Response, Prediction]]:
    read = {"y": "yes", "n": "no"}
    return [
        (
            Response(sample_id=str(n), task=task, text="", model="m", gold=read[g], reference=""),
            Prediction(sample_id=str(n), outcome="verdict", label=read[a], route=""),
        )
        for n, (a, g) in enumerate(zip(labels, gold, strict=True))
    ]


def test_each_cell_holds_its_own_score_its_columns_floor_and_its_loss() -> None:
    gold = "yyyn" * 10
    crossed = [
        (("M", "m", "a", "a"), Ran(name="", taught={"rows": {"DR": 7}}), answers(gold, gold)),
        (("M", "m", "a", "b"), Ran(name=""), answers("ny" * 20, "ny" * 20)),
        (("M", "m", "b", "a"), Ran(name=""), answers("y" * 40, gold)),
        (("M", "m", "b", "b"), Ran(name="", why_not="needs the data set"), []),
    ]
    cells = {(c.row, c.column): c for c in fill_cells(crossed)}
    assert (cells["a", "a"].f1.value, cells["a", "a"].taught, cells["a", "a"].n) == (100.0, 7, 40)
    # Yes is 3 of 4: its F1 is 2 * 0.75 / 1.75, weighted by 0.75; always yes is the floor itself.
    floor = 100 * 0.75 * 1.5 / 1.75
    assert cells["a", "a"].floor == pytest.approx(floor)
    assert cells["b", "a"].f1.value == pytest.approx(floor)
    assert cells["b", "a"].loss.value == pytest.approx(floor - 100)
    assert (cells["b", "a"].p_holm or 1) < 0.01
    assert cells["a", "a"].loss.value is None
    assert cells["a", "b"].loss.value is None  # its own teaching was not run
    assert cells["b", "b"].why_not == "needs the data set"


def test_a_column_of_several_questions_is_refused() -> None:
    pairs = [*answers("y", "y"), *answers("y", "y", "CLP")]
    with pytest.raises(InputError, match="give the matrix one"):
        fill_cells([(("M", "m", "a", "b"), Ran(name=""), pairs)])


def test_a_matrix_on_the_corpus_fills_every_cell_and_its_page_and_tables(root: Path) -> None:
    result, page = find(MATRIX, open_sources(None), root)
    assert [(c.row, c.column) for c in result.cells] == [
        ("DR", "DR"), ("DR", "CLP"), ("CLP", "DR"), ("CLP", "CLP"),
    ]  # fmt: skip
    sizes = {c.column: c.n for c in result.cells}
    tests = [s for s in PLAIN if s.post.split == "test"]
    assert sizes == {key: sum(s.post.task == key for s in tests) for key in ("DR", "CLP")}
    assert all(c.f1.value is not None and c.floor and c.taught for c in result.cells)
    html = page.read_text()
    assert html.startswith("<!doctype html>") and "taught ↓ asked →" in html
    assert f"{result.cells[1].f1.value:.1f}<span" in html
    with (page.parent / "matrix.csv").open() as file:
        told = list(csv.DictReader(file))
    assert [row["n"] for row in told] == [f"{c.n}{' *' if c.n < 30 else ''}" for c in result.cells]
    assert "DR → CLP" in " ".join(crossed_findings(result)["Depression, words"])


def test_sets_that_are_not_at_hand_are_said_and_the_rest_is_drawn(
    invented: Invented, root: Path
) -> None:
    result, page = find(MATRIX, invented.sources, root)
    cells = {(c.row, c.column): c for c in result.cells}
    assert cells["DR", "DR"].f1.value is not None and not cells["DR", "DR"].lacking
    assert str(cells["DR", "CLP"].why_not).startswith("needs test rows of CLP")
    assert "not run: needs test rows of CLP" in page.read_text()
    (said,) = crossed_findings(result).values()
    assert "no transfer could be drawn" in said[0]


def test_a_row_that_is_taught_a_part_of_its_sets_says_so(invented: Invented, root: Path) -> None:
    text = MATRIX.replace(
        "CLP: {tasks: [CLP]}}\n    columns", "both: {tasks: [DR, CLP]}}\n    columns"
    )
    result, page = find(text, invented.sources, root)
    cells = {(c.row, c.column): c for c in result.cells}
    assert cells["both", "DR"].lacking == ("CLP",)
    assert "“both” is taught without CLP" in page.read_text()


def test_peoples_posts_come_first_where_the_raw_corpora_have_them(
    invented: Invented, root: Path
) -> None:
    text = MATRIX.replace("as:depression", "as:loneliness").replace(
        "rows: {DR: {tasks: [DR]}, CLP: {tasks: [CLP]}}",
        "rows: {Irf: {tasks: [Irf], posts: people_first}}",
    ).replace(
        "columns: {DR: {tasks: [DR]}, CLP: {tasks: [CLP]}}",
        "columns: {Irf: {tasks: [Irf], part: people_first}, release: {tasks: [Irf]}}",
    )  # fmt: skip
    cells = {c.column: c for c in find(text, invented.sources, root)[0].cells}
    assert (cells["Irf"].gold, cells["release"].gold) == ("human", "release")
    corpus = {c.column: c for c in find(text, open_sources(None), root)[0].cells}
    assert corpus["Irf"].gold == corpus["release"].gold == "corpus"
    assert corpus["Irf"].f1 == corpus["release"].f1


def test_variants_of_a_run_are_counted_beside_it_and_not_among_its_scores(root: Path) -> None:
    result, page = find(VARIANTS, open_sources(None), root)
    assert [run.name for run in result.runs] == ["words"]
    assert {score.model for score in result.scores} == {"words"}
    by_name = {one.variant: one for one in result.flips}
    tests = [s for s in PLAIN if s.post.task == "DR" and s.post.split == "test"]
    assert by_name["emoji"].n == len(tests)
    assert by_name["swap:region"].n == len(alter(tests, ["swap:region"])) < len(tests)
    assert (
        "of verdicts of “words” flip" in page.read_text() and (page.parent / "flips.csv").exists()
    )


def test_a_study_of_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("name: none\ntitle: T\nquestion: Q\n")
    with pytest.raises(InputError, match="no runs and no matrices"):
        load_study(str(path))


def test_findings_say_how_many_transfers_lose_and_stay_above_the_floor() -> None:
    gold = "yyyn" * 10
    crossed = [
        (("M", "m", row, column), Ran(name=""), answers(gold if row == column else "y" * 40, gold))
        for row in "ab"
        for column in "ab"
    ]
    result_cells: list[Cell] = fill_cells(crossed)
    from types import SimpleNamespace

    told = SimpleNamespace(cells=result_cells, flips=(), shown=())
    losses, floors = crossed_findings(told)["M, m"]  # type: ignore[arg-type]
    assert "2 of 2 are told from chance as worse and 0 as better" in losses
    assert "0 of 2 transfers lie with their whole interval above the floor" in floors
