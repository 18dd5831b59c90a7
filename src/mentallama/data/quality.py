"""Quality of a teacher's explanations: how close they come to those that experts wrote.

The paper's third automatic check (section 3): the teacher explains posts that experts explained
too, with the label, with examples alone, and with neither; each time its words are scored against
the experts'. An expert's own example never stands in the prompt about its post.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.data.build import Ask, make_questions
from mentallama.data.expert import MODES, Mode, expert_posts, load_expert, question_id
from mentallama.data.plan import Plan
from mentallama.data.reply import Explained
from mentallama.tables import Table
from mentallama.types import Task

Closeness = Callable[[Sequence[str], Sequence[str]], list[float]]
"""Scores hypotheses against references."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How the teacher did in one mode on one task."""

    mode: Mode
    task: str
    metric: str
    score: float | None
    """Mean over the rows explained; None where there are none."""
    explained: int
    asked: int
    right: int
    """Rows explained whose verdict is the experts'."""


def measure_quality(
    tasks: Sequence[Task], ask: Ask, folder: Path, plan: Plan, metrics: dict[str, Closeness]
) -> list[Quality]:
    """Ask about the experts' posts in each mode and score what comes back."""
    posts, references = [], {}
    for task in tasks:
        expert = load_expert(task, plan.expert)
        for post, example in zip(expert_posts(task, expert), expert.examples, strict=True):
            posts.append(post)
            references[question_id(post)] = example.explanation
    results: list[Quality] = []
    for mode in MODES:
        run = ask(make_questions(posts, mode, plan), mode, folder / f"{mode}.journal")
        for task in tasks:
            rows = [row for row in run.rows if row.task == task.key]
            asked = sum(post.task == task.key for post in posts)
            results += [
                _score(mode, task.key, name, metric, rows, asked, references)
                for name, metric in metrics.items()
            ]
    return results


def _score(
    mode: Mode,
    task: str,
    name: str,
    metric: Closeness,
    rows: Sequence[Explained],
    asked: int,
    references: dict[str, str],
) -> Quality:
    done = [row for row in rows if row.outcome == "explained"]
    scores = metric([row.explanation for row in done], [references[row.id] for row in done])
    return Quality(
        mode=mode,
        task=task,
        metric=name,
        score=sum(scores) / len(scores) if scores else None,
        explained=len(done),
        asked=asked,
        right=sum(row.verdict == row.label for row in done),
    )


def as_table(results: Sequence[Quality]) -> Table:
    """Lay the scores out, a line for each mode, task and metric."""
    return Table(
        title="Quality: the teacher's explanations beside the experts'",
        header=("mode", "task", "metric", "mean", "explained", "asked", "verdict is the experts'"),
        rows=tuple(
            (
                one.mode,
                one.task,
                one.metric,
                "no row" if one.score is None else f"{one.score:.3f}",
                one.explained,
                one.asked,
                one.right,
            )
            for one in results
        ),
    )
