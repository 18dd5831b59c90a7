"""Rows of a table file, streamed, whatever its format: nothing is held whole in memory.

CSV, TSV, JSON Lines and Parquet; the same packed by gzip or zstandard (Reddit dumps are ``.zst``
JSON Lines); a workbook (first sheet); a ZIP that holds one of these.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mentallama.errors import InputError

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".zip")
_PACKED = (".zst", ".gz")
# Reddit dumps are packed with a window of 2 GiB.
_ZST_WINDOW = 2**31


@dataclass(slots=True)
class RowStream:
    """Rows of one file as they come; the notes are complete when the rows are used up."""

    rows: Iterator[tuple[int, dict[str, Any]]]
    """Number of the row, from 1, and its cells by column."""
    not_utf8: int = 0
    """Lines that are not UTF-8 and were read as Windows-1252."""


@contextmanager
def open_rows(path: Path) -> Iterator[RowStream]:
    """Open a table file for reading row by row.

    Raises InputError, also while rows are read, naming file and row and never a cell.
    """
    try:
        with path.open("rb") as handle:
            stream = RowStream(rows=iter(()))
            stream.rows = _guard(path, _rows(path.name, handle, path, stream))
            yield stream
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _guard(path: Path, rows: Iterator[Any]) -> Iterator[Any]:
    """Turn what a reader library raises into one line."""
    import zlib

    try:
        yield from rows
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{path}: the packed file is broken or cut short ({error})") from None


def _rows(
    name: str, handle: IO[bytes], path: Path, stream: RowStream
) -> Iterator[tuple[int, dict[str, Any]]]:
    suffix = PurePosixPath(name.lower()).suffix
    if suffix in _PACKED:
        return _rows(name[: -len(suffix)], _unpack(suffix, handle, path), path, stream)
    match suffix:
        case ".csv" | ".tsv":
            return _csv_rows(path, _lines(handle, stream), "\t" if suffix == ".tsv" else ",")
        case ".parquet":
            return _parquet_rows(path, handle)
        case ".xlsx":
            return _sheet_rows(path, handle)
        case ".zip":
            return _zip_rows(path, handle, stream)
        case ".jsonl" | ".ndjson" | ".json" | "":
            return _json_rows(path, _lines(handle, stream))
    known = ", ".join((*SUFFIXES, *_PACKED))
    raise InputError(f"{path}: a file of kind '{suffix}' cannot be read; known: {known}")


def _unpack(suffix: str, handle: IO[bytes], path: Path) -> Any:
    if suffix == ".gz":
        import gzip

        return gzip.GzipFile(fileobj=handle)
    try:
        import zstandard
    except ModuleNotFoundError:
        raise InputError(f"{path}: needs zstandard: pip install 'mentallama[data]'") from None
    reader = zstandard.ZstdDecompressor(max_window_size=_ZST_WINDOW).stream_reader(
        handle, read_across_frames=True
    )
    return io.BufferedReader(_Readable(reader, path))


class _Readable(io.RawIOBase):
    """A zstandard stream that names the file when it is broken."""

    def __init__(self, inner: Any, path: Path) -> None:
        self._inner, self._path = inner, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        import zstandard

        try:
            return int(self._inner.readinto(buffer))
        except zstandard.ZstdError:
            raise InputError(f"{self._path}: not a zstandard file, or cut short") from None


def _lines(handle: IO[bytes], stream: RowStream) -> Iterator[str]:
    """Decode line by line: the public corpora mix UTF-8 with Windows-1252."""
    for number, line in enumerate(handle):
        try:
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")
        except UnicodeDecodeError:
            stream.not_utf8 += 1
            yield line.decode("cp1252", "replace")


def _csv_rows(
    path: Path, lines: Iterator[str], delimiter: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.reader(lines, delimiter=delimiter)
    header = next(rows, None)
    if header is None:
        raise InputError(f"{path}: empty file; expected a header and rows")
    for number, row in enumerate((row for row in rows if row), 1):
        if len(row) != len(header):
            raise InputError(
                f"{path}: row {number} has {len(row)} cells, the header has {len(header)}"
            )
        yield number, dict(zip(header, row, strict=True))


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: row {number} is not JSON ({error.msg})") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number} is not a JSON object")
        yield number, row


def _parquet_rows(path: Path, handle: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(handle)
        number = 0
        for batch in file.iter_batches(batch_size=4096):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (OSError, pa.ArrowException):
        raise InputError(f"{path}: not a Parquet file") from None


def _sheet_rows(path: Path, handle: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(handle, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError):
        raise InputError(f"{path}: not a workbook") from None
    rows = book.worksheets[0].iter_rows(values_only=True)
    header = [str(cell) for cell in next(rows, ())]
    for number, row in enumerate(rows, 1):
        if any(cell is not None for cell in row):
            yield number, dict(zip(header, row, strict=False))


def _zip_rows(
    path: Path, handle: IO[bytes], stream: RowStream
) -> Iterator[tuple[int, dict[str, Any]]]:
    archive = zipfile.ZipFile(handle)
    names = [
        name
        for name in archive.namelist()
        if PurePosixPath(name.lower()).suffix in SUFFIXES and not name.startswith("__MACOSX")
    ]
    if len(names) != 1:
        raise InputError(f"{path}: holds {len(names)} tables, expected one")
    inner: Any = archive.open(names[0])
    # A workbook is read from its end, which a packed stream does not allow.
    inner = io.BytesIO(inner.read()) if names[0].lower().endswith((".xlsx", ".parquet")) else inner
    yield from _rows(names[0], inner, path, stream)
