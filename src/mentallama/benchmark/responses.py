"""Reading what models wrote: our JSON Lines, or the reference layout ``goldens,generated_text``.

Reference layout: one CSV per set, named after it, in a folder named after the model. A third
column ``labels`` (the authors' own labels) is allowed and not used here.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mentallama.errors import InputError
from mentallama.io import need_unique, read_csv, read_records
from mentallama.tasks import get_label, get_task
from mentallama.tasks.wording import WordingError, parse_answer
from mentallama.types import Response, Sample

REFERENCE_COLUMNS = ("goldens", "generated_text")
_OURS = (".jsonl", ".parquet")


def read_responses(path: Path) -> list[Response]:
    """Read one file, a model's folder, or a folder of such folders."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return _read_file(path)
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix in (".csv", *_OURS) and not file.name.startswith(".")
    )
    if not files:
        raise InputError(f"{path}: no .csv, .jsonl or .parquet file of responses in this folder")
    responses = [response for file in files for response in _read_file(file)]
    need_unique((f"{r.model}: {r.sample_id}" for r in responses), path)
    return responses


def fingerprint(responses: Iterable[Response]) -> str:
    """Return a SHA-256 of what was answered to what, in this order."""
    digest = hashlib.sha256()
    for response in responses:
        digest.update(f"{response.model}\0{response.sample_id}\0{response.text}\0".encode())
    return digest.hexdigest()


def join_posts(responses: Iterable[Response], samples: Iterable[Sample]) -> list[Response]:
    """Give responses of the reference layout the post that their gold answer belongs to.

    The layout names no post; the full gold answer, unique but for a few rows, stands in for one.
    Rows whose answer is not found, or found on two posts, keep ``post_id`` None.
    """
    posts: dict[tuple[str, str], set[str]] = {}
    for sample in samples:
        posts.setdefault((sample.post.task, sample.response.strip()), set()).add(sample.post.id)
    joined = []
    for response in responses:
        found = posts.get((response.task, response.reference.strip()), set())
        if response.post_id is None and len(found) == 1:
            (post,) = found
            response = replace(response, post_id=post)
        joined.append(response)
    return joined


def _read_file(path: Path) -> list[Response]:
    if path.suffix in _OURS:
        return _read_ours(path)
    if path.suffix == ".csv":
        return _read_reference(path)
    raise InputError(f"{path}: responses are read from .csv, .jsonl and .parquet files")


def _read_ours(path: Path) -> list[Response]:
    responses = read_records(path, Response, empty=["text"])
    need_unique((f"{r.model}: {r.sample_id}" for r in responses), path)
    for number, response in enumerate(responses, 1):
        try:
            get_label(get_task(response.task), response.gold)
        except InputError as error:
            raise InputError(f"{path}: row {number}: {error}") from None
    return responses


def _read_reference(path: Path) -> list[Response]:
    header, rows = read_csv(path)
    if not set(REFERENCE_COLUMNS) <= set(header):
        raise InputError(
            f"{path}: the columns are {', '.join(header)}; expected {', '.join(REFERENCE_COLUMNS)}"
        )
    try:
        task = get_task(path.stem)
    except InputError as error:
        raise InputError(f"{path}: the file is named after no set; {error}") from None
    golds, texts = (header.index(name) for name in REFERENCE_COLUMNS)
    responses = []
    for number, row in enumerate(rows, 1):
        try:
            answer = parse_answer(task, row[golds])
        except WordingError as error:
            raise InputError(f"{path}: row {number}: column goldens: {error}") from None
        responses.append(
            Response(
                sample_id=f"{task.key}/{number:05d}",
                task=task.key,
                text=row[texts],
                model=path.resolve().parent.name,
                gold=answer.label.key,
                reference=row[golds],
            )
        )
    return responses
