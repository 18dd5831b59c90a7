"""The paper's tables as one HTML page, CSV, LaTeX and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.io import atomic_write, make_folder, write_csv, write_json
from mentallama.pages import describe_software, write_page
from mentallama.studies.paper.cells import Cell, as_object
from mentallama.tables import Table, as_latex

NAME = "paper"
_COLUMNS = ("table", "row", "column", "unit", "reported", "known_from", "ours", "low", "high", "n")
_LIBRARIES = ("numpy", "scikit-learn", "torch", "transformers", "trl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """One table as the template shows it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    digits: int

    @property
    def filled(self) -> int:
        """Count the cells with a figure of ours."""
        return sum(cell.ours is not None for _, cells in self.rows for cell in cells)

    @property
    def size(self) -> int:
        """Count the cells."""
        return len(self.rows) * len(self.columns)


def lay_out(cells: Sequence[Cell]) -> list[Grid]:
    """Lay cells out as tables, in their order."""
    grids = []
    for title in dict.fromkeys(cell.table for cell in cells):
        own = {(cell.row, cell.column): cell for cell in cells if cell.table == title}
        columns = tuple(dict.fromkeys(column for _, column in own))
        rows = dict.fromkeys(row for row, _ in own)
        grids.append(
            Grid(
                title=title,
                columns=columns,
                rows=tuple((row, tuple(own[row, column] for column in columns)) for row in rows),
                digits=2 if any(c.unit in ("r", "kappa", "mark") for c in own.values()) else 1,
            )
        )
    return grids


def write_paper(cells: Sequence[Cell], out: Path, *, data: str, command: str) -> Path:
    """Write the page and its tables into a folder; return the page."""
    make_folder(out)
    grids = lay_out(cells)
    write_json(out / f"{NAME}.json", {"data": data, "cells": [as_object(cell) for cell in cells]})
    header = [*_COLUMNS, "difference", "note", "not_run"]
    rows = [["" if (v := as_object(c)[name]) is None else str(v) for name in header] for c in cells]
    write_csv(out / f"{NAME}.csv", header, rows)
    with atomic_write(out / f"{NAME}.tex") as file:
        file.write("\n\n".join(as_latex(_as_table(grid)) for grid in grids) + "\n")
    write_page(
        out / f"{NAME}.html",
        "studies/paper",
        "paper.html.j2",
        grids=grids,
        summary=summarise(cells),
        data=data,
        command=command,
        software=describe_software(_LIBRARIES),
    )
    return out / f"{NAME}.html"


def _as_table(grid: Grid) -> Table:
    rows = [(row, *(_text(cell, grid.digits) for cell in cells)) for row, cells in grid.rows]
    title = f"{grid.title} (reported, unverified / ours, 95 % interval, n)"
    return Table(title=title, header=("", *grid.columns), rows=tuple(rows))


def _text(cell: Cell, digits: int) -> str:
    reported = "not known" if cell.reported is None else f"{cell.reported:.{digits}f}"
    if cell.ours is None:
        return f"{reported} / not run: {cell.short}"
    return f"{reported} / {cell.ours:.{digits}f}{_interval(cell, digits)}, {cell.n:,}"


def _interval(cell: Cell, digits: int) -> str:
    if cell.low is None:
        return " (no interval)"
    return f" ({cell.low:.{digits}f} to {cell.high:.{digits}f})"


def summarise(cells: Sequence[Cell]) -> list[str]:
    """Say in two sentences how much of the tables is filled, and how close ours are."""
    filled = sum(cell.ours is not None for cell in cells)
    reasons = dict.fromkeys(cell.short for cell in cells if cell.not_run)
    counts = {why: sum(cell.short == why for cell in cells if cell.not_run) for why in reasons}
    most = sorted(counts, key=lambda why: -counts[why])[:4]
    said = ", ".join(f"{counts[why]:,} {why.replace('needs', 'need', 1)}" for why in most)
    first = f"{filled:,} of {len(cells):,} cells are filled; of the others {said}."
    both = [cell for cell in cells if cell.difference is not None]
    if not both:
        return [first, "No filled cell has a reported figure that was measured on the same data."]
    inside = sum((c.low or 0) <= (c.reported or 0) <= (c.high or 0) for c in both)
    mean = sum(cell.difference or 0 for cell in both) / len(both)
    return [
        first,
        f"Where both are there ({len(both)} cells), ours minus reported is {mean:+.1f} points on "
        f"the mean, and the reported figure lies within our interval in {inside} of them.",
    ]
