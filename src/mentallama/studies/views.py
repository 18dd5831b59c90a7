"""What a page shows of matrices, flips and shares: sections with plots and tables."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mentallama.benchmark.paired import ALPHA
from mentallama.benchmark.scores import SMALL, Estimate, describe, starred
from mentallama.studies.plan import MINUS
from mentallama.studies.plot import Group, Line, draw
from mentallama.studies.results import Cell, Flips, Result, Shown
from mentallama.studies.steps.close import CLOSE
from mentallama.studies.steps.shares import CONTRASTS, NUANCE, VERSIONS
from mentallama.tables import Table

_SAYS = {
    NUANCE: "Percent of verdicts that are right, with 95 % intervals over posts. Expected: on "
    "untagged posts at the same mix of questions.",
    CONTRASTS: "Percent right, with 95 % intervals that take rows as independent.",
    VERSIONS: "Percent of questions on which two versions of a post got different verdicts, with "
    "95 % intervals that take posts as independent.",
    CLOSE: "Percent of rows whose nearest post of the same question and label got another verdict, "
    "with 95 % intervals over posts. Expected: the same of any other post of that label.",
}
_CELL_NAMES = ("matrix", "model", "taught")
FLOOR = "floor: always the most frequent label"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A matrix as a table of coloured cells: scores, shares of colour, and the floors below."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    floors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page."""

    title: str
    says: str
    """How to read it."""
    plot: str
    table: Table
    file: str
    """Name of its CSV."""
    grids: tuple[Grid, ...] = ()
    lacks: tuple[str, ...] = ()
    """Why some of it is not there, with how often."""


def sections(result: Result) -> list[Section]:
    """Return the sections that a result has anything for."""
    found = [_cells_section(result.cells)] if result.cells else []
    found += [_flips_section(result.flips)] if result.flips else []
    names = dict.fromkeys(one.table for one in result.shown)
    return [*found, *(_shown_section(result, name) for name in names)]


def _cells_section(cells: Sequence[Cell]) -> Section:
    titles = dict.fromkeys((cell.matrix, cell.model) for cell in cells)
    groups = [_losses(title, cells) for title in titles]
    return Section(
        title="Taught by one, asked about another",
        says="Weighted F1 (0 to 100) with its 95 % interval and rows: a line per teaching, a "
        "column per test. The plot shows what a model gains or loses against the same model taught "
        "the column's own name, in points, paired by post; a full mark: told from chance after "
        "Holm's adjustment for all of the study; a hollow one: not.",
        plot=_drawn([group for group in groups if group.lines], "Losses", centred=True),
        table=_cells_table(cells),
        file="matrix",
        grids=tuple(_grid(title, cells) for title in titles),
        lacks=(*_lacks(cells), *_partly(cells)),
    )


def _lacks(some: Sequence[Cell | Flips]) -> tuple[str, ...]:
    often = Counter(one.why_not for one in some if one.why_not)
    return tuple(f"{n:,} of {len(some):,} not run: {why}" for why, n in often.items())


