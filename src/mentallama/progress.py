"""Progress of long work on standard error: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

Item = TypeVar("Item")
_SECONDS_BETWEEN_LINES = 10.0


class Meter(Protocol):
    """Counts finished items and shows how many there are, the rate and the time left."""

    def advance(self, note: str = "") -> None:
        """Count one more item; ``note`` is shown beside the rate."""
        ...


def track(items: Iterable[Item], *, total: int, done: int = 0, label: str) -> Iterator[Item]:
    """Yield ``items`` and show how many of ``total`` are done, the rate and the time left.

    ``done`` counts what an earlier, interrupted run had finished.
    """
    with meter(total=total, done=done, label=label) as progress:
        for item in items:
            yield item
            progress.advance()


@contextmanager
def meter(*, total: int, done: int = 0, label: str) -> Iterator[Meter]:
    """Open a meter for work whose items do not come from one iterator."""
    if not sys.stderr.isatty():
        yield _Lines(total, done, label)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _Bar(progress, total, done, label)


class _Bar:
    def __init__(self, progress: object, total: int, done: int, label: str) -> None:
        from rich.progress import Progress

        assert isinstance(progress, Progress)
        self._progress, self._start, self._count = progress, time.monotonic(), 0
        self._task = progress.add_task(label, total=total, completed=done, rate="")

    def advance(self, note: str = "") -> None:
        self._count += 1
        rate = f"{self._count / max(time.monotonic() - self._start, 1e-9):.1f} rows/s"
        self._progress.update(self._task, advance=1, rate=f"{rate} {note}".strip())


class _Lines:
    def __init__(self, total: int, done: int, label: str) -> None:
        self._total, self._done, self._label, self._count = total, done, label, 0
        self._start = self._last = time.monotonic()

    def advance(self, note: str = "") -> None:
        self._count += 1
        now, done = time.monotonic(), self._done + self._count
        if now - self._last < _SECONDS_BETWEEN_LINES and done != self._total:
            return
        self._last = now
        rate = self._count / max(now - self._start, 1e-9)
        left = (self._total - done) / rate
        parts = (f"{done}/{self._total}", f"{rate:.1f} rows/s", f"{left:.0f} s left", note)
        print(f"{self._label}: {', '.join(filter(None, parts))}", file=sys.stderr, flush=True)
