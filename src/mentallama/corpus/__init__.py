"""The sample corpus that ships with the package: invented posts, nobody's real words.

One JSON Lines file per task in ``posts/``; a record holds the post and, for each question asked
about it, the label, an explanation and verbatim evidence quotes.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mentallama import __version__
from mentallama.dataset import (
    DataFile,
    Format,
    Manifest,
    start_folder,
    write_manifest,
    write_samples,
)
from mentallama.tasks import TASKS, get_label, get_task
from mentallama.tasks.posts import make_sample, post_id
from mentallama.types import FORMS, SPLITS, Form, Post, Sample, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the corpus says about a post, for one question."""

    aspect: str | None
    label: str
    explanation: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPost:
    """One invented post with all its answers."""

    id: str
    task: str
    platform: str
    split: Split
    text: str
    tags: tuple[str, ...]
    answers: tuple[Answer, ...]


def load_posts(task: str | None = None) -> list[CorpusPost]:
    """Return the posts of one task, or of all ten in their usual order."""
    keys = [get_task(task).key] if task else [task.key for task in TASKS]
    return [post for key in keys for post in _read(key)]


def load_samples(form: Form = "instruction", task: str | None = None) -> list[Sample]:
    """Word the corpus as samples. Tasks whose completion question is unknown have none there."""
    samples: list[Sample] = []
    rows: dict[tuple[str, Split], int] = {}
    for post in load_posts(task):
        if form == "completion" and get_task(post.task).completion_question is None:
            continue
        for answer in post.answers:
            row = rows[post.task, post.split] = rows.get((post.task, post.split), 0) + 1
            samples.append(_sample(post, answer, form, row))
    return samples


def export(out: Path, *, format: Format = "jsonl") -> Manifest:
    """Write the corpus as a folder of samples in both forms."""
    start_folder(out)
    written: list[DataFile] = []
    for form in FORMS:
        groups: dict[tuple[str, Split], list[Sample]] = {}
        for sample in load_samples(form):
            assert sample.post.split is not None
            groups.setdefault((sample.post.task, sample.post.split), []).append(sample)
        ordered = sorted(groups, key=lambda key: SPLITS.index(key[1]))
        written += [write_samples(out, groups[key], format=format) for key in ordered]
    manifest = Manifest(
        source="mentallama sample corpus (invented posts)",
        gold_source="corpus",
        version=__version__,
        files=tuple(written),
    )
    write_manifest(out, manifest)
    return manifest


def _read(task: str) -> list[CorpusPost]:
    text = (files("mentallama.corpus") / "posts" / f"{task}.jsonl").read_text(encoding="utf-8")
    return [_post(json.loads(line)) for line in text.split("\n") if line.strip()]


def _post(row: dict[str, object]) -> CorpusPost:
    from pydantic import TypeAdapter

    return TypeAdapter(CorpusPost).validate_python(row)


def _sample(post: CorpusPost, answer: Answer, form: Form, row: int) -> Sample:
    task = get_task(post.task)
    record = Post(
        id=post_id(post.text),
        text=post.text,
        task=post.task,
        aspect=answer.aspect,
        label=answer.label,
        split=post.split,
        evidence=answer.evidence,
    )
    return make_sample(task, record, get_label(task, answer.label), answer.explanation, form, row)
