"""What an evaluation leaves behind: a table, a JSON object, a folder with the report."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mentallama.benchmark.evaluate import Evaluation, Group, groups
from mentallama.benchmark.labels import count_outcomes
from mentallama.benchmark.report import write_report
from mentallama.io import make_folder, write_json, write_records
from mentallama.types import Score

SCORES, PREDICTIONS, REPORT = "scores.json", "predictions.jsonl", "report.html"


def scores_object(evaluation: Evaluation) -> dict[str, list[dict[str, object]]]:
    """Return the scores in the schema that all of our JSON output shares."""
    return {"scores": [asdict(score) for score in evaluation.scores]}


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
    """Print one line per model and task: coverage, why rows have no verdict, F1 three ways."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "model"):
        table.add_column(name, no_wrap=True)
    for name in (
        *("rows", "coverage", "several", "none", "refusal", "empty"),
        *("F1 answered", "F1 all", "F1 forced", "macro all", "acc all"),
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for key, group in groups(evaluation).items():
        table.add_row(*key, *_cells(group))
    # Wide enough for every column where nobody's window sets the width.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    console.print(
        "Weighted F1 with 95 % bootstrap intervals. answered: rows with one verdict; all: the "
        "others counted wrong; forced: as the reference script of the paper counts them.",
        style="dim",
    )
    _warn_about_posts(evaluation, console)


def _warn_about_posts(evaluation: Evaluation, console: object) -> None:
    unknown = sum(response.post_id is None for response in evaluation.responses)
    if unknown:
        console.print(  # type: ignore[attr-defined]
            f"{unknown:,} of {len(evaluation.responses):,} rows name no post, so their intervals "
            "take rows as independent; give the samples with --data to cluster them by post.",
            style="dim",
        )


def _cells(group: Group) -> list[str]:
    scores, coverage = group.scores, group.scores["coverage all"]
    counts = count_outcomes(prediction for _, prediction in group.pairs)
    return [
        f"{coverage.n:,}",
        f"{coverage.value:.1f} %",
        *(str(counts[name]) for name in ("several", "none", "refusal", "empty")),
        _interval(scores["weighted_f1 answered"]),
        _interval(scores["weighted_f1 all"]),
        _interval(scores["weighted_f1 forced"]),
        _plain(scores["macro_f1 all"]),
        _plain(scores["accuracy all"]),
    ]


def _interval(score: Score) -> str:
    if score.value is None:
        return "not computed"
    return f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"


def _plain(score: Score) -> str:
    return "not computed" if score.value is None else f"{score.value:.1f}"
