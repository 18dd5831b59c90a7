"""Generation, and the whole job as a demo."""

from pathlib import Path
from typing import Any

import click

from mentallama.cli.shared import DEFAULT, FOLDER, data_or_corpus, need_train_extra
from mentallama.errors import InputError


@click.command()
@click.option("--model", required=True, help="Model folder, hub id, or 'gold' (the ceiling).")
@click.option("--data", "source", type=FOLDER, help=f"File or folder of samples.  {DEFAULT}")
@click.option("--out", type=FOLDER, required=True, help="File for the responses (.jsonl).")
@click.option("--form", type=click.Choice(["instruction", "completion"]), default="instruction")
@click.option("--split", type=click.Choice(["train", "valid", "test", "expert"]), default="test")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default="greedy")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True)
def generate(
    model: str,
    source: Path | None,
    out: Path,
    form: Any,
    split: Any,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int,
) -> None:
    """Ask a model for every sample of a form and a split."""
    from mentallama.models.backend import Decoding, GoldBackend
    from mentallama.models.generate import generate as run

    with data_or_corpus(source) as data_source:
        samples, gold_source = _select_samples(data_source, form, split)
    if model == "gold":
        backend: Any = GoldBackend(samples)
    else:
        need_train_extra()
        backend = _load_backend(model, samples, batch_size)
    decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    responses = run(backend, samples, out, decoding=decoding, gold_source=gold_source)
    cut = sum(response.cut_off for response in responses)
    short = sum(response.prompt_truncated for response in responses)
    click.echo(
        f"{len(responses):,} responses of {backend.name} in {out}; "
        f"{cut:,} cut off at {max_new_tokens} tokens, {short:,} prompts shortened"
    )


def _load_backend(model: str, samples: list[Any], batch_size: int) -> Any:
    from mentallama.models.classifier import is_classifier, load_classifier
    from mentallama.models.local import load_local

    if is_classifier(model):
        return load_classifier(model, samples, batch_size=batch_size)
    return load_local(model, batch_size=batch_size)


def _select_samples(source: Path, form: Any, split: Any) -> tuple[list[Any], Any]:
    from mentallama.dataset import read_manifest, read_samples
    from mentallama.io import need_unique, read_records
    from mentallama.types import Sample

    if source.is_dir():
        samples = read_samples(source, form=form, splits=[split])
        gold_source = read_manifest(source).gold_source
    else:
        records = read_records(source, Sample)
        need_unique((record.id for record in records), source)
        samples = [s for s in records if s.form == form and s.post.split == split]
        gold_source = "release"
    if not samples:
        raise InputError(f"{source}: no {form} samples of the {split} split")
    return samples, gold_source


@click.command()
@click.option("--imhi", type=FOLDER, metavar="DIR", help="A checkout of the IMHI release.")
@click.option("--out", type=FOLDER, help="Folder of the run.  [default: runs/demo(-imhi)]")
def demo(imhi: Path | None, out: Path | None) -> None:
    """Run the whole job: data, tuning, generation, scores, report."""
    need_train_extra()
    from mentallama.demo import run_demo

    run_demo(imhi, out or Path("runs/demo-imhi" if imhi else "runs/demo"))
