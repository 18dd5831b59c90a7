"""The rows of any data set at hand, in the one shape that checks and audits look at.

A folder may be one of ours (with a manifest) or a checkout of the release as it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.data.check import Checked
from mentallama.data.release import find_files, read_file
from mentallama.dataset import MANIFEST, read_manifest, read_samples
from mentallama.tasks.posts import text_key
from mentallama.tasks.raw import RawRow, read_corpora
from mentallama.types import FORMS, SPLITS, Form, Sample, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: a post asked one question in one split."""

    id: str
    task: str
    split: Split | None
    aspect: str | None
    label: str | None
    text: str
    key: str
    """Equal for copies of one post (``text_key``)."""
    explanation: str = ""
    raw: bool = False
    """It comes from a raw corpus, not from the data set itself."""


def read_folder(folder: Path) -> list[Sample]:
    """Read all samples of a folder: of each task and split the instruction form, if it is there.

    Raises InputError where the folder holds neither our samples nor the release.
    """
    if (folder / MANIFEST).exists():
        files = read_manifest(folder).files
        known: list[tuple[Form, str, Split]] = [(f.form, f.task, f.split) for f in files]
        chosen = set(_prefer_instruction(known))
        return [
            sample
            for form in FORMS
            for sample in read_samples(folder, form=form, splits=SPLITS)
            if (form, sample.post.task, sample.post.split) in chosen
        ]
    found = find_files(folder)
    wanted = set(_prefer_instruction((f.form, f.task, f.split) for f in found))
    return [
        sample
        for file in found
        if (file.form, file.task, file.split) in wanted
        for sample in read_file(folder, file).samples
    ]


def _prefer_instruction(
    known: Iterable[tuple[Form, str, Split]],
) -> Iterator[tuple[Form, str, Split]]:
    known = list(dict.fromkeys(known))
    for form, task, split in known:
        if form == "instruction" or ("instruction", task, split) not in known:
            yield form, task, split


def as_entries(samples: Iterable[Sample]) -> list[Entry]:
    """Look at samples as entries."""
    return [
        Entry(
            id=sample.id,
            task=sample.post.task,
            split=sample.post.split,
            aspect=sample.post.aspect,
            label=sample.post.label,
            text=sample.post.text,
            key=text_key(sample.post.text),
            explanation=sample.explanation,
        )
        for sample in samples
    ]


def as_checked(samples: Iterable[Sample]) -> list[Checked]:
    """Look at samples as explanations to check."""
    return [
        Checked(
            id=sample.id,
            task=sample.post.task,
            aspect=sample.post.aspect,
            label=str(sample.post.label),
            split=str(sample.post.split),
            post=sample.post.text,
            explanation=sample.explanation,
            quotes=sample.post.evidence,
        )
        for sample in samples
    ]


def read_raw_entries(
    root: Path, tasks: Sequence[str] | None = None
) -> tuple[list[Entry], list[str]]:
    """Read the raw corpora below ``root`` as entries; see ``read_corpora``."""
    rows, notes = read_corpora(root, tasks)
    return [_raw_entry(row) for row in rows], notes


def _raw_entry(row: RawRow) -> Entry:
    post = row.post
    return Entry(
        id=f"{post.task}/{row.file}/{row.row}",
        task=post.task,
        split=post.split,
        aspect=post.aspect,
        label=post.label,
        text=post.text,
        key=text_key(post.text),
        raw=True,
    )
