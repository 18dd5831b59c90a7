"""Ratings as files: the long form, a row per mark, and the layouts that it can be read from.

The long form has the fields of ``Rating`` as columns (CSV, JSON Lines or Parquet, by the ending).
Tables of elsewhere need ``item``, ``rater``, ``aspect`` and ``value``; other columns are not read.
The release's ``DR_annotation`` is read too: its raters become ``r1`` to ``r3``, an item is a file
and a row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, cast, get_args

from mentallama.errors import InputError
from mentallama.human.study import Study
from mentallama.io import write_csv, write_records
from mentallama.marks import ASPECTS, EXPLANATION, Rated, list_marks, read_marks
from mentallama.rows import open_rows
from mentallama.types import Item, Rating, RatingOutcome

COLUMNS = tuple(field.name for field in fields(Rating))
_NEEDED = ("item", "rater", "aspect", "value")
_RECORDS = (".jsonl", ".parquet")


def write_ratings(path: Path, ratings: Iterable[Rating]) -> None:
    """Write ratings in the long form; the ending says the format.

    In CSV a missing value is an empty cell, and evidence reads ``3-10 20-31``.
    """
    if path.suffix in _RECORDS:
        write_records(path, ratings)
    elif path.suffix == ".csv":
        write_csv(path, COLUMNS, (_as_cells(rating) for rating in ratings))
    else:
        raise InputError(f"{path}: ratings are written as .csv, .jsonl or .parquet")


def _as_cells(rating: Rating) -> list[str]:
    cells = asdict(rating)
    cells["value"] = "" if rating.value is None else rating.value
    cells["evidence"] = " ".join(f"{start}-{end}" for start, end in rating.evidence)
    return [str(cell) for cell in cells.values()]


def read_ratings(path: Path) -> list[Rating]:
    """Read ratings of one file, or of all CSV files of a folder.

    Raises InputError, which names file and row, where something is no rating.
    """
    ratings = [rating for file in list_marks(path) for rating in _read(file)]
    if not ratings:
        raise InputError(f"{path}: no ratings here")
    return ratings


def _read(path: Path) -> list[Rating]:
    ratings: list[Rating] = []
    places: dict[str, dict[str, int]] = {}
    with open_rows(path) as stream:
        for number, cells in stream.rows:
            if EXPLANATION in cells and ASPECTS[-1] in cells:
                return _read_released(path)
            where = f"{path}: row {number}"
            _need_columns(cells, where)
            own = places.setdefault(str(cells["rater"]), {})
            place = own.setdefault(str(cells["item"]), len(own) + 1)
            ratings.append(_as_rating(cells, place, where))
    return ratings


def _need_columns(cells: dict[str, Any], where: str) -> None:
    missing = [name for name in _NEEDED if name not in cells]
    if missing:
        raise InputError(
            f"{where}: no {' and no '.join(missing)}; ratings need {', '.join(_NEEDED)}"
        )


def _as_rating(cells: dict[str, Any], place: int, where: str) -> Rating:
    """Turn the cells of a row into a rating; ``place`` stands in for a position not given."""
    value = _number(cells["value"], f"{where}: value")
    outcome = _text(cells, "outcome") or ("skipped" if value is None else "scored")
    if outcome not in get_args(RatingOutcome):
        raise InputError(f"{where}: outcome is none of {', '.join(get_args(RatingOutcome))}")
    if (outcome == "scored") != (value is not None):
        has = "no value" if value is None else "a value"
        raise InputError(f"{where}: outcome '{outcome}' with {has}")
    for name in ("item", "rater", "aspect"):
        if not _text(cells, name):
            raise InputError(f"{where}: {name} is empty")
    position = _number(cells.get("position"), f"{where}: position")
    return Rating(
        study=_text(cells, "study"),
        item=_text(cells, "item"),
        rater=_text(cells, "rater"),
        aspect=_text(cells, "aspect"),
        value=value,
        outcome=cast(RatingOutcome, outcome),
        note=_text(cells, "note"),
        evidence=_spans(cells.get("evidence"), f"{where}: evidence"),
        position=place if position is None else position,
        time=_text(cells, "time"),
        rubric=_text(cells, "rubric"),
    )


def _text(cells: dict[str, Any], name: str) -> str:
    cell = cells.get(name)
    return "" if cell is None or cell != cell else str(cell)


def _number(cell: Any, where: str) -> int | None:
    """Read a whole number; nothing and NaN, which is how tables say it, are None."""
    if cell is None or cell == "" or cell != cell:
        return None
    try:
        number = float("x" if isinstance(cell, bool) else cell)
        if number == int(number):
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{where}: not a whole number")


def _spans(cell: Any, where: str) -> tuple[tuple[int, int], ...]:
    """Read passages, ``3-10 20-31`` or a list of pairs."""
    pairs = [part.split("-") for part in cell.split()] if isinstance(cell, str) else cell or ()
    try:
        spans = tuple((int(start), int(end)) for start, end in pairs)
    except (TypeError, ValueError):
        raise InputError(f"{where}: expected passages such as 3-10 20-31") from None
    if any(not 0 <= start < end for start, end in spans):
        raise InputError(f"{where}: a passage must start before it ends")
    return spans


def _read_released(path: Path) -> list[Rating]:
    """Read the release's layout; marks have neither a time nor a rubric."""
    return [
        Rating(
            study=path.stem,
            item=f"{path.stem}/{number:05d}",
            rater=f"r{rater}",
            aspect=aspect,
            value=_number(mark, f"{path}: row {number}: {aspect}"),
            position=number,
            time="",
            rubric="",
        )
        for number, row in enumerate(read_marks(path), 1)
        for aspect, marks in row.marks.items()
        for rater, mark in enumerate(marks, 1)
    ]


