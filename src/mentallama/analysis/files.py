"""Analyses of a file of posts: streamed, resumable after a kill, nothing lost and nothing doubled.

While it runs, finished rows stand in ``OUT.partial``, each on disk before it is counted; its first
line says what is being analysed with what, so that another run never continues it. At the end the
rows are written to ``OUT``, all at once, and ``OUT.meta.json`` says what they were made from.
"""

import itertools
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mentallama.analysis.ask import Analyser, analyse, as_reply, has_words, list_questions
from mentallama.errors import InputError, nearest
from mentallama.io import atomic_write, read_json, sha256, write_json
from mentallama.journal import Journal, open_journal
from mentallama.progress import track
from mentallama.rows import open_rows
from mentallama.tasks import get_task

COLUMNS = ("text", "post", "body", "selftext")
"""Where a post stands if nothing else is said, in this order."""
CHUNK = 64
"""Posts that an analyser is given at once."""
_SECONDS_BETWEEN_WRITES = 0.25
_NAME = re.compile(r"[\w.:()/-]{1,30}(?: [\w.:()/-]{1,30}){0,2}")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostFile:
    """A file of posts, and where it holds them."""

    path: Path
    column: str
    id_column: str | None
    rows: int
    empty: int
    """Rows whose post has nothing to read."""
    not_utf8: int
    """Lines that are not UTF-8 and were read as Windows-1252."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCount:
    """What became of one task's questions on all rows."""

    task: str
    asked: int
    abstained: int
    truncated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a finished file holds."""

    rows: int
    empty: int
    not_utf8: int
    tasks: tuple[TaskCount, ...]
    before: bool = False
    """It had been finished by an earlier run."""


def survey(path: Path, column: str | None = None, id_column: str | None = None) -> PostFile:
    """Read a file once, to know its rows and that all of them can be read.

    Raises InputError naming file and row, never the content of a cell.
    """
    rows = empty = 0
    with open_rows(path) as stream:
        for number, cells in stream.rows:
            if not rows:
                column = _pick_column(path, list(cells), column)
                id_column = _pick_id(path, list(cells), id_column)
            rows += 1
            empty += not has_words(_post(path, number, cells, str(column)))
        if not rows:
            raise InputError(f"{path}: no rows; expected a table with a column of posts")
        return PostFile(
            path=path,
            column=str(column),
            id_column=id_column,
            rows=rows,
            empty=empty,
            not_utf8=stream.not_utf8,
        )


def analyse_file(
    table: PostFile, out: Path, analyser: Analyser, tasks: Sequence[str] | None = None
) -> Done:
    """Analyse every row of a table into ``out``, one JSON object a line.

    A stopped run goes on where it was; a finished one is not repeated. Raises InputError where
    ``out`` was made otherwise, or where another process is writing it.
    """
    if out.suffix not in (".jsonl", ".ndjson"):
        raise InputError(f"{out}: analyses are written as JSON Lines; name a .jsonl file")
    key = _key(table, analyser, tasks)
    if out.exists():
        return _read_finished(out, key)
    partial = out.with_name(out.name + ".partial")
    with open_journal(partial) as journal:
        last, done = _read_partial(journal, key)
        answered = _answer(table, analyser, tasks, last)
        for _ in track(_keep(journal, answered), total=table.rows, done=done, label="analyse"):
            pass
        finished = _finish(partial, out, table, key)
        partial.unlink()
    return finished


def whole_characters(text: str) -> str:
    """Replace halves of a character, which no UTF-8 file can hold, one for one."""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def _pick_column(path: Path, names: list[str], wanted: str | None) -> str:
    if wanted is not None:
        return _need(path, names, wanted)
    usual = next((name for name in COLUMNS if name in names), None)
    if usual is None and len(names) == 1 and _NAME.fullmatch(names[0]):
        return names[0]
    if usual is None:
        raise InputError(f"{path}: which column holds the posts? {_say(names)}; say it: --column")
    return usual


def _pick_id(path: Path, names: list[str], wanted: str | None) -> str | None:
    return _need(path, names, wanted) if wanted else ("id" if "id" in names else None)


def _need(path: Path, names: list[str], wanted: str) -> str:
    if wanted not in names:
        shown = [name for name in names if _NAME.fullmatch(name)]
        raise InputError(f"{path}: no column '{wanted}'; {_say(names)}.{nearest(wanted, shown)}")
    return wanted


def _say(names: Sequence[str]) -> str:
    """Name columns; a file without a header has a post there, which is not repeated."""
    shown = [name if _NAME.fullmatch(name) else "(no name but a text)" for name in names[:12]]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"it has {', '.join(shown)}{more}"


def _post(path: Path, number: int, cells: dict[str, Any], column: str) -> str:
    if column not in cells:
        raise InputError(f"{path}: row {number} has no '{column}'")
    cell = cells[column]
    # NaN is the one value that differs from itself.
    if cell is None or cell != cell:
        return ""
    if not isinstance(cell, str):
        kind = type(cell).__name__
        raise InputError(f"{path}: row {number}: '{column}' is no text but {kind}; see --column")
    return whole_characters(cell)


def _key(table: PostFile, analyser: Analyser, tasks: Sequence[str] | None) -> dict[str, Any]:
    return {
        "analyser": analyser.name,
        "analyser_key": analyser.key,
        "questions": [asdict(question) for question in list_questions(tasks)],
        "file_sha256": sha256(table.path),
        "column": table.column,
        "id_column": table.id_column,
    }


def _meta(out: Path) -> Path:
    return out.with_name(out.name + ".meta.json")


def _read_finished(out: Path, key: dict[str, Any]) -> Done:
    meta = _meta(out)
    found = read_json(meta) if meta.exists() else {}
    if not isinstance(found, dict) or found.get("key") != key:
        raise InputError(
            f"{out}: exists and was made from another file, model or other tasks; "
            "remove it or choose another --out"
        )
    counts = found["counts"]
    tasks = tuple(TaskCount(**one) for one in counts.pop("tasks"))
    return Done(**{**counts, "before": True}, tasks=tasks)


def _read_partial(journal: Journal, key: dict[str, Any]) -> tuple[int, int]:
    """Return the number of the last finished row, and how many are; an empty journal is begun."""
    if not journal.lines:
        journal.append(json.dumps(key))
        return 0, 0
    if json.loads(journal.lines[0]) != key:
        raise InputError(
            f"{journal.path}: an unfinished run on another file, with another model or other "
            "tasks; remove it or choose another --out"
        )
    done = len(journal.lines) - 1
    last = json.loads(journal.lines[-1])["row"] if done else 0
    journal.lines.clear()  # they may be many
    return last, done


def _answer(
    table: PostFile, analyser: Analyser, tasks: Sequence[str] | None, last: int
) -> Iterator[str]:
    """Yield a line for each row behind the last finished one."""
    with open_rows(table.path) as stream:
        left = (row for row in stream.rows if row[0] > last)
        while chunk := list(itertools.islice(left, CHUNK)):
            posts = [_post(table.path, number, cells, table.column) for number, cells in chunk]
            found = analyse(posts, analyser=analyser, tasks=tasks)
            for (number, cells), analyses in zip(chunk, found, strict=True):
                row = {"row": number, "id": _id(cells, table.id_column), **as_reply(analyses)}
                yield json.dumps(row, ensure_ascii=False)


def _id(cells: dict[str, Any], column: str | None) -> str | int | None:
    value = cells.get(column) if column else None
    if value is None or isinstance(value, int):
        return value
    return whole_characters(str(value))


def _keep(journal: Journal, lines: Iterator[str]) -> Iterator[None]:
    """Put lines on disk, those of a moment at once, and count each one that is there."""
    waiting: list[str] = []
    written = time.monotonic()
    try:
        for line in lines:
            waiting.append(line)
            if time.monotonic() - written > _SECONDS_BETWEEN_WRITES:
                kept, waiting = waiting, []
                journal.append(*kept)
                yield from (None for _ in kept)
                written = time.monotonic()
    finally:
        # Also where an analyser stops with an error: what it had answered is kept.
        if waiting:
            journal.append(*waiting)
    yield from (None for _ in waiting)


def _finish(partial: Path, out: Path, table: PostFile, key: dict[str, Any]) -> Done:
    """Write the journal's rows to ``out`` and count what stands in them."""
    counts: dict[str, list[int]] = {}
    rows = 0
    with partial.open(encoding="utf-8", newline="\n") as lines, atomic_write(out) as handle:
        next(lines)
        for line in lines:
            handle.write(line)
            rows += 1
            for one in json.loads(line)["analyses"]:
                count = counts.setdefault(one["task"], [0, 0, 0])
                for place, more in enumerate((1, one["abstained"], one["truncated"])):
                    count[place] += more
        if rows != table.rows:
            raise InputError(f"{table.path}: has changed while it was read; start again")
        done = Done(
            rows=rows,
            empty=table.empty,
            not_utf8=table.not_utf8,
            tasks=tuple(
                TaskCount(task=get_task(task).key, asked=a, abstained=b, truncated=c)
                for task, (a, b, c) in counts.items()
            ),
        )
        write_json(_meta(out), {"key": key, "counts": asdict(done)})
    return done
