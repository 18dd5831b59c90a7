"""A study as workbooks, a file per rater, for a lab without a server; and back.

    OUT/RATER.xlsx         sheet "items": a row per item in the rater's order, marks from a list;
                           sheet "guide": what every score means

No file carries a model's name.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mentallama.errors import InputError
from mentallama.human.exchange import CANNOT, NOTE, Imported, Marked, take_over
from mentallama.human.rubric import RatedAspect, as_guide
from mentallama.human.study import Study
from mentallama.io import make_folder, need_folder

_SHOWN = ("item", "question", "post", "answer")
_WIDTHS = (6, 30, 70, 70)
_CANNOT, _SKIP = "cannot judge", "skip"
_ITEMS, _GUIDE = "items", "guide"
_HEADER = 2
"""The first row names the rater."""


def write_sheets(study: Study, out: Path) -> list[str]:
    """Write a workbook for each rater; return the names of the files."""
    make_folder(out)
    for rater in study.about.raters:
        _make_book(study, rater).save(out / f"{rater}.xlsx")
    return [f"{rater}.xlsx" for rater in study.about.raters]


def _make_book(study: Study, rater: str) -> Any:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = _ITEMS
    aspects = study.rubric.aspects
    _fill(sheet, 1, ["rater", rater])
    _fill(sheet, _HEADER, [*_SHOWN, *(aspect.key for aspect in aspects), NOTE])
    items = {item.id: item for item in study.items}
    own = sorted((p for p in study.places if p.rater == rater), key=lambda place: place.position)
    for row, place in enumerate(own, _HEADER + 1):
        item = items[place.item]
        _fill(sheet, row, [item.id, item.question, item.post, item.answer])
    _lay_out(sheet, aspects, len(own))
    guide = book.create_sheet(_GUIDE)
    guide.column_dimensions["A"].width = 110
    for row, line in enumerate(as_guide(study.rubric).splitlines(), 1):
        _fill(guide, row, [line])
    return book


def _fill(sheet: Any, row: int, values: Sequence[str]) -> None:
    """Write texts; one that begins with "=" stays a text and is no formula."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment

    for column, value in enumerate(values, 1):
        cell = sheet.cell(row, column)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
        cell.data_type = "s"
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _lay_out(sheet: Any, aspects: Sequence[RatedAspect], rows: int) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    for number, width in enumerate((*_WIDTHS, *[14] * len(aspects), 30), 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.freeze_panes = sheet.cell(_HEADER + 1, 1)
    for number, aspect in enumerate(aspects, len(_SHOWN) + 1):
        choices = ",".join([*map(str, aspect.scores), _CANNOT, _SKIP])
        rule = DataValidation(type="list", formula1=f'"{choices}"', allow_blank=True)
        rule.error = f"{aspect.title}: {choices}"
        letter = get_column_letter(number)
        rule.add(f"{letter}{_HEADER + 1}:{letter}{_HEADER + rows}")
        sheet.add_data_validation(rule)


def read_sheets(paths: Sequence[Path], study: Study) -> Imported:
    """Read filled workbooks, or folders of them; raise InputError where one is not of the study."""
    files = [file for path in paths for file in _find(path)]
    return take_over((one for file in files for one in _read(file, study)), study)


def _find(path: Path) -> list[Path]:
    files = [path] if path.is_file() else sorted(need_folder(path).glob("*.xlsx"))
    if not files:
        raise InputError(f"{path}: no workbook (.xlsx) here")
    return files


def _read(path: Path, study: Study) -> Iterator[Marked]:
    rows = _rows(path)
    keys = [aspect.key for aspect in study.rubric.aspects]
    rater, header = (rows[0][1:2], rows[1]) if len(rows) >= _HEADER else ([], [])
    if not rater or any(name not in header for name in ("item", *keys)):
        raise InputError(f"{path}: not a sheet of this study; row {_HEADER} should name {keys}")
    for values in rows[_HEADER:]:
        cells = dict(zip(header, values, strict=False))
        choices = {key: choice for key in keys if (choice := _choice(cells.get(key, "")))}
        if cells["item"] and choices:
            yield Marked(
                item=cells["item"],
                rater=rater[0],
                choices=choices,
                note=cells.get(NOTE, ""),
                time="",
                skipped=_SKIP in choices.values(),
            )


def _rows(path: Path) -> list[list[str]]:
    """Return the cells of the sheet of items as texts."""
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        sheet = load_workbook(path, data_only=True)[_ITEMS]
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise InputError(f"{path}: not a workbook with a sheet '{_ITEMS}'") from None
    return [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]


def _text(cell: object) -> str:
    """Return a cell as text; spreadsheets keep 3 as 3.0."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _choice(cell: str) -> str:
    return CANNOT if cell.strip().lower() == _CANNOT else cell.strip()
