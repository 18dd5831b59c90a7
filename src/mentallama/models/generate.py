"""From samples to responses: length-sorted, resumable after a kill, in the order of the samples.

While it runs, finished rows stand in ``OUT.partial``, each on disk before it is counted; its first
line says what is being generated, so that a run with another model, data or decoding never
continues it. At the end the rows are written to ``OUT`` in the order of the samples.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
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


def generate(
    backend: Backend,
    samples: Sequence[Sample],
    out: Path,
    *,
    decoding: Decoding | None = None,
    gold_source: GoldSource = "release",
) -> list[Response]:
    """Ask the backend for every sample and write the responses to ``out``.

    A second call with the same model, samples and decoding finds the file done and asks nothing.
    Raises InputError where ``out`` was made otherwise, or where another process is writing it.
    """
    decoding = decoding or Decoding()
    key = _key(backend, samples, decoding)
    if out.exists():
        return _read_finished(out, key)
    partial = out.with_name(out.name + ".partial")
    with open_journal(partial) as journal:
        done = _read_partial(journal, key)
        for response in _ask(backend, samples, done, decoding, gold_source):
            journal.append(to_line(response))
            done[response.sample_id] = response
        responses = [done[sample.id] for sample in samples]
        write_json(_meta(out), key)
        write_records(out, responses)
        partial.unlink()
    return responses


def _ask(
    backend: Backend,
    samples: Sequence[Sample],
    done: dict[str, Response],
    decoding: Decoding,
    gold_source: GoldSource,
) -> Iterator[Response]:
    left = [sample for sample in samples if sample.id not in done]
    # Longest first: what does not fit in memory shows at once, and the time left is not too rosy.
    left.sort(key=lambda sample: len(sample.prompt), reverse=True)
    completions = backend.complete([sample.prompt for sample in left], decoding)
    pairs = track(
        zip(left, completions, strict=True), total=len(samples), done=len(done), label="generate"
    )
    for sample, completion in pairs:
        yield _response(sample, completion, backend.name, gold_source)


def _response(
    sample: Sample, completion: Completion, model: str, gold_source: GoldSource
) -> Response:
    return Response(
        sample_id=sample.id,
        task=sample.post.task,
        text=completion.text,
        model=model,
        gold=sample.post.label or "",
        reference=sample.response,
        gold_source=gold_source,
        aspect=sample.post.aspect,
        post_id=sample.post.id,
        prompt_truncated=completion.prompt_truncated,
        cut_off=completion.cut_off,
    )


def _key(backend: Backend, samples: Sequence[Sample], decoding: Decoding) -> dict[str, Any]:
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.id}\0{sample.prompt}\0{sample.response}\0".encode())
    return {
        "model": backend.name,
        "model_key": backend.key,
        "samples": len(samples),
        "samples_sha256": digest.hexdigest(),
        "decoding": asdict(decoding),
    }


def _meta(out: Path) -> Path:
    return out.with_name(out.name + ".meta.json")


def _read_finished(out: Path, key: dict[str, Any]) -> list[Response]:
    meta = _meta(out)
    if not meta.exists() or read_json(meta) != key:
        raise InputError(
            f"{out}: exists and was made from another model, other samples or other decoding; "
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
            f"{journal.path}: an unfinished run with another model, other samples or other "
            "decoding; remove it or choose another --out"
        )
    adapter = TypeAdapter(Response)
    responses = [adapter.validate_json(line) for line in lines]
    return {response.sample_id: response for response in responses}
