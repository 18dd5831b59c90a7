"""Studies and the paper's tables as commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import FOLDER
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.studies.build import Plan
    from mentallama.studies.plan import Study

_ALL = "all"


def _source_options(command: Any) -> Any:
    for option in (
        click.option("--out", type=FOLDER, default=Path("runs/studies"), show_default=True),
        click.option("--gpu", is_flag=True, help="Also run what needs a GPU."),
        click.option("--outputs", type=FOLDER, help="Released models' answers."),
        click.option("--raw", type=FOLDER, help="Raw corpora: people's labels."),
        click.option("--imhi", type=FOLDER, help="The release.  [default: the sample corpus]"),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("names", nargs=-1, metavar="STUDY...")
@click.option("--list", "list_only", is_flag=True, help="Run nothing; say what is done or missing.")
@click.option("--slow", is_flag=True, help="With 'all': also studies that take long.")
@_source_options
def study(
    names: tuple[str, ...],
    list_only: bool,
    slow: bool,
    imhi: Path | None,
    raw: Path | None,
    outputs: Path | None,
    gpu: bool,
    out: Path,
) -> None:
    """Run studies: names of shipped ones, YAML files, or 'all'. Only what is missing is done.

    Any number of processes may work on one folder; after a kill the same command goes on.
    """
    from mentallama.studies.build import plan_study
    from mentallama.studies.sources import open_sources

    if not names and not list_only:
        raise click.UsageError("name a study, or 'all'; --list shows them")
    sources = open_sources(imhi, raw, outputs, gpu=gpu)
    chosen = _choose(names or (_ALL,), slow=slow or list_only)
    plans = [plan_study(one, sources) for one in chosen]
    for plan in plans:
        if list_only:
            _show(plan, out)
        else:
            _run(plan, out)


def _choose(names: tuple[str, ...], *, slow: bool) -> "list[Study]":
    from mentallama.studies.plan import list_shipped, load_study

    found = []
    for name in names:
        if name != _ALL:
            found.append(load_study(name))
            continue
        for one in (load_study(str(path)) for path in list_shipped()):
            if slow or not one.slow:
                found.append(one)
            else:
                click.echo(f"{one.name}: left out, it takes long (--slow)", err=True)
    return found


def _show(plan: "Plan", out: Path) -> None:
    """Say what is done, what is missing and what cannot be run here."""
    from mentallama.studies.step import in_order, is_done, lacks

    marked = " (takes long)" if plan.study.slow else ""
    click.echo(f"{plan.study.name}{marked}: {plan.study.title}")
    for run in plan.runs:
        if run.answers is None:
            click.echo(f"  {run.name}: not run: {run.why_not}")
            continue
        left = [step for step in in_order([run.answers]) if not is_done(step, out)]
        reason = lacks(run.answers, out)
        state = f"missing: {', '.join(step.kind for step in left)}" if left else "done"
        click.echo(f"  {run.name}: {f'not run: {reason}' if reason else state}")
    if plan.crossed:
        waiting = [run for _, run in plan.crossed if run.answers and not is_done(run.answers, out)]
        click.echo(f"  cells and variants: {len(plan.crossed)}, {len(waiting)} missing")
    click.echo(f"  comparison: {'done' if is_done(plan.result, out) else 'missing'}")


def _run(plan: "Plan", out: Path) -> None:
    from mentallama.studies.publish import publish
    from mentallama.studies.run import run_steps

    every = [*plan.runs, *(run for _, run in plan.crossed)]
    if all(run.answers is None for run in every):
        reasons = "; ".join(dict.fromkeys(str(run.why_not) for run in every))
        click.echo(f"{plan.study.name}: not run: {reasons}")
        return
    did = run_steps([plan.result], out, lambda line: click.echo(f"  {line}", err=True))
    page, sentences = publish(plan, out)
    click.echo(f"{plan.study.name}: {did} steps done now; {page}")
    for sentence in dict.fromkeys(sentences):
        click.echo(f"  {sentence}")


@click.command()
@click.option("--tiny", is_flag=True, help="The sample corpus and toy models, within minutes.")
@click.option("--bartscore", metavar="MODEL", help="Weights for BARTScore; see 'benchmark'.")
@click.option("--bartscore-weights", metavar="FILE.pth", help="A state dict laid over them.")
@click.option("--list", "list_only", is_flag=True, help="Run nothing; say what is done or missing.")
@_source_options
def reproduce(
    tiny: bool,
    bartscore: str | None,
    bartscore_weights: str | None,
    list_only: bool,
    imhi: Path | None,
    raw: Path | None,
    outputs: Path | None,
    gpu: bool,
    out: Path,
) -> None:
    """Fill every table of the paper cell by cell, or say what a cell needs.

    It is made of the same steps as the studies: a second run in one folder does no work.
    """
    from mentallama.studies.paper.publish import publish_paper
    from mentallama.studies.paper.reproduce import Weights, plan_paper
    from mentallama.studies.run import run_steps
    from mentallama.studies.sources import open_sources

    if tiny == (imhi is not None):
        raise InputError("give either --imhi DIR, a checkout of the release, or --tiny")
    if tiny and (raw or outputs):
        raise InputError("--raw and --outputs belong to --imhi; the sample corpus has neither")
    sources = open_sources(imhi, raw, outputs, gpu=gpu)
    weights = Weights(bartscore=bartscore, bartscore_weights=bartscore_weights)
    paper = plan_paper(sources, weights, toys=tiny)
    if list_only:
        _show(paper.correctness, out)
        return
    did = run_steps(paper.steps, out, lambda line: click.echo(f"  {line}", err=True))
    page, sentences = publish_paper(paper, out)
    for sentence in sentences:
        click.echo(sentence)
    click.echo(f"{did} steps done now; {page}")
