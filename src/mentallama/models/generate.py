"""From samples to responses: sorted by length, resumable after a kill, in the order of the samples.

While it runs, finished rows stand in ``OUT.partial``, each on disk before it is counted; its first
line says what is being generated, so that a run with another model, data or decoding never
continues it. At the end the rows are written to ``OUT`` in the order of the samples.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mentallama.errors import InputError
from mentallama.io import (
    read_json,
    read_records,
    to_line,
    write_json,
    write_records,
)
from mentallama.journal import Journal, open_journal
from mentallama.models.backend import Backend, Completion, Decoding
from mentallama.progress import track
from mentallama.types import GoldSource, Response, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Samples with the prompts that they are asked with."""

    samples: Sequence[Sample]
    prompts: Sequence[str]
    """One per sample; the release's query where nothing else was asked for."""
    how: str = "release"
    """Style, examples, wording and template, in words; stands in every response."""
    gold_source: GoldSource = "release"


def as_released(samples: Sequence[Sample], gold_source: GoldSource = "release") -> Asked:
    """Ask samples with the release's own query, as MentaLLaMA was tuned."""
    prompts = [sample.prompt for sample in samples]
    return Asked(samples=samples, prompts=prompts, gold_source=gold_source)


def generate(
    backend: Backend, asked: Asked, out: Path, *, decoding: Decoding | None = None
) -> list[Response]:
    """Ask the backend for every sample and write the responses to ``out``.

    A second call with the same model, prompts and decoding finds the file done and asks nothing.
    Raises InputError where ``out`` was made otherwise, or where another process is writing it.
    """
    decoding = decoding or Decoding()
    key = _key(backend, asked, decoding)
    if out.exists():
        return _read_finished(out, key)
    partial = out.with_name(out.name + ".partial")
    with open_journal(partial) as journal:
        done = _read_partial(journal, key)
        for response in _ask(backend, asked, done, decoding):
            journal.append(to_line(response))
            done[response.sample_id] = response
        responses = [done[sample.id] for sample in asked.samples]
        write_json(_meta(out), key)
        write_records(out, responses)
        partial.unlink()
    return responses


def _ask(
    backend: Backend, asked: Asked, done: dict[str, Response], decoding: Decoding
) -> Iterator[Response]:
    rows = list(zip(asked.samples, asked.prompts, strict=True))
    left = _in_order([row for row in rows if row[0].id not in done])
    completions = backend.complete([prompt for _, prompt in left], decoding)
    pairs = track(
        zip(left, completions, strict=True), total=len(rows), done=len(done), label="generate"
    )
    for (sample, prompt), completion in pairs:
        yield to_response(sample, prompt, completion, backend.name, asked)


def _in_order(rows: list[tuple[Sample, str]]) -> list[tuple[Sample, str]]:
    """Put tasks one after the other, long prompts first, questions on one post side by side.

    What does not fit in memory shows early, and an engine that keeps the start of a prompt finds
    it again. Answers to one task are of like length, so that the rows of a batch end together.
    """
    longest: dict[str, int] = {}
    for sample, prompt in rows:
        for group in (sample.post.id, f"task {sample.post.task}"):
            longest[group] = max(longest.get(group, 0), len(prompt))

    def place(row: tuple[Sample, str]) -> tuple[int, str, int, str, int]:
        post, prompt = row[0].post, row[1]
        task = longest[f"task {post.task}"]
        return task, post.task, longest[post.id], post.id, len(prompt)

    return sorted(rows, key=place, reverse=True)


def to_response(
    sample: Sample, prompt: str, completion: Completion, model: str, asked: Asked
) -> Response:
    """Return what is kept of a completion."""
    return Response(
        sample_id=sample.id,
        task=sample.post.task,
        text=completion.text,
        model=model,
        gold=sample.post.label or "",
        reference=sample.response,
        gold_source=asked.gold_source,
        aspect=sample.post.aspect,
        post_id=sample.post.id,
        prompt_truncated=completion.prompt_truncated,
        cut_off=completion.cut_off,
        prompted_as=asked.how,
        prompt_sha256=hashlib.sha256(prompt.encode()).hexdigest()[:16],
    )


def _key(backend: Backend, asked: Asked, decoding: Decoding) -> dict[str, Any]:
    digest = hashlib.sha256()
    for sample, prompt in zip(asked.samples, asked.prompts, strict=True):
        digest.update(f"{sample.id}\0{prompt}\0{sample.response}\0".encode())
    return {
        "model": backend.name,
        "model_key": backend.key,
        "prompted_as": asked.how,
        "samples": len(asked.samples),
        "samples_sha256": digest.hexdigest(),
        "decoding": asdict(decoding),
    }


def _meta(out: Path) -> Path:
    return out.with_name(out.name + ".meta.json")


def _read_finished(out: Path, key: dict[str, Any]) -> list[Response]:
    meta = _meta(out)
    if not meta.exists() or read_json(meta) != key:
        raise InputError(
            f"{out}: exists and was made from another model, other prompts or other decoding; "
            "remove it or choose another --out"
        )
    return read_records(out, Response)


def _read_partial(journal: Journal, key: dict[str, Any]) -> dict[str, Response]:
    """Read finished rows; an empty journal gets its first line."""
    if not journal.lines:
        journal.append(json.dumps(key))
        return {}
    first, *lines = journal.lines
    if json.loads(first) != key:
        raise InputError(
            f"{journal.path}: an unfinished run with another model, other prompts or other "
            "decoding; remove it or choose another --out"
        )
    adapter = TypeAdapter(Response)
    responses = [adapter.validate_json(line) for line in lines]
    return {response.sample_id: response for response in responses}
