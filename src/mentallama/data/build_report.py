"""The report of a build: what was read, what was dropped and why, what is left. No post."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mentallama.data.check import consistency_table, flag_table
from mentallama.data.plan import Built, Plan
from mentallama.data.reply import OUTCOMES
from mentallama.data.teacher import Run
from mentallama.pages import describe_software, write_page
from mentallama.tables import Table
from mentallama.tasks import get_task

_LIBRARIES = ("openai", "pyarrow", "scikit-learn", "py3langid")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way from the raw rows to the data set."""

    name: str
    rows: int
    share: float
    """Of the rows read, 0 to 1."""
    dropped: bool


def write_report(built: Built, plan: Plan, path: Path) -> None:
    """Write the report as one HTML file."""
    write_page(
        path,
        "data",
        "build.html.j2",
        title="How this data set was built",
        source=plan.source,
        read=built.read,
        kept=len(built.kept),
        dropped=len(built.drops),
        asked=len(built.explained),
        steps=funnel(built),
        tables=report_tables(built),
        withheld=[get_task(key).title for key in built.withheld],
        notes=built.notes,
        run={
            **{f"Teacher ({mode})": describe_run(run) for mode, run in built.runs.items()},
            "Examples per class": str(plan.shots),
            "Seed": str(plan.seed),
            "Identifiers replaced": ", ".join(
                f"{kind} {count:,}" for kind, count in sorted(built.prepared.identifiers.items())
            )
            or "none",
            **describe_software(_LIBRARIES),
        },
    )


def describe_run(run: Run) -> str:
    """Say in a line what asking took, over this run and the earlier ones."""
    tokens = sum(row.prompt_tokens + row.answer_tokens for row in run.rows)
    model = ", ".join(dict.fromkeys(row.model for row in run.rows)) or "nobody"
    cost = "price not given" if run.cost is None else f"cost {run.cost:.4f}"
    return f"{model}: {len(run.rows):,} answers, {tokens:,} tokens, {cost}"


def funnel(built: Built) -> list[Step]:
    """Return the way from the rows read to the rows kept, each reason a step."""
    total = max(built.read, 1)
    reasons = Counter(drop.reason for drop in built.drops)
    steps = [Step("rows read", built.read, built.read / total, False)]
    steps += [Step(reason, count, count / total, True) for reason, count in reasons.most_common()]
    return [*steps, Step("rows kept", len(built.kept), len(built.kept) / total, False)]


def report_tables(built: Built) -> list[Table]:
    """Return the tables of the report: rows by task, outcomes, correctness, faults, consistency."""
    rows = [table for table in (_blind_table(built),) if table]
    return [
        _task_table(built),
        _label_table(built),
        _outcome_table(built),
        *rows,
        flag_table(_count_explained(built), built.flags),
        consistency_table(built.consistency),
    ]


def _count_explained(built: Built) -> Counter[str]:
    return Counter(row.task for row in built.explained if row.outcome == "explained")


def _task_table(built: Built) -> Table:
    kept = Counter(row.post.task for row in built.kept)
    dropped = Counter(drop.task for drop in built.drops)
    splits = Counter((row.post.task, row.post.split) for row in built.kept)
    tasks = dict.fromkeys([*kept, *dropped])
    return Table(
        title="Rows by set",
        header=("set", "read", "dropped", "kept", "train", "valid", "test"),
        rows=tuple(
            (
                task,
                kept[task] + dropped[task],
                dropped[task],
                kept[task],
                *(splits[task, split] for split in ("train", "valid", "test")),
            )
            for task in tasks
        ),
    )


def _label_table(built: Built) -> Table:
    asked = Counter((row.post.task, row.post.label) for row in built.prepared.posts)
    kept = Counter((row.post.task, row.post.label) for row in built.kept)
    return Table(
        title="Labels: explained and kept, of those asked about",
        header=("set", "label", "asked", "kept", "lost"),
        rows=tuple(
            (task, str(label), count, kept[task, label], _share(count - kept[task, label], count))
            for (task, label), count in asked.items()
        ),
    )


def _outcome_table(built: Built) -> Table:
    counts = Counter((row.task, row.outcome) for row in built.explained)
    return Table(
        title="What the teacher answered",
        header=("set", *OUTCOMES),
        rows=tuple(
            (task, *(counts[task, outcome] for outcome in OUTCOMES))
            for task in dict.fromkeys(row.task for row in built.explained)
        ),
    )


def _blind_table(built: Built) -> Table | None:
    """Correctness: the teacher's own verdict, without sight of the label, and the annotation."""
    if not built.blind:
        return None
    answered = [row for row in built.blind if row.outcome == "explained"]
    totals = Counter(row.task for row in built.blind)
    read = Counter(row.task for row in answered)
    agree = Counter(row.task for row in answered if row.verdict == row.label)
    return Table(
        title="Correctness: the teacher's verdict without the label, beside the annotation",
        header=("set", "asked", "answered", "agree", "share of answered"),
        rows=tuple(
            (task, count, read[task], agree[task], _share(agree[task], read[task]))
            for task, count in totals.items()
        ),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
