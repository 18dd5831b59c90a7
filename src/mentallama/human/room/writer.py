"""One thread writes, and commits what has come in together.

A commit waits for the disk. Twenty raters who submit at once share a few commits and not twenty,
and each is answered when its own is on disk.
"""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from mentallama.human.room.database import writing

Value = TypeVar("Value")
Work = Callable[[Connection], Any]
_MOST = 256
"""Pieces of work that share a commit."""


class Writer:
    """A queue of work on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: SimpleQueue[tuple[Work, Future[Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="room-writer", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[Connection], Value]) -> Future[Value]:
        """Have work done; the future is there when it is on disk, or with what was raised."""
        future: Future[Value] = Future()
        self._queue.put((work, future))
        return future

    def close(self) -> None:
        """Do what is left, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < _MOST and (more := self._poll()):
                batch.append(more)
            self._commit([one for one in batch if one[1].set_running_or_notify_cancel()])

    def _poll(self) -> tuple[Work, Future[Any]] | None:
        try:
            found = self._queue.get_nowait()
        except Empty:
            return None
        if found is None:
            # The end: to be met again when this batch is done.
            self._queue.put(None)
        return found

    def _commit(self, batch: list[tuple[Work, Future[Any]]]) -> None:
        try:
            with writing(self._engine) as connection:
                done = [_attempt(connection, work) for work, _ in batch]
        except Exception as error:
            done = [(None, error)] * len(batch)
        for (_, future), (value, failure) in zip(batch, done, strict=True):
            if failure is None:
                future.set_result(value)
            else:
                future.set_exception(failure)


def _attempt(connection: Connection, work: Work) -> tuple[Any, Exception | None]:
    """Do one piece of work; where it fails, what it wrote is undone and the others stay."""
    try:
        with connection.begin_nested():
            return work(connection), None
    except Exception as error:
        return None, error
