"""Analyses of one post for a terminal: the post with its evidence, a block per question."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mentallama import NOTICE
from mentallama.tasks import get_label, get_task

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from mentallama.types import Analysis

WIDTH = 96
SHOWN = 2400
"""Most characters of a post that are shown; the middle of a longer one is left out."""
_QUOTED = 100
_MARKED = "bold underline"
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def open_console(*, err: bool = False) -> "Console":
    """Return a console no wider than is good to read."""
    from rich.console import Console

    console = Console(stderr=err, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDTH)
    return console


def show(console: "Console", post: str, analyses: "Sequence[Analysis]") -> None:
    """Print a post, what was found for each question, and the notice."""
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.text import Text

    models = list(dict.fromkeys(found.model for found in analyses))
    console.print(
        Panel(
            mark_evidence(post, analyses, plain=not console.is_terminal),
            title="post",
            title_align="left",
            subtitle=f"read by {', '.join(models)}",
            subtitle_align="right",
            border_style="dim",
            padding=(0, 1),
        )
    )
    for found in analyses:
        console.print()
        for part in _block(found, by=found.model if len(models) > 1 else ""):
            console.print(part)
    console.print()
    console.print(Padding(Text(NOTICE.replace("\n", " "), style="dim italic"), (0, 1)))


def mark_evidence(post: str, analyses: "Iterable[Analysis]", *, plain: bool) -> "Text":
    """Return the post with all evidence underlined; in brackets where nothing can be styled."""
    from rich.text import Text

    spans = merge([(one.start, one.end) for found in analyses for one in found.evidence])
    marked = [False] * len(post)
    for start, end in spans:
        marked[start:end] = [True] * (end - start)
    text = Text()
    for start, end in _shown(len(post)):
        if start:
            text.append(f"\n[… {start - SHOWN // 2:,} characters not shown …]\n", style="dim")
        edges = {edge for span in spans for edge in span if start < edge < end}
        for low, high in pairwise(sorted({start, end, *edges})):
            part = harmless(post[low:high])
            if not marked[low]:
                text.append(part)
            elif plain:
                text.append(f"⟦{part}⟧")
            else:
                text.append(part, style=_MARKED)
    return text


def _shown(length: int) -> list[tuple[int, int]]:
    half = SHOWN // 2
    return [(0, length)] if length <= SHOWN else [(0, half), (length - half, length)]


def merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans that overlap or touch."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def harmless(text: str) -> str:
    """Replace what would steer a terminal, one for one: control characters, turned writing."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if (unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t") or char in _BIDI
        else char
        for char in text
    )


def _block(found: "Analysis", *, by: str) -> "Iterable[RenderableType]":
    """Yield the lines on one question: what was asked, the answer, the reasons, the evidence."""
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.text import Text

    task = get_task(found.task)
    question = task.question.replace("{aspect}", found.aspect or "")
    name = f"{task.title} · {found.aspect}" if found.aspect else task.title
    yield Rule(Text(name, style="bold cyan"), align="left", style="dim")
    yield Padding(Text(question, style="dim"), (0, 1))
    yield Padding(_answer(found, by), (0, 1))
    yield Padding(Text(harmless(found.explanation)), (0, 1, 0, 3))
    if found.evidence:
        quotes = " · ".join(f"“{_short(harmless(one.text))}”" for one in found.evidence)
        yield Padding(Text(f"evidence: {quotes}", style="dim"), (0, 1, 0, 3))
    if found.example:
        near = found.example
        told = f"an expert on another post (“{_short(near.post)}”): {near.explanation}"
        yield Padding(Text(told, style="italic"), (0, 1, 0, 3))
    if found.truncated:
        yield Padding(Text("the post was too long and lost its middle", style="yellow"), (0, 3))


def _answer(found: "Analysis", by: str) -> "RenderableType":
    """Put the label to the left, how sure it is to the right, and who says so where two may."""
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(ratio=1)
    line.add_column(justify="right")
    if found.label is None:
        line.add_row(Text("no label", style="bold yellow"), Text(by, style="dim"))
        return line
    sure = "confidence not measured"
    if found.confidence is not None:
        sure = f"confidence {int(100 * found.confidence)} %"  # never more than it is
    phrase = get_label(get_task(found.task), found.label).phrase
    line.add_row(Text(phrase, style="bold"), Text(" · ".join(filter(None, (sure, by)))))
    return line


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED].rstrip()}…"


def show_support(console: "Console", support: Any) -> None:
    """Print where somebody in need finds help, in a frame of its own."""
    from rich.panel import Panel
    from rich.text import Text

    text = Text(support.message)
    for line in support.lines:
        about = " · ".join(filter(None, (line.where, line.hours)))
        text.append(f"\n\n{line.name}: ", style="bold")
        text.append(line.contact, style="bold underline")
        text.append(f"\n{about}" if about else "", style="dim")
        text.append(f"\n{line.url}" if line.url else "", style="dim")
    console.print(Panel(text, title=support.title, title_align="left", padding=(1, 2)))
