"""What an evaluation leaves behind: a table, a JSON object, a folder with the report."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mentallama.benchmark.comparable import stamps
from mentallama.benchmark.evaluate import PROVISIONAL, Evaluation, Group, groups, say_readers
from mentallama.benchmark.inference.rules import OUTCOMES, count_outcomes
from mentallama.benchmark.report import write_report
from mentallama.io import make_folder, write_json, write_records
from mentallama.types import Score

if TYPE_CHECKING:
    from rich.table import Table

_UNBOUNDED = 400
"""Columns to print in where no window sets them."""
_LESS_NEEDED = (*OUTCOMES[1:], "macro all", "acc all")

SCORES, PREDICTIONS, REPORT = "scores.json", "predictions.jsonl", "report.html"


def scores_object(evaluation: Evaluation) -> dict[str, object]:
    """Return the scores in the schema that all of our JSON output shares."""
    found = groups(evaluation)
    scores = [
        {
            **asdict(score),
            "labels_read_by": (group := found[score.task, score.model, score.gold]).read_by,
            "provisional": group.provisional,
        }
        for score in evaluation.scores
    ]
    return {"scores": scores, "intervals_draw": evaluation.clusters, **stamps(evaluation)}


def as_json(evaluation: Evaluation) -> str:
    """Render the scores as one JSON object."""
    return json.dumps(scores_object(evaluation), indent=2)


def write(
    evaluation: Evaluation,
    out: Path,
    *,
    title: str,
    run: Mapping[str, str],
    posts: Mapping[str, str] | None = None,
) -> None:
    """Write scores, predictions and the report into a folder; see ``write_report``."""
    make_folder(out)
    write_json(out / SCORES, scores_object(evaluation))
    write_records(out / PREDICTIONS, evaluation.predictions)
    write_report(evaluation, out / REPORT, title=title, run=run, posts=posts)


def print_table(evaluation: Evaluation) -> None:
    """Print one line per model and task: coverage, why rows have no verdict, F1 three ways.

    Where the window is too narrow, whole columns are left out and named, never cut.
    """
    from rich.console import Console

    wide = Console(width=_UNBOUNDED)
    console = Console() if sys.stdout.isatty() else wide
    golds = {score.gold for score in evaluation.scores}
    found = groups(evaluation)
    doubtful = any(group.provisional for group in found.values())
    rows = [
        {
            "task": task,
            "model": model,
            **({"gold": gold} if len(golds) > 1 else {}),
            **_cells(group),
            **({PROVISIONAL: PROVISIONAL if group.provisional else ""} if doubtful else {}),
        }
        for (task, model, gold), group in found.items()
    ]
    table = _table(rows, ())
    narrow = wide.measure(table).maximum > console.width
    if narrow:
        table = _table(rows, _LESS_NEEDED)
    # A window narrower still wraps the lines; nothing is cut.
    Console(width=max(console.width, wide.measure(table).maximum)).print(table)
    notes = [
        f"Weighted F1 with 95 % bootstrap intervals, drawn: {evaluation.clusters}. answered: rows "
        "with one verdict; all: the others counted wrong; forced: as the reference script of the "
        "paper counts them."
    ]
    if narrow:
        notes.append(f"Left out in this narrow window: {', '.join(_LESS_NEEDED)}.")
    if unknown := sum(response.post_id is None for response in evaluation.responses):
        notes.append(
            f"{unknown:,} of {len(evaluation.responses):,} rows name no post, so their intervals "
            "take rows as independent; give the samples with --data to cluster them by post."
        )
    notes += [f"{note[0].upper()}{note[1:]}." for note in say_readers(found.values())]
    for note in notes:
        console.print(note, style="dim")


def _table(rows: Sequence[Mapping[str, str]], left_out: Sequence[str]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    names = [name for name in rows[0] if name not in left_out]
    for name in names:
        justify: Literal["left", "right"] = "left" if name in ("task", "model", "gold") else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*(row[name] for name in names))
    return table


def _cells(group: Group) -> dict[str, str]:
    scores, coverage = group.scores, group.scores["coverage all"]
    counts = count_outcomes(prediction for _, prediction in group.pairs)
    return {
        "rows": f"{coverage.n:,}",
        "coverage": f"{coverage.value:.1f} %",
        **{name: f"{counts[name]:,}" for name in OUTCOMES[1:]},
        "F1 answered": _interval(scores["weighted_f1 answered"]),
        "F1 all": _interval(scores["weighted_f1 all"]),
        "F1 forced": _interval(scores["weighted_f1 forced"]),
        "macro all": _plain(scores["macro_f1 all"]),
        "acc all": _plain(scores["accuracy all"]),
    }


def _interval(score: Score) -> str:
    if score.value is None:
        return "not computed"
    return f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"


def _plain(score: Score) -> str:
    return "not computed" if score.value is None else f"{score.value:.1f}"
