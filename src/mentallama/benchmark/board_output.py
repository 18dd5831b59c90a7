"""The leaderboard as tables, and as a folder of files: HTML, Markdown, CSV, LaTeX, JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mentallama.benchmark.attributes import change_table
from mentallama.benchmark.evaluate import PROVISIONAL, Group, groups
from mentallama.benchmark.evidence import evidence_table
from mentallama.benchmark.golds import join_table
from mentallama.benchmark.integrity import integrity_table
from mentallama.benchmark.leaderboard import Board
from mentallama.benchmark.output import scores_object
from mentallama.benchmark.report import Beside, write_report
from mentallama.benchmark.reported import Reported, reported_scores
from mentallama.benchmark.scores import SMALL
from mentallama.benchmark.slices import slice_table
from mentallama.io import atomic_write, make_folder, write_json, write_records
from mentallama.tables import Table, as_csv, as_latex, as_markdown, escape_latex
from mentallama.types import GoldSource

NAME = "leaderboard"
Found = Mapping[tuple[str, str, GoldSource], Group]


def board_object(board: Board) -> dict[str, Any]:
    """Return the board in the schema of ``evaluate``, with what else was measured beside it."""
    ranks = [
        {"task": task, "gold": gold, "model": model, "rank": rank}
        for (task, gold, model), rank in board.ranks.items()
    ]
    return {
        **scores_object(board.evaluation),
        "ranks": ranks,
        "comparisons": [asdict(one) for one in board.comparisons],
        "reported": [
            {**asdict(cell), "status": f"reported, unverified ({cell.known_from})"}
            for cell in _reported(board)
        ],
        "joins": [asdict(one) for one in board.joins],
        "integrity": [asdict(one) for one in board.integrity],
        "evidence": [asdict(one) for one in board.evidence],
        "risk_coverage": [asdict(one) for one in board.curves],
        "slices": [asdict(one) for one in board.slices],
        "counterfactuals": [asdict(one) for one in board.counterfactuals],
        "notes": list(board.notes),
    }


def standings(board: Board) -> list[Table]:
    """Return a table per gold: models by set, weighted F1 over all rows, rank and coverage."""
    found = groups(board.evaluation)
    golds = dict.fromkeys(gold for _, _, gold in found)
    return [_standing(board, found, gold) for gold in golds]


def _standing(board: Board, found: Found, gold: GoldSource) -> Table:
    tasks = list(dict.fromkeys(task for task, _, own in found if own == gold))
    models = list(dict.fromkeys(model for _, model, own in found if own == gold))
    rows: list[tuple[str, ...]] = [
        (model, *(_cell(board, found.get((task, model, gold)), task, gold) for task in tasks))
        for model in models
    ]
    if gold == "release":
        reported = {(cell.model, cell.task): cell for cell in _reported(board)}
        for model in dict.fromkeys(model for model, _ in reported):
            cells = [reported.get((model, task)) for task in tasks]
            rows.append(
                (
                    f"{model}, reported, unverified",
                    *(f"{cell.weighted_f1:.1f}" if cell else "not known" for cell in cells),
                )
            )
    return Table(
        title=f"Weighted F1 over all rows, gold: {gold} (rank; share of rows with a verdict)",
        header=("model", *tasks),
        rows=tuple(rows),
    )


def _cell(board: Board, group: Group | None, task: str, gold: GoldSource) -> str:
    if group is None:
        return "not run"
    score, coverage = group.scores["weighted_f1 all"], group.scores["coverage all"]
    rank = _rank(board, task, gold, score.model)
    mark = f"; {PROVISIONAL}" if group.provisional else ""
    return f"{score.value:.1f} ({rank}; {coverage.value:.0f} % of {score.n:,}{mark})"


def _rank(board: Board, task: str, gold: GoldSource, model: str) -> str:
    rank = board.ranks[task, gold, model]
    return "not compared" if rank is None else f"{rank}."


def _reported(board: Board) -> list[Reported]:
    """Return the paper's figures for the board's sets; they belong to the release's labels."""
    scores = board.evaluation.scores
    tasks = {score.task for score in scores if score.gold == "release"}
    return [cell for cell in reported_scores() if cell.task in tasks]


def scores_table(board: Board) -> Table:
    """Return every score with its interval, a line per set, model and gold."""
    return Table(
        title=f"Scores (weighted F1; 95 % bootstrap interval, drawn: {board.evaluation.clusters})",
        header=(
            "task",
            "model",
            "gold",
            "rank",
            "rows",
            "answered",
            "F1 answered",
            "F1 all",
            "F1 forced",
            "accuracy all",
            "labels read by",
            "provisional",
        ),
        rows=tuple(
            (
                task,
                model,
                gold,
                _rank(board, task, gold, model),
                group.scores["coverage all"].n,
                group.scores["coverage all"].answered,
                *(
                    _interval(group, name)
                    for name in (
                        "weighted_f1 answered",
                        "weighted_f1 all",
                        "weighted_f1 forced",
                        "accuracy all",
                    )
                ),
                group.read_by,
                f"yes, {group.provisional}" if group.provisional else "no",
            )
            for (task, model, gold), group in groups(board.evaluation).items()
        ),
    )


