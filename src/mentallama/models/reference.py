"""Responses in the reference layout: one CSV per set, ``goldens,generated_text``."""

import csv
from collections.abc import Sequence
from pathlib import Path

from mentallama.io import atomic_write, make_folder
from mentallama.types import Response


def write_reference(responses: Sequence[Response], folder: Path) -> dict[Path, int]:
    """Write ``SET.csv`` for every set, as the paper's scripts read it; return rows by file."""
    by_set: dict[str, list[Response]] = {}
    for response in responses:
        by_set.setdefault(response.task, []).append(response)
    make_folder(folder)
    written = {}
    for task, rows in by_set.items():
        path = folder / f"{task}.csv"
        with atomic_write(path) as handle:
            table = csv.writer(handle, lineterminator="\n")
            table.writerow(("goldens", "generated_text"))
            table.writerows((row.reference, row.text) for row in rows)
        written[path] = len(rows)
    return written
