"""A study in another annotation tool or in workbooks, and the ratings back."""

from collections import Counter
from pathlib import Path

import click

from mentallama.cli.shared import FOLDER

_format_option = click.option(
    "--format", "tool", type=click.Choice(["label-studio", "potato", "sheets"]), required=True
)


@click.command("export-tasks")
@click.argument("folder", type=FOLDER, metavar="STUDY")
@_format_option
@click.option("--out", type=FOLDER, required=True, help="Folder for the project's files.")
def export_command(folder: Path, tool: str, out: Path) -> None:
    """Write a study for another tool, or as a workbook per rater; each rater's items in order."""
    from mentallama.human import labelstudio, potato, sheets
    from mentallama.human.study import read_study

    writers = {
        "label-studio": labelstudio.write_project,
        "potato": potato.write_project,
        "sheets": sheets.write_sheets,
    }
    for name in writers[tool](read_study(folder), out):
        click.echo(out / name)


@click.command("import-tasks")
@click.argument("folder", type=FOLDER, metavar="STUDY")
@click.argument("paths", type=FOLDER, nargs=-1, required=True, metavar="FILE_OR_DIR...")
@_format_option
@click.option("--out", type=FOLDER, required=True, help="File of ratings (.csv, .jsonl, .parquet).")
def import_command(folder: Path, paths: tuple[Path, ...], tool: str, out: Path) -> None:
    """Read what raters gave: Label Studio's JSON exports, Potato's output, filled workbooks."""
    from mentallama.human import labelstudio, potato, sheets
    from mentallama.human.ratings import write_ratings
    from mentallama.human.study import read_study

    readers = {
        "label-studio": labelstudio.read_exports,
        "potato": potato.read_outputs,
        "sheets": sheets.read_sheets,
    }
    found = readers[tool](paths, read_study(folder))
    write_ratings(out, found.ratings)
    outcomes = Counter(rating.outcome for rating in found.ratings)
    raters = {rating.rater for rating in found.ratings}
    click.echo(
        f"{len(found.ratings):,} marks of {len(raters)} raters in {out}: "
        f"{outcomes['scored']:,} scores, {outcomes['cannot_judge']:,} 'cannot judge', "
        f"{outcomes['skipped']:,} skipped; {found.open:,} that the study asks for are not there"
    )
    if found.lost:
        click.echo(f"note: {found.lost:,} marked passages are not in the post and are left out")
