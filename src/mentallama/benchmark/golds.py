"""The second gold: what people said, found again for the release's test rows.

The release's labels are its teacher's. Where a raw corpus is at hand, a row's post is looked up in
it by its letters and digits alone (``text_key``), so that broken encodings do not matter, and the
human annotation becomes the gold of a copy of the response.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mentallama.benchmark.pairing import row_keys
from mentallama.tables import Table
from mentallama.tasks.posts import text_key
from mentallama.types import Post, Response

Question = tuple[str, str | None, str]
"""Task, aspect and key of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """How many rows of a task got a human label, and how often it is the release's."""

    task: str
    rows: int
    joined: int
    same: int
    conflicting: int
    """Rows left out because people's labels for the same text differ."""


def human_labels(posts: Iterable[Post]) -> dict[Question, set[str]]:
    """Collect the annotated labels of each question asked about a text."""
    labels: dict[Question, set[str]] = {}
    for post in posts:
        if post.label is not None:
            key = (post.task, post.aspect, text_key(post.text))
            labels.setdefault(key, set()).add(post.label)
    return labels


def ask_people(
    responses: Sequence[Response], texts: Mapping[str, str], labels: Mapping[Question, set[str]]
) -> list[Response]:
    """Return copies of the responses with the human label as gold, where there is just one.

    ``texts`` gives each post's text by its id. Tasks without human labels are left out.
    """
    keys = {post: text_key(text) for post, text in texts.items()}
    regolded = []
    for response in responses:
        found = _find(response, keys, labels)
        if len(found) == 1:
            (label,) = found
            regolded.append(replace(response, gold=label, gold_source="human"))
    return regolded


def count_joins(
    responses: Sequence[Response], texts: Mapping[str, str], labels: Mapping[Question, set[str]]
) -> list[Join]:
    """Count, per task, which of the distinct rows asked have a human label."""
    keys = {post: text_key(text) for post, text in texts.items()}
    rows: dict[str, dict[str, Response]] = {}
    for key, response in zip(row_keys(responses), responses, strict=True):
        rows.setdefault(response.task, {}).setdefault(key, response)
    known = {task for task, _, _ in labels}
    joins = []
    for task, asked in rows.items():
        found = [(r, _find(r, keys, labels)) for r in asked.values() if task in known]
        joins.append(
            Join(
                task=task,
                rows=len(asked),
                joined=sum(len(said) == 1 for _, said in found),
                same=sum(said == {row.gold} for row, said in found),
                conflicting=sum(len(said) > 1 for _, said in found),
            )
        )
    return joins


def join_table(joins: Sequence[Join]) -> Table:
    """Lay out how much of each set can be scored against people."""
    return Table(
        title="Human labels found for the rows asked",
        header=("task", "rows", "with a human label", "the same as the release's", "conflicting"),
        rows=tuple(
            (
                join.task,
                f"{join.rows:,}",
                f"{join.joined:,} ({100 * join.joined / join.rows:.1f} %)",
                f"{join.same:,} of {join.joined:,}" if join.joined else "no raw corpus at hand",
                f"{join.conflicting:,}",
            )
            for join in joins
        ),
    )


def _find(
    response: Response, keys: Mapping[str, str], labels: Mapping[Question, set[str]]
) -> set[str]:
    key = keys.get(response.post_id or "")
    return labels.get((response.task, response.aspect, key), set()) if key else set()
