"""A folder of samples: the form in which data moves between the stages.

    DIR/manifest.json
    DIR/instruction/{TASK}/{train,valid,test,expert}.jsonl    (or .parquet)
    DIR/completion/{TASK}/...

The manifest names every file with its rows and SHA-256, and says whose labels are the gold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from mentallama.errors import InputError
from mentallama.io import (
    explain,
    need_folder,
    need_unique,
    read_json,
    read_records,
    sha256,
    write_json,
    write_records,
)
from mentallama.types import Form, GoldSource, Sample, Split

Format = Literal["jsonl", "parquet"]
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of samples: where it lies, what is in it, what it was made from."""

    path: str
    form: Form
    task: str
    split: Split
    rows: int
    sha256: str
    origin: str = ""
    """File of the release that it was read from; empty for other sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFile:
    """A file of the folder that holds no samples."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder of samples holds."""

    source: str
    gold_source: GoldSource
    version: str
    """Version of mentallama that wrote the folder."""
    files: tuple[DataFile, ...]
    others: tuple[OtherFile, ...] = ()
    """What else the folder holds: other forms, reports, the card."""


def list_others(folder: Path, names: Iterable[str]) -> tuple[OtherFile, ...]:
    """Describe files of a folder that hold no samples, for the manifest."""
    return tuple(OtherFile(path=name, sha256=sha256(folder / name)) for name in names)


def find_changes(folder: Path) -> list[str]:
    """Compare a folder with its manifest; return a line on each file missing or changed."""
    manifest = read_manifest(folder)
    known: list[DataFile | OtherFile] = [*manifest.files, *manifest.others]
    changes = []
    for file in known:
        path = folder / file.path
        if not path.is_file():
            changes.append(f"{path}: missing")
        elif sha256(path) != file.sha256:
            changes.append(f"{path}: changed since the manifest was written")
    return changes


def write_samples(
    folder: Path, samples: list[Sample], *, origin: str = "", format: Format = "jsonl"
) -> DataFile:
    """Write the samples of one form, task and split; return the manifest's entry for them."""
    first = samples[0]
    post = first.post
    if post.split is None:
        raise InputError(f"sample {first.id} has no split")
    name = f"{first.form}/{post.task}/{post.split}.{format}"
    write_records(folder / name, samples)
    return DataFile(
        path=name,
        form=first.form,
        task=post.task,
        split=post.split,
        rows=len(samples),
        sha256=sha256(folder / name),
        origin=origin,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest; done last, so that a folder without one is unfinished."""
    write_json(folder / MANIFEST, TypeAdapter(Manifest).dump_python(manifest, mode="json"))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest; raise InputError where the folder has none."""
    path = need_folder(folder) / MANIFEST
    if not path.exists():
        raise InputError(
            f"{folder}: no {MANIFEST}; make the folder with 'mentallama data import DIR --out DIR'"
        )
    try:
        return TypeAdapter(Manifest).validate_python(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from None


def read_samples(
    folder: Path,
    *,
    form: Form = "instruction",
    splits: Iterable[Split] = ("train", "valid", "test"),
    tasks: Iterable[str] | None = None,
) -> list[Sample]:
    """Read the samples of a form and some splits and tasks, in the manifest's order.

    Raises InputError where a file is missing, does not match its SHA-256, or repeats an id.
    An empty selection gives an empty list.
    """
    wanted_splits, wanted_tasks = set(splits), set(tasks) if tasks is not None else None
    samples: list[Sample] = []
    for file in read_manifest(folder).files:
        if file.form != form or file.split not in wanted_splits:
            continue
        if wanted_tasks is not None and file.task not in wanted_tasks:
            continue
        samples.extend(_read_file(folder, file))
    need_unique((sample.id for sample in samples), folder)
    return samples


def _read_file(folder: Path, file: DataFile) -> list[Sample]:
    path = folder / file.path
    if not path.exists():
        raise InputError(f"{path}: named in {MANIFEST} but missing")
    if sha256(path) != file.sha256:
        raise InputError(f"{path}: changed since {MANIFEST} was written; import the data again")
    return read_records(path, Sample)


def start_folder(folder: Path) -> None:
    """Make ``folder`` ready for a new set: files that an earlier manifest names are removed."""
    if not (folder / MANIFEST).exists():
        return
    manifest = read_manifest(folder)
    for name in [file.path for file in manifest.files] + [file.path for file in manifest.others]:
        (folder / name).unlink(missing_ok=True)
    (folder / MANIFEST).unlink()
