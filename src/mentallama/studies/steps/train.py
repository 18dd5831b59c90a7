"""The rows that a model learns from, as a folder of samples with a training and validation split.

Inputs: the data set, and the raw corpora where they are asked for. ``rows.json`` counts what was
kept and what was left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mentallama import __version__
from mentallama.benchmark.golds import Question, human_labels
from mentallama.dataset import (
    Manifest,
    read_manifest,
    read_samples,
    start_folder,
    write_manifest,
    write_samples,
)
from mentallama.io import write_json
from mentallama.studies.draw import place_of
from mentallama.studies.plan import Taught
from mentallama.studies.step import Lacking, Work
from mentallama.studies.steps.alter import alter
from mentallama.studies.steps.people import read_people, word_people
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import text_key
from mentallama.tasks.wording import render_answer
from mentallama.tuning.leaks import find_leaking
from mentallama.types import FORMS, SPLITS, Post, Sample, Split

ROWS = "rows.json"
_FOR_VALIDATION = 0.1
"""Share of the posts that stays for validation where the validation split is learnt from."""


def make(work: Work) -> None:
    """Choose, label, clean and change the rows."""
    taught, source = Taught.model_validate(work.settings), work.inputs[0]
    people = read_people(work.inputs[1]) if len(work.inputs) > 1 else []
    rows = _choose(taught, source, people)
    rows, unlabelled = _ask_people(taught, rows, human_labels(people))
    held_out = _held_out(taught, source)
    if taught.posts == "people_first":
        held_out += [post.text for post in people if post.split not in (None, "train")]
    train, leaking = _without_leaks(taught, rows, held_out)
    if not train:
        raise Lacking(f"needs training rows of {_names(taught)}; the data at hand has none")
    train, valid = _split(taught, train, source)
    known = {sample.post.task for sample in train}
    train = alter(train, taught.alter)
    if not train:
        raise Lacking(f"needs training rows that {', '.join(taught.alter)} applies to")
    counts = Counter(sample.post.task for sample in train)
    _write(work.out, [*train, *alter(valid, taught.alter)], source, taught)
    told = {
        "rows": dict(counts),
        "leaking": leaking,
        "leaks": "dropped" if taught.leaks == "drop" else "kept",
        "without_people": unlabelled,
        "not_at_hand": [task for task in taught.tasks or () if task not in known],
    }
    write_json(work.out / ROWS, told)


def _names(taught: Taught) -> str:
    return ", ".join(taught.tasks) if taught.tasks else "any set"


def _choose(taught: Taught, source: Path, people: Sequence[Post]) -> list[Sample]:
    """Return rows of the data set or of the raw corpora, or first of these and then of that."""
    raw = word_people(people, taught.tasks, taught.form, "train") if taught.posts != "data" else []
    if taught.posts == "raw":
        return raw
    rows = read_samples(source, form=taught.form, splits=taught.splits, tasks=taught.tasks)
    known = {sample.post.task for sample in raw}
    return [*raw, *(sample for sample in rows if sample.post.task not in known)]


def _ask_people(
    taught: Taught, rows: Sequence[Sample], labels: dict[Question, set[str]]
) -> tuple[list[Sample], int]:
    """Give rows people's label where that is asked for; count those that people did not label."""
    if taught.labels == "data" and taught.rows == "all":
        return list(rows), 0
    kept = []
    for sample in rows:
        post = sample.post
        said = labels.get((post.task, post.aspect, text_key(post.text)), set())
        if len(said) == 1:
            kept.append(_relabel(sample, *said) if taught.labels == "people" else sample)
    return kept, len(rows) - len(kept)


def _relabel(sample: Sample, key: str) -> Sample:
    """Return a row with another label; an explanation of the old one would contradict it."""
    if key == sample.post.label:
        return sample
    label = get_label(get_task(sample.post.task), key)
    response = render_answer(label, "", sample.form)
    return replace(sample, post=replace(sample.post, label=key), response=response, explanation="")


def _held_out(taught: Taught, source: Path) -> list[str]:
    splits = [split for split in SPLITS if split != "train" and split not in taught.splits]
    return [
        sample.post.text
        for form in FORMS
        for sample in read_samples(source, form=form, splits=splits)
    ]


def _without_leaks(
    taught: Taught, rows: Sequence[Sample], held_out: Sequence[str]
) -> tuple[list[Sample], int]:
    """Find rows whose post stands in an evaluation split too; leave them out unless kept."""
    keys = [text_key(sample.post.text) for sample in rows]
    texts = {key: sample.post.text for key, sample in zip(keys, rows, strict=True)}
    leaking = find_leaking(texts, {text_key(text): text for text in held_out})
    clean = [sample for sample, key in zip(rows, keys, strict=True) if key not in leaking]
    kept = rows if taught.leaks == "keep" else clean
    return list(kept), len(rows) - len(clean)


def _split(
    taught: Taught, rows: Sequence[Sample], source: Path
) -> tuple[list[Sample], list[Sample]]:
    """Return training and validation rows; the latter are a share where "valid" is learnt from."""
    tasks = {sample.post.task for sample in rows}
    if "valid" not in taught.splits and taught.posts == "data":
        valid = read_samples(source, form=taught.form, splits=["valid"], tasks=tasks)
        return _as_split(rows, "train"), valid
    held = [sample for sample in rows if place_of(sample.post.text) < _FOR_VALIDATION]
    kept = [sample for sample in rows if place_of(sample.post.text) >= _FOR_VALIDATION]
    return _as_split(kept, "train"), _as_split(held, "valid")


def _as_split(rows: Sequence[Sample], split: Split) -> list[Sample]:
    return [replace(sample, post=replace(sample.post, split=split)) for sample in rows]


def _write(out: Path, rows: Sequence[Sample], source: Path, taught: Taught) -> None:
    start_folder(out)
    groups: dict[tuple[str, Split | None], list[Sample]] = {}
    for sample in rows:
        groups.setdefault((sample.post.task, sample.post.split), []).append(sample)
    known = read_manifest(source)
    gold = "human" if taught.labels == "people" else known.gold_source
    manifest = Manifest(
        source=f"{known.source}, chosen for a study",
        gold_source=gold,
        version=__version__,
        files=tuple(write_samples(out, group) for group in groups.values()),
    )
    write_manifest(out, manifest)


def read_rows(folder: Path) -> dict[str, Any]:
    """Return the counts that a step of this kind wrote."""
    from mentallama.io import read_json

    found: dict[str, Any] = read_json(folder / ROWS)
    return found
