"""The paper's tables as steps: a study of correctness, and four more measurements."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mentallama.config import load_config
from mentallama.studies.build import Plan, plan_study
from mentallama.studies.paper.cells import Cell, read_cells
from mentallama.studies.paper.tables import correctness
from mentallama.studies.plan import Study
from mentallama.studies.results import read_result
from mentallama.studies.sources import Sources, hash_folder
from mentallama.studies.step import Step, folder_of

LIMIT = 200
"""Rows a set whose explanations are scored, the same of every model."""
_MARKS = Path("human_evaluation/DR_annotation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """All steps of the paper's tables."""

    correctness: Plan
    others: tuple[Step, ...]
    """Steps that leave cells, in the order of the page."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return what has to be done."""
        return (self.correctness.result, *self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights that some metrics need, by choice of the user."""

    bartscore: str | None = None
    bartscore_weights: str | None = None

    @property
    def told(self) -> dict[str, str | None]:
        """Return them as settings of a step."""
        return {"bartscore": self.bartscore, "bartscore_weights": self.bartscore_weights}


def plan_paper(sources: Sources, weights: Weights, *, toys: bool) -> Paper:
    """Turn the paper's tables into steps; ``toys`` adds models from random weights."""
    study = _load("correctness")
    if toys:
        study = study.model_copy(update={"runs": (*study.runs, *_load("toys").runs)})
    plan = plan_study(study, sources)
    marks = sources.imhi / _MARKS if sources.imhi else None
    found = {"marks": marks} if marks and marks.is_dir() else {}
    told = {name: hash_folder(folder) for name, folder in found.items()}
    others = (
        _explanations(plan, sources, weights),
        Step(kind="checks", inputs=sources.labelled),
        Step(kind="marks", settings=told, paths=found),
        Step(kind="correlation", settings={**told, **weights.told}, paths=found),
    )
    return Paper(correctness=plan, others=others)


def _load(name: str) -> Study:
    return load_config(Path(str(files("mentallama.studies.paper") / f"{name}.yaml")), Study)


def _explanations(plan: Plan, sources: Sources, weights: Weights) -> Step:
    """Score the explanations of all runs whose models write some."""
    writing = [run for run in plan.runs if run.answers and run.answers.kind in _WRITE]
    answers = {run.answers.name: run.answers for run in writing if run.answers}
    runs = [
        {"name": run.name, "answers": run.answers.name, "model": run.model}
        for run in writing
        if run.answers
    ]
    settings = {"runs": runs, "limit": LIMIT, **weights.told}
    return Step(kind="explanations", settings=settings, inputs=(sources.data, *answers.values()))


_WRITE = ("released", "generate")


def gather(paper: Paper, root: Path) -> list[Cell]:
    """Return all cells, table by table, once the steps are done."""
    return list(_gather(paper, root))


def _gather(paper: Paper, root: Path) -> Iterator[Cell]:
    yield from correctness(read_result(folder_of(paper.correctness.result, root)))
    for step in paper.others:
        yield from read_cells(folder_of(step, root))
