"""The automatic checks of the data (paper, section 3.3), as cells. Inputs: data set, raw corpora.

Does the label, which the teacher's answer states, agree with the people's annotation; can a
classifier tell the label from the explanation alone.
"""

from collections.abc import Mapping

from mentallama.benchmark.golds import Question, human_labels
from mentallama.benchmark.scores import mean_share
from mentallama.data.check import measure_consistency
from mentallama.data.entries import as_checked
from mentallama.dataset import read_samples
from mentallama.studies.paper.cells import Cell, write_cells
from mentallama.studies.step import Work
from mentallama.studies.steps.people import read_people
from mentallama.tasks import list_tasks
from mentallama.tasks.posts import text_key
from mentallama.types import SPLITS, Sample, Split

TABLE = "Automatic checks of the data"
_AGREES = "label agrees with people's annotation, {} rows (%)"
_CONSISTENT = "label told from the explanation, {} rows (weighted F1)"
_QUALITY = "closeness of the teacher's explanation to the experts' (BARTScore)"


def make(work: Work) -> None:
    """Check each set."""
    samples = read_samples(work.inputs[0], splits=SPLITS)
    labels = human_labels(read_people(work.inputs[1])) if len(work.inputs) > 1 else {}
    splits: tuple[Split, ...] = ("train", "valid", "test")
    cells = [_agreement(samples, labels, task.key, s) for s in splits for task in list_tasks()]
    write_cells([*cells, *_consistency(samples), *_quality()], work.out)


def _agreement(
    samples: list[Sample], labels: Mapping[Question, set[str]], task: str, split: Split
) -> Cell:
    own = [s for s in samples if s.post.task == task and s.post.split == split]
    joined = [(s, said) for s in own if len(said := labels.get(_question(s), set())) == 1]
    share = mean_share(
        [said == {s.post.label} for s, said in joined],
        [s.post.id for s, _ in joined],
        resamples=1000,
        seed=0,
    )
    why = "needs the raw corpora" if own else "needs the data set"
    return Cell(
        table=TABLE,
        row=_AGREES.format(split),
        column=task,
        unit="%",
        ours=share.value,
        low=share.low,
        high=share.high,
        n=len(joined) or None,
        not_run=None if joined else why,
    )


def _question(sample: Sample) -> Question:
    post = sample.post
    return post.task, post.aspect, text_key(post.text)


def _consistency(samples: list[Sample]) -> list[Cell]:
    found = {(one.task, one.scored_on): one for one in measure_consistency(as_checked(samples))}
    known = {sample.post.task for sample in samples}
    cells = []
    for split in ("test", "expert"):
        for task in list_tasks():
            one = found.get((task.key, split))
            value = one.weighted_f1 if one else None
            why = f"needs {split} rows" if task.key in known else "needs the data set"
            cells.append(
                Cell(
                    table=TABLE,
                    row=_CONSISTENT.format(split),
                    column=task.key,
                    unit="F1",
                    ours=value,
                    n=one.scored if one and value is not None else None,
                    not_run=None if value is not None else "needs more rows" if one else why,
                )
            )
    return cells


def _quality() -> list[Cell]:
    return [
        Cell(
            table=TABLE,
            row=f"{_QUALITY}, {mode}",
            column=task.key,
            unit="score",
            not_run="needs a teacher model and weights",
        )
        for mode in ("zero-shot", "few-shot", "with the label")
        for task in list_tasks()
    ]