def csv_table(board: Board) -> Table:
    """Return the measured scores, then the paper's figures in a column of their own."""
    measured = scores_table(board)
    blank = ("",) * (len(measured.header) - 3)
    return Table(
        title=measured.title,
        header=(*measured.header, "F1 reported", "source"),
        rows=(
            *((*row, "", "measured") for row in measured.rows),
            *(
                (
                    cell.task,
                    cell.model,
                    "release",
                    *blank,
                    f"{cell.weighted_f1:.2f}",
                    f"reported, unverified ({cell.known_from})",
                )
                for cell in _reported(board)
            ),
        ),
    )


def _interval(group: Group, name: str) -> str:
    score = group.scores[name]
    if score.value is None:
        return "not computed"
    return f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"


def comparison_table(board: Board) -> Table:
    """Return the paired comparisons, with p values as they are and adjusted."""
    return Table(
        title="Two models on the rows that both answered (difference in weighted F1, points)",
        header=(
            "task",
            "gold",
            "A",
            "B",
            "rows",
            "A - B",
            "p",
            "p (Holm)",
            "only A right",
            "only B right",
        ),
        rows=tuple(
            (
                one.task,
                one.gold,
                one.a,
                one.b,
                one.n,
                f"{one.difference:+.1f} ({one.low:+.1f} to {one.high:+.1f})",
                f"{one.p:.4f}",
                f"{one.p_holm:.4f}",
                one.a_right_only,
                one.b_right_only,
            )
            for one in board.comparisons
        ),
    )


def risk_table(board: Board) -> Table:
    """Return the share of wrong verdicts among the surest ones, a line per set, model and gold."""
    shown = (0.5, 0.8, 0.9, 1.0)
    return Table(
        title="Risk: wrong verdicts among the surest share of those given, %",
        header=("task", "model", "gold", "verdicts", *(f"surest {100 * c:.0f} %" for c in shown)),
        rows=tuple(
            (
                curve.task,
                curve.model,
                curve.gold,
                curve.answered,
                *(f"{100 * p.risk:.1f}" for c in shown for p in curve.points if p.coverage == c),
            )
            for curve in board.curves
        ),
    )


def board_tables(board: Board) -> list[Table]:
    """Return all tables but the parts of the sets, the most asked for first; no empty ones."""
    return _filled([*standings(board), scores_table(board), *_more_tables(board)])


def part_tables(board: Board) -> list[Table]:
    """Return the long tables: scores on parts of the sets."""
    return _filled([slice_table(board.slices)])


def _more_tables(board: Board) -> list[Table]:
    return _filled(
        [
            join_table(board.joins),
            comparison_table(board),
            risk_table(board),
            integrity_table(board.integrity),
            evidence_table(board.evidence),
            change_table(board.counterfactuals, SMALL),
        ]
    )


def _filled(tables: Sequence[Table]) -> list[Table]:
    return [table for table in tables if table.rows]


def write_board(
    board: Board, out: Path, *, run: Mapping[str, str], posts: Mapping[str, str] | None
) -> None:
    """Write the board into a folder in every format; see ``write_report`` for ``posts``.

    Without ``posts`` the list of quotes says where each stands, not what it says.
    """
    make_folder(out)
    quotes = board.quotes if posts is not None else [replace(q, text=None) for q in board.quotes]
    write_json(out / f"{NAME}.json", board_object(board))
    write_records(out / "predictions.jsonl", board.evaluation.predictions)
    write_records(out / "flips.jsonl", board.flips)
    write_records(out / "quotes.jsonl", quotes)
    for ending, text in _texts(board).items():
        with atomic_write(out / f"{NAME}.{ending}") as file:
            file.write(text + "\n")
    write_report(
        board.evaluation,
        out / f"{NAME}.html",
        title="Leaderboard",
        run=run,
        posts=posts,
        beside=Beside(
            ranks=board.ranks,
            notes=board.notes,
            contradicting={
                (one.model, row) for one in board.integrity for row in one.contradicting
            },
            tables=[*_more_tables(board), *part_tables(board)],
        ),
    )


def _texts(board: Board) -> dict[str, str]:
    """Return the board as Markdown, CSV and LaTeX; each but the CSV ends with the notes."""
    markdown = as_markdown([*board_tables(board), *part_tables(board)])
    latex = [as_latex(table) for table in standings(board)]
    return {
        "md": "\n".join([markdown, "", *(f"- {note}" for note in board.notes)]),
        "csv": as_csv(csv_table(board)).rstrip("\n"),
        "tex": "\n\n".join([*latex, *(f"\\noindent {escape_latex(n)}" for n in board.notes)]),
    }
