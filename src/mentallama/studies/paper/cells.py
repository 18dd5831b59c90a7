"""One cell of the paper's tables: filled, or saying what it needs; never blank, never zero."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from mentallama.io import read_json, write_json

CELLS = "cells.json"
Known = Literal["notes", "memory", "not known"]
"""How a reported figure is known: from public notes on the paper, from memory, or not at all."""
Unit = Literal["F1", "%", "points", "mark", "r", "kappa", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure with what it is compared with."""

    table: str
    row: str
    column: str
    unit: Unit
    reported: float | None = None
    known_from: Known = "not known"
    ours: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""
    """What ours was measured on, where that is not what was reported on."""
    not_run: str | None = None

    def __post_init__(self) -> None:
        if (self.ours is None) == (self.not_run is None):
            raise ValueError(
                f"{self.table}, {self.row}, {self.column}: a figure, or why there is none"
            )

    @property
    def difference(self) -> float | None:
        """Return ours minus reported; None where one is missing or they are of other data."""
        if self.ours is None or self.reported is None or self.note:
            return None
        return self.ours - self.reported

    @property
    def short(self) -> str:
        """Return in few words why there is no figure."""
        return re.sub(r"the weights of \S+", "weights", self.not_run or "")


def write_cells(cells: Iterable[Cell], folder: Path) -> None:
    """Write the cells that a step found."""
    write_json(folder / CELLS, [asdict(cell) for cell in cells])


def read_cells(folder: Path) -> list[Cell]:
    """Read the cells that a step wrote."""
    return TypeAdapter(list[Cell]).validate_python(read_json(folder / CELLS))


def as_object(cell: Cell) -> dict[str, Any]:
    """Return a cell as JSON, with its difference."""
    return {**asdict(cell), "difference": cell.difference}
