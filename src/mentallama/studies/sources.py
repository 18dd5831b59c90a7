"""Where the data lie, as steps that everything else rests on; their content is told by hashes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mentallama.io import need_folder, sha256
from mentallama.studies.step import Step
from mentallama.tasks import TASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The data at hand; None for what was not given."""

    data: Step
    """The data set: the release, or the sample corpus."""
    people: Step | None
    trained: tuple[str, ...]
    """Sets whose training rows are in the data set."""
    outputs: Path | None
    outputs_hash: str
    imhi: Path | None
    gpu: bool
    """Whether what needs a GPU may be run."""

    @property
    def given(self) -> set[str]:
        """Name what was given, as a study's ``needs`` do."""
        found = {"imhi": self.imhi, "raw": self.people, "outputs": self.outputs}
        return {name for name, value in found.items() if value is not None}

    @property
    def options(self) -> str:
        """Return the options that gave the data, without saying where it lies."""
        return "".join(f" --{name} DIR" for name in sorted(self.given))

    @property
    def labelled(self) -> tuple[Step, ...]:
        """Return the data set, and the raw corpora if there are any."""
        return (self.data, self.people) if self.people else (self.data,)


def open_sources(
    imhi: Path | None, raw: Path | None = None, outputs: Path | None = None, *, gpu: bool = False
) -> Sources:
    """Look at the folders; raise InputError where one is not there."""
    data = Step(kind="source", settings={"data": "sample corpus"})
    if imhi:
        told = {"data": "release", "files": hash_folder(imhi)}
        data = Step(kind="source", settings=told, paths={"imhi": imhi})
    people = None
    if raw:
        people = Step(kind="people", settings={"files": hash_folder(raw)}, paths={"raw": raw})
    return Sources(
        data=data,
        people=people,
        trained=_trained(imhi),
        outputs=outputs,
        outputs_hash=hash_folder(outputs) if outputs else "",
        imhi=imhi,
        gpu=gpu,
    )


def _trained(imhi: Path | None) -> tuple[str, ...]:
    if imhi is None:
        return tuple(task.key for task in TASKS)
    from mentallama.data.release import find_files

    return tuple(dict.fromkeys(f.task for f in find_files(imhi) if f.split == "train"))


def hash_folder(folder: Path) -> str:
    """Return a hash of the names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in need_folder(folder).rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)} {sha256(path)}\n".encode())
    return digest.hexdigest()[:16]
