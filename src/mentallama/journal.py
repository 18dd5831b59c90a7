"""A file that grows line by line and survives a kill at any moment.

A line is on disk before ``append`` returns; a line that a kill tore is cut off when the file is
opened again; a second process on the same file is refused.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from mentallama.errors import InputError
from mentallama.io import make_folder


@dataclass(slots=True)
class Journal:
    """An open journal: the whole lines that it held when it was opened, and a way to add some."""

    path: Path
    lines: list[str]
    _handle: IO[bytes]

    def append(self, *lines: str) -> None:
        """Add lines (without line end); return when they are on disk."""
        self._handle.write("".join(line + "\n" for line in lines).encode("utf-8"))
        self._handle.flush()
        os.fsync(self._handle.fileno())


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open a journal under a lock; raise InputError where another process is writing it."""
    make_folder(path.parent)
    lock = FileLock(f"{path}.lock")
    try:
        with lock.acquire(timeout=0), path.open("a+b") as handle:
            yield Journal(path, _whole_lines(handle), handle)
    except Timeout:
        raise InputError(f"{path}: another process is writing it") from None
    except PermissionError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    Path(lock.lock_file).unlink(missing_ok=True)


def _whole_lines(handle: IO[bytes]) -> list[str]:
    handle.seek(0)
    data = handle.read()
    whole = data[: data.rfind(b"\n") + 1]
    handle.truncate(len(whole))
    handle.seek(0, os.SEEK_END)
    return [line.decode("utf-8") for line in whole.split(b"\n")[:-1]]
