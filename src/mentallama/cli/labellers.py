"""Readers of labels: training them, and the cards that say what each can do."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.scoring_options import other_explanations, train_all
from mentallama.cli.shared import FOLDER, read_any_samples
from mentallama.errors import CheckError, InputError
from mentallama.tables import as_markdown
from mentallama.tasks import get_task

if TYPE_CHECKING:
    from mentallama.benchmark.inference.encoder import Runtime
    from mentallama.benchmark.inference.labeller import TaskLabeller
    from mentallama.benchmark.inference.train import Fit
    from mentallama.types import Task


risk_option = click.option(
    "--risk",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of wrong guesses allowed among its answers.",
)


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
@risk_option
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
    samples = read_any_samples(folder)
    wanted = {get_task(key).key for key in tasks} or {s.post.task for s in samples}
    if not encoder and (runtime or epochs or seed is not None):
        raise InputError("--runtime, --epochs and --seed belong to --encoder MODEL")
    fits = _encoder_fits(encoder, runtime or "encoder", epochs or 3, seed or 0) if encoder else None
    trained = train_all(samples, wanted, folder.name, fits, on=on, risk=risk)
    if not trained:
        raise InputError(f"{folder}: no set with enough training rows")
    save_and_report(trained, out)


@click.command("card")
@click.argument("models", nargs=-1, required=True, metavar="SET=MODEL...")
@click.option("--data", "folder", type=FOLDER, required=True, help="Samples or the release.")
@click.option("--out", type=FOLDER, required=True, help="Folder for the labellers.")
@click.option(
    "--runtime",
    type=click.Choice(["encoder", "onnx", "onnx-int8"]),
    help="What runs an encoder from now on; it is exported, and measured as exported.",
)
@risk_option
def card(models: tuple[str, ...], folder: Path, out: Path, runtime: Any, risk: float) -> None:
    """Measure classifiers that were trained elsewhere, and save them as labellers with a card.

    MODEL is a folder or hub id of a sequence classifier that reads explanations. One half of the
    held-out rows (valid, test) sets temperature and floors, the other half is reported on. Exits 1
    where one fails its accuracy card; it is saved all the same, and its scores are marked.
    """
    from mentallama.benchmark.inference.measured import measure_labeller
    from mentallama.benchmark.inference.store import load_labellers

    if wrong := [name for name in models if "=" not in name]:
        raise InputError(f"'{wrong[0]}' is not SET=MODEL, such as SAD=FOLDER")
    samples = [s for s in read_any_samples(folder) if s.form == "instruction"]
    measured: dict[str, TaskLabeller] = {}
    for name in models:
        ((key, labeller),) = load_labellers(name).items()
        if key in measured:
            raise InputError(f"{key} is named twice; a folder holds one labeller of a set")
        task, own = get_task(key), [s for s in samples if s.post.task == key]
        measured[key] = measure_labeller(
            task,
            _in_runtime(labeller, name, runtime) if runtime else labeller,
            [s for s in own if s.post.split in ("valid", "test")],
            source=folder.name,
            beside=other_explanations(task, own),
            risk=risk,
        )
    save_and_report(measured, out)


def _in_runtime(labeller: "TaskLabeller", name: str, runtime: "Runtime") -> "TaskLabeller":
    from mentallama.benchmark.inference.encoder import Encoder, in_runtime

    if not isinstance(labeller.scorer, Encoder):
        raise InputError(f"{name}: --runtime is for encoders, and this is {labeller.settings.kind}")
    scorer = in_runtime(labeller.scorer, runtime)
    return replace(labeller, scorer=scorer, settings=replace(labeller.settings, kind=runtime))


@click.command("measure-rules")
@click.option("--data", "folder", type=FOLDER, help="Samples or the release, beside the corpus.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the counts.")
def measure_rules(folder: Path | None, out: Path | None) -> None:
    """Count what each anchored phrase reads rightly and wrongly, on texts of known label.

    These are gold answers of every split but test, their explanations, rewordings of both, and the
    sample corpus. The file that ships with the package gives verdicts by phrases their confidence.
    """
    from mentallama.benchmark.inference import rule_measure
    from mentallama.benchmark.inference.rule_card import rule_table, write_rule_card
    from mentallama.corpus.samples import load_samples
    from mentallama.types import FORMS

    rows = [s for s in read_any_samples(folder) if s.post.split != "test"] if folder else []
    corpus = [s for form in FORMS for s in load_samples(form)]
    names = ([f"{folder.name} (all but test)"] if folder else []) + ["the sample corpus"]
    counted = rule_measure.measure_rules(
        [*rows, *corpus], rule_measure.known_shapes(), " and ".join(names)
    )
    click.echo(as_markdown([rule_table(counted)]))
    if out:
        write_rule_card(counted, out)
        click.echo(f"counts in {out}")


def save_and_report(labellers: "Mapping[str, TaskLabeller]", out: Path) -> None:
    """Write labellers, print their cards, and raise CheckError where one failed."""
    from mentallama.benchmark.inference.card import card_table
    from mentallama.benchmark.inference.store import save_labeller

    for task, labeller in labellers.items():
        save_labeller(labeller, out / task)
    cards = [labeller.card for labeller in labellers.values() if labeller.card]
    click.echo(as_markdown([card_table(cards)]))
    for labeller in labellers.values():
        settings = labeller.settings
        click.echo(
            f"{settings.task}: {settings.trained_on}; answers from confidence "
            f"{settings.confidence_floor:.2f} and familiarity {settings.familiarity_floor:.2f} on"
        )
    for found in cards:
        click.echo(f"{found.task}, calibrated on {found.calibrated}")
    click.echo(f"labellers in {out}")
    if failed := [f"{found.task} ({found.why})" for found in cards if not found.passed]:
        raise CheckError(f"failed the accuracy card: {'; '.join(failed)}")


def _encoder_fits(
    model: str, runtime: "Runtime", epochs: int, seed: int
) -> "Callable[[Task], Fit]":
    from mentallama.benchmark.inference.encoder import fit_encoder

    return lambda task: fit_encoder(model, task, runtime=runtime, epochs=epochs, seed=seed)
