"""Making a study: planning its size, drawing its items, exchanging it with other tools."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mentallama.cli.rating_exchange import export_command, import_command
from mentallama.cli.rating_plan import guide_command, plan_command
from mentallama.cli.shared import FOLDER, read_all_responses, read_any_samples
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.human.items import Candidate, Drawn
    from mentallama.human.study import Study
    from mentallama.types import Sample

TEACHER = "teacher"
"""Whoever wrote the answers of a data set, where no model's responses are named."""
_RATERS = 5
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@click.command("new")
@click.argument("responses", type=FOLDER, nargs=-1, metavar="[RESPONSES]...")
@click.option("--data", "folder", type=FOLDER, required=True, help="The data set, for the posts.")
@click.option("--out", type=FOLDER, required=True, help="Folder of the study; its key lies beside.")
@click.option(
    "--rubric",
    "rubric_name",
    default="mentallama",
    show_default=True,
    metavar="NAME_OR_YAML",
    help="mentallama, evaluation, or your own file.",
)
@click.option("--items", type=click.IntRange(min=1), required=True, help="Of each model.")
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only these sets; repeatable.")
@click.option(
    "--overlap", type=click.IntRange(min=1), default=3, show_default=True, help="Raters an item."
)
@click.option("--raters", type=click.IntRange(min=1), help="How many.  [default: 5]")
@click.option("--rater", "names", multiple=True, help="A rater's pseudonym; repeatable.")
@click.option(
    "--calibration",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Further items that every rater gets, first.",
)
@click.option("--seed", type=int, default=0, show_default=True)
def new_command(
    responses: tuple[Path, ...],
    folder: Path,
    out: Path,
    rubric_name: str,
    items: int,
    tasks: tuple[str, ...],
    overlap: int,
    raters: int | None,
    names: tuple[str, ...],
    calibration: int,
    seed: int,
) -> None:
    """Draw answers of one or several models for raters: blind, stratified, each its own order.

    The same posts of every model, spread over tasks and labels. Without RESPONSES the answers of
    the data set itself are rated, as those of its teacher.
    """
    from mentallama.human.assignment import assign
    from mentallama.human.items import draw, names_model
    from mentallama.human.rubric import load_rubric
    from mentallama.human.study import About, Study, key_path, write_study

    who = _name_raters(raters, names)
    rubric = load_rubric(rubric_name)
    drawn = draw(_gather(responses, folder, tasks), items, calibration, seed)
    name = out.resolve().name
    if names_model(name, drawn.models):
        raise InputError(f"{out}: raters see this name, and it holds a model's; take another")
    about = About(
        name=name,
        rubric=rubric.stamp,
        seed=seed,
        overlap=overlap,
        raters=who,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    places = tuple(assign(drawn.items, who, overlap, seed))
    study = Study(about=about, rubric=rubric, items=drawn.items, places=places)
    write_study(out, study, drawn.keys)
    _say_drawn(drawn, items)
    _say_loads(study)
    click.echo(f"study: {out}")
    click.echo(f"key, who wrote what: {key_path(out)} (keep it from raters and their server)")


def _name_raters(number: int | None, names: tuple[str, ...]) -> tuple[str, ...]:
    if number and names:
        raise InputError("--raters or --rater, not both")
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(f"--rater '{name}': use letters, digits and, behind the first, - _ .")
    return names or tuple(f"rater-{one}" for one in range(1, (number or _RATERS) + 1))


def _gather(paths: Sequence[Path], folder: Path, tasks: Sequence[str]) -> "list[Candidate]":
    """Return the answers that may be drawn; say what cannot be."""
    from mentallama.tasks import get_task

    wanted = {get_task(task).key for task in tasks}
    samples = read_any_samples(folder)
    found = _of_models(paths, samples) if paths else _of_teacher(samples)
    found = [one for one in found if not wanted or one.task in wanted]
    if not found:
        raise InputError("nothing to rate: no answer to a post of --data in these sets")
    return found


def _of_teacher(samples: "Sequence[Sample]") -> "list[Candidate]":
    from mentallama.human.items import Candidate

    return [
        Candidate(
            row=sample.id,
            sample_id=sample.id,
            model=TEACHER,
            task=sample.post.task,
            aspect=sample.post.aspect,
            gold=sample.post.label or "",
            post=sample.post.text,
            answer=sample.response,
        )
        for sample in samples
        if sample.form == "instruction"
    ]


def _of_models(paths: Sequence[Path], samples: "Sequence[Sample]") -> "list[Candidate]":
    from mentallama.benchmark.pairing import row_keys
    from mentallama.benchmark.responses import join_posts
    from mentallama.human.items import Candidate

    texts = {sample.post.id: sample.post.text for sample in samples}
    read = join_posts(read_all_responses(paths), samples)
    cut = sum(response.cut_off for response in read)
    lost = sum(response.post_id not in texts for response in read)
    for count, said in (
        (cut, "were cut off at their model's limit and are shown as they are"),
        (lost, "answer no post that --data is known to hold and are left out"),
    ):
        if count:
            click.echo(f"note: {count:,} of {len(read):,} responses {said}")
    return [
        Candidate(
            row=key,
            sample_id=response.sample_id,
            model=response.model,
            task=response.task,
            aspect=response.aspect,
            gold=response.gold,
            post=texts[str(response.post_id)],
            answer=response.text,
        )
        for key, response in zip(row_keys(read), read, strict=True)
        if response.post_id in texts
    ]


def _say_drawn(drawn: "Drawn", items: int) -> None:
    """Print what was drawn of each task and label, and what to know about it."""
    from mentallama.human.items import draw_table
    from mentallama.tables import as_markdown
    from mentallama.tasks import get_task

    click.echo(as_markdown([draw_table(drawn.strata)]))
    models = len(drawn.models)
    total = len(drawn.items)
    click.echo(
        f"\n{total:,} items: {items:,} rows with an answer of each of {models} models, and "
        f"{total - items * models:,} for calibration"
    )
    tasks = {one.task for one in drawn.strata if one.drawn + one.calibration}
    closed = [task for task in sorted(tasks) if get_task(task).source.agreement]
    notes = (
        (drawn.left_out, "rows are not answered by every model and were not drawn from"),
        (drawn.telling, f"of {total:,} items name a model in their answer: blinding ends there"),
        (drawn.doubled, f"of {total:,} items are answers that two models gave word for word"),
    )
    for count, said in notes:
        if count:
            click.echo(f"note: {count:,} {said}")
    if closed:
        click.echo(
            f"note: posts of {', '.join(closed)} are under agreement: raters may see them only if "
            "it says so"
        )


def _say_loads(study: "Study") -> None:
    about = study.about
    loads = Counter(place.rater for place in study.places)
    first = sum(item.calibration for item in study.items)
    click.echo(
        f"raters: {len(about.raters)}, {about.overlap} an item, {min(loads.values()):,} to "
        f"{max(loads.values()):,} items each, of these {first:,} for calibration; {about.rubric}"
    )


STUDY: tuple[click.Command, ...] = (
    plan_command,
    new_command,
    guide_command,
    export_command,
    import_command,
)
