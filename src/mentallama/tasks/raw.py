"""From the files of a raw corpus to records: one post for each question it is asked.

Which column means what is a value (``RawFile``) in the task's own file, or in a user's YAML; this
module only follows it. A row that cannot be used is a record too, with its reason, so that what
was read and what was dropped add up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentallama.errors import InputError, nearest
from mentallama.rows import RowStream, open_rows
from mentallama.tasks import get_task, list_tasks
from mentallama.tasks.posts import post_id
from mentallama.types import Post, RawAnswer, RawFile, Task

_GONE = frozenset({"[deleted]", "[removed]", "[deleted by user]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A row, or a question on it, that did not become part of the data set, and why."""

    task: str
    file: str
    row: int
    reason: str
    aspect: str | None = None
    post: str | None = None
    """Id of the post, where there is a text."""
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A post with the place that it came from."""

    post: Post
    file: str
    row: int


def read_raw(task: Task, file: RawFile, folder: Path) -> Iterator[RawRow | Drop | str]:
    """Read one raw file row by row; a note for the user (a string) may come at the end.

    Raises InputError where the file or a column is missing.
    """
    path = folder / file.path
    with open_rows(path) as stream:
        for number, cells in stream.rows:
            if number == 1:
                _check_columns(file, path, cells)
            yield from _read_row(task, file, number, cells)
        yield from _notes(path, stream)


def find_source(root: Path, task: str) -> Path | None:
    """Return the folder of a task's raw corpus below ``root``, whatever the case of its name."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    names = {path.name.casefold(): path for path in sorted(root.iterdir()) if path.is_dir()}
    return names.get(task.casefold())


def read_corpora(root: Path, tasks: Sequence[str] | None = None) -> tuple[list[RawRow], list[str]]:
    """Read the raw corpora below ``root``; return rows, and notes on what was not read.

    Files of a corpus that are not there are passed over and noted. Raises InputError where there is
    no corpus at all.
    """
    rows: list[RawRow] = []
    notes: list[str] = []
    for task in [get_task(key) for key in tasks] if tasks else list_tasks():
        folder = find_source(root, task.key)
        for file in task.raw if folder else ():
            assert folder is not None
            if not (folder / file.path).exists():
                notes.append(f"{task.key}: raw file {file.path} is not there")
                continue
            dropped = 0
            for row in read_raw(task, file, folder):
                if isinstance(row, RawRow):
                    rows.append(row)
                elif isinstance(row, str):
                    notes.append(f"{task.key}: {row}")
                else:
                    dropped += 1
            if dropped:
                notes.append(f"{task.key}: {dropped:,} rows of {file.path} have no text or label")
    if not rows:
        raise InputError(
            f"{root}: no raw corpus found; expected folders named after the sets, such as Irf"
        )
    return rows, notes


def _notes(path: Path, stream: RowStream) -> Iterator[str]:
    if stream.not_utf8:
        yield f"{path.name}: {stream.not_utf8:,} lines are not UTF-8, read as Windows-1252"


def _check_columns(file: RawFile, path: Path, cells: dict[str, Any]) -> None:
    wanted = [*file.text, *(answer.column for answer in file.answers)]
    wanted += [answer.evidence for answer in file.answers if answer.evidence]
    wanted += [file.author] if file.author else []
    for column in wanted:
        if column not in cells:
            hint = nearest(column, cells) or f" Columns: {', '.join(list(cells)[:12])}."
            raise InputError(f"{path}: no column '{column}'.{hint}")


def _read_row(
    task: Task, file: RawFile, number: int, cells: dict[str, Any]
) -> Iterator[RawRow | Drop]:
    # White space around a text stays: the release has it too.
    parts = [str(cells.get(column) or "") for column in file.text]
    text = "\n".join(part for part in parts if part.strip() and part.strip() not in _GONE)
    if not text:
        gone = any(part.strip() in _GONE for part in parts)
        reason = "deleted by its author" if gone else "no text"
        yield Drop(task=task.key, file=file.path, row=number, reason=reason)
        return
    author = _text(cells.get(file.author)) or None if file.author else None
    for answer in file.answers or (None,):
        label, problem = _label(answer, cells)
        aspect = answer.aspect if answer else None
        if problem:
            yield Drop(
                task=task.key,
                file=file.path,
                row=number,
                reason=problem,
                aspect=aspect,
                post=post_id(text),
            )
            continue
        evidence = _text(cells.get(answer.evidence)) if answer and answer.evidence else ""
        post = Post(
            id=post_id(text),
            text=text,
            task=task.key,
            aspect=aspect,
            label=label,
            split=file.split,
            author=author,
            evidence=(evidence,) if evidence else (),
        )
        yield RawRow(post=post, file=file.path, row=number)


def _label(answer: RawAnswer | None, cells: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the label and no reason, or no label and the reason why."""
    if answer is None:
        return None, None
    found = _text(cells.get(answer.column))
    if not found:
        return None, "no label"
    label = dict(answer.codes).get(found) or dict(answer.codes).get(found.removesuffix(".0"))
    return label, None if label else "a label that the task does not have"


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()
