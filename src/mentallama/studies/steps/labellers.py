"""The labellers that read what anchored phrases leave, trained on the data set's own explanations.

Input: the data set. A set with too few rows has none, and its answers are read by phrases alone.
"""

from pathlib import Path

from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.linear import fit_linear
from mentallama.benchmark.inference.store import LABELLER, load_labeller, save_labeller
from mentallama.benchmark.inference.train import train_labeller
from mentallama.dataset import read_samples
from mentallama.errors import InputError
from mentallama.studies.step import Work
from mentallama.tasks import list_tasks
from mentallama.types import Sample, Split


def make(work: Work) -> None:
    """Train and save a labeller for each set."""
    for task in list_tasks():
        rows = _rows(work.inputs[0], task.key, "train") or _rows(work.inputs[0], task.key, "valid")
        try:
            split = rows[0].post.split if rows else ""
            trained = train_labeller(
                task, rows, fit_linear, trained_on=f"the data set, {split}", beside={}
            )
        except InputError as error:
            print(f"no labeller for {error}")
            continue
        save_labeller(trained, work.out / task.key)


def _rows(source: Path, task: str, split: Split) -> list[Sample]:
    return read_samples(source, splits=[split], tasks=[task])


def read_cascade(folder: Path | None) -> Cascade:
    """Return the reader of labels: phrases, then the labellers of a step of this kind."""
    folders = sorted(folder.iterdir()) if folder else []
    known = [one for one in folders if (one / LABELLER).exists()]
    return Cascade(labellers={one.name: load_labeller(one) for one in known})
