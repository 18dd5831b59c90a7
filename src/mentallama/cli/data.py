"""Commands that import and export instruction data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import FOLDER

if TYPE_CHECKING:
    from mentallama.data.transfer import ImportReport


@click.group()
def data() -> None:
    """Import and export instruction data."""


@data.command("import")
@click.argument("source", type=FOLDER, metavar="DIR")
@click.option("--out", type=FOLDER, required=True, help="Folder for the samples.")
@click.option("--format", type=click.Choice(["jsonl", "parquet"]), default="jsonl")
@click.option("--repair-mojibake", is_flag=True, help="Mend text decoded with the wrong code page.")
def import_(source: Path, out: Path, format: Any, repair_mojibake: bool) -> None:
    """Read a checkout of the IMHI release in DIR and write it as samples."""
    from mentallama.data.transfer import import_release

    report = import_release(
        source,
        out,
        repair=repair_mojibake,
        format=format,
        progress=lambda file: click.echo(f"  {file.rows:>6,} rows  {file.origin}"),
    )
    _print_import(report, out)


def _print_import(report: "ImportReport", out: Path) -> None:
    from mentallama.data.transfer import ODDITIES

    click.echo(f"{report.rows:,} rows in {len(report.manifest.files)} files, all labels read")
    odd = {(oddity.file, oddity.row) for oddity in report.oddities}
    click.echo(
        f"{report.rows - len(odd):,} render back equal from their label and explanation; "
        f"{len(odd):,} are worded oddly by the release (kept as they are, listed in {ODDITIES}):"
    )
    for kind, count in report.oddity_counts.items():
        click.echo(f"  {count:>6,}  {kind}")
    if report.repaired:
        click.echo(f"mojibake repaired in {sum(report.repaired.values()):,} rows")
    if report.not_samples:
        click.echo(f"{report.not_samples} files of model responses or human ratings left alone")
    if report.missing_tasks:
        click.echo(f"sets not found: {', '.join(report.missing_tasks)}")
    click.echo(f"written to {out}")


@data.command("export")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--out", type=FOLDER, required=True, help="Folder for the release's layout.")
def export_(folder: Path, out: Path) -> None:
    """Write samples in DIR as CSV files of the IMHI release."""
    from mentallama.data.transfer import export_release

    written = export_release(folder, out)
    click.echo(f"{len(written)} files written to {out}")
