"""Files of records: JSON Lines, Parquet and CSV, read strictly and written whole or not at all.

Errors name file and row, never the content of a cell: cells hold people's words.
"""

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mentallama.errors import InputError

Record = TypeVar("Record")

csv.field_size_limit(2**31 - 1)


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[str]]:
    """Open a text file that appears under ``path`` only when all of it is on disk."""
    descriptor, name = _temporary(path)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _temporary(path: Path) -> tuple[int, str]:
    make_folder(path.parent)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        Path(name).chmod(0o666 & ~_umask())
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    return descriptor, name


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def make_folder(path: Path) -> Path:
    """Create a folder and its parents; raise InputError where that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be created ({error.strerror})") from None
    return path


def need_folder(path: Path) -> Path:
    """Return ``path`` where it is a folder; raise InputError otherwise."""
    if not path.is_dir():
        found = "is a file, not a folder" if path.exists() else "no such folder"
        raise InputError(f"{path}: {found}")
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def git_blob_id(path: Path) -> str:
    """Return the id that git gives to the file's content (SHA-1 of "blob <size>NUL<bytes>")."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without a byte-order mark; say where it is broken."""
    try:
        # Not read_text(), which would turn the line ends inside cells into line feeds.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: not UTF-8 at byte {error.start} (line {line}); save the file as UTF-8"
        ) from None


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a CSV file into header and rows; every row must be as wide as the header."""
    # newline="" keeps line ends inside quoted cells as they are.
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from None
    rows = [row for row in rows if row]
    if not rows:
        raise InputError(f"{path}: empty file; expected a header and rows")
    header, *body = rows
    if not body:
        raise InputError(f"{path}: a header but no rows")
    for number, row in enumerate(body, 1):
        if len(row) != len(header):
            raise InputError(
                f"{path}: row {number} has {len(row)} cells, the header has {len(header)}"
            )
    return header, body


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file as pandas does: minimal quoting, line feeds only."""
    with atomic_write(path) as handle:
        # The writer quotes a lone carriage return only where it belongs to the line end.
        writer = csv.writer(_LineFeeds(handle), lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows(rows)


class _LineFeeds:
    """Ends each row that a CSV writer hands over with a line feed."""

    def __init__(self, handle: IO[str]) -> None:
        self._handle = handle

    def write(self, row: str) -> int:
        return self._handle.write(row.removesuffix("\r\n") + "\n")


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value, indented, keys in the order given."""
    with atomic_write(path) as handle:
        json.dump(value, handle, ensure_ascii=False, indent=2)
        handle.write("\n")


def read_json(path: Path) -> Any:
    """Read one JSON value."""
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON (line {error.lineno}: {error.msg})") from None


def to_line(record: object) -> str:
    """Render a record as one line of JSON without the line end."""
    return json.dumps(asdict(record), ensure_ascii=False)  # type: ignore[call-overload]


def write_records(path: Path, records: Iterable[object]) -> None:
    """Write records as JSON Lines, or as Parquet where the name ends in ``.parquet``."""
    if path.suffix == ".parquet":
        _write_parquet(path, records)
        return
    with atomic_write(path) as handle:
        for record in records:
            handle.write(to_line(record) + "\n")


def read_records(path: Path, kind: type[Record], *, empty: Sequence[str] = ()) -> list[Record]:
    """Read records of one kind from JSON Lines or Parquet; an empty file is an error.

    A null or NaN in the columns named by ``empty`` is read as an empty text.
    """
    rows = _parquet_rows(path) if path.suffix == ".parquet" else _json_rows(path)
    adapter = TypeAdapter(kind)
    records = []
    for number, row in rows:
        for name in empty if isinstance(row, dict) else ():
            # NaN is the one value that differs from itself.
            if name in row and (row[name] is None or row[name] != row[name]):
                row[name] = ""
        try:
            records.append(adapter.validate_python(row))
        except ValidationError as error:
            reason = f"row {number} is not a {kind.__name__} record ({explain(error)})"
            raise InputError(f"{path}: {reason}") from None
    if not records:
        raise InputError(f"{path}: empty file; expected {kind.__name__} records")
    return records


def explain(error: ValidationError) -> str:
    """Say in one line what was wrong first, without quoting the value that was found."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "record"
    more = error.error_count() - 1
    return f"{where}: {first['msg']}" + (f" (and {more} more)" if more else "")


def need_unique(ids: Iterable[str], path: Path) -> None:
    """Raise InputError naming the first id that stands in ``path`` twice."""
    seen: dict[str, int] = {}
    for number, name in enumerate(ids, 1):
        if name in seen:
            raise InputError(f"{path}: rows {seen[name]} and {number} have the same id '{name}'")
        seen[name] = number


def _json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}: row {number} is not JSON ({error.msg})") from None


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, pa.ArrowException):
        raise InputError(f"{path}: not a Parquet file") from None
    return enumerate(table.to_pylist(), 1)


def _write_parquet(path: Path, records: Iterable[object]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    descriptor, name = _temporary(path)
    os.close(descriptor)
    try:
        pq.write_table(pa.Table.from_pylist([asdict(r) for r in records]), name)  # type: ignore[call-overload]
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
