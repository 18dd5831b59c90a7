"""Commands that import, export, build and audit instruction data."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import FOLDER, print_tables
from mentallama.cli.teach import build, explain, quality, read_rows
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.data.transfer import ImportReport


@click.group()
def data() -> None:
    """Build, import, export, check and audit instruction data."""


data.add_command(explain)
data.add_command(build)
data.add_command(quality)


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


@data.command("sources")
@click.option("--raw", type=FOLDER, help="Folder with a folder for each raw corpus.")
@click.option("--acknowledge", multiple=True, metavar="SET", help="You keep to its agreement.")
def sources(raw: Path | None, acknowledge: tuple[str, ...]) -> None:
    """List the ten corpora: where they live, their terms, what is found and what is missing."""
    from mentallama.data import sources as looking
    from mentallama.tables import as_markdown
    from mentallama.tasks import get_task

    keys = [get_task(key).key for key in acknowledge]
    if keys:
        if raw is None:
            raise InputError("--acknowledge needs --raw DIR, where it is recorded")
        looking.acknowledge(raw, keys)
    click.echo(as_markdown([looking.as_table(looking.find_sources(raw))]))


@data.command("read")
@click.option("--raw", type=FOLDER, help="Folder with a folder for each raw corpus.")
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only this; repeatable.")
@click.option("--own", type=FOLDER, multiple=True, metavar="YAML", help="Your own task and files.")
@click.option("--acknowledge", multiple=True, metavar="SET", help="You keep to its agreement.")
@click.option("--limit", type=click.IntRange(1), help="Only so many posts of each set.")
@click.option("--out", type=FOLDER, required=True, help="File for the posts (.jsonl).")
def read(
    raw: Path | None,
    tasks: tuple[str, ...],
    own: tuple[Path, ...],
    acknowledge: tuple[str, ...],
    limit: int | None,
    out: Path,
) -> None:
    """Read raw files row by row, whatever their size, and write the posts that can be used."""
    from collections import Counter

    from mentallama.io import atomic_write, to_line
    from mentallama.tasks.raw import RawRow

    notes: list[str] = []
    reasons: Counter[str] = Counter()
    kept = 0
    with atomic_write(out) as handle:
        for row in read_rows(raw, tasks, own, acknowledge, limit, notes):
            if isinstance(row, RawRow):
                handle.write(to_line(row.post) + "\n")
                kept += 1
            else:
                reasons[row.reason] += 1
    for note in notes:
        click.echo(note, err=True)
    click.echo(f"{kept:>8,}  posts written to {out} (one for each question)")
    for reason, count in reasons.most_common():
        click.echo(f"{count:>8,}  {reason}: left out")


@data.command("fetch")
@click.argument("what", type=click.Choice(["imhi"]))
@click.option("--out", type=FOLDER, required=True, help="Folder for the release.")
@click.option("--mirror", metavar="URL", help="Take the files from here; they are verified.")
@click.option("--only", multiple=True, metavar="PART", help="Only paths that hold this text.")
def fetch(what: str, out: Path, mirror: str | None, only: tuple[str, ...]) -> None:
    """Download the public IMHI release, each file verified by its git blob id."""
    from mentallama.data.fetch import fetch_imhi

    report = fetch_imhi(out, mirror=mirror, only=only)
    click.echo(
        f"{report.fetched} files fetched ({report.bytes:,} bytes), {report.kept} were there and "
        f"right, {report.files} in all; written to {out}"
    )


@data.command("audit")
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option("--raw", type=FOLDER, help="Raw corpora with the human annotation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--clean", "clean_out", type=FOLDER, help="Write splits without leaks here.")
def audit(
    folders: tuple[Path, ...], raw: Path | None, as_json: bool, clean_out: Path | None
) -> None:
    """Look for leaks, doubles, odd labels and broken texts in folders of samples or the release.

    Exits 1 where a leak would spoil an evaluation.
    """
    from mentallama.data import audit as auditing
    from mentallama.data.entries import as_entries, read_folder, read_raw_entries
    from mentallama.errors import CheckError

    samples = [sample for folder in folders for sample in read_folder(folder)]
    entries = as_entries(samples)
    human, notes = read_raw_entries(raw) if raw else ([], [])
    for note in notes:
        click.echo(note, err=True)
    findings = auditing.audit(entries, human, progress=lambda step: click.echo(step, err=True))
    print_tables("findings", findings, auditing.as_tables(entries, findings), as_json)
    if clean_out:
        from mentallama.data.clean import clean

        table = clean(samples, clean_out, folders)
        print_tables("", [], [table], False) if not as_json else None
    leaks = auditing.spoils(findings)
    if leaks:
        rows = sum(finding.rows for finding in leaks if finding.split == "test")
        raise CheckError(
            f"{len(leaks)} kinds of leaks, {rows:,} rows of test splits among them: a model tuned "
            "on the training splits has seen posts that it is tested on; --clean DIR writes splits "
            "without them"
        )


@data.command("check")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--flags", "flags_out", type=FOLDER, help="Write the rows with faults here.")
def check(folder: Path, as_json: bool, flags_out: Path | None) -> None:
    """Check the explanations of a folder of samples or of the release."""
    from collections import Counter

    from mentallama.data import check as checking
    from mentallama.data.entries import as_checked, read_folder
    from mentallama.io import write_records

    rows = as_checked(read_folder(folder))
    flags = checking.find_flags(rows)
    results = checking.measure_consistency(rows)
    if flags_out:
        write_records(flags_out, flags)
    tables = [
        checking.flag_table(Counter(row.task for row in rows), flags),
        checking.consistency_table(results),
    ]
    print_tables("checks", [*flags, *results], tables, as_json)
    content = len({flag.id for flag in flags if flag.content})
    if not as_json:
        click.echo(f"\n{content:,} of {len(rows):,} rows have a fault of content")


@data.command("rebuild")
@click.argument("release", type=FOLDER, metavar="DIR")
@click.option("--raw", type=FOLDER, required=True, help="Raw corpora with the human annotation.")
@click.option("--out", type=FOLDER, help="Write the rebuilt rows, with human labels, here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def rebuild(release: Path, raw: Path, out: Path | None, as_json: bool) -> None:
    """Build the release's rows anew from the raw files and compare them row by row."""
    from mentallama.data import rebuild as rebuilding
    from mentallama.data.entries import read_folder

    results, samples = rebuilding.rebuild(read_folder(release), raw)
    print_tables("rebuilt", results, [rebuilding.as_table(results)], as_json)
    if out:
        rows = rebuilding.write(samples, out)
        click.echo(f"{rows:,} rows with human labels written to {out}", err=as_json)


@click.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
def verify(folder: Path) -> None:
    """Compare the files of a folder with its manifest; exit 1 where one has changed."""
    from mentallama.dataset import find_changes, read_manifest
    from mentallama.errors import CheckError

    changes = find_changes(folder)
    for change in changes:
        click.echo(change)
    manifest = read_manifest(folder)
    total = len(manifest.files) + len(manifest.others)
    if changes:
        raise CheckError(f"{len(changes)} of {total} files are not what the manifest says")
    click.echo(f"{total} files are what the manifest says")
