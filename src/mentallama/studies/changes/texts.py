"""Changing the texts of rows: seeded by the post, worded anew, unchanged rows left out."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from mentallama.tasks import get_task
from mentallama.tasks.wording import render_prompt
from mentallama.types import Sample

TextChange = Callable[[Sample, Random], str]
"""Returns the new text of a row's post."""


def change_texts(samples: Sequence[Sample], name: str, change: TextChange) -> list[Sample]:
    """Change posts and the prompts that hold them.

    A row whose post has nothing to change is left out: it can say nothing about the change. The
    draws of a change hang on its name and the post's id, so that all questions about a post see
    the same text.
    """
    changed = [(s, change(s, Random(f"{name}/{s.post.id}"))) for s in samples]  # noqa: S311
    return [_with_text(sample, text) for sample, text in changed if text != sample.post.text]


def _with_text(sample: Sample, text: str) -> Sample:
    post = replace(sample.post, text=text, evidence=())
    prompt = render_prompt(get_task(post.task), text, post.aspect, sample.form)
    return replace(sample, post=post, prompt=prompt)


def replace_words(text: str, words: Mapping[str, str]) -> str:
    """Replace whole words, all at once and in their case; keys are lower-case."""
    terms = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, terms))})\b", re.IGNORECASE)
    return pattern.sub(lambda found: in_case(found[0], words[found[0].lower()]), text)


def in_case(old: str, new: str) -> str:
    """Write a word in the case of the one whose place it takes."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new
