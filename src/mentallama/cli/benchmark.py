"""The group of commands around the benchmark: explanations, labellers, other harnesses."""

from pathlib import Path

import click

from mentallama.cli.cascades import cascade
from mentallama.cli.explaining import correlate, explanations, judge
from mentallama.cli.labellers import card, measure_rules, train_labeller
from mentallama.cli.shared import DEFAULT, FOLDER, data_or_corpus, read_any_samples


@click.group()
def benchmark() -> None:
    """Readers of labels, and measures of explanations."""


@benchmark.command("export-tasks")
@click.option("--data", "folder", type=FOLDER, help=f"Samples or the release.  {DEFAULT}")
@click.option("--out", type=FOLDER, required=True, help="Folder for the harness's files.")
@click.option("--split", type=click.Choice(["train", "valid", "test", "expert"]), default="test")
@click.option("--form", type=click.Choice(["instruction", "completion"]), default="instruction")
def export_tasks(folder: Path | None, out: Path, split: str, form: str) -> None:
    """Write the tasks for lm-evaluation-harness and Inspect; they score as 'evaluate' does."""
    from mentallama.benchmark.harness.export import export_tasks as run

    with data_or_corpus(folder) as source:
        samples = [s for s in read_any_samples(source) if s.post.split == split and s.form == form]
    names = run(samples, out)
    click.echo(f"{len(samples):,} rows of {', '.join(names)} in {out}")


for command in (train_labeller, card, measure_rules, explanations, correlate, judge, cascade):
    benchmark.add_command(command)
