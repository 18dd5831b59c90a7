"""Values with intervals as inline SVG: one line each, in groups, on a common scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

from mentallama.studies.plan import MINUS

ROW, HEAD, TOP, WIDTH, LEFT, RIGHT = 18, 24, 22, 760, 250, 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One value with its interval."""

    name: str
    value: float
    low: float
    high: float
    note: str
    """Stands at the right, such as the number of rows."""
    hue: int = 0
    """Which of six colours."""
    strong: bool = True
    """A full mark; else a hollow one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Lines under one heading."""

    title: str
    lines: Sequence[Line]


def draw(groups: Sequence[Group], label: str, *, centred: bool = False, end: float = 100.0) -> str:
    """Draw groups on 0 to ``end``, or around zero as far as the values reach (``centred``)."""
    span = _span(groups) if centred else end
    start = -span if centred else 0.0
    height = TOP + sum(HEAD + ROW * len(group.lines) for group in groups) + 8

    def x(value: float) -> float:
        share = (value - start) / (span - start)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0.0), 1.0), 1)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" class="forest" role="img" '
        f'aria-label="{escape(label)}">'
    ]
    for tick in _ticks(start, span):
        mark = "zero" if centred and tick == 0 else "grid"
        parts.append(
            f'<line x1="{x(tick)}" x2="{x(tick)}" y1="{TOP}" y2="{height}" class="{mark}"/>'
        )
        parts.append(f'<text x="{x(tick)}" y="{TOP - 8}" class="scale">{_number(tick)}</text>')
    y = float(TOP)
    for group in groups:
        parts.append(f'<text x="0" y="{y + 17}" class="group">{escape(group.title)}</text>')
        y += HEAD
        for line in group.lines:
            parts.append(_line(line, y + ROW / 2, x(line.low), x(line.value), x(line.high)))
            y += ROW
    return "\n".join([*parts, "</svg>"])


def _line(line: Line, y: float, low: float, at: float, high: float) -> str:
    said = f"{line.name}: {line.value:.1f} ({line.low:.1f} to {line.high:.1f}), {line.note}"
    kind = "mark" if line.strong else "mark hollow"
    return (
        f'<g class="s{line.hue % 6}"><title>{escape(said)}</title>'
        f'<text x="12" y="{y + 4}" class="name">{escape(_short(line.name))}</text>'
        f'<line x1="{low}" x2="{high}" y1="{y}" y2="{y}" class="reach"/>'
        f'<circle cx="{at}" cy="{y}" r="4.2" class="{kind}"/>'
        f'<text x="{WIDTH}" y="{y + 4}" class="note">{escape(line.note)}</text></g>'
    )


def _short(name: str) -> str:
    return name if len(name) <= 38 else name[:37] + "…"


def _span(groups: Sequence[Group]) -> float:
    reach = [abs(v) for group in groups for line in group.lines for v in (line.low, line.high)]
    return float(max(5 * ceil(max(reach, default=5.0) / 5), 5))


def _ticks(start: float, end: float) -> list[float]:
    step = (end - start) / 4
    return [start + step * number for number in range(5)]


def _number(value: float) -> str:
    return f"{value:g}".replace("-", MINUS)
