"""What is in the shards, known before a model is loaded and proved when all is done."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mentallama.errors import InputError
from mentallama.io import make_folder
from mentallama.models.shards.posts import Question, Row, question_ids, read_shard, stem
from mentallama.rows import open_rows

_IDS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shard:
    """One input file and what was found in it."""

    name: str
    bytes: int
    sha256: str
    rows: int
    notes: dict[str, int]
    """Rows that are skipped, by reason, and lines that are not UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the blocks of a run lie."""

    folder: Path
    block_rows: int
    suffix: str

    def count(self, shard: Shard) -> int:
        """Return the number of a shard's blocks."""
        return -(-shard.rows // self.block_rows)

    def rows(self, shard: Shard, number: int) -> int:
        """Return how many rows a block has; the last one of a shard has what is left."""
        return min(self.block_rows, shard.rows - (number - 1) * self.block_rows)

    def block(self, shard: str, number: int) -> Path:
        """Return the file of a block's responses; blocks count from 1."""
        return self.folder / f"{stem(shard)}-{number:06d}{self.suffix}"

    def skipped(self, shard: str, number: int) -> Path:
        """Return the file that lists a block's skipped rows; there is none where none is."""
        return self.folder / "skipped" / f"{stem(shard)}-{number:06d}.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the files of a shard hold when all of its blocks are done."""

    rows: int
    answered: int
    """Rows with all of their responses."""
    responses: int
    skipped: int
    wrong: tuple[str, ...]
    """Blocks that do not hold one response for each question, in order, and nothing else."""


def survey_shard(path: Path, digest: str, question: Question, ids: Path) -> Shard:
    """Read a shard once: is it whole, how long is it; sorted hashes of ids go to ``ids``."""
    notes: Counter[str] = Counter()
    hashes = []
    for row in read_shard(path, question, notes):
        hashes.append(_hash(row.id))
        if row.skipped:
            notes[f"rows skipped, {row.skipped}"] += 1
    make_folder(ids.parent)
    with ids.open("wb") as handle:
        np.save(handle, np.sort(np.array(hashes, dtype=np.uint64)))
    return Shard(
        name=path.name,
        bytes=path.stat().st_size,
        sha256=digest,
        rows=len(hashes),
        notes=dict(sorted(notes.items())),
    )


def _hash(name: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    )


def count_distinct(files: Sequence[Path], total: int) -> int:
    """Count distinct hashes, a slice of their range at a time, so that memory stays bounded.

    Two ids with one hash of 64 bits would count as one: among a billion ids, one chance in forty.
    """
    arrays = [np.load(file, mmap_mode="r") for file in files]
    parts = total // _IDS_AT_ONCE + 1
    bounds = np.array([2**64 * part // parts for part in range(parts)], dtype=np.uint64)
    cuts = [[*np.searchsorted(array, bounds).tolist(), len(array)] for array in arrays]
    count = 0
    for part in range(parts):
        pieces = [a[cut[part] : cut[part + 1]] for a, cut in zip(arrays, cuts, strict=True)]
        count += len(np.unique(np.concatenate(pieces)))
    return count


def check_shard(path: Path, question: Question, layout: Layout) -> Found:
    """Read a shard and its blocks side by side: is every row there once, and nothing else?"""
    rows = answered = responses = skipped = 0
    wrong = []
    for number, block in enumerate(_batched(path, question, layout.block_rows), 1):
        expected = [name for row in block for name in question_ids(row, question)]
        passed = [row.number for row in block if row.skipped]
        file = layout.block(path.name, number)
        found = _column(file, "sample_id")
        listed = _column(layout.skipped(path.name, number), "row")
        if found != expected or listed != passed:
            wrong.append(file.name)
        else:
            answered += len(block) - len(passed)
        rows, responses, skipped = rows + len(block), responses + len(found), skipped + len(listed)
    return Found(
        rows=rows, answered=answered, responses=responses, skipped=skipped, wrong=tuple(wrong)
    )


def _batched(path: Path, question: Question, size: int) -> Iterator[list[Row]]:
    block: list[Row] = []
    for row in read_shard(path, question):
        block.append(row)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _column(file: Path, name: str) -> list[object]:
    """Return one column of a file; nothing where the file is missing or broken."""
    try:
        with open_rows(file) as stream:
            return [row.get(name) for _, row in stream.rows]
    except InputError:
        return []


def read_blocks(
    path: Path, question: Question, size: int, wanted: Sequence[int]
) -> Iterator[list[Row]]:
    """Yield the wanted blocks of a shard, which count from 1, in order."""
    left = set(wanted)
    for number, block in enumerate(_batched(path, question, size), 1):
        if number in left:
            yield block
            left.remove(number)
            if not left:
                return
