"""Small tables of text, the same for a terminal and for a Markdown page."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A title, a header and rows; columns of whole numbers stand to the right."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


def as_markdown(tables: Sequence[Table]) -> str:
    """Render tables as Markdown, padded so that they read well as plain text."""
    return "\n\n".join(_render(table) for table in tables)


def _render(table: Table) -> str:
    lines = [[str(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(len(row[i]) for row in lines) for i in range(len(table.header))]
    right = [all(isinstance(row[i], int) for row in table.rows) for i in range(len(widths))]
    padded = [
        " | ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        for row in lines
    ]
    rule = "|".join(
        "-" * (width + 1) + (":" if to_right else "-")
        for width, to_right in zip(widths, right, strict=True)
    )
    body = [f"| {padded[0]} |", f"|{rule}|", *(f"| {row} |" for row in padded[1:])]
    return "\n".join([f"### {table.title}", "", *body])


def as_csv(table: Table) -> str:
    """Render a table as CSV, header first."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table.header, *table.rows])
    return text.getvalue()


def as_latex(table: Table) -> str:
    """Render a table as a LaTeX tabular with booktabs rules."""
    rows = (table.header, *table.rows)
    lines = [" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in rows]
    columns = "l" * len(table.header)
    return "\n".join(
        [
            "\\begin{table}",
            f"\\caption{{{escape_latex(table.title)}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            lines[0],
            "\\midrule",
            *lines[1:],
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
        ]
    )


def escape_latex(cell: str | int) -> str:
    """Escape what LaTeX would read as a command."""
    escaped = str(cell).replace("\\", r"\textbackslash ")
    for mark in "&%$#_{}":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped.replace("~", r"\textasciitilde ").replace("^", r"\textasciicircum ")
