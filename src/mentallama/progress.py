"""Progress of long work on standard error: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_SECONDS_BETWEEN_LINES = 10.0


def track(items: Iterable[Item], *, total: int, done: int = 0, label: str) -> Iterator[Item]:
    """Yield ``items`` and show how many of ``total`` are done, the rate and the time left.

    ``done`` counts what an earlier, interrupted run had finished.
    """
    if sys.stderr.isatty():
        yield from _bar(items, total, done, label)
    else:
        yield from _lines(items, total, done, label)


def _bar(items: Iterable[Item], total: int, done: int, label: str) -> Iterator[Item]:
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
        bar = progress.add_task(label, total=total, completed=done, rate="")
        start = time.monotonic()
        for count, item in enumerate(items, 1):
            yield item
            rate = count / max(time.monotonic() - start, 1e-9)
            progress.update(bar, advance=1, rate=f"{rate:.1f} rows/s")


def _lines(items: Iterable[Item], total: int, done: int, label: str) -> Iterator[Item]:
    start = last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES or done + count == total:
            last = now
            rate = count / max(now - start, 1e-9)
            left = (total - done - count) / rate
            print(
                f"{label}: {done + count}/{total}, {rate:.1f} rows/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
