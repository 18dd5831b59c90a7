"""Commands on the sample corpus."""

from pathlib import Path
from typing import Any

import click

from mentallama.cli.shared import FOLDER, print_tables


@click.group()
def corpus() -> None:
    """The sample corpus of invented posts that ships with the package."""


@corpus.command("list")
def corpus_list() -> None:
    """Say which parts the corpus has and how to name them."""
    from mentallama.corpus.counts import count_contents
    from mentallama.tables import as_markdown

    click.echo(as_markdown([count_contents()]))


@corpus.command("show")
@click.argument("names", nargs=-1, required=True, metavar="ID...")
def corpus_show(names: tuple[str, ...]) -> None:
    """Print records by their id, such as dr-001 or pair-001a."""
    from mentallama.corpus.show import find_record, render

    click.echo("\n\n".join(render(record) for record in map(find_record, names)))


@corpus.command("count")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def corpus_count(as_json: bool) -> None:
    """Count posts, labels and tags: the datasheet's tables."""
    from mentallama.corpus.counts import count_all

    print_tables("tables", count_all(), count_all(), as_json)


@corpus.command("export")
@click.option("--out", type=FOLDER, required=True, help="Folder to write to.")
@click.option(
    "--format",
    type=click.Choice(["jsonl", "parquet", "release", "raw"]),
    default="jsonl",
    show_default=True,
    help="Samples, or the release's CSV files, or the raw layouts of the ten sources.",
)
@click.option(
    "--set",
    "names",
    multiple=True,
    help="A part, as 'corpus list' names it; can be repeated.  [default: plain]",
)
def corpus_export(out: Path, format: Any, names: tuple[str, ...]) -> None:
    """Write parts of the corpus as samples, release CSV or raw files."""
    from mentallama.corpus.export import export_parts

    names = names or ("plain",)
    if format == "release":
        _export_as_release(out, names)
        return
    for line in export_parts(out, names, format):
        click.echo(line)


def _export_as_release(out: Path, names: tuple[str, ...]) -> None:
    import tempfile

    from mentallama.corpus.export import need_parts
    from mentallama.corpus.samples import export
    from mentallama.data.transfer import export_release

    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder), parts=need_parts(names, "the release's layout holds"))
        click.echo(f"{len(export_release(Path(folder), out))} files written to {out}")


@corpus.command("compare")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def corpus_compare(folder: Path, as_json: bool) -> None:
    """Compare how varied the corpus and the samples in DIR are."""
    from mentallama.corpus.diversity import as_table, compare

    rows = compare(folder)
    print_tables("diversity", rows, [as_table(rows)], as_json)


@corpus.command("contrast")
@click.argument("path", type=FOLDER, metavar="[RESPONSES]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def corpus_contrast(path: Path | None, as_json: bool) -> None:
    """Score baselines and RESPONSES on the contrast sets."""
    from mentallama.benchmark import contrast
    from mentallama.benchmark.responses import read_responses

    responses = contrast.run_floors()
    shares = contrast.score_contrast(responses)
    if path:
        own = read_responses(path)
        shares += contrast.score_contrast(own)
        responses += own
        if others := contrast.count_others(own):
            click.echo(
                f"{others:,} of {len(own):,} responses are to other posts: left out", err=True
            )
    by_task = contrast.score_tasks(responses)
    tables = [
        contrast.as_table("Accuracy by part", shares),
        contrast.as_table("Accuracy on the plain test posts", by_task),
    ]
    print_tables("shares", [*shares, *by_task], tables, as_json)
