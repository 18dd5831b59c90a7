"""Time of a submit while 20 raters rate at once, on SQLite and where possible on PostgreSQL.

    python benchmarks/rating_room.py [--raters 20] [--items 60] [--pause 0.5] [--db URL]

A study of invented items, a real server (``mentallama rate serve``), a client process with a thread
and a kept connection for each rater. Two ways of being at once:

- paced: each rater submits, then waits ``--pause`` seconds (drawn, half to one and a half of it)
  before the next: still many times faster than people read.
- burst: all raters submit in the same instant, and again when the last one has its answer. The last
  of a burst waits for the whole of it.

A time is that from the first byte sent to the whole answer, which comes when the submission is on
disk. Beside it stands what the disk alone asks for: the median of 100 writes of 4 KiB with fsync.
"""

import argparse
import http.client
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mentallama.human.assignment import assign
from mentallama.human.rubric import load_rubric
from mentallama.human.study import About, Study, write_study
from mentallama.types import Item


def write_invented(folder: Path, raters: int, items: int) -> Study:
    """Write a study in which every rater has all items."""
    names = tuple(f"rater-{n + 1}" for n in range(raters))
    rubric = load_rubric("mentallama")
    made = tuple(
        Item(
            id=f"i{n}",
            task="dreaddit",
            question="Does the poster suffer from stress?",
            post=f"The bus was late for the {n}th time, and nobody waved. " * 6,
            answer="No, the poster does not suffer from stress. Reasoning: They only wait.",
        )
        for n in range(items)
    )
    about = About(
        name=f"bench-{uuid.uuid4().hex[:8]}", rubric=rubric.stamp, seed=0, overlap=raters,
        raters=names, created="2025-01-01T00:00:00+00:00",
    )  # fmt: skip
    places = tuple(assign(made, names, raters, 0))
    study = Study(about=about, rubric=rubric, items=made, places=places)
    write_study(folder, study, [])
    return study


class Rater:
    """A connection that is kept, as a browser keeps it."""

    def __init__(self, url: str, token: str, study: Study) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self.connection.connect()
        self.headers = {"Content-Type": "application/json"}
        self.study = study
        headers, _ = self.post("/v1/enter", {"token": token})
        self.headers["Cookie"] = headers["set-cookie"].partition(";")[0]

    def post(self, path: str, value: Any) -> tuple[Any, float]:
        """Send; return the answer's headers and the seconds until it was whole."""
        body = json.dumps(value).encode()
        start = time.perf_counter()
        self.connection.request("POST", path, body, self.headers)
        answer = self.connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - start
        assert answer.status == 200, content
        return answer.headers, seconds

    def submit(self, item: str) -> float:
        """Rate an item; return the seconds that it took."""
        rubric = self.study.rubric
        marks = {aspect.key: random.choice(aspect.scores) for aspect in rubric.aspects}
        value = {"id": str(uuid.uuid4()), "item": item, "marks": marks, "rubric": rubric.stamp}
        return self.post("/v1/submissions", {**value, "evidence": [[0, 20]], "seconds": 31.5})[1]


def rate(rater: Rater, items: list[str], wait: Callable[[], Any]) -> list[float]:
    """Rate items, waiting before each."""
    times = []
    for item in items:
        wait()
        times.append(rater.submit(item))
    return times


def describe(name: str, times: list[float]) -> str:
    """Say how the times spread."""
    ordered = sorted(1000 * t for t in times)
    at = [ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95, 0.99, 1)]
    return (
        f"{name}: {len(ordered)} submits, median {at[0]:.1f} ms, p95 {at[1]:.1f}, "
        f"p99 {at[2]:.1f}, slowest {at[3]:.1f}"
    )


def measure(options: Any, db: str | None, folder: Path) -> None:
    """Print the times on one database."""
    study = write_invented(folder / "study", options.raters, options.items)
    command = [sys.executable, "-m", "mentallama", "rate"]
    where = [str(folder / "study"), *(("--db", db) if db else ())]
    links = subprocess.run([*command, "invite", *where], capture_output=True, text=True, check=True)
    tokens = dict(re.findall(r"^(\S+)\t\S+#(\S+)$", links.stdout, re.M))
    server = subprocess.Popen(
        [*command, "serve", *where, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        raters = [Rater(url, tokens[name], study) for name in study.about.raters]
        names = [item.id for item in study.items]
        half = len(names) // 2
        barrier = threading.Barrier(len(raters))
        pause = options.pause

        def rest() -> None:
            time.sleep(pause * random.uniform(0.5, 1.5))

        ways: tuple[tuple[str, list[str], Callable[[], Any]], ...] = (
            ("paced", names[:half], rest),
            ("burst", names[half:], barrier.wait),
        )
        for name, items, wait in ways:
            start = time.perf_counter()
            with ThreadPoolExecutor(len(raters)) as pool:
                found = list(pool.map(lambda r, i=items, w=wait: rate(r, i, w), raters))
            times = [t for one in found for t in one]
            each = len(times) / (time.perf_counter() - start)
            print(f"{'PostgreSQL' if db else 'SQLite'}, {describe(name, times)}; {each:.0f}/s")
    finally:
        server.terminate()
        server.wait()


def time_of_commit(folder: Path) -> float:
    """Return the median milliseconds of writing 4 KiB to this disk for good."""
    times = []
    with (folder / "probe").open("wb") as handle:
        for _ in range(100):
            start = time.perf_counter()
            handle.write(b"x" * 4096)
            handle.flush()
            os.fsync(handle.fileno())
            times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[50]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.5)
    parser.add_argument("--db", help="an empty PostgreSQL database, measured too")
    options = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as name:
        print(
            f"{options.raters} raters, {options.items} items each; {os.cpu_count()} cores, "
            f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
            f"load {os.getloadavg()[0]:.1f}; fsync {time_of_commit(Path(name)):.2f} ms"
        )
        for db in (None, options.db) if options.db else (None,):
            measure(options, db, Path(name) / ("postgres" if db else "sqlite"))


if __name__ == "__main__":
    main()
