"""One result as files in a folder: NAME.json, NAME.md and, a line per number, NAME.csv."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mentallama.io import atomic_write, make_folder, write_csv, write_json
from mentallama.tables import Table, as_markdown


def write_results(
    out: Path, name: str, found: Mapping[str, Any], tables: Sequence[Table], notes: Sequence[str]
) -> None:
    """Write what was found as JSON, its tables and notes as Markdown.

    The records that ``found`` holds under ``name``, if any, are written as CSV too.
    """
    make_folder(out)
    write_json(out / f"{name}.json", found)
    with atomic_write(out / f"{name}.md") as file:
        file.write("\n\n".join([as_markdown(tables), *notes]) + "\n")
    if rows := found.get(name):
        write_csv(out / f"{name}.csv", list(rows[0]), [[*map(_cell, r.values())] for r in rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
