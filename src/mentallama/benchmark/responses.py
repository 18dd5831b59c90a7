"""Reading what models wrote: our JSON Lines, or the reference layout ``goldens,generated_text``.

Reference layout: one CSV per set, named after it, in a folder named after the model. A third
column ``labels`` (the authors' own labels) is allowed and not used here.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
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


def join_posts(responses: Sequence[Response], samples: Iterable[Sample]) -> list[Response]:
    """Give responses of the reference layout the post and aspect that they answer.

    The layout names neither. A model's file usually holds the first rows of a test split in order:
    where its gold answers are the split's, row by row, the rows are taken as the same. Elsewhere
    the full gold answer, unique but for a few rows, stands in; rows whose answer is not found, or
    found on two posts, keep ``post_id`` None.
    """
    splits: dict[str, dict[tuple[str, str], list[Sample]]] = {}
    for sample in samples:
        split = splits.setdefault(sample.post.task, {})
        split.setdefault((sample.form, str(sample.post.split)), []).append(sample)
    groups: dict[tuple[str, str], list[int]] = {}
    for index, response in enumerate(responses):
        if response.post_id is None:
            groups.setdefault((response.model, response.task), []).append(index)
    joined = list(responses)
    for (_, task), indices in groups.items():
        rows = [responses[index] for index in indices]
        for index, found in zip(indices, _match(rows, splits.get(task, {})), strict=True):
            if found is not None:
                joined[index] = replace(
                    joined[index], post_id=found.post.id, aspect=found.post.aspect
                )
    return joined


def _match(
    rows: Sequence[Response], splits: Mapping[tuple[str, str], Sequence[Sample]]
) -> list[Sample | None]:
    """Return the sample of each row, None where it cannot be told."""
    golds = [row.reference.strip() for row in rows]
    for samples in splits.values():
        if golds == [sample.response.strip() for sample in samples[: len(golds)]]:
            return list(samples[: len(golds)])
    by_answer: dict[str, dict[tuple[str, str | None], Sample]] = {}
    for sample in (sample for samples in splits.values() for sample in samples):
        questions = by_answer.setdefault(sample.response.strip(), {})
        questions[sample.post.id, sample.post.aspect] = sample
    found = [by_answer.get(gold, {}) for gold in golds]
    return [next(iter(one.values())) if len(one) == 1 else None for one in found]


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
