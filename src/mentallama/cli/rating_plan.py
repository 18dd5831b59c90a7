"""Before a study: how large it must be, and the guideline for its raters."""

from pathlib import Path

import click

from mentallama.cli.shared import FOLDER
from mentallama.errors import InputError

_OVERLAPS = (1, 2, 3, 5)


@click.command("plan")
@click.option("--difference", type=float, required=True, help="Of two mean marks, to be seen.")
@click.option(
    "--raters-per-item",
    "overlaps",
    type=click.IntRange(min=1),
    multiple=True,
    help="Repeatable.  [default: 1, 2, 3 and 5]",
)
@click.option("--items", type=click.IntRange(min=2), help="Say what so many items would see.")
@click.option("--power", type=click.FloatRange(0.05, 0.99), help="To be reached.  [default: 0.8]")
@click.option("--models", type=click.IntRange(min=2), default=2, show_default=True)
@click.option("--raters", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--mean", type=float, default=2.0, show_default=True, help="Of the worse model.")
@click.option("--item-sd", type=click.FloatRange(min=0), default=0.4, show_default=True)
@click.option("--rater-sd", type=click.FloatRange(min=0), default=0.3, show_default=True)
@click.option("--rest-sd", type=click.FloatRange(min=0), default=0.65, show_default=True)
@click.option(
    "--seconds", type=click.FloatRange(min=0), default=90.0, show_default=True, help="For one item."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def plan_command(
    difference: float,
    overlaps: tuple[int, ...],
    items: int | None,
    power: float | None,
    models: int,
    raters: int,
    mean: float,
    item_sd: float,
    rater_sd: float,
    rest_sd: float,
    seconds: float,
    seed: int,
    as_json: bool,
) -> None:
    """Say how many items and marks it takes to see a difference between models, by simulation.

    Marks run from 0 to 3. The standard deviations are of latent marks, between answers, between
    raters, and of what is left; the defaults come from the marks that the release published.
    """
    from mentallama.cli.shared import print_tables
    from mentallama.human import planner

    if items and power:
        raise InputError("--items asks for the power that so many reach: leave --power out")
    goal = planner.Goal(
        difference=difference, mean=mean, models=models, raters=raters, power=power or 0.8
    )
    spread = planner.Spread(item=item_sd, rater=rater_sd, rest=rest_sd)
    sizes = overlaps or tuple(size for size in _OVERLAPS if size <= raters)
    plans = [
        planner.plan(goal, size, items=items, spread=spread, seconds=seconds, seed=seed)
        for size in sizes
    ]
    print_tables("plans", plans, [planner.plan_table(plans, goal)], as_json)
    if not as_json:
        click.echo(
            f"\n{models} models, {planner.SIMULATIONS:,} simulated studies for each size, paired "
            f"t-test over posts; {seconds:g} s an item, calibration items not counted. One rater "
            "an item leaves agreement unknown."
        )


@click.command("guide")
@click.argument("source", metavar="STUDY_OR_RUBRIC")
@click.option("--out", type=FOLDER, help="Write it to this file.")
def guide_command(source: str, out: Path | None) -> None:
    """Print the guideline for raters (Markdown) of a study, a rubric that ships, or your YAML."""
    from mentallama.human.rubric import as_guide, load_rubric
    from mentallama.human.study import read_study
    from mentallama.io import atomic_write

    rubric = read_study(Path(source)).rubric if Path(source).is_dir() else load_rubric(source)
    if out is None:
        click.echo(as_guide(rubric), nl=False)
        return
    with atomic_write(out) as handle:
        handle.write(as_guide(rubric))
    click.echo(f"{rubric.stamp}: {out}")
