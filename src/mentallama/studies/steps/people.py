"""The raw corpora: posts with the labels that people gave, as records that are read quickly."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mentallama.io import read_records, write_records
from mentallama.studies.step import Work
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import make_sample
from mentallama.tasks.raw import read_corpora
from mentallama.types import Form, Post, Sample, Split

POSTS = "posts.jsonl"


def make(work: Work) -> None:
    """Write every annotated post of the raw corpora."""
    rows, notes = read_corpora(work.paths["raw"])
    for note in notes:
        print(note)
    write_records(work.out / POSTS, [row.post for row in rows])


def read_people(folder: Path) -> list[Post]:
    """Return the posts that a step of this kind wrote."""
    return read_records(folder / POSTS, Post)


def word_people(
    posts: Sequence[Post], tasks: Sequence[str] | None, form: Form, split: Split
) -> list[Sample]:
    """Word a split's annotated posts as rows without explanations."""
    numbers: Counter[str] = Counter()
    rows = []
    for post in posts:
        if post.split == split and post.label and (tasks is None or post.task in tasks):
            task = get_task(post.task)
            numbers[task.key] += 1
            label = get_label(task, post.label)
            rows.append(make_sample(task, post, label, "", form, numbers[task.key]))
    return rows
