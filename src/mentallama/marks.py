"""Answers with people's marks: what correlation and agreement both read.

Layout of the release's ``DR_annotation`` (Yang et al. 2023, section 4): ``text, label,
gpt-3.5-turbo`` and one column per aspect with the marks of three raters as a list, such as
``[3, 2, 3]``.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

from mentallama.errors import InputError
from mentallama.rows import open_rows

ASPECTS = ("fluency", "completeness", "reliability", "overall")
"""Aspects of the released marks, 0 to 3 each."""
TEXT, EXPLANATION = "text", "gpt-3.5-turbo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """An explanation with people's marks."""

    post: str
    explanation: str
    marks: dict[str, tuple[float, ...]]
    """By aspect, one mark per rater; an aspect that nobody marked is left out."""


def list_marks(path: Path) -> list[Path]:
    """Return the file itself, or all CSV files of a folder; raise InputError where none is."""
    if not path.is_dir():
        return [path]
    if not (files := sorted(path.glob("*.csv"))):
        raise InputError(f"{path}: no CSV file of marks here")
    return files


def read_rated(path: Path) -> list[Rated]:
    """Read one file of released marks, or all CSV files of a folder."""
    return [row for file in list_marks(path) for row in read_marks(file)]


def read_marks(path: Path) -> list[Rated]:
    """Read one file of released marks, row by row."""
    rated = []
    with open_rows(path) as stream:
        for number, cells in stream.rows:
            for column in (TEXT, EXPLANATION, *ASPECTS):
                if column not in cells:
                    hint = "; ratings in the long form need --study" if "rater" in cells else ""
                    raise InputError(f"{path}: no column '{column}'{hint}")
            rated.append(
                Rated(
                    post=str(cells[TEXT]),
                    explanation=str(cells[EXPLANATION] or ""),
                    marks={
                        aspect: _marks(str(cells[aspect]), f"{path}: row {number}: {aspect}")
                        for aspect in ASPECTS
                    },
                )
            )
    return rated


def _marks(text: str, where: str) -> tuple[float, ...]:
    try:
        marks = tuple(float(mark) for mark in ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError):
        raise InputError(f"{where}: expected a list of marks such as [3, 2, 3]") from None
    if not marks:
        raise InputError(f"{where}: the list of marks is empty")
    return marks
