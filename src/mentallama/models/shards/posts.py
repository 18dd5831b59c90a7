"""Rows of one shard: posts with an id and a text, or samples of ours; streamed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mentallama.errors import InputError
from mentallama.io import explain, need_folder
from mentallama.rows import SUFFIXES, open_rows
from mentallama.tasks.posts import post_id
from mentallama.tasks.wording import WordingError, render_prompt
from mentallama.types import Form, Post, Sample, Task

_PACKED = (".zst", ".gz")
_SAMPLE = TypeAdapter(Sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a shard."""

    number: int
    """As its reader counts, from 1."""
    id: str
    """Empty where the row has none."""
    text: str = ""
    sample: Sample | None = None
    skipped: str = ""
    """Why nothing is asked; empty where something is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the posts of a run are asked."""

    task: Task | None
    """None where all rows are samples, which bring their own question."""
    form: Form = "instruction"

    @property
    def aspects(self) -> tuple[str | None, ...]:
        """Aspects that a post is asked about, one question each."""
        return (self.task.aspects if self.task else ()) or (None,)


def find_shards(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the table files of a folder by name, and the other files that are no hidden ones.

    Raises InputError where there is none, or where the blocks of two would have one name.
    """
    files = sorted(path for path in need_folder(folder).iterdir() if path.is_file())
    seen = [path for path in files if not path.name.startswith((".", "_"))]
    shards = [path for path in seen if _unpacked(path).lower().endswith(SUFFIXES)]
    if not shards:
        raise InputError(f"{folder}: no shard of posts; known: {', '.join((*SUFFIXES, *_PACKED))}")
    by_stem: dict[str, Path] = {}
    for path in shards:
        other = by_stem.setdefault(stem(path.name), path)
        if other != path:
            raise InputError(
                f"{folder}: {other.name} and {path.name} would be written under one name; "
                "rename one of them"
            )
    return shards, [path for path in seen if path not in shards]


def stem(name: str) -> str:
    """Return a shard's name without the endings that say its format."""
    return Path(_unpacked(Path(name))).stem


def _unpacked(path: Path) -> str:
    return path.stem if path.suffix.lower() in _PACKED else path.name


def read_shard(path: Path, question: Question, notes: Counter[str] | None = None) -> Iterator[Row]:
    """Yield the rows of a shard; raise InputError naming file and row, never a cell.

    ``notes`` is told at the end how many lines were not UTF-8 and read as Windows-1252.
    """
    number = 0
    try:
        with open_rows(path) as stream:
            for number, cells in stream.rows:
                yield _to_row(number, cells, question)
            if notes is not None and stream.not_utf8:
                notes["lines not UTF-8"] += stream.not_utf8
    except InputError as error:
        reason = str(error).removeprefix(f"{path}: ")
        where = "" if reason.startswith(("row ", "rows ")) else f" (after row {number})"
        raise InputError(f"{path}: {reason}{where}") from None


def _to_row(number: int, cells: dict[str, Any], question: Question) -> Row:
    if "prompt" in cells and "post" in cells:
        return _sample_row(number, cells, question)
    if question.task is None:
        raise InputError(f"row {number} is a post, not a sample; --task SET says what to ask")
    missing = [name for name in ("id", "text") if name not in cells]
    if missing:
        raise InputError(f"row {number} has no '{missing[0]}'; expected the columns id and text")
    key, text = _clean(cells["id"]), _clean(cells["text"])
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise InputError(f"row {number}: its id is neither a text nor a whole number")
    if not isinstance(text, str):
        raise InputError(f"row {number}: its text is no text but {type(text).__name__}")
    name = str(key).strip()
    why = "" if name and text.strip() else "no text" if name else "no id"
    return Row(number=number, id=name, text=text, skipped=why)


def _clean(cell: Any) -> Any:
    """Turn null and NaN, the one value that differs from itself, into an empty text."""
    return "" if cell is None or cell != cell else cell


def _sample_row(number: int, cells: dict[str, Any], question: Question) -> Row:
    try:
        sample = _SAMPLE.validate_python(cells)
    except ValidationError as error:
        raise InputError(f"row {number} is not a Sample record ({explain(error)})") from None
    task = question.task
    if task is not None and sample.post.task != task.key:
        raise InputError(f"row {number} is of {sample.post.task}, and --task says {task.key}")
    if sample.form != question.form:
        raise InputError(f"row {number} is of the form {sample.form}, not {question.form}")
    why = "" if sample.post.text.strip() else "no text"
    return Row(number=number, id=sample.id, sample=sample, skipped=why)


def question_ids(row: Row, question: Question) -> list[str]:
    """Return the ids of the responses to a row: one for each question asked about it."""
    if row.skipped:
        return []
    if row.sample:
        return [row.id]
    return [f"{row.id}/{aspect}" if aspect else row.id for aspect in question.aspects]


def to_samples(row: Row, question: Question) -> list[Sample]:
    """Word a row's questions; a post has no gold answer."""
    if row.skipped or row.sample:
        return [row.sample] if row.sample and not row.skipped else []
    task = question.task
    assert task is not None
    names = question_ids(row, question)
    return [
        Sample(
            id=name,
            form=question.form,
            post=Post(id=post_id(row.text), text=row.text, task=task.key, aspect=aspect),
            prompt=render_prompt(task, row.text, aspect, question.form),
            response="",
            explanation="",
        )
        for name, aspect in zip(names, question.aspects, strict=True)
    ]


def need_question(question: Question) -> None:
    """Raise InputError where a task's question is not known in the form that is asked for."""
    try:
        for aspect in question.aspects if question.task else ():
            assert question.task is not None
            render_prompt(question.task, "", aspect, question.form)
    except WordingError as error:
        raise InputError(str(error)) from None
