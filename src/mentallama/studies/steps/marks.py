"""The human checks of the data: mean marks and the raters' agreement, as cells.

The MentaLLaMA paper's 200 rated explanations were not released; the marks of the evaluation paper
(arXiv 2304.03347, ``DR_annotation``) were. ``settings`` say whether they are at hand.
"""

from pathlib import Path

from mentallama.benchmark.explanations import mean_interval
from mentallama.human.agreement import measure_agreement
from mentallama.human.ratings import read_ratings
from mentallama.marks import ASPECTS, list_marks
from mentallama.studies.paper.cells import Cell, Unit, write_cells
from mentallama.studies.step import Work
from mentallama.types import Rating

TABLE = "Human checks"
PAPER_ASPECTS = ("consistency", "reliability", "professionality", "overall")
_FILES = {"chatgpt_data": "correct answers", "chatgpt_false_data": "wrong answers"}


def make(work: Work) -> None:
    """Average the marks and measure agreement, file by file."""
    cells = [
        Cell(
            table=f"{TABLE}: the paper's 200 explanations (0 to 3)",
            row=row,
            column=aspect,
            unit=unit,
            not_run="needs ratings",
        )
        for row, unit in _of_the_paper()
        for aspect in PAPER_ASPECTS
    ]
    files = {p.stem: p for p in list_marks(work.paths["marks"])} if "marks" in work.paths else {}
    for stem, name in _FILES.items():
        cells += _of_file(files.get(stem), name)
    write_cells(cells, work.out)


def _of_the_paper() -> tuple[tuple[str, Unit], ...]:
    return ("mean mark", "mark"), ("Fleiss' kappa", "kappa")


def _of_file(path: Path | None, name: str) -> list[Cell]:
    ratings = read_ratings(path) if path else []
    return [*_means(ratings, name), *_kappas(ratings, name)]


_RELEASED = f"{TABLE}: released marks of ChatGPT's explanations (0 to 3)"


def _means(ratings: list[Rating], name: str) -> list[Cell]:
    cells = []
    for aspect in ASPECTS:
        own = [(r.value, r.item) for r in ratings if r.aspect == aspect and r.value is not None]
        value = low = high = None
        if own:
            marks, items = [float(mark) for mark, _ in own], [item for _, item in own]
            value, low, high = mean_interval(marks, items, 1000, 0)
        cells.append(
            Cell(
                table=_RELEASED,
                row=f"{name}: mean mark",
                column=aspect,
                unit="mark",
                ours=value,
                low=low,
                high=high,
                n=len({item for _, item in own}) or None,
                not_run=None if own else "needs the data set",
            )
        )
    return cells


def _kappas(ratings: list[Rating], name: str) -> list[Cell]:
    found = {
        one.aspect: one
        for one in (measure_agreement(ratings) if ratings else [])
        if one.statistic == "fleiss_kappa"
    }
    cells = []
    for aspect in ASPECTS:
        one = found.get(aspect)
        value = one.value if one else None
        why = (one.why_not or "undefined") if one else "needs the data set"
        cells.append(
            Cell(
                table=_RELEASED,
                row=f"{name}: Fleiss' kappa",
                column=aspect,
                unit="kappa",
                ours=value,
                low=one.low if one else None,
                high=one.high if one else None,
                n=one.items if one and value is not None else None,
                not_run=None if value is not None else why,
            )
        )
    return cells
