"""A bounded number of threads, and a bounded number of requests that wait for one."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Value = TypeVar("Value")


class Pool:
    """Threads with a waiting room; a request takes a place before its body is read."""

    def __init__(self, *, workers: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="analyse")
        self._workers = workers
        self._places = workers + queue
        self._taken = 0

    @property
    def full(self) -> bool:
        """Whether the next request has to come again."""
        return self._taken >= self._places

    @property
    def waiting(self) -> int:
        """How many requests have a place but no thread."""
        return max(0, self._taken - self._workers)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; only for the event loop's own thread."""
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def run(self, job: Callable[[], Value]) -> Value:
        """Run a job in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, job)

    def start(self, job: Callable[[], None]) -> None:
        """Let a job run when a thread is free; nobody waits for it."""
        self._threads.submit(job)

    def close(self) -> None:
        """Start no more jobs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
