"""The driver: hands blocks to workers, counts, and proves at the end that every row is there."""

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mentallama.errors import CheckError, InputError
from mentallama.io import make_folder, sha256
from mentallama.models.shards.cluster import (
    READER_CPUS,
    READERS,
    call_all,
    cluster,
    get,
    get_first,
    need_room,
)
from mentallama.models.shards.manifest import NAME, Input, describe, need_same, read_input, settle
from mentallama.models.shards.posts import find_shards, need_question
from mentallama.models.shards.survey import (
    Found,
    Layout,
    Shard,
    check_shard,
    count_distinct,
    read_blocks,
    survey_shard,
)
from mentallama.models.shards.worker import Job, Key, Worker
from mentallama.progress import meter

_AHEAD = 2
"""Blocks that a worker has at hand: the one it answers and the next."""
_DEATHS = 3
"""How often a block is tried again when its worker dies over it."""
_HALF_WRITTEN = re.compile(r"\.+[^.].*-\d{6}\.(\d+\.)?(jsonl|parquet)")
_LOADING = "loading the model in a worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """How many workers there are, and what each takes of the cluster."""

    count: int = 1
    cpus: float = 0.5
    gpus: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a run has made of its rows, looked up in its files."""

    key: Key
    rows: int
    answered: int
    responses: int
    skipped: int
    distinct: int
    blocks: int
    asked: int
    """Of ``blocks``, those that were not done when this call began."""
    notes: dict[str, int]
    """Rows skipped, by reason; lines not UTF-8."""
    not_read: tuple[str, ...]
    """Other files of the folder."""


def generate_shards(folder: Path, job: Job, workers: Workers) -> Done:
    """Answer the posts of all shards of a folder; a second call goes on where the first stopped.

    Raises InputError where the output was begun with another model or other input, or another
    driver is at work on it; CheckError where at the end a row is missing or doubled.
    """
    need_question(job.question)
    shards, others = find_shards(folder)
    with _alone(job.layout.folder) as out, cluster() as ray:
        need_same(out, describe(job))
        need_room(ray, workers.count, workers.cpus, workers.gpus)
        given = _survey(ray, shards, job, out)
        key, asked = _answer(ray, folder, given, job, workers)
        found = _check(ray, folder, given, job)
        _sweep(out)
    notes: Counter[str] = Counter()
    for shard in given.shards:
        notes.update(shard.notes)
    return Done(
        key=key,
        rows=sum(one.rows for one in found),
        answered=sum(one.answered for one in found),
        responses=sum(one.responses for one in found),
        skipped=sum(one.skipped for one in found),
        distinct=given.distinct,
        blocks=sum(job.layout.count(shard) for shard in given.shards),
        asked=asked,
        notes=dict(notes),
        not_read=tuple(path.name for path in others),
    )


@contextmanager
def _alone(out: Path) -> Iterator[Path]:
    """Hold the folder of a run against a second driver."""
    lock = FileLock(make_folder(out) / "run.lock")
    try:
        with lock.acquire(timeout=0):
            _sweep(out)
            yield out
    except Timeout:
        raise InputError(f"{out}: another process is writing it") from None


def _sweep(out: Path) -> None:
    """Remove what killed workers left half written; a block only counts under its own name."""
    if not (out / NAME).exists():
        return
    for path in (*out.glob(".*"), *out.glob("skipped/.*")):
        if _HALF_WRITTEN.match(path.name):
            path.unlink(missing_ok=True)


def _survey(ray: Any, shards: Sequence[Path], job: Job, out: Path) -> Input:
    """Find out what the shards hold; from the second start on, only that they are the same."""
    digests = call_all(ray, sha256, [(path,) for path in shards], "hash")
    given = read_input(out, [(p.name, digest) for p, digest in zip(shards, digests, strict=True)])
    if given:
        return given
    ids = out / ".ids"
    files = [ids / f"{path.name}.npy" for path in shards]
    calls = [(p, d, job.question, f) for p, d, f in zip(shards, digests, files, strict=True)]
    found = call_all(ray, survey_shard, calls, "survey")
    rows = sum(shard.rows for shard in found)
    if not rows:
        raise InputError(f"{shards[0].parent}: {len(shards)} shards and not one row")
    distinct = count_distinct(files, rows)
    for file in files:
        file.unlink()
    with suppress(OSError):  # of an earlier start with other shards something may be left
        ids.rmdir()
    return Input(shards=tuple(found), distinct=distinct)


