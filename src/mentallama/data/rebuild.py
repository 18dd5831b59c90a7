"""The release's rows, made anew from the raw files and compared row by row.

For each row of the release the raw post is found by its text (``text_key``); it is worded as the
release words it and given the human label. Told apart: rows that no raw post matches, prompts that
come out with the same characters, and labels that people and the release share.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mentallama import __version__
from mentallama.data.entries import Entry, read_raw_entries
from mentallama.dataset import Manifest, start_folder, write_manifest, write_samples
from mentallama.tables import Table
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import text_key
from mentallama.tasks.wording import render_answer, render_prompt
from mentallama.types import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """How one split of one set came out."""

    task: str
    split: str
    rows: int
    """In the release."""
    matched: int
    """Rows whose post stands in the raw files."""
    same_prompt: int
    """Prompts equal to the last character, of those matched."""
    one_label: int
    """Matched rows to which people gave one label."""
    same_label: int
    """Of these, rows on which people and the release agree."""


def rebuild(samples: Sequence[Sample], root: Path) -> tuple[list[Rebuilt], list[Sample]]:
    """Compare the release's samples with the raw corpora below ``root``.

    Returns the comparison, and the samples with the human label: those of one human label, with
    the release's explanation where both agree on the label and without one elsewhere.
    """
    entries, _ = read_raw_entries(root)
    human: dict[tuple[str, str | None, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        human[entry.task, entry.aspect, entry.key].append(entry)
    tasks = {entry.task for entry in entries}
    groups: dict[tuple[str, str], list[tuple[Sample, list[Entry]]]] = defaultdict(list)
    for sample in samples:
        post = sample.post
        if post.task in tasks:
            found = human.get((post.task, post.aspect, text_key(post.text)), [])
            groups[post.task, str(post.split)].append((sample, found))
    results = [_compare(task, split, pairs) for (task, split), pairs in groups.items()]
    rebuilt = [
        _with_human_label(sample, str(found[0].label))
        for pairs in groups.values()
        for sample, found in pairs
        if len({entry.label for entry in found}) == 1
    ]
    return results, rebuilt


def _compare(task: str, split: str, pairs: Sequence[tuple[Sample, list[Entry]]]) -> Rebuilt:
    matched = [(sample, found) for sample, found in pairs if found]
    single = [pair for pair in matched if len({entry.label for entry in pair[1]}) == 1]
    return Rebuilt(
        task=task,
        split=split,
        rows=len(pairs),
        matched=len(matched),
        same_prompt=sum(_same_prompt(sample, found) for sample, found in matched),
        one_label=len(single),
        same_label=sum(found[0].label == sample.post.label for sample, found in single),
    )


def _same_prompt(sample: Sample, found: Sequence[Entry]) -> bool:
    task = get_task(sample.post.task)
    return any(
        render_prompt(task, entry.text, sample.post.aspect, sample.form) == sample.prompt
        for entry in found
    )


def _with_human_label(sample: Sample, key: str) -> Sample:
    label = get_label(get_task(sample.post.task), key)
    explanation = sample.explanation if key == sample.post.label else ""
    return replace(
        sample,
        post=replace(sample.post, label=key),
        response=render_answer(label, explanation, sample.form),
        explanation=explanation,
    )


def write(samples: Sequence[Sample], out: Path) -> int:
    """Write rebuilt samples as a folder with human labels; return the rows written."""
    start_folder(out)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.post.task, str(sample.post.split)].append(sample)
    files = tuple(write_samples(out, group) for group in groups.values())
    manifest = Manifest(
        source="IMHI from the raw corpora", gold_source="human", version=__version__, files=files
    )
    write_manifest(out, manifest)
    return sum(file.rows for file in files)


def as_table(results: Sequence[Rebuilt]) -> Table:
    """Lay out the comparison."""
    return Table(
        title="The release's rows from the raw files",
        header=("set", "split", "rows", "matched", "same prompt", "one human label", "same label"),
        rows=tuple(
            (
                one.task,
                one.split,
                one.rows,
                one.matched,
                one.same_prompt,
                one.one_label,
                f"{one.same_label:,} ({100 * one.same_label / one.one_label:.1f} %)"
                if one.one_label
                else "-",
            )
            for one in results
        ),
    )
