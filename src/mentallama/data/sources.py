"""Where the ten corpora live, on which terms, and what of them is at hand.

A corpus under agreement is read only after somebody has said, once and on record, that they may
use it; its posts are never written in a form meant to be passed on.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mentallama.errors import InputError
from mentallama.io import need_folder, read_json, write_json
from mentallama.tables import Table
from mentallama.tasks import get_task, list_tasks
from mentallama.tasks.raw import Drop, RawRow, find_source, read_raw
from mentallama.types import Task

RECORD = "acknowledged.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What of a corpus is at hand."""

    task: Task
    folder: Path | None
    present: tuple[str, ...]
    missing: tuple[str, ...]
    acknowledged: bool


def find_sources(root: Path | None) -> list[Found]:
    """Look for the files of each corpus below ``root``; without it, only say what they are."""
    return [_find(task, root) for task in list_tasks()]


def _find(task: Task, root: Path | None) -> Found:
    folder = find_source(root, task.key) if root else None
    names = [file.path for file in task.raw]
    present = [name for name in names if folder and (folder / name).exists()]
    return Found(
        task=task,
        folder=folder,
        present=tuple(present),
        missing=tuple(name for name in names if name not in present),
        acknowledged=not task.source.agreement or (root is not None and task.key in _read(root)),
    )


def as_table(found: Iterable[Found]) -> Table:
    """List the corpora: where, on which terms, what is there, what is missing."""
    return Table(
        title="Sources",
        header=("set", "home", "terms", "found", "missing", "acknowledged"),
        rows=tuple(
            (
                one.task.key,
                one.task.source.home,
                one.task.source.access,
                ", ".join(one.present) or "nothing",
                ", ".join(one.missing) or "nothing",
                _state(one),
            )
            for one in found
        ),
    )


def _state(one: Found) -> str:
    if not one.task.source.agreement:
        return "not needed"
    return "yes" if one.acknowledged else f"no: --acknowledge {one.task.key}"


def acknowledge(root: Path, keys: Iterable[str]) -> None:
    """Record that the terms of these corpora are known and kept."""
    need_folder(root)
    known = _read(root)
    for key in keys:
        known.setdefault(key, datetime.datetime.now(datetime.UTC).date().isoformat())
    write_json(root / RECORD, known)


def _read(root: Path) -> dict[str, str]:
    path = root / RECORD
    return dict(read_json(path)) if path.exists() else {}


def need_acknowledged(root: Path, tasks: Iterable[Task]) -> None:
    """Raise InputError where a corpus under agreement has not been acknowledged."""
    for task in tasks:
        if task.source.agreement and task.key not in _read(root):
            raise InputError(
                f"{task.key}: {task.source.access}; say once that you have it and keep to it: "
                f"--acknowledge {task.key}"
            )


def choose_sources(root: Path, keys: Iterable[str]) -> list[tuple[Task, Path]]:
    """Return the tasks asked for, or all that are at hand, each with the folder of its files.

    Raises InputError where one that was asked for is not there.
    """
    found = find_sources(root)
    wanted = {get_task(key).key for key in keys}
    for one in found:
        if one.task.key in wanted and not one.present:
            raise InputError(
                f"{root}: no file of {one.task.key}; expected {', '.join(one.missing)} in a folder "
                f"named {one.task.key}"
            )
    chosen = [
        (one.task, one.folder)
        for one in found
        if one.folder and one.present and (not wanted or one.task.key in wanted)
    ]
    if not chosen:
        raise InputError(
            f"{root}: no raw corpus found; 'mentallama data sources --raw {root}' says what is "
            "expected"
        )
    return chosen


def read_sources(sources: Iterable[tuple[Task, Path]], notes: list[str]) -> Iterator[RawRow | Drop]:
    """Read the files of corpora row by row; what is worth saying goes to ``notes``."""
    for task, folder in sources:
        for file in task.raw:
            if not (folder / file.path).exists():
                notes.append(f"{task.key}: {file.path} is not there")
                continue
            for row in read_raw(task, file, folder):
                if isinstance(row, str):
                    notes.append(f"{task.key}: {row}")
                else:
                    yield row
