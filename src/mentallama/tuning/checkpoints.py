"""Checkpoints that are whole or do not count.

The trainer writes a checkpoint file by file. When all are there, a list of them with their sizes
and the hashes of their ends is added; without a list, or with a file that does not match it, a
checkpoint is broken: it is said, removed, and the one before is used.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from mentallama.io import write_json

_LIST = "whole.json"
_END = 2**20
"""Bytes hashed at either end of a file; hashing all of a 13B model's would take minutes."""


def seal(checkpoint: Path) -> None:
    """Write the list of a checkpoint's files; to be called once all are written."""
    for path in checkpoint.rglob("*"):
        if path.is_file():
            _flush(path)
    write_json(checkpoint / _LIST, _describe(checkpoint))


def newest_whole(folder: Path) -> Path | None:
    """Return the newest whole checkpoint of a run; say and remove broken ones that are newer."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        problem = find_damage(checkpoint)
        if not problem:
            return checkpoint
        print(f"{checkpoint.name} is broken ({problem}); falling back to the one before")
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


def find_damage(checkpoint: Path) -> str:
    """Say what is wrong with a checkpoint; an empty string where nothing is."""
    try:
        listed = json.loads((checkpoint / _LIST).read_text())
    except (OSError, ValueError):
        return "it was not written to its end"
    found = _describe(checkpoint)
    missing = sorted(set(listed) - set(found))
    if missing:
        return f"{missing[0]} is missing"
    changed = sorted(name for name in listed if listed[name] != found[name])
    return f"{changed[0]} is not what was written" if changed else ""


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.removeprefix("checkpoint-")
    return int(number) if number.isdigit() else -1


def _describe(checkpoint: Path) -> dict[str, list[int | str]]:
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    return {
        str(path.relative_to(checkpoint)): [path.stat().st_size, _hash_ends(path)]
        for path in files
        if path.name != _LIST
    }


def _hash_ends(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        digest.update(handle.read(_END))
        if path.stat().st_size > 2 * _END:
            handle.seek(-_END, os.SEEK_END)
        digest.update(handle.read(_END))
    return digest.hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
