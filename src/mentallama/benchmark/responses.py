"""Reading what models wrote: our JSON Lines, or the reference layout ``goldens,generated_text``.

Reference layout: one CSV per set, named after it, in a folder named after the model. A third
column ``labels`` (the authors' own labels) is allowed and not used here. What our own commands
wrote (``--out`` inside a folder of outputs) is passed over.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mentallama.errors import InputError
from mentallama.io import need_unique, read_csv, read_records
from mentallama.tasks import get_label, get_task, list_tasks
from mentallama.tasks.wording import WordingError, parse_answer
from mentallama.types import Response, Sample

REFERENCE_COLUMNS = ("goldens", "generated_text")
_OURS = (".jsonl", ".parquet")
REPORTS = ("leaderboard.json", "scores.json", "explanations.json", "correlations.json")
OWN = (
    "leaderboard.csv",
    "predictions.jsonl",
    "flips.jsonl",
    "quotes.jsonl",
    "explanations.csv",
    "correlations.csv",
)
"""Files that our own commands write beside one of ``REPORTS``."""


def read_responses(path: Path) -> list[Response]:
    """Read one file, a model's folder, or a folder of such folders."""
    return read_all([path])


def read_all(paths: Sequence[Path]) -> list[Response]:
    """Read several files and folders; a model may answer a row once over all of them."""
    responses: list[Response] = []
    places: dict[tuple[str, str], Path] = {}
    for file in (file for path in paths for file in _list_files(path)):
        own = _read_file(file)
        for response in own:
            if (first := places.get((response.model, response.sample_id))) is not None:
                raise InputError(
                    f"{file}: a response of {response.model} to row {response.sample_id} was read "
                    f"from {first} already; name each file once"
                )
        places |= {(response.model, response.sample_id): file for response in own}
        responses += own
    return responses


def list_own(paths: Sequence[Path]) -> list[Path]:
    """Return the files below the paths that our own commands wrote, which are not read."""
    folders = [path for path in paths if path.is_dir()]
    return sorted({file for path in folders for file in _find_tables(path) if _is_own(file)})


def _list_files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    files = [file for file in _find_tables(path) if not _is_own(file)]
    if not files:
        raise InputError(f"{path}: no .csv, .jsonl or .parquet file of responses in this folder")
    return files


def _find_tables(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix in (".csv", *_OURS) and not file.name.startswith(".")
    )


def _is_own(file: Path) -> bool:
    """Say whether a report or a leaderboard left this file, by its name and what stands beside."""
    beside = (file.with_name(name).exists() for name in REPORTS)
    return file.name in OWN and any(beside)


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
    # Whatever its case: the sets are SWMH and T-SID in the paper, swmh and t-sid in the release.
    names = {task.key.casefold(): task.key for task in list_tasks()}
    try:
        task = get_task(names.get(path.stem.casefold(), path.stem))
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
