"""One piece of work whose output folder is named by all that decides it.

    ROOT/steps/KIND-HASH/           what a step left
    ROOT/steps/KIND-HASH/done.json  written last: without it the step counts as not done
    ROOT/locks/KIND-HASH.lock       held while a process is at it; a killed process holds nothing

The hash is of the kind, its settings, our version and the hashes of the steps it rests on.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mentallama import __version__
from mentallama.errors import InputError
from mentallama.io import read_json

DONE = "done.json"
RESPONSES = "responses.jsonl"
Kind = Literal[
    "source",
    "people",
    "train",
    "test",
    "leaked",
    "labellers",
    "baselines",
    "frozen",
    "mini",
    "tune",
    "generate",
    "released",
    "compare",
    "explanations",
    "checks",
    "marks",
    "correlation",
]


class Lacking(InputError):
    """A step cannot be done on these inputs, whatever the machine, nor what rests on it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What to do, with what, and what it rests on."""

    kind: Kind
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON; whatever changes the output must be in it."""
    inputs: tuple["Step", ...] = ()
    paths: Mapping[str, Path] = field(default_factory=dict)
    """Where the files outside the folder lie; their content is told by ``settings``."""
    name: str = field(init=False)

    def __post_init__(self) -> None:
        told = [self.kind, __version__, self.settings, [one.name for one in self.inputs]]
        text = json.dumps(told, sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        object.__setattr__(self, "name", f"{self.kind}-{digest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the code of a step is given."""

    settings: Mapping[str, Any]
    paths: Mapping[str, Path]
    inputs: tuple[Path, ...]
    """Folders of the steps that it rests on."""
    out: Path
    shared: Path
    """Folder for what several steps may keep together, such as embeddings."""


def folder_of(step: Step, root: Path) -> Path:
    """Return the folder of a step's output."""
    return root / "steps" / step.name


def is_done(step: Step, root: Path) -> bool:
    """Say whether a step has been finished, if only by finding that it cannot be done."""
    return (folder_of(step, root) / DONE).exists()


def lacks(step: Step, root: Path) -> str | None:
    """Return why a finished step has no output; None where it has one, or is not finished."""
    return why_empty(folder_of(step, root)) if is_done(step, root) else None


def why_empty(folder: Path) -> str | None:
    """Return why the folder of a finished step holds no output; None where it does."""
    reason = read_json(folder / DONE)["lacking"]
    return None if reason is None else str(reason)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Return steps with all that they rest on, each once, what is rested on first."""
    found: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.name not in found:
            for one in step.inputs:
                visit(one)
            found[step.name] = step

    for step in steps:
        visit(step)
    return list(found.values())
