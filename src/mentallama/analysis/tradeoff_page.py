"""A cascade's trade-off as files: JSON, CSV, and a page with a curve of F1 over cost per task."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mentallama.analysis.tradeoff import Tradeoff, tradeoff_table
from mentallama.io import atomic_write, make_folder, write_json
from mentallama.pages import write_page
from mentallama.tables import as_csv


def write_tradeoff(
    found: Sequence[Tradeoff], folder: Path, *, first: str, second: str, data: str
) -> None:
    """Write the lines as JSON and CSV, and a page with a curve of F1 over cost for each task."""
    make_folder(folder)
    write_json(folder / "cascade.json", {"cascade": [asdict(one) for one in found]})
    table = tradeoff_table(found)
    with atomic_write(folder / "cascade.csv") as handle:
        handle.write(as_csv(table))
    tasks = dict.fromkeys(one.task for one in found)
    curves = {task: _curve([one for one in found if one.task == task]) for task in tasks}
    write_page(
        folder / "cascade.html",
        "analysis",
        "cascade.html.j2",
        table=table,
        curves=curves,
        first=first,
        second=second,
        data=data,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """F1 over the share that goes on, in a box of 100 by 100 that begins at the top left."""

    line: str
    band: str
    ticks: tuple[tuple[float, str], ...]
    told: str
    n: int


def _curve(found: Sequence[Tradeoff]) -> Curve | None:
    """Return the curve of one task; None where an F1 is missing."""
    points = []
    for one in sorted(found, key=lambda one: (one.passed_on, one.threshold)):
        value, low, high = one.weighted_f1.value, one.weighted_f1.low, one.weighted_f1.high
        if value is None or low is None or high is None:
            return None
        points.append((100 * one.passed_on / one.n, value, low, high))
    floor = max(0, min(p[2] for p in points) // 10 * 10)
    top = min(100, -(-max(p[3] for p in points) // 10) * 10)

    def at(x: float, y: float) -> str:
        return f"{x:.2f},{100 * (top - y) / (top - floor):.2f}"

    upper = [at(x, high) for x, _, _, high in points]
    lower = [at(x, low) for x, _, low, _ in reversed(points)]
    first, last = points[0], points[-1]
    return Curve(
        line=" ".join(at(x, value) for x, value, _, _ in points),
        band=" ".join([*upper, *lower]),
        ticks=((0.0, f"{top:g}"), (100.0, f"{floor:g}")),
        told=f"F1 {first[1]:.1f} with {first[0]:.0f} % passed on, {last[1]:.1f} with "
        f"{last[0]:.0f} %",
        n=found[0].n,
    )
