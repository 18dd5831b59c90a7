"""A study as a folder: what is rated, by which rubric, by whom and in which order.

``study.json`` (name, seed, overlap, raters, created), ``rubric.json``, ``items.jsonl`` and
``assignment.jsonl``. Nothing in the folder says which model wrote an answer: that stands in the
key, a file beside the folder (``FOLDER-key.jsonl``) that the rating room never opens.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from mentallama.errors import InputError
from mentallama.human.rubric import Rubric
from mentallama.io import (
    explain,
    make_folder,
    need_folder,
    read_json,
    read_records,
    write_json,
    write_records,
)
from mentallama.types import Item

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The facts of a study."""

    name: str
    rubric: str
    """The rubric's stamp."""
    seed: int
    overlap: int
    """Raters of each item."""
    raters: tuple[str, ...]
    """Pseudonyms."""
    created: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An item's place in one rater's order."""

    rater: str
    item: str
    position: int
    """From 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All that the rating room needs."""

    about: About
    rubric: Rubric
    items: tuple[Item, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept from raters: who wrote an answer, and to which row."""

    item: str
    model: str
    sample_id: str
    task: str
    aspect: str | None = None
    """Of the task, such as a wellness dimension."""
    gold: str
    """Key of the gold label."""


def key_path(folder: Path) -> Path:
    """Return where the key of a study lies: beside the folder, not in it."""
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    return folder.parent / f"{folder.name}-key.jsonl"


def write_study(folder: Path, study: Study, keys: Sequence[Key]) -> None:
    """Write a new study and its key; raise InputError where there is one already."""
    if (folder / "study.json").exists() or key_path(folder).exists():
        raise InputError(f"{folder}: there is a study here already; name another folder")
    make_folder(folder)
    write_records(key_path(folder), keys)
    key_path(folder).chmod(0o600)
    write_json(folder / "rubric.json", study.rubric.model_dump(mode="json"))
    write_records(folder / "items.jsonl", study.items)
    write_records(folder / "assignment.jsonl", study.places)
    # Last, so that a folder with this file is whole.
    write_json(folder / "study.json", asdict(study.about))


def read_study(folder: Path) -> Study:
    """Read a study; raise InputError where a file is missing or does not fit the others."""
    if not (need_folder(folder) / "study.json").exists():
        raise InputError(f"{folder}: no study.json; make a study with 'mentallama rate new'")
    about = _read(folder / "study.json", About)
    rubric = _read(folder / "rubric.json", Rubric)
    if rubric.stamp != about.rubric:
        raise InputError(f"{folder}: rubric.json is {rubric.stamp}, study.json says {about.rubric}")
    items = read_records(folder / "items.jsonl", Item)
    places = read_records(folder / "assignment.jsonl", Place)
    known = {item.id for item in items}
    for number, place in enumerate(places, 1):
        if place.item not in known or place.rater not in about.raters:
            raise InputError(f"{folder / 'assignment.jsonl'}: row {number}: no such item or rater")
    return Study(about=about, rubric=rubric, items=tuple(items), places=tuple(places))


def read_keys(path: Path) -> dict[str, Key]:
    """Read a key file by item."""
    return {key.item: key for key in read_records(path, Key)}


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return TypeAdapter(kind).validate_python(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from None
