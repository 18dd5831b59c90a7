"""Parts of the corpus as files, in the layout that somebody's tool reads."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from mentallama.corpus import MATERIAL, PARTS, Part, load_material, load_posts
from mentallama.corpus.raw import export_raw
from mentallama.corpus.samples import export
from mentallama.errors import InputError, nearest
from mentallama.io import write_records

Layout = Literal["jsonl", "parquet", "raw"]


def export_parts(out: Path, names: Sequence[str], layout: Layout) -> Iterator[str]:
    """Write the named parts into a folder; yield a line on each thing written.

    Raises InputError for an unknown name, and where a part does not fit the layout.
    """
    if layout == "raw":
        posts = [
            post for part in need_parts(names, "raw layouts hold") for post in load_posts(part=part)
        ]
        yield f"{len(export_raw(out, posts))} raw files written to {out}"
        return
    parts, materials = _sort_names(names)
    if parts:
        manifest = export(out, format=layout, parts=parts)
        rows = sum(file.rows for file in manifest.files)
        yield f"{rows:,} rows in {len(manifest.files)} files written to {out}"
    for name in materials:
        records = load_material(MATERIAL[name][0])
        write_records(out / f"{name}.{layout}", records)
        yield f"{len(records):,} records written to {out / name}.{layout}"


def need_parts(names: Sequence[str], holds: str) -> list[Part]:
    """Return the named parts; raise InputError where one of them is no part with posts."""
    parts, materials = _sort_names(names)
    if materials:
        raise InputError(f"{holds} posts; {', '.join(materials)} can be written as jsonl")
    return parts


def _sort_names(names: Sequence[str]) -> tuple[list[Part], list[str]]:
    known = [*PARTS, *MATERIAL]
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f" Parts: {', '.join(known)}."
            raise InputError(f"the corpus has no part '{name}'.{hint}")
    return [part for part in PARTS if part in names], [n for n in MATERIAL if n in names]
