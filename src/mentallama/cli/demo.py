"""The whole job as a demo."""

from pathlib import Path

import click

from mentallama.cli.shared import FOLDER, need_train_extra


@click.command()
@click.option("--imhi", type=FOLDER, metavar="DIR", help="A checkout of the IMHI release.")
@click.option("--out", type=FOLDER, help="Folder of the run.  [default: runs/demo(-imhi)]")
def demo(imhi: Path | None, out: Path | None) -> None:
    """Run the whole job: data, tuning, generation, scores, report."""
    need_train_extra()
    from mentallama.demo import run_demo

    run_demo(imhi, out or Path("runs/demo-imhi" if imhi else "runs/demo"))
