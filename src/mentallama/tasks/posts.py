"""How a post becomes a record: its id, and the sample that asks a model about it."""

import hashlib
import re

from mentallama.tasks.wording import render_answer, render_prompt
from mentallama.types import Form, Label, Post, Sample, Split, Task

_NOT_PLAIN = re.compile(r"[^a-z0-9]+")


def post_id(text: str) -> str:
    """Return the id of a text: equal texts have equal ids in every task, aspect and split."""
    return "p" + hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text_key(text: str) -> str:
    """Return what two copies of one post have in common, whatever happened to their encoding.

    Letters a to z and digits, lower-cased: broken apostrophes, quotes and white space fall away.
    A text with hardly any of them (another script, emoji) keeps all its letters instead.
    """
    plain = _NOT_PLAIN.sub("", text.lower())
    return plain if 2 * len(plain) >= len(text.split()) else "".join(text.casefold().split())


def sample_id(task: str, split: Split, form: Form, row: int) -> str:
    """Return the id of the row with that number, counted from 1."""
    return f"{task}/{split}/{form}/{row:05d}"


def make_sample(
    task: Task, post: Post, label: Label, explanation: str, form: Form, row: int
) -> Sample:
    """Word a labelled post as a sample in the manner of the release."""
    return Sample(
        id=sample_id(task.key, post.split or "test", form, row),
        form=form,
        post=post,
        prompt=render_prompt(task, post.text, post.aspect, form),
        response=render_answer(label, explanation, form),
        explanation=explanation,
    )
