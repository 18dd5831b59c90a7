"""The tables of the paper, each a list of cells made from what the steps left."""

from collections.abc import Iterator, Mapping, Sequence

from mentallama.benchmark.reported import Reported, reported_scores
from mentallama.studies.findings import GOLDS
from mentallama.studies.paper.cells import Cell
from mentallama.studies.results import Ran, Result
from mentallama.tasks import list_tasks
from mentallama.types import GoldSource, Score

_NO_API = {"ChatGPT": "needs the answers of ChatGPT, a paid service"}
_NO_API["GPT-4"] = "needs the answers of GPT-4, a paid service"
_ELSEWHERE = "measured on the sample corpus, reported on IMHI"
_SECOND = ", tuned here"


def correctness(result: Result) -> list[Cell]:
    """Return the table of correctness against the data's own labels, and against people's."""
    golds = list(dict.fromkeys(score.gold for score in result.scores))
    own: GoldSource = "corpus" if "corpus" in golds else "release"
    cells = list(_correctness(result, own, reported_scores()))
    return [*cells, *_correctness(result, "human", [])] if "human" in golds else cells


def _correctness(result: Result, gold: GoldSource, reported: Sequence[Reported]) -> Iterator[Cell]:
    known = {(cell.model, cell.task): cell for cell in reported}
    ran = {run.name: run for run in result.runs}
    scores = {(s.model, s.task): s for s in result.scores if s.gold == gold and _is_f1(s)}
    at_hand = {task for _, task in scores}
    for row in _rows(result, reported):
        for task in list_tasks():
            told = known.get((row.removesuffix(_SECOND), task.key))
            score = scores.get((row, task.key))
            yield Cell(
                table=f"Correctness: weighted F1 over all rows against {GOLDS[gold]}",
                row=row,
                column=task.key,
                unit="F1",
                reported=told.weighted_f1 if told else None,
                known_from=told.known_from if told else "not known",
                ours=score.value if score else None,
                low=score.low if score else None,
                high=score.high if score else None,
                n=score.n if score else None,
                note=_ELSEWHERE if gold == "corpus" and told and score else "",
                not_run=None if score else _why_not(row, ran.get(row), task.key, at_hand, gold),
            )


def _is_f1(score: Score) -> bool:
    return score.metric == "weighted_f1" and score.value is not None


def _rows(result: Result, reported: Sequence[Reported]) -> list[str]:
    """Return the reported models in the paper's order, each with its second way, then the rest."""
    names = [run.name for run in result.runs]
    paper = list(dict.fromkeys(cell.model for cell in reported))
    rows = [n for model in paper for n in (model, model + _SECOND) if n == model or n in names]
    return [*rows, *(name for name in names if name not in rows)]


def _why_not(row: str, run: Ran | None, task: str, at_hand: set[str], gold: GoldSource) -> str:
    if run is None:
        return next((why for name, why in _NO_API.items() if row.startswith(name)), "not planned")
    if run.why_not:
        return run.why_not
    if task not in at_hand:
        return f"needs people's labels of {task}" if gold == "human" else "needs the data set"
    rows: Mapping[str, int] = run.taught.get("rows", {})
    if rows and task not in rows:
        return "needs the set's training rows"
    return "needs the model's answers to this set"
