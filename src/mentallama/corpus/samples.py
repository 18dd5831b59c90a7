"""The corpus as samples: prompts and gold answers in the release's wording."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mentallama import __version__
from mentallama.corpus import Answer, CorpusPost, Part, load_posts
from mentallama.dataset import (
    DataFile,
    Format,
    Manifest,
    start_folder,
    write_manifest,
    write_samples,
)
from mentallama.io import write_records
from mentallama.tasks import TASKS, get_label, get_task
from mentallama.tasks.posts import make_sample, post_id
from mentallama.types import FORMS, SPLITS, Form, Post, Sample, Split

RECORDS = "posts.jsonl"


def load_samples(
    form: Form = "instruction", task: str | None = None, *, parts: Iterable[Part] = ("plain",)
) -> list[Sample]:
    """Word parts of the corpus as samples, task by task.

    Tasks whose completion question is unknown have none in that form.
    """
    return word_posts([p for part in parts for p in load_posts(task, part=part)], form)


def word_posts(posts: Iterable[CorpusPost], form: Form) -> list[Sample]:
    """Word posts as samples, numbered within task and split."""
    order = {task.key: index for index, task in enumerate(TASKS)}
    samples: list[Sample] = []
    rows: dict[tuple[str, Split], int] = {}
    for post in sorted(posts, key=lambda post: order[post.task]):
        if form == "completion" and get_task(post.task).completion_question is None:
            continue
        for answer in post.answers:
            row = rows[post.task, post.split] = rows.get((post.task, post.split), 0) + 1
            samples.append(_sample(post, answer, form, row))
    return samples


def export(out: Path, *, format: Format = "jsonl", parts: Sequence[Part] = ("plain",)) -> Manifest:
    """Write parts of the corpus as a folder of samples in both forms.

    ``posts.jsonl`` beside them holds the posts themselves, with tags, groups and evidence.
    """
    start_folder(out)
    posts = [post for part in parts for post in load_posts(part=part)]
    written: list[DataFile] = []
    for form in FORMS:
        groups: dict[tuple[str, Split], list[Sample]] = {}
        for sample in word_posts(posts, form):
            assert sample.post.split is not None
            groups.setdefault((sample.post.task, sample.post.split), []).append(sample)
        ordered = sorted(groups, key=lambda key: SPLITS.index(key[1]))
        written += [write_samples(out, groups[key], format=format) for key in ordered]
    write_records(out / RECORDS, posts)
    manifest = Manifest(
        source=f"mentallama sample corpus (invented posts): {', '.join(parts)}",
        gold_source="corpus",
        version=__version__,
        files=tuple(written),
    )
    write_manifest(out, manifest)
    return manifest


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
