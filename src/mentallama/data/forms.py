"""The forms in which a built data set is written: whole columns at once, by Arrow.

Instruction and completion as the release words them, TRL's ``messages`` and ``prompt`` /
``completion``; the wording is that of ``tasks/wording.py``, and a test holds the two together.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import sample_id
from mentallama.tasks.wording import render_answer, render_prompt
from mentallama.types import Form, Post, Sample

_MARK = "\0"


def render_columns(posts: Sequence[Post], explanations: Sequence[str], form: Form) -> Any:
    """Return an Arrow table of ``prompt`` and ``response``, one row for each post.

    The frames around post and explanation are few (task, aspect, label); each is worded once.
    Raises WordingError where a task's completion question is not known.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    before, after, answers = [], [], []
    frames: dict[tuple[str, str | None], tuple[str, str]] = {}
    heads: dict[tuple[str, str | None], str] = {}
    for post in posts:
        asked = (post.task, post.aspect)
        if asked not in frames:
            start, _, end = render_prompt(get_task(post.task), _MARK, post.aspect, form).partition(
                _MARK
            )
            frames[asked] = (start, end)
        said = (post.task, post.label)
        if said not in heads:
            label = get_label(get_task(post.task), str(post.label))
            heads[said] = render_answer(label, "", form)
        start, end = frames[asked]
        before.append(start)
        after.append(end)
        answers.append(heads[said])
    text = pa.array([post.text for post in posts], pa.large_string())
    return pa.table(
        {
            "prompt": pc.binary_join_element_wise(
                pa.array(before, pa.large_string()),
                text,
                pa.array(after, pa.large_string()),
                _nothing(),
            ),
            "response": pc.binary_join_element_wise(
                pa.array(answers, pa.large_string()),
                pa.array(list(explanations), pa.large_string()),
                _nothing(),
            ),
        }
    )


def _nothing() -> Any:
    """Return the separator of a join without one, of the type that the columns have."""
    import pyarrow as pa

    return pa.scalar("", pa.large_string())


def make_samples(posts: Sequence[Post], explanations: Sequence[str], form: Form) -> list[Sample]:
    """Word posts with their explanations as samples, numbered within task and split."""
    table = render_columns(posts, explanations, form)
    rows: dict[tuple[str, str | None], int] = {}
    samples = []
    columns = zip(
        posts, explanations, table["prompt"].to_pylist(), table["response"].to_pylist(), strict=True
    )
    for post, explanation, prompt, response in columns:
        place = (post.task, post.split)
        rows[place] = rows.get(place, 0) + 1
        samples.append(
            Sample(
                id=sample_id(post.task, post.split or "train", form, rows[place]),
                form=form,
                post=post,
                prompt=prompt,
                response=response,
                explanation=explanation,
            )
        )
    return samples


def write_messages(path: Path, table: Any) -> None:
    """Write TRL's conversational form: one user and one assistant message in each row."""
    import pyarrow as pa

    count = table.num_rows
    contents = pa.chunked_array(
        [_interleave(table["prompt"].combine_chunks(), table["response"].combine_chunks())]
    ).combine_chunks()
    roles = pa.array(["user", "assistant"] * count, pa.large_string())
    turns = pa.StructArray.from_arrays([roles, contents], ["role", "content"])
    offsets = pa.array(range(0, 2 * count + 1, 2), pa.int32())
    _write(path, pa.table({"messages": pa.ListArray.from_arrays(offsets, turns)}))


def _interleave(one: Any, other: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    both = pa.concat_arrays([one, other])
    count = len(one)
    order = pa.array([place for number in range(count) for place in (number, count + number)])
    return pc.take(both, order)


def write_prompt_completion(path: Path, table: Any) -> None:
    """Write TRL's prompt and completion columns.

    The space between them begins the completion, so that the prompt's tokens are a prefix.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    prompt = pc.utf8_rtrim(table["prompt"], " ")
    completion = pc.binary_join_element_wise(
        pa.scalar(" ", pa.large_string()), table["response"], _nothing()
    )
    _write(path, pa.table({"prompt": prompt, "completion": completion}))


def _write(path: Path, table: Any) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(table, partial)
    partial.replace(path)
