"""Preference pairs from checks: two explanations of one question, of which one has a fault.

A folder that ``data build`` made holds what the teacher wrote knowing the label, and for some posts
what it wrote without, faulty explanations included. In any other folder a post may stand twice with
different explanations: in two splits, or the experts' beside the release's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import make_sample, text_key
from mentallama.types import Post, Sample

if TYPE_CHECKING:
    from mentallama.data.reply import Explained
    from mentallama.tuning.pairs import Found

_POSTS, _TOLD, _BLIND = "posts.jsonl", "explanations.jsonl", "blind.jsonl"
Question = tuple[str, str, str | None, str]
"""Task, key of the post's text, aspect, form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One explanation of a question, in an answer of the release's wording."""

    sample: Sample
    by: str
    verdict: str | None = None
    """What a teacher itself answered; the sample's response then opens with it."""
    quotes: tuple[str, ...] = ()


def pairs_from_checks(folder: Path) -> "Found":
    """Pair explanations without a fault of content with faulty ones of the same question.

    ``folder`` is one that ``data build`` made, another folder of samples, or the release as it is.
    A teacher's verdict against the annotation is a fault; where rows of a data set annotate one
    post differently, neither is taken to be right.
    """
    from mentallama.tuning.pairs import join_found

    questions: dict[Question, list[Explanation]] = {}
    for one in _read(folder):
        post = one.sample.post
        key = (post.task, text_key(post.text), post.aspect, one.sample.form)
        questions.setdefault(key, []).append(one)
    return join_found(_pair(explanations) for explanations in questions.values())


def _read(folder: Path) -> Iterator[Explanation]:
    from mentallama.data.entries import read_folder

    if (folder / _TOLD).exists() and (folder / _POSTS).exists():
        yield from _read_build(folder)
        return
    # The experts first: theirs is chosen where several explanations have no fault.
    for sample in sorted(read_folder(folder), key=lambda sample: sample.post.split != "expert"):
        by = f"gold, {sample.post.split} split"
        yield Explanation(sample=sample, by=by, quotes=sample.post.evidence)


def _read_build(folder: Path) -> Iterator[Explanation]:
    from mentallama.data.expert import question_id
    from mentallama.data.reply import Explained
    from mentallama.io import read_records

    posts = {question_id(post): post for post in read_records(folder / _POSTS, Post)}
    for path in (folder / _TOLD, folder / _BLIND):
        # A build that asked nothing without the label leaves an empty file.
        rows = read_records(path, Explained) if path.exists() and path.stat().st_size else []
        for row in rows:
            if row.outcome == "explained" and row.id in posts:
                yield _as_explanation(posts[row.id], row)


def _as_explanation(post: Post, row: "Explained") -> Explanation:
    task = get_task(post.task)
    label = get_label(task, row.verdict or str(post.label))
    sample = make_sample(task, post, label, row.explanation, "instruction", 1)
    return Explanation(
        sample=replace(sample, id=row.id),
        by=f"{row.model} ({row.mode})",
        verdict=row.verdict,
        quotes=row.quotes,
    )


def _pair(explanations: Sequence[Explanation]) -> "Found":
    from mentallama.tuning.pairs import no_pair
    from mentallama.tuning.ranking import Faulty, pairs_from_quality

    sample = explanations[0].sample
    if len({one.sample.response.strip() for one in explanations}) < 2:
        return no_pair(sample, "quality", "explained once")
    if len({one.sample.post.label for one in explanations}) > 1:
        return no_pair(sample, "quality", "annotated in two ways")
    checked = [(one, _faults(one)) for one in explanations]
    good = next((one for one, faults in checked if not faults), None)
    if good is None:
        return no_pair(sample, "quality", "no explanation without a fault of content")
    return pairs_from_quality(
        Faulty(
            sample=good.sample,
            response=one.sample.response,
            faults=faults,
            chosen_from=good.by,
            rejected_from=one.by,
        )
        for one, faults in checked
        if one is not good
    )


def _faults(one: Explanation) -> tuple[str, ...]:
    from mentallama.data.faults import Case, content_faults, find_faults

    post = one.sample.post
    case = Case(
        task=get_task(post.task),
        label=str(post.label),
        post=post.text,
        explanation=one.sample.explanation,
        verdict=one.verdict,
        quotes=one.quotes,
    )
    return tuple(content_faults(find_faults(case)))
