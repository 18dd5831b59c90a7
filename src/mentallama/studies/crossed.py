"""The further runs that a study's matrices and variants stand for."""

from collections.abc import Iterator
from dataclasses import dataclass

from mentallama.studies.plan import Matrix, Run, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """One run of a matrix, or one run again on changed posts; what it is for is in ``at``."""

    at: tuple[str, ...]
    """Matrix, model, row and column; or the run and the variant."""
    run: Run


def cross(study: Study) -> list[Crossed]:
    """Return the runs of all cells and variants."""
    return [*_variants(study), *(one for matrix in study.matrices for one in _cells(matrix))]


def _variants(study: Study) -> Iterator[Crossed]:
    for run in study.runs:
        for variant in study.variants:
            asked = study.asked(run)
            changed = asked.model_copy(update={"alter": (*asked.alter, variant)})
            again = run.model_copy(update={"name": f"{run.name}, {variant}", "test": changed})
            yield Crossed(at=(run.name, variant), run=again)


def _cells(matrix: Matrix) -> Iterator[Crossed]:
    for name, model in matrix.models.items():
        for row, taught in matrix.rows.items():
            train = taught.model_copy(update={"alter": (*taught.alter, *matrix.alter)})
            for column, asked in matrix.columns.items():
                test = asked.model_copy(update={"alter": (*asked.alter, *matrix.alter)})
                cell = f"{matrix.title}: {name}, {row} to {column}"
                run = Run(name=cell, model=model, train=train, test=test)
                yield Crossed(at=(matrix.title, name, row, column), run=run)