def _answer(ray: Any, folder: Path, given: Input, job: Job, workers: Workers) -> tuple[Key, int]:
    """Answer what is not done yet; return the model's key and how many blocks there were to do."""
    left = _list_left(given, job.layout)
    count = sum(map(len, left.values()))
    actors = _start(ray, job, workers, min(workers.count, count))
    loading = {actor.key.remote(): actor for actor in actors}
    key: Key = get_first(ray, list(loading), _LOADING)
    settle(job, key, given)
    rows_left = sum(job.layout.rows(shard, n) for shard, numbers in left.items() for n in numbers)
    blocks = _read(ray, folder, job, left)
    with meter(total=given.rows, done=given.rows - rows_left, label="generate") as progress:
        for rows in _hand_out(ray, loading, blocks, key.key):
            for _ in range(rows):
                progress.advance()
    for actor in actors:
        ray.kill(actor)
    return key, count


def _list_left(given: Input, layout: Layout) -> dict[Shard, list[int]]:
    """Return the blocks of each shard whose files are not there."""
    there = {path.name for path in layout.folder.iterdir()}
    return {
        shard: [
            number
            for number in range(1, layout.count(shard) + 1)
            if layout.block(shard.name, number).name not in there
        ]
        for shard in given.shards
    }


def _start(ray: Any, job: Job, workers: Workers, count: int) -> list[Any]:
    """Start workers; one even where nothing is left: it says which model this would be."""
    actor = ray.remote(
        num_cpus=workers.cpus, num_gpus=workers.gpus, max_restarts=-1, max_task_retries=_DEATHS
    )(Worker)
    return [actor.remote(job) for _ in range(max(1, count))]


def _read(
    ray: Any, folder: Path, job: Job, left: dict[Shard, list[int]]
) -> Iterator[tuple[str, int, Any]]:
    """Yield shard, number and reference of each block; the rows go from reader to worker.

    A reader waits when its blocks are not fetched, so that few are in memory.
    """
    reader = ray.remote(
        num_cpus=READER_CPUS, num_returns="streaming", _generator_backpressure_num_objects=_AHEAD
    )(read_blocks)
    size = job.layout.block_rows
    streams = (
        (shard.name, numbers, reader.remote(folder / shard.name, job.question, size, numbers))
        for shard, numbers in left.items()
        if numbers
    )
    opened = deque(islice(streams, READERS))
    while opened:
        name, numbers, refs = opened.popleft()
        # A reader that fails ends early, and its last reference raises where it is used.
        for number, ref in zip(numbers, refs, strict=False):
            yield name, number, ref
        opened.extend(islice(streams, 1))


def _hand_out(
    ray: Any, loading: dict[Any, Any], blocks: Iterator[tuple[str, int, Any]], key: str
) -> Iterator[int]:
    """Give blocks to workers as they come up and get done; yield the rows of each block done."""
    idle: deque[Any] = deque()
    busy: dict[Any, tuple[Any, str]] = {}
    more = True
    while True:
        while more and idle:
            block = next(blocks, None)
            if block is None:
                more = False
            else:
                worker = idle.popleft()
                what = f"{block[0]}, block {block[1]}"
                busy[worker.answer.remote(*block, key)] = (worker, what)
        if not more and not busy:
            return
        for ref in ray.wait([*busy, *loading])[0]:
            if ref in loading:
                get(ray, ref, _LOADING)
                idle.extend([loading.pop(ref)] * _AHEAD)
            else:
                worker, what = busy.pop(ref)
                yield get(ray, ref, what)
                idle.append(worker)


def _check(ray: Any, folder: Path, given: Input, job: Job) -> list[Found]:
    """Look every row up in the files; raise CheckError where one is missing or doubled."""
    calls = [(folder / shard.name, job.question, job.layout) for shard in given.shards]
    found = call_all(ray, check_shard, calls, "check")
    wrong = [name for one in found for name in one.wrong]
    if wrong:
        raise CheckError(
            f"{job.layout.folder}: {len(wrong)} blocks do not hold each of their rows once, "
            f"{wrong[0]} first; remove these files and start again"
        )
    rows, answered = sum(one.rows for one in found), sum(one.answered for one in found)
    skipped = sum(one.skipped for one in found)
    if not rows == given.rows == answered + skipped:
        raise CheckError(
            f"{job.layout.folder}: {given.rows:,} rows in, {answered:,} answered and {skipped:,} "
            "skipped do not add up"
        )
    return found
