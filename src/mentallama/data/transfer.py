"""Import of the release into a folder of samples, and export back into the release's layout."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mentallama import __version__
from mentallama.data.release import (
    NOT_SAMPLES,
    PARTS_COLUMNS,
    QUERY_COLUMNS,
    STRAY_INDEX,
    Oddity,
    as_parts,
    find_files,
    read_file,
    standard_path,
)
from mentallama.dataset import (
    DataFile,
    Format,
    Manifest,
    read_manifest,
    read_samples,
    start_folder,
    write_manifest,
    write_samples,
)
from mentallama.io import write_csv, write_records
from mentallama.tasks import TASKS, get_task
from mentallama.types import Sample

ODDITIES = "oddities.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import found, row by row accounted for."""

    manifest: Manifest
    oddities: tuple[Oddity, ...]
    repaired: dict[str, int]
    """Rows whose mojibake was mended, by file; empty where repair was not asked for."""
    missing_tasks: tuple[str, ...]
    not_samples: int
    """CSV files of the release that hold responses or ratings and were left alone."""

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(file.rows for file in self.manifest.files)

    @property
    def oddity_counts(self) -> dict[str, int]:
        """Oddities by kind, most frequent first."""
        return dict(Counter(oddity.kind for oddity in self.oddities).most_common())


def import_release(
    root: Path,
    out: Path,
    *,
    repair: bool = False,
    format: Format = "jsonl",
    progress: Callable[[DataFile], None] = lambda file: None,
) -> ImportReport:
    """Read a checkout of the IMHI release and write it as a folder of samples.

    Rows keep the release's exact text; the rows that it words oddly are listed in
    ``oddities.jsonl`` by file, row and kind. Raises InputError where a row belongs to no task.
    """
    found = find_files(root)
    start_folder(out)
    files: list[DataFile] = []
    oddities: list[Oddity] = []
    repaired: dict[str, int] = {}
    for file in found:
        rows = read_file(root, file, repair=repair)
        files.append(write_samples(out, rows.samples, origin=file.path, format=format))
        oddities += rows.oddities
        if repair:
            repaired[file.path] = rows.repaired
        progress(files[-1])
    write_records(out / ODDITIES, oddities)
    manifest = Manifest(
        source="IMHI release" + (" (mojibake repaired)" if repair else ""),
        gold_source="release",
        version=__version__,
        files=tuple(files),
    )
    write_manifest(out, manifest)
    tasks = {file.task for file in files}
    return ImportReport(
        manifest=manifest,
        oddities=tuple(oddities),
        repaired=repaired,
        missing_tasks=tuple(task.key for task in TASKS if task.key not in tasks),
        not_samples=sum(len(list((root / name).rglob("[!.]*.csv"))) for name in NOT_SAMPLES),
    )


def export_release(folder: Path, out: Path) -> list[str]:
    """Write a folder of samples as CSV files of the release; return their relative paths.

    Files that were imported from the release get their old names and columns back, byte for byte.
    """
    written = []
    for file in read_manifest(folder).files:
        samples = read_samples(folder, form=file.form, splits=[file.split], tasks=[file.task])
        written.append(write_release_file(out, samples, file.origin))
    return written


def write_release_file(out: Path, samples: list[Sample], origin: str = "") -> str:
    """Write the samples of one form, task and split as the release would; return the path."""
    post = samples[0].post
    path = origin or standard_path(post.task, samples[0].form, post.split or "train")
    header, rows = _table(samples, path)
    write_csv(out / path, header, rows)
    return path


def _table(samples: list[Sample], path: str) -> tuple[list[str], Iterator[list[str]]]:
    if not path.startswith("train_data/complete_data/"):
        return list(QUERY_COLUMNS), ([sample.prompt, sample.response] for sample in samples)
    task = get_task(samples[0].post.task)
    parts = (list(as_parts(task, sample)) for sample in samples)
    if path not in STRAY_INDEX:
        return list(PARTS_COLUMNS), parts
    return ["", *PARTS_COLUMNS], ([str(row), *cells] for row, cells in enumerate(parts))
