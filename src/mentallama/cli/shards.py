"""Generation for more posts than one process can do."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import FOLDER, need_train_extra

if TYPE_CHECKING:
    from mentallama.models.shards.run import Done

_ENGINES = ("auto", "transformers", "ctranslate2", "openvino")


@click.command("generate-shards")
@click.argument("folder", type=FOLDER, metavar="IN_DIR")
@click.option("--model", required=True, help="Model folder, hub id, or 'fake' (a dry run).")
@click.option("--out", type=FOLDER, required=True, help="Folder for the blocks of responses.")
@click.option("--task", metavar="SET", help="What posts are asked; samples bring their own.")
@click.option("--form", type=click.Choice(["instruction", "completion"]), default="instruction")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--cpus", type=click.FloatRange(min=0, min_open=True), default=0.5, help="CPUs of a worker."
)
@click.option("--gpus", type=click.FloatRange(min=0), default=0.0, help="GPUs of a worker.")
@click.option("--engine", type=click.Choice(_ENGINES), default="auto", show_default=True)
@click.option("--int8", is_flag=True, help="8-bit weights; another model than the same in float.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--block-rows", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--format", "kind", type=click.Choice(["jsonl", "parquet"]), default="jsonl")
def generate_shards(
    folder: Path,
    model: str,
    out: Path,
    task: str | None,
    form: Any,
    workers: int,
    cpus: float,
    gpus: float,
    engine: str,
    int8: bool,
    max_new_tokens: int,
    block_rows: int,
    kind: str,
) -> None:
    """Ask a model about the posts of a folder of shards, on a Ray cluster; greedy decoding.

    A shard is JSON Lines, CSV or Parquet, packed or not, with the columns id and text, or samples
    of ours. The same command goes on where it stopped. RAY_ADDRESS names a cluster; without it
    one is started on this machine.
    """
    from mentallama.models.backend import Decoding
    from mentallama.models.shards.posts import Question
    from mentallama.models.shards.run import Workers, generate_shards
    from mentallama.models.shards.survey import Layout
    from mentallama.models.shards.worker import FAKE, Job, Model, load_backend, own_tasks
    from mentallama.tasks import get_task

    if model != FAKE:
        need_train_extra()
    job = Job(
        model=Model(name=_locate(model), engine=engine, int8=int8),
        question=Question(task=get_task(task) if task else None, form=form),
        layout=Layout(folder=out.resolve(), block_rows=block_rows, suffix=f".{kind}"),
        decoding=Decoding(max_new_tokens=max_new_tokens),
        load=load_backend,
        own_tasks=own_tasks(),
    )
    done = generate_shards(folder.resolve(), job, Workers(count=workers, cpus=cpus, gpus=gpus))
    _say(done, out)


def _locate(model: str) -> str:
    """Return a folder's full path, which workers elsewhere find under the same name."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model


def _say(done: "Done", out: Path) -> None:
    click.echo(f"{done.key.name}: {done.key.why}")
    click.echo(
        f"{done.rows:,} rows in = {done.answered:,} answered + {done.skipped:,} skipped; "
        f"{done.responses:,} responses in {done.blocks:,} blocks of {out}, "
        f"{done.blocks - done.asked:,} of them from before"
    )
    click.echo(f"ids seen {done.rows:,}, distinct {done.distinct:,}")
    for what, count in done.notes.items():
        click.echo(f"{what}: {count:,}")
    if done.not_read:
        click.echo(f"not read, no table: {len(done.not_read)} files, {done.not_read[0]} first")
