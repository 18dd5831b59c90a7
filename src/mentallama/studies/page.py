"""A study's page: one HTML file with plots and findings, and the same as CSV, LaTeX and JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mentallama.benchmark.paired import ALPHA
from mentallama.io import atomic_write, make_folder, write_json
from mentallama.pages import describe_software, write_page
from mentallama.studies.findings import GOLDS, findings
from mentallama.studies.plot import Group, Line, draw
from mentallama.studies.results import RESULT, Result
from mentallama.studies.views import FLOOR, sections
from mentallama.tables import Table, as_csv, as_latex, as_markdown
from mentallama.types import GoldSource, Score

PAGE = "index.html"
_LIBRARIES = ("numpy", "scikit-learn", "torch", "transformers", "trl")


def write_study(result: Result, out: Path, *, command: str) -> Path:
    """Write the page and its tables into a folder; return the page."""
    from markupsafe import Markup

    make_folder(out)
    tables = [*scores_tables(result), comparisons_table(result), runs_table(result)]
    parts = sections(result)
    named = [*zip(_file_names(result), tables, strict=True), *((p.file, p.table) for p in parts)]
    for name, table in named:
        with atomic_write(out / f"{name}.csv") as file:
            file.write(as_csv(table))
    with atomic_write(out / "tables.tex") as file:
        file.write("\n\n".join(as_latex(table) for _, table in named) + "\n")
    with atomic_write(out / "tables.md") as file:
        file.write(as_markdown([table for _, table in named]) + "\n")
    write_json(out / RESULT, {**asdict(result), "findings": findings(result)})
    write_page(
        out / PAGE,
        "studies",
        "study.html.j2",
        result=result,
        findings=findings(result),
        differences=Markup(_differences(result)),  # noqa: S704
        plots={gold: Markup(_scores(result, gold)) for gold in _golds(result)},  # noqa: S704
        golds=GOLDS,
        tables=tables,
        sections=parts,
        floor=FLOOR,
        command=command,
        software=describe_software(_LIBRARIES),
    )
    return out / PAGE


def _file_names(result: Result) -> list[str]:
    return [*(f"scores-{gold}" for gold in _golds(result)), "comparisons", "runs"]


def _golds(result: Result) -> list[GoldSource]:
    return list(dict.fromkeys(score.gold for score in result.scores))


def _tasks(result: Result, gold: GoldSource) -> list[str]:
    return list(dict.fromkeys(score.task for score in result.scores if score.gold == gold))


def scores_tables(result: Result) -> list[Table]:
    """Return a table per gold: sets by run, weighted F1 over all rows."""
    return [_scores_table(result, gold) for gold in _golds(result)]


def _scores_table(result: Result, gold: GoldSource) -> Table:
    rows = [
        (task, *(_cell(result.f1(run.name, task, gold), run.why_not) for run in result.runs))
        for task in _tasks(result, gold)
    ]
    return Table(
        title=f"Weighted F1 over all rows against {GOLDS[gold]} (95 % interval; rows)",
        header=("set", *(run.name for run in result.runs)),
        rows=tuple(rows),
    )


def _cell(score: Score | None, why_not: str | None) -> str:
    if score is None:
        return f"not run: {why_not or 'not asked about this set'}"
    silent = score.n - score.answered
    without = f", {silent:,} without a verdict" if silent else ""
    return f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f}; {score.n:,}{without})"


def comparisons_table(result: Result) -> Table:
    """Return the paired comparisons, a line per set and gold."""
    return Table(
        title="Paired comparisons in points of weighted F1 (bootstrap interval and permutation "
        "test over posts; Holm over all lines)",
        header=("comparison", "set", "gold", "n", "difference", "interval", "p", "p (Holm)"),
        rows=tuple(
            (
                one.title,
                one.task,
                one.gold,
                f"{one.n:,}",
                f"{one.difference:+.1f}",
                f"{one.low:+.1f} to {one.high:+.1f}",
                f"{one.p:.4f}",
                f"{one.p_holm:.4f}",
            )
            for one in result.comparisons
        ),
    )


def runs_table(result: Result) -> Table:
    """Return what each run learnt from, or why it was not run."""
    return Table(
        title="Runs",
        header=(
            "run",
            "learnt from (rows)",
            "leaking rows",
            "no label of people",
            "notes",
        ),
        rows=tuple(_run_row(result, name) for name in [run.name for run in result.runs]),
    )


def _run_row(result: Result, name: str) -> tuple[str, ...]:
    run = next(run for run in result.runs if run.name == name)
    if run.why_not:
        return (name, "-", "-", "-", f"not run: {run.why_not}")
    rows = ", ".join(f"{task} {n:,}" for task, n in run.taught.get("rows", {}).items())
    notes = [f"{run.cut_off:,} answers cut off"] if run.cut_off else []
    notes += [f"{run.shortened:,} posts shortened"] if run.shortened else []
    missing = run.taught.get("not_at_hand")
    notes += [f"no training rows at hand: {', '.join(missing)}"] if missing else []
    leaks = f"{run.taught['leaking']:,} {run.taught['leaks']}" if run.taught else "-"
    left_out = f"{run.taught['without_people']:,}" if run.taught else "-"
    return (name, rows or "nothing here", leaks, left_out, "; ".join(notes))


def _differences(result: Result) -> str:
    groups = [
        Group(
            title=title,
            lines=[
                Line(
                    name=f"{one.task}, {one.gold}",
                    value=one.difference,
                    low=one.low,
                    high=one.high,
                    note=f"n = {one.n:,}",
                    strong=one.p_holm < ALPHA,
                )
                for one in result.comparisons
                if one.title == title
            ],
        )
        for title in dict.fromkeys(one.title for one in result.comparisons)
    ]
    return draw(groups, "Differences in weighted F1", centred=True) if groups else ""


def _scores(result: Result, gold: GoldSource) -> str:
    groups = [Group(title=task, lines=_lines(result, task, gold)) for task in _tasks(result, gold)]
    return draw(groups, f"Weighted F1 of each run against {GOLDS[gold]}")


def _lines(result: Result, task: str, gold: GoldSource) -> Sequence[Line]:
    return [
        Line(
            name=run.name,
            value=score.value,
            low=score.low or 0.0,
            high=score.high or 0.0,
            note=f"n = {score.n:,}",
            hue=number,
        )
        for number, run in enumerate(result.runs)
        if (score := result.f1(run.name, task, gold)) and score.value is not None
    ]
