"""What a run is: written before its first block, compared before it goes on."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mentallama.errors import InputError
from mentallama.io import read_json, write_json
from mentallama.models.prompts import Prompting, prompting_key
from mentallama.models.shards.posts import Question, Row, to_samples
from mentallama.models.shards.survey import Shard
from mentallama.models.shards.worker import Job, Key

NAME = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """The shards of a run, and the ids in them."""

    shards: tuple[Shard, ...]
    distinct: int
    """Different ids among all rows."""

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(shard.rows for shard in self.shards)


def describe(job: Job) -> dict[str, Any]:
    """Return what decides the responses, apart from the model and the posts."""
    return {
        "decoding": asdict(job.decoding),
        "prompts": prompting_key(Prompting()),
        "form": job.question.form,
        "task": job.question.task.key if job.question.task else None,
        "questions_sha256": _hash_questions(job.question),
        "block_rows": job.layout.block_rows,
        "format": job.layout.suffix,
    }


def _hash_questions(question: Question) -> str | None:
    if question.task is None:
        return None
    samples = to_samples(Row(number=1, id="a", text="a post"), question)
    return hashlib.sha256("\0".join(sample.prompt for sample in samples).encode()).hexdigest()[:16]


def read_input(out: Path, found: Sequence[tuple[str, str]]) -> Input | None:
    """Return what an earlier start wrote of the input; None where there was none.

    ``found`` is the names and hashes of the shards as they are now. Raises InputError where they
    are others, or where ``out`` holds files that are not of a run.
    """
    path = out / NAME
    if not path.exists():
        if any(not file.name.startswith((".", "run.lock")) for file in out.iterdir()):
            raise InputError(f"{out}: holds files and no {NAME}; choose an empty --out")
        return None
    saved = read_json(path)
    shards = tuple(Shard(**shard) for shard in saved["shards"])
    strange = {(shard.name, shard.sha256) for shard in shards} ^ set(found)
    if strange:
        names = sorted({name for name, _ in strange})
        raise InputError(
            f"{out}: was begun with other input: {len(names)} shards are new, gone or changed, "
            f"{names[0]} first; choose another --out"
        )
    return Input(shards=shards, distinct=saved["distinct_ids"])


def need_same(out: Path, about: dict[str, Any]) -> None:
    """Raise InputError where an earlier start wrote something else in the run's file."""
    path = out / NAME
    saved = read_json(path) if path.exists() else about
    other = [name for name, value in about.items() if saved.get(name) != value]
    if other:
        raise InputError(
            f"{out}: was begun with another {' and '.join(other)}; choose another --out"
        )


def settle(job: Job, key: Key, given: Input) -> None:
    """Write what the run is; raise InputError where an earlier start had another model."""
    out = job.layout.folder
    about = {"model": key.name, "model_key": key.key}
    need_same(out, about)
    if not (out / NAME).exists():
        shards = [asdict(shard) for shard in given.shards]
        ids = {"distinct_ids": given.distinct}
        write_json(out / NAME, about | describe(job) | ids | {"shards": shards})
