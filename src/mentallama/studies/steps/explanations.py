"""How close explanations come to the gold ones, as cells. Inputs: the data set, then answers.

``settings``: ``runs`` (name, answers, model), ``limit`` rows a set, weights of BARTScore if any.
"""

from dataclasses import replace

from mentallama.benchmark.explanations import (
    ExplanationScore,
    against_experts,
    gather,
    score_explanations,
)
from mentallama.benchmark.metrics import METRICS
from mentallama.benchmark.metrics.metric import Models
from mentallama.dataset import read_samples
from mentallama.io import read_records
from mentallama.studies.paper.cells import Cell, write_cells
from mentallama.studies.step import RESPONSES, Work, why_empty
from mentallama.tasks import list_tasks
from mentallama.types import SPLITS, Response

SHOWN = ("BARTScore hyp->ref, label in", "ROUGE-L", "BLEU", "BERTScore")
"""BARTScore first: the paper's own measure, label sentence and all."""


def make(work: Work) -> None:
    """Score every model that explains, with the floors and the ceiling of each metric."""
    samples = read_samples(work.inputs[0], splits=SPLITS)
    texts = {sample.post.id: sample.post.text for sample in samples}
    answers = _read(work)
    tasks = {one.task for one in answers}
    systems = gather(answers, texts, work.settings["limit"], seed=0)
    systems += [one for one in against_experts(samples) if one.task in tasks]
    models = Models(
        bartscore=work.settings["bartscore"], bartscore_weights=work.settings["bartscore_weights"]
    )
    metrics = [metric for metric in METRICS if metric.name in SHOWN]
    found = score_explanations(systems, metrics, models)
    write_cells([cell for metric in SHOWN for cell in _cells(metric, found, work)], work.out)


def _read(work: Work) -> list[Response]:
    folders = {path.name: path for path in work.inputs}
    answers = []
    for run in work.settings["runs"]:
        folder = folders[run["answers"]]
        if why_empty(folder) is None:
            found = read_records(folder / RESPONSES, Response, empty=["text"])
            own = [one for one in found if run["model"] in (None, one.model)]
            answers += [replace(one, model=run["name"]) for one in own]
    return answers


def _cells(metric: str, found: list[ExplanationScore], work: Work) -> list[Cell]:
    scores = {(_row(one), one.task): one for one in found if one.metric == metric}
    rows = dict.fromkeys(_row(one) for one in found)
    names = [*(run["name"] for run in work.settings["runs"]), *rows]
    asked = {one.task for one in found}
    return [
        _cell(metric, row, task.key, scores.get((row, task.key)), asked)
        for row in dict.fromkeys(names)
        for task in list_tasks()
    ]


def _row(one: ExplanationScore) -> str:
    return one.model if one.kind == "model" else f"{one.kind}: {one.model}"


def _cell(
    metric: str, row: str, task: str, score: ExplanationScore | None, asked: set[str]
) -> Cell:
    if score is None:
        why = "needs the model's answers to this set" if task in asked else "needs the data set"
    else:
        why = _short(score.why_not or "")
    value = score.value if score else None
    return Cell(
        table=f"Explanation quality: {metric} against the gold explanation",
        row=row,
        column=task,
        unit="score",
        ours=value,
        low=score.low if score else None,
        high=score.high if score else None,
        n=score.n if score and value is not None else None,
        not_run=None if value is not None else why,
    )


def _short(why_not: str) -> str:
    return "needs weights" if "--bart" in why_not or "--bert" in why_not else why_not
