"""The dataset card of a build, in the hub's layout: its numbers are counted, none is typed."""

from collections.abc import Sequence
from typing import Any

import yaml

from mentallama import NOTICE, __version__
from mentallama.data.build_report import describe_run, funnel, report_tables
from mentallama.data.plan import Built, Plan
from mentallama.dataset import DataFile
from mentallama.tables import Table, as_markdown
from mentallama.tasks import get_task

_SPLIT_NAMES = {"train": "train", "valid": "validation", "test": "test"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def data_card(built: Built, plan: Plan, files: Sequence[DataFile]) -> str:
    """Write the README.md of a built data set."""
    head = yaml.safe_dump(_front(files), sort_keys=False).strip()
    steps = Table(
        title="Rows",
        header=("step", "rows"),
        rows=tuple(
            (f"dropped: {step.name}" if step.dropped else step.name, step.rows)
            for step in funnel(built)
        ),
    )
    runs = "\n".join(f"- {mode}: {describe_run(run)}" for mode, run in built.runs.items())
    return f"""---
{head}
---

# {plan.source}

**{NOTICE}**

Posts of {len({row.post.task for row in built.kept})} sets with their human annotation and
explanations written by a language model, built with mentallama {__version__} in the manner of the
IMHI data set (arXiv 2309.13567, section 3). Every row is a prompt (post and question) and a
response (label and explanation), in instruction and completion form.

{_sharing(built)}

## Sources
{_sources(built)}

## Teacher
{runs}

{plan.shots} expert-written examples for each class, seed {plan.seed}. Identifiers replaced before
anything was sent: {_identifiers(built)}.

## What was read, dropped and kept

{as_markdown([steps, *report_tables(built)])}

## Known limits

Explanations are a model's, checked automatically; `rating_sample.csv` is drawn for people to check.
Labels are the annotation of the raw corpora. Rows whose faults no check looks for are still in.
"""


def _front(files: Sequence[DataFile]) -> dict[str, Any]:
    rows = sum(file.rows for file in files if file.form == "instruction")
    return {
        "language": ["en"],
        "task_categories": ["text-classification", "text-generation"],
        "tags": ["mental-health", "interpretability", "imhi"],
        "size_categories": [next((name for most, name in _SIZES if rows < most), "n>1M")],
        "configs": [
            {"config_name": form, "data_files": data}
            for form in ("instruction", "completion")
            if (data := _data_files(files, form))
        ],
    }


def _data_files(files: Sequence[DataFile], form: str) -> list[dict[str, Any]]:
    found = []
    for split, name in _SPLIT_NAMES.items():
        paths = [file.path for file in files if file.form == form and file.split == split]
        if paths:
            found.append({"split": name, "path": paths})
    return found


def _sharing(built: Built) -> str:
    if not built.withheld:
        return "No source of this folder is under agreement; its terms still apply."
    names = ", ".join(built.withheld)
    return f"**Do not publish this folder**: it holds posts under agreement ({names})."


def _sources(built: Built) -> str:
    keys = dict.fromkeys(row.post.task for row in built.prepared.posts)
    lines = []
    for key in keys:
        source = get_task(key).source
        lines.append(f"- {key}: {source.citation}; {source.home}; {source.access}")
    return "\n".join(lines)


def _identifiers(built: Built) -> str:
    counts = built.prepared.identifiers
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items())) or "none found"
