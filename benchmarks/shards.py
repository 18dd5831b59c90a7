"""Shards of short invented posts through the cheapest model, a worker killed half way.

    python benchmarks/shards.py --rows 100000 --workers 2

The model is the fake one that ships, so what is measured is the pipeline: reading, cutting into
blocks, handing them to workers, wording, writing, and the look-up of every row at the end. Run on
a local Ray cluster; prints the rates, and how many rows are in the files exactly once.
"""

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import zstandard

from mentallama.models.backend import Decoding
from mentallama.models.shards import run
from mentallama.models.shards.posts import Question
from mentallama.models.shards.survey import Layout
from mentallama.models.shards.worker import FAKE, Job, Model, load_backend
from mentallama.rows import open_rows
from mentallama.tasks import get_task

SHARDS = 10
TOPICS = ("the exam on Monday", "the rent", "my brother", "the new job", "being awake at four")


def write_posts(folder: Path, rows: int) -> int:
    """Write shards of posts, every other one packed; return the bytes of all texts."""
    size = 0
    for shard in range(SHARDS):
        lines = []
        for number in range(shard * rows // SHARDS, (shard + 1) * rows // SHARDS):
            topic = TOPICS[number % len(TOPICS)]
            text = f"Note {number}: thinking about {topic} again, and nobody I could tell it to."
            size += len(text)
            lines.append(json.dumps({"id": f"r{number}", "text": text}) + "\n")
        data = "".join(lines).encode()
        if shard % 2:
            (folder / f"posts-{shard}.jsonl.zst").write_bytes(zstandard.compress(data))
        else:
            (folder / f"posts-{shard}.jsonl").write_bytes(data)
    return size


def kill_half_way(out: Path, blocks: int, said: list[int]) -> None:
    """Kill one worker when half of the blocks are done; workers note their processes."""
    while len(list(out.glob("posts-*"))) < blocks // 2:
        time.sleep(0.05)
    pids = sorted(int(path.name) for path in (out.parent / "processes").iterdir())
    said.append(pids[0])
    os.kill(pids[0], signal.SIGKILL)


def load_noted(model: Model) -> tuple[object, str]:
    """Load the fake model and note in whose process."""
    (Path(os.environ["BENCHMARK_PROCESSES"]) / str(os.getpid())).touch()
    return load_backend(model)


def timed(name: str, seconds: dict[str, float]) -> None:
    """Note how long a part of the driver takes."""
    part = getattr(run, name)

    def measure(*arguments: object) -> object:
        start = time.perf_counter()
        result = part(*arguments)
        seconds[name.strip("_")] = time.perf_counter() - start
        return result

    setattr(run, name, measure)


def main() -> None:
    """Write, answer, look up again without our own check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--block-rows", type=int, default=2000)
    options = parser.parse_args()
    seconds: dict[str, float] = {}
    for name in ("_survey", "_answer", "_check"):
        timed(name, seconds)
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        for name in ("in", "processes"):
            (base / name).mkdir()
        os.environ["BENCHMARK_PROCESSES"] = str(base / "processes")
        size = write_posts(base / "in", options.rows)
        job = Job(
            model=Model(name=FAKE),
            question=Question(task=get_task("SAD")),
            layout=Layout(folder=base / "out", block_rows=options.block_rows, suffix=".jsonl"),
            decoding=Decoding(),
            load=load_noted,
        )
        killed: list[int] = []
        blocks = SHARDS * -(-options.rows // SHARDS // options.block_rows)
        arguments = (base / "out", blocks, killed)
        killer = threading.Thread(target=kill_half_way, args=arguments, daemon=True)
        killer.start()
        start = time.perf_counter()
        done = run.generate_shards(base / "in", job, run.Workers(count=options.workers))
        wall = time.perf_counter() - start
        ids: Counter[str] = Counter()
        written = 0
        for path in (base / "out").glob("posts-*.jsonl"):
            written += path.stat().st_size
            with open_rows(path) as stream:
                ids.update(row["sample_id"] for _, row in stream.rows)
        processes = len(list((base / "processes").iterdir()))
    once = sum(ids[f"r{number}"] == 1 for number in range(options.rows))
    print(
        f"{options.rows:,} posts, {size / options.rows:.0f} bytes each, {SHARDS} shards, ", end=""
    )
    print(f"{done.blocks} blocks; {options.workers} workers on {os.cpu_count()} CPUs")
    print(f"load of the machine (mean of five minutes): {os.getloadavg()[1]:.1f}")
    print(f"worker {killed} killed half way; {processes} worker processes in all")
    for name, value in seconds.items():
        print(f"{name:<8} {value:7.1f} s {options.rows / value:9,.0f} rows/s")
    print(f"all      {wall:7.1f} s {options.rows / wall:9,.0f} rows/s, the cluster's start in it")
    print(f"{written / options.rows:.0f} bytes of output a row")
    print(f"exactly once: {once:,} of {options.rows:,} rows; other rows: {len(ids) - once:,}")


if __name__ == "__main__":
    main()
