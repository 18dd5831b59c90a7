"""Tuning, and what is done with a tuned model before it is used."""

from pathlib import Path
from typing import Any

import click

from mentallama.cli.shared import DEFAULT, FOLDER, data_or_corpus, need_train_extra


@click.command()
@click.argument("recipe")
@click.option("--data", "folder", type=FOLDER, help=f"Folder of samples.  {DEFAULT}")
@click.option("--pairs", type=FOLDER, help="File of preference pairs (dpo, reward).")
@click.option("--raw", type=FOLDER, help="Folder of raw corpora: people's labels (post_alone).")
@click.option("--out", type=FOLDER, help="Folder of the run.  [default: runs/NAME]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what the run will do and need.")
@click.option("--gpu", help="For --dry-run: a GPU to plan for, such as 'RTX 4090'.")
@click.option("--show-posts", is_flag=True, help="For --dry-run: show a real post's tokens.")
def tune(
    recipe: str,
    folder: Path | None,
    pairs: Path | None,
    raw: Path | None,
    out: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    gpu: str | None,
    show_posts: bool,
) -> None:
    """Tune a model by RECIPE, a YAML file or the name of a shipped one."""
    from mentallama.config import load_config
    from mentallama.tuning.recipe import Recipe, find_recipe

    loaded = load_config(find_recipe(recipe), Recipe, overrides)
    if not dry_run and (gpu or show_posts):
        raise click.UsageError("--gpu and --show-posts belong to --dry-run")
    need_train_extra()
    with data_or_corpus(folder) as data:
        if dry_run:
            from mentallama.tuning.plan import show_plan

            example = _example(loaded, data, show_posts)
            show_plan(loaded, data, pairs=pairs, raw=raw, gpu=gpu, example=example)
            return
        from mentallama import feedback
        from mentallama.tuning.run import tune as run

        out = out or Path("runs") / loaded.name
        tuned = run(loaded, data, out, pairs=pairs, raw=raw, feedback=feedback)
    _print_result(tuned)


def _print_result(tuned: Any) -> None:
    train, leaks = tuned.train, tuned.leaks
    click.echo(
        f"{tuned.parameters:,} parameters, {tuned.trainable:,} trained; {train.rows:,} training "
        f"rows ({train.shortened:,} posts shortened, {train.dropped:,} rows dropped); "
        f"leaks: {leaks.rows:,} of {leaks.of:,} {leaks.action}"
    )
    click.echo(f"best {tuned.chosen_by.replace('_', ' ')} on validation rows: {tuned.best:.4f}")
    if tuned.kl_to_base is not None:
        click.echo(f"divergence from the base: {tuned.kl_to_base:.4f} nats per answer token")
    click.echo(f"model in {tuned.folder}")


def _example(recipe: Any, data: Path, show_posts: bool) -> Any:
    """Return a sample whose tokens may be shown: an invented one, unless posts were asked for."""
    import tempfile

    from mentallama.corpus.samples import export
    from mentallama.dataset import read_samples

    if show_posts:
        return read_samples(data, form=recipe.form, splits=["train"], tasks=recipe.tasks)[0]
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder))
        found = read_samples(Path(folder), form=recipe.form, splits=["train"], tasks=recipe.tasks)
    return found[0] if found else None


@click.command()
@click.argument("model", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Folder for the merged or exported model.")
@click.option(
    "--to",
    type=click.Choice(["ctranslate2", "gguf", "delta"]),
    help="Export a model for another engine, or (delta) what tuning changed in its base.",
)
def merge(model: Path, out: Path, to: Any) -> None:
    """Merge a LoRA adapter into its base, or export MODEL, and prove that nothing changed."""
    need_train_extra()
    from mentallama.tuning import merge as merging

    prompts = _prompts()
    if to == "delta":
        from mentallama.tuning import shrink

        lines = shrink.lines(shrink.shrink(model, out, prompts))
    elif to:
        from mentallama.tuning import export

        lines = export.lines(export.export(model, to, out, prompts))
    else:
        lines = merging.lines(merging.merge(model, out, prompts))
    for line in lines:
        click.echo(line)


def _prompts() -> list[str]:
    """Return eight invented prompts, one for each of eight tasks."""
    import tempfile

    from mentallama.corpus.samples import export
    from mentallama.dataset import read_samples

    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder))
        samples = read_samples(Path(folder), splits=["test"])
    firsts = {sample.post.task: sample.prompt for sample in reversed(samples)}
    return list(firsts.values())[:8]