def _partly(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Say which rows were taught a part of their sets."""
    said = {(cell.matrix, cell.row, ", ".join(cell.lacking)): None for cell in cells}
    return tuple(
        f"{matrix}: “{row}” is taught without {sets}, of which no training rows are at hand"
        for matrix, row, sets in said
        if sets
    )


def _grid(title: tuple[str, str], cells: Sequence[Cell]) -> Grid:
    own = {(c.row, c.column): c for c in cells if (c.matrix, c.model) == title}
    rows, columns = (tuple(dict.fromkeys(key[side] for key in own)) for side in (0, 1))
    floors = [
        next((c.floor for c in own.values() if c.column == column and c.floor is not None), None)
        for column in columns
    ]
    return Grid(
        title=", ".join(title),
        columns=columns,
        lines=tuple((row, tuple(own.get((row, column)) for column in columns)) for row in rows),
        floors=tuple("-" if one is None else f"{one:.1f}" for one in floors),
    )


def _losses(title: tuple[str, str], cells: Sequence[Cell]) -> Group:
    own = [c for c in cells if (c.matrix, c.model) == title and c.loss.value is not None]
    lines = [
        _line(f"{c.row} → {c.column}", c.loss, c.n, strong=(c.p_holm or 0) < ALPHA) for c in own
    ]
    return Group(title=", ".join(title), lines=lines)


def _line(name: str, estimate: Estimate, n: int, *, hue: int = 0, strong: bool = True) -> Line:
    return Line(
        name=name,
        value=estimate.value or 0.0,
        low=estimate.low or 0.0,
        high=estimate.high or 0.0,
        note=f"n = {n:,}",
        hue=hue,
        strong=strong,
    )


def _cells_table(cells: Sequence[Cell]) -> Table:
    return Table(
        title="Each cell: weighted F1 over all rows, the column's floor, and the loss against "
        "being taught the column's own",
        header=(*_CELL_NAMES, "rows", "asked", "n", "gold", "F1", "floor", "loss", "p (Holm)"),
        rows=tuple(_cell_row(cell) for cell in cells),
    )


def _cell_row(cell: Cell) -> tuple[str, ...]:
    head = (cell.matrix, cell.model, cell.row)
    if cell.why_not:
        return (*head, "-", cell.column, "-", "-", f"not run: {cell.why_not}", "-", "-", "-")
    return (
        *head,
        f"{cell.taught:,}",
        cell.column,
        starred(f"{cell.n:,}", cell.n),
        str(cell.gold),
        describe(cell.f1),
        f"{cell.floor:.1f}",
        signed(cell.loss),
        "-" if cell.p_holm is None else f"{cell.p_holm:.4f}",
    )


def signed(estimate: Estimate) -> str:
    """Write a difference with its interval; a dash where there is none."""
    if estimate.value is None:
        return "-"
    return f"{estimate.value:+.1f} ({estimate.low:+.1f} to {estimate.high:+.1f})".replace(
        "-", MINUS
    )


def _flips_section(flips: Sequence[Flips]) -> Section:
    runs = list(dict.fromkeys(one.run for one in flips))
    groups = [
        Group(
            title=variant,
            lines=[
                _line(one.run, one.flipped, one.n, hue=runs.index(one.run))
                for one in flips
                if one.variant == variant and one.why_not is None and one.task is None
            ],
        )
        for variant in dict.fromkeys(one.variant for one in flips)
    ]
    return Section(
        title="Verdicts that flip",
        says="Share of verdicts that differ from those on the same posts as they are, in percent, "
        "with 95 % intervals over posts. Only rows count whose post the change touched.",
        plot=_drawn([group for group in groups if group.lines], "Share of verdicts that flip"),
        table=_flips_table(flips),
        file="flips",
        lacks=_lacks(flips),
    )


def _flips_table(flips: Sequence[Flips]) -> Table:
    return Table(
        title=f"Flips and what they do to accuracy, in points (* under {SMALL} rows)",
        header=(
            *("change", "run", "set", "rows", "posts", "verdicts flip, %"),
            *("accuracy changes by", "a verdict on one only"),
        ),
        rows=tuple(
            (one.variant, one.run, one.task or "all", "-", "-", f"not run: {one.why_not}", "-", "-")
            if one.why_not
            else (
                one.variant,
                one.run,
                one.task or "all",
                starred(f"{one.n:,}", one.n),
                f"{one.posts:,}",
                describe(one.flipped),
                signed(one.change),
                f"{one.undecided:,}",
            )
            for one in flips
        ),
    )


def _shown_section(result: Result, table: str) -> Section:
    own = [one for one in result.shown if one.table == table]
    runs = [run.name for run in result.runs]
    groups = [
        Group(
            title=what,
            lines=[
                _line(one.run, one.share, one.n, hue=runs.index(one.run))
                for one in own
                if one.what == what
            ],
        )
        for what in dict.fromkeys(one.what for one in own)
    ]
    return Section(
        title=table,
        says=_SAYS[table],
        plot=draw(groups, table),
        table=_shown_table(table, own),
        file="-".join(table.lower().split()[:3]),
    )


def _shown_table(table: str, own: Sequence[Shown]) -> Table:
    expects = any(one.expected is not None for one in own)
    more = ("expected", "less the expected") if expects else ()
    return Table(
        title=f"{table}, % (* under {SMALL} rows)",
        header=("", "run", "n", "share", *more),
        rows=tuple(
            (one.what, one.run, starred(f"{one.n:,}", one.n), describe(one.share))
            + (("-" if one.expected is None else f"{one.expected:.1f}", signed(one.gap)) * expects)
            for one in own
        ),
    )


def _drawn(groups: Sequence[Group], label: str, *, centred: bool = False) -> str:
    if not groups:
        return ""
    highest = max(line.high for group in groups for line in group.lines)
    return draw(groups, label, centred=centred, end=min(100.0, 20 * (highest // 20 + 1)))
