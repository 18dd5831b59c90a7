"""Splits without a leak across any task: training posts of evaluation splits are left out."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from mentallama import __version__
from mentallama.dataset import MANIFEST, Manifest, read_manifest, start_folder, write_manifest
from mentallama.dataset import write_samples as write
from mentallama.errors import InputError
from mentallama.near import find_copies
from mentallama.tables import Table
from mentallama.tasks.posts import text_key
from mentallama.types import GoldSource, Sample

RANKS = {"expert": 0, "test": 0, "valid": 1, "train": 2}
"""Training gives way to validation, and both give way to test and expert rows, of every task."""


def choose_clean(samples: Sequence[Sample]) -> list[bool]:
    """Say of each sample whether it stays: no split of a lower rank holds its post or one like it.

    Evaluation rows that other evaluation splits of the same rank hold too stay.
    """
    keys = [text_key(sample.post.text) for sample in samples]
    ranks = [RANKS[str(sample.post.split)] for sample in samples]
    lowest = lowest_ranks(keys, ranks, [sample.post.text for sample in samples])
    return [lowest[key] >= rank for key, rank in zip(keys, ranks, strict=True)]


def lowest_ranks(keys: Sequence[str], ranks: Sequence[int], texts: Sequence[str]) -> dict[str, int]:
    """Return the lowest rank at which each post, or a near-duplicate of it, stands."""
    text_of = dict(zip(keys, texts, strict=True))
    own: dict[str, int] = {}
    for key, rank in zip(keys, ranks, strict=True):
        own[key] = min(own.get(key, rank), rank)
    lowest = dict(own)
    names = list(text_of)
    for pair in find_copies(list(text_of.values())):
        one, other = names[pair.first], names[pair.second]
        lowest[one] = min(lowest[one], own[other])
        lowest[other] = min(lowest[other], own[one])
    return lowest


def clean(samples: Sequence[Sample], out: Path, folders: Sequence[Path]) -> Table:
    """Write the samples that stay as a folder of samples; return what it costs, split by split."""
    start_folder(out)
    stays = choose_clean(samples)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    before: Counter[tuple[str, str]] = Counter()
    for sample, stay in zip(samples, stays, strict=True):
        place = (sample.post.task, str(sample.post.split))
        before[place] += 1
        if stay:
            groups[place].append(sample)
    files = [write(out, group) for group in groups.values()]
    source = f"{', '.join(folder.name for folder in folders)}, without leaks"
    write_manifest(
        out,
        Manifest(
            source=source, gold_source=_gold(folders), version=__version__, files=tuple(files)
        ),
    )
    return Table(
        title="Rows left without leaks",
        header=("task", "split", "before", "after", "lost"),
        rows=tuple(
            (
                task,
                split,
                count,
                len(groups.get((task, split), [])),
                f"{100 * (1 - len(groups.get((task, split), [])) / count):.1f} %",
            )
            for (task, split), count in before.items()
        ),
    )


def _gold(folders: Sequence[Path]) -> GoldSource:
    golds = {
        read_manifest(folder).gold_source if (folder / MANIFEST).exists() else "release"
        for folder in folders
    }
    if len(golds) > 1:
        raise InputError(f"the folders' labels are of different origin: {', '.join(sorted(golds))}")
    return golds.pop()
