"""What holds the model: answers one block of rows and writes its file whole or not at all."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mentallama.errors import InputError
from mentallama.io import write_records
from mentallama.models.backend import Backend, Decoding
from mentallama.models.classifier import Classifier, is_classifier, load_classifier
from mentallama.models.generate import as_released, to_response
from mentallama.models.shards.posts import Question, Row, to_samples
from mentallama.models.shards.survey import Layout
from mentallama.tasks import TASKS, add_tasks, list_tasks
from mentallama.types import Response, Sample, Task

FAKE = "fake"
Suffix = Literal[".jsonl", ".parquet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Which model, on what: plain values, from which each worker loads its own."""

    name: str
    engine: str = "auto"
    int8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a worker says of the model that it has loaded."""

    name: str
    key: str
    why: str
    """Which engine runs it, and why that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row that is not asked."""

    row: int
    id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a worker is told when it starts, on whatever machine."""

    model: Model
    question: Question
    layout: Layout
    decoding: Decoding
    load: Callable[[Model], tuple[Backend, str]]
    """Builds the backend inside the worker; a function that can be imported there."""
    own_tasks: tuple[Task, ...] = ()


def own_tasks() -> tuple[Task, ...]:
    """Return the tasks that this process knows beyond the ten, which a worker has to be told."""
    return tuple(task for task in list_tasks() if task not in TASKS)


def load_backend(model: Model) -> tuple[Backend, str]:
    """Load a model as ``mentallama generate`` does; say which engine runs it and why."""
    if model.name == FAKE:
        from mentallama.models.fake import FakeModel

        return FakeModel(), "made-up answers"
    from mentallama.models.engines import choose

    if is_classifier(model.name):
        return load_classifier(model.name, [], batch_size=32), "an encoder, on transformers"
    engine: Any = model.engine
    return choose(model.name, engine, int8=model.int8)


class Worker:
    """A Ray actor. The model is loaded once, by the first call, so that its errors are said."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loaded: tuple[Backend, str] | None = None

    def key(self) -> Key:
        """Load the model where it is not yet, and say what it is."""
        if self._loaded is None:
            add_tasks(self._job.own_tasks)
            self._loaded = self._job.load(self._job.model)
        backend, why = self._loaded
        return Key(name=backend.name, key=backend.key, why=why)

    def answer(self, shard: str, number: int, rows: Sequence[Row], key: str) -> int:
        """Answer the rows of a block, write its files and return how many rows it has.

        Raises InputError where this worker's model is another one than ``key`` says.
        """
        if self.key().key != key:
            raise InputError(
                f"{self._job.model.name}: a worker on {os.uname().nodename} has other weights "
                "under this name than the first one; copy the same to all machines"
            )
        layout = self._job.layout
        out = layout.block(shard, number)
        if not out.exists():
            skipped = [Skipped(row=r.number, id=r.id, why=r.skipped) for r in rows if r.skipped]
            if skipped:
                write_records(layout.skipped(shard, number), skipped)
            # The last to be written: where it lies, the block is done.
            _write_whole(out, self._respond(rows))
        return len(rows)

    def _respond(self, rows: Sequence[Row]) -> list[Response]:
        samples = [sample for row in rows for sample in to_samples(row, self._job.question)]
        backend, asked = self._backend_for(samples), as_released(samples)
        # Long prompts first, the questions on one post side by side; equal ids stay apart.
        order = sorted(range(len(samples)), key=lambda place: _weight(samples[place]), reverse=True)
        prompts = [asked.prompts[place] for place in order]
        responses: dict[int, Response] = {}
        completions = backend.complete(prompts, self._job.decoding)
        for place, prompt, completion in zip(order, prompts, completions, strict=True):
            responses[place] = to_response(samples[place], prompt, completion, backend.name, asked)
        return [responses[place] for place in range(len(samples))]

    def _backend_for(self, samples: list[Sample]) -> Backend:
        """Return the backend; a classifier has to be told what the prompts ask."""
        assert self._loaded is not None
        backend = self._loaded[0]
        return replace(backend, samples=samples) if isinstance(backend, Classifier) else backend


def _weight(sample: Sample) -> tuple[int, str, int]:
    return len(sample.post.text), sample.post.id, len(sample.prompt)


def _write_whole(path: Path, responses: Sequence[Response]) -> None:
    """Write a file that is on disk in full before it gets its name."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    write_records(temporary, responses)
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(path)
