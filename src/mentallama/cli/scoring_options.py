"""What the commands that score share: their options, labellers by name, what is known of posts."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.benchmark.inference.cascade import Cascade
    from mentallama.benchmark.inference.labeller import TaskLabeller
    from mentallama.benchmark.inference.train import Fit
    from mentallama.types import Sample, Task

RULES_ALONE = "none"
labeller_option = click.option(
    "--labeller",
    "labellers",
    multiple=True,
    metavar="DIR|SET=MODEL",
    help="Trained labellers, asked where the anchored phrases find nothing; repeatable.",
)
allow_option = click.option(
    "--allow-trained",
    is_flag=True,
    help="Let labellers read rows that they were trained on.",
)
resamples_option = click.option(
    "--resamples", type=click.IntRange(min=100), default=1000, show_default=True
)
seed_option = click.option("--seed", type=int, default=0, show_default=True)
posts_option = click.option(
    "--show-posts", is_flag=True, help="Show posts and responses in the report."
)


def train_all(
    samples: "Sequence[Sample]",
    tasks: set[str],
    name: str,
    fits: "Callable[[Task], Fit] | None" = None,
    **options: Any,
) -> "dict[str, TaskLabeller]":
    """Train a labeller for each task that has rows to learn from; say which have not."""
    from mentallama.benchmark.inference.linear import fit_linear
    from mentallama.benchmark.inference.train import train_labeller as train
    from mentallama.tasks import list_tasks

    trained = {}
    for task in (task for task in list_tasks() if task.key in tasks):
        own = [s for s in samples if s.post.task == task.key and s.form == "instruction"]
        split = "train" if any(s.post.split == "train" for s in own) else "valid"
        rows = [s for s in own if s.post.split == split]
        beside = {
            "gold test explanations": [s for s in own if s.post.split == "test"],
            **other_explanations(task, own),
        }
        try:
            trained[task.key] = train(
                task,
                rows,
                fits(task) if fits else fit_linear,
                trained_on=f"{name}, {split}",
                beside=beside,
                # An encoder takes long to train, so one fifth of the rows is held out once.
                folds=1 if fits else 5,
                **options,
            )
        except InputError as error:
            click.echo(f"no labeller for {error}", err=True)
            continue
        click.echo(f"labeller for {task.key}: trained on {split}, {len(rows):,} rows", err=True)
    return trained


def other_explanations(task: "Task", own: "Sequence[Sample]") -> "dict[str, Sequence[Sample]]":
    """Return explanations that people wrote: the experts' and the sample corpus's."""
    from mentallama.corpus.samples import load_samples

    return {
        "experts' explanations": [s for s in own if s.post.split == "expert"],
        "explanations in other styles": load_samples(task=task.key),
    }


def load_cascade(names: Sequence[str], allow_trained: bool) -> "Cascade":
    """Return the cascade of phrases and the named labellers; 'none' names no labeller."""
    from mentallama.benchmark.inference.cascade import Cascade
    from mentallama.benchmark.inference.store import load_labellers

    labellers: dict[str, TaskLabeller] = {}
    for name in names:
        if name != RULES_ALONE:
            labellers |= load_labellers(name)
    return Cascade(labellers=labellers, allow_trained=allow_trained)


def describe(cascade: "Cascade") -> str:
    """Say by what labels are read, and which labellers are provisional."""
    from mentallama.benchmark.inference.rule_card import describe_rules

    kinds = [
        f"{task} {labeller.settings.kind} ({labeller.settings.trained_on})"
        + (f", provisional: {labeller.provisional}" if labeller.provisional else "")
        for task, labeller in cascade.labellers.items()
    ]
    return "; ".join([describe_rules(), *kinds])


def say_withheld(cascade: "Cascade") -> None:
    """Say how many responses a labeller would not read, as it was trained on their rows."""
    for task, count in cascade.withheld.items():
        click.echo(
            f"{task}: {count:,} responses belong to rows that the labeller was trained on and were "
            "left undecided (--allow-trained reads them)",
            err=True,
        )
