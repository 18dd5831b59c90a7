"""The cells of a study's matrices: scores, floors, and what teaching something else costs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mentallama.benchmark.evaluate import as_rows
from mentallama.benchmark.scores import Estimate, Row, adjust_holm, compare, estimate_all
from mentallama.errors import InputError
from mentallama.studies.results import Cell, Ran
from mentallama.tasks import get_task
from mentallama.types import Prediction, Response, Task

Pairs = list[tuple[Response, Prediction]]
CELL = 4
"""What names a cell: matrix, model, row, column."""
_SEED, _RESAMPLES, _PERMUTATIONS = 0, 1000, 10_000


def fill_cells(crossed: Sequence[tuple[tuple[str, ...], Ran, Pairs]]) -> list[Cell]:
    """Score each cell, and compare it with the one taught the column's own name."""
    tables = {at: _rows(pairs) for at, _, pairs in crossed if pairs}
    cells = []
    for (matrix, model, row, column), ran, pairs in crossed:
        cell = Cell(matrix=matrix, model=model, row=row, column=column, why_not=ran.why_not)
        if pairs:
            task = get_task(pairs[0][0].task)
            own = tables.get((matrix, model, column, column)) if row != column else None
            cell = _fill(cell, ran, pairs, task)
            cell = _compare(cell, pairs, own, task) if own else cell
        cells.append(cell)
    return _adjust(cells)


def _rows(pairs: Pairs) -> dict[str, tuple[Response, Prediction]]:
    return {response.sample_id: (response, read) for response, read in pairs}


def _fill(cell: Cell, ran: Ran, pairs: Pairs, task: Task) -> Cell:
    if len({response.task for response, _ in pairs}) > 1:
        raise InputError(
            f"{cell.matrix}: '{cell.column}' asks several questions; give the matrix one, "
            "such as alter: ['as:depression']"
        )
    rows = as_rows(task, pairs)
    found = estimate_all(rows, len(task.labels), ["weighted_f1"], resamples=_RESAMPLES, seed=_SEED)
    return replace(
        cell,
        gold=pairs[0][0].gold_source,
        taught=sum(ran.taught.get("rows", {}).values()),
        lacking=tuple(ran.taught.get("not_at_hand", ())),
        n=len(rows),
        f1=found["weighted_f1"],
        floor=floor(rows),
    )


def floor(rows: Sequence[Row]) -> float:
    """Return the weighted F1, 0 to 100, of always giving the most frequent label.

    With a share p of that label its F1 is 2p / (1 + p), that of all others 0.
    """
    share = Counter(row.gold for row in rows).most_common(1)[0][1] / len(rows)
    return 100 * share * 2 * share / (1 + share)


def _compare(
    cell: Cell, pairs: Pairs, own: dict[str, tuple[Response, Prediction]], task: Task
) -> Cell:
    shared = [pair for pair in pairs if pair[0].sample_id in own]
    others = [own[response.sample_id] for response, _ in shared]
    found = compare(
        as_rows(task, shared),
        as_rows(task, others),
        len(task.labels),
        resamples=_PERMUTATIONS,
        seed=_SEED,
    )
    return replace(cell, loss=Estimate(found.value, found.low, found.high), p_holm=found.p)


def _adjust(cells: Sequence[Cell]) -> list[Cell]:
    """Adjust p values for all losses of the study (Holm 1979)."""
    tested = [cell.p_holm for cell in cells if cell.p_holm is not None]
    adjusted = iter(adjust_holm(tested))
    return [cell if cell.p_holm is None else replace(cell, p_holm=next(adjusted)) for cell in cells]