def check_ratings(ratings: Sequence[Rating], study: Study) -> None:
    """Raise InputError naming the first row that cannot be a rating of this study.

    A row may leave out study and rubric; it may not name others.
    """
    items = {item.id for item in study.items}
    scales = {aspect.key: aspect.scores for aspect in study.rubric.aspects}
    for number, rating in enumerate(ratings, 1):
        if said := _misfit(rating, study, items, scales):
            raise InputError(f"row {number}: {said}")
    need_single(ratings)


def _misfit(
    rating: Rating, study: Study, items: set[str], scales: dict[str, tuple[int, ...]]
) -> str | None:
    about = study.about
    if rating.study not in ("", about.name):
        return f"is of study '{rating.study}', this is '{about.name}'"
    if rating.rubric not in ("", about.rubric):
        return f"is by rubric '{rating.rubric}', this study's is '{about.rubric}'"
    if rating.item not in items:
        return f"no item '{rating.item}' in study '{about.name}'"
    if rating.rater not in about.raters:
        return f"no rater '{rating.rater}' in study '{about.name}'"
    if (scale := scales.get(rating.aspect)) is None:
        return f"no aspect '{rating.aspect}' in the rubric; it has {', '.join(scales)}"
    if rating.value is not None and rating.value not in scale:
        return f"{rating.value} is not on the scale of {rating.aspect}, {scale[0]} to {scale[-1]}"
    return None


def need_single(ratings: Sequence[Rating]) -> None:
    """Raise InputError where a rater marked an aspect of an item twice."""
    seen: dict[tuple[str, str, str, str], int] = {}
    for number, rating in enumerate(ratings, 1):
        key = (rating.study, rating.item, rating.rater, rating.aspect)
        if key in seen:
            raise InputError(
                f"row {number}: rater '{rating.rater}' marked {rating.aspect} of item "
                f"'{rating.item}' before, in row {seen[key]}"
            )
        seen[key] = number


def need_one_rubric(ratings: Iterable[Rating]) -> None:
    """Raise InputError where marks were given by several rubrics, or versions of one."""
    rubrics = dict.fromkeys(rating.rubric for rating in ratings)
    if len(rubrics) > 1:
        named = ", ".join(rubric or "none" for rubric in rubrics)
        raise InputError(f"ratings by several rubrics cannot be put together: {named}")


def as_rated(ratings: Iterable[Rating], items: Iterable[Item]) -> list[Rated]:
    """Put marks beside the posts and answers that they are about; items without one are left out.

    Raises InputError for a rating of an item that is not there.
    """
    known = {item.id: item for item in items}
    marks: dict[str, dict[str, list[float]]] = {}
    for number, rating in enumerate(ratings, 1):
        if rating.item not in known:
            raise InputError(f"row {number}: no item '{rating.item}' in the study")
        if rating.value is not None:
            own = marks.setdefault(rating.item, {}).setdefault(rating.aspect, [])
            own.append(float(rating.value))
    return [
        Rated(
            post=known[name].post,
            explanation=known[name].answer,
            marks={aspect: tuple(values) for aspect, values in by_aspect.items()},
        )
        for name, by_aspect in marks.items()
    ]
