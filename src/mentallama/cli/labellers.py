"""Training readers of explanations, with the card that says what each can do."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.scoring_options import train_all
from mentallama.cli.shared import FOLDER, read_any_samples
from mentallama.errors import CheckError, InputError

if TYPE_CHECKING:
    from mentallama.benchmark.inference.encoder import Runtime
    from mentallama.benchmark.inference.train import Fit
    from mentallama.types import Task


@click.command("train-labeller")
@click.option("--data", "folder", type=FOLDER, required=True, help="Samples or the release.")
@click.option("--out", type=FOLDER, required=True, help="Folder for the labellers.")
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only these sets; repeatable.")
@click.option(
    "--on",
    type=click.Choice(["both", "explanation", "response"]),
    default="both",
    show_default=True,
    help="What to learn from: gold answers, their explanations alone, or each in turn.",
)
@click.option(
    "--risk",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of wrong guesses allowed among its answers.",
)
@click.option("--encoder", metavar="MODEL", help="Fine-tune this folder or hub id instead.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of an encoder.  [default: 3]")
@click.option(
    "--runtime",
    type=click.Choice(["encoder", "onnx", "onnx-int8"]),
    help="What runs the encoder later: transformers (encoder), or ONNX Runtime.",
)
@click.option("--seed", type=int, help="Of an encoder.  [default: 0]")
def train_labeller(
    folder: Path,
    out: Path,
    tasks: tuple[str, ...],
    on: Any,
    risk: float,
    encoder: str | None,
    epochs: int | None,
    runtime: Any,
    seed: int | None,
) -> None:
    """Train readers of explanations on gold answers, and measure each on what it never saw.

    Exits 1 where one fails its accuracy card; it is saved all the same, and its scores are marked.
    """
    from mentallama.benchmark.inference.card import card_table
    from mentallama.benchmark.inference.store import save_labeller
    from mentallama.tables import as_markdown
    from mentallama.tasks import get_task

    samples = read_any_samples(folder)
    wanted = {get_task(key).key for key in tasks} or {s.post.task for s in samples}
    if not encoder and (runtime or epochs or seed is not None):
        raise InputError("--runtime, --epochs and --seed belong to --encoder MODEL")
    fits = _encoder_fits(encoder, runtime or "encoder", epochs or 3, seed or 0) if encoder else None
    trained = train_all(samples, wanted, folder.name, fits, on=on, risk=risk)
    if not trained:
        raise InputError(f"{folder}: no set with enough training rows")
    for task, labeller in trained.items():
        save_labeller(labeller, out / task)
    cards = [labeller.card for labeller in trained.values() if labeller.card]
    click.echo(as_markdown([card_table(cards)]))
    for labeller in trained.values():
        settings = labeller.settings
        click.echo(
            f"{settings.task}: {settings.trained_on}; answers from confidence "
            f"{settings.confidence_floor:.2f} and familiarity {settings.familiarity_floor:.2f} on"
        )
    click.echo(f"labellers in {out}")
    if failed := [f"{card.task} ({card.why})" for card in cards if not card.passed]:
        raise CheckError(f"failed the accuracy card: {'; '.join(failed)}")


def _encoder_fits(
    model: str, runtime: "Runtime", epochs: int, seed: int
) -> "Callable[[Task], Fit]":
    from mentallama.benchmark.inference.encoder import fit_encoder

    return lambda task: fit_encoder(model, task, runtime=runtime, epochs=epochs, seed=seed)
