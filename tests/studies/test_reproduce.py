"""The paper's tables: each cell filled or saying why not, from invented files in real layouts."""

import csv
import json
from pathlib import Path

import pytest

from mentallama.studies.paper.cells import Cell
from mentallama.studies.paper.page import summarise
from mentallama.studies.paper.publish import publish_paper
from mentallama.studies.paper.reproduce import Paper, Weights, gather, plan_paper
from mentallama.studies.run import run_steps
from tests.conftest import Run
from tests.studies.conftest import Invented

MARKS = "text,label,gpt-3.5-turbo,fluency,completeness,reliability,overall\n" + "".join(
    f'a day at work {n},1,"{"the poster is tired of work " * (1 + n % 3)}",'
    f'"[3, 2, {n % 4}]","[1, {n % 3}, 1]","[2, 2, {n % 2}]","[{n % 4}, 2, 2]"\n'
    for n in range(12)
)


@pytest.fixture(scope="module")
def paper(invented: Invented, root: Path) -> Paper:
    folder = invented.imhi / "human_evaluation" / "DR_annotation"
    folder.mkdir(parents=True)
    (folder / "chatgpt_data.csv").write_text(MARKS)
    planned = plan_paper(invented.sources, Weights(), toys=False)
    run_steps(planned.steps, root)
    return planned


def test_every_cell_has_a_figure_with_its_rows_or_says_what_it_needs(
    paper: Paper, root: Path
) -> None:
    cells = gather(paper, root)
    for cell in cells:
        assert (cell.ours is None) != (cell.not_run is None)
        assert cell.ours is None or cell.n, cell
    needs = {cell.short for cell in cells if cell.not_run}
    assert "needs weights and a GPU" in needs and "needs ratings" in needs
    assert any("needs the answers of ChatGPT" in why for why in needs)


def test_the_papers_rows_come_first_with_reported_figures_and_differences(
    paper: Paper, root: Path
) -> None:
    cells = gather(paper, root)
    first = [cell for cell in cells if cell.table.startswith("Correctness")]
    assert first[0].row == "BERT"
    ours = {(c.row, c.column): c for c in first if "release" in c.table}
    cell = ours["MentaLLaMA-chat-13B", "DR"]
    assert (cell.reported, cell.known_from, cell.ours) == (85.68, "notes", 100.0)
    assert cell.difference == pytest.approx(14.32)
    assert ours["MentaLLaMA-chat-13B", "SAD"].not_run == "needs the model's answers to this set"
    assert ours["TF-IDF + LR", "SAD"].ours is not None
    people = {(c.row, c.column): c for c in first if "people" in c.table}
    assert people["MentaLLaMA-chat-13B", "Irf"].reported is None
    assert (people["MentaLLaMA-chat-13B", "Irf"].ours or 0) < 100


def test_checks_marks_and_correlations_are_measured(paper: Paper, root: Path) -> None:
    cells = {(c.row, c.column): c for c in gather(paper, root)}
    agreed = cells["label agrees with people's annotation, test rows (%)", "Irf"]
    assert agreed.ours is not None and 50 < agreed.ours < 100
    mean = cells["correct answers: mean mark", "fluency"]
    # Three marks a row: 3, 2 and 0 to 3 in turn, so (3 + 2 + 1.5) / 3.
    assert mean.ours == pytest.approx(6.5 / 3) and mean.n == 12
    assert cells["correct answers: Fleiss' kappa", "fluency"].ours is not None
    assert cells["wrong answers: mean mark", "fluency"].not_run == "needs the data set"
    assert cells["length in words", "overall"].n == 12


def test_the_page_csv_and_latex_leave_no_cell_blank(paper: Paper, root: Path) -> None:
    page, sentences = publish_paper(paper, root)
    assert "cells are filled" in sentences[0] and "ours minus reported" in sentences[1]
    with (page.parent / "paper.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(bool(row["ours"]) != bool(row["not_run"]) for row in rows)
    told = json.loads((page.parent / "paper.json").read_text())
    assert len(told["cells"]) == len(rows)
    assert " & &" not in (page.parent / "paper.tex").read_text().replace("{} &", "")
    assert "http" not in page.read_text()


def test_a_second_run_does_no_work(paper: Paper, root: Path) -> None:
    page, _ = publish_paper(paper, root)
    written = page.stat().st_mtime_ns
    assert run_steps(paper.steps, root) == 0
    assert publish_paper(paper, root)[0].stat().st_mtime_ns == written


def test_differences_are_never_drawn_between_figures_of_other_data() -> None:
    told = {"table": "T", "row": "R", "column": "C", "unit": "F1", "reported": 80.0}
    same = Cell(**told, known_from="notes", ours=82.0, low=79.0, high=85.0, n=10)  # type: ignore[arg-type]
    other = Cell(**told, ours=90.0, low=79.0, high=95.0, n=10, note="elsewhere")  # type: ignore[arg-type]
    assert (same.difference, other.difference) == (2.0, None)
    assert "(1 cells), ours minus reported is +2.0" in summarise([same, other])[1]
    with pytest.raises(ValueError, match="a figure, or why there is none"):
        Cell(**told)  # type: ignore[arg-type]


def test_the_command_refuses_what_does_not_go_together(run: Run, tmp_path: Path) -> None:
    neither = run("reproduce")
    assert neither.returncode == 2 and "either --imhi DIR" in neither.stderr
    both = run("reproduce", "--tiny", "--raw", tmp_path)
    assert both.returncode == 2 and "belong to --imhi" in both.stderr
    missing = run("study", "words-or-embeddings", "--imhi", "nowhere")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
