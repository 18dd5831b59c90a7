"""Two results side by side."""

from pathlib import Path

import click

from mentallama.cli.shared import FOLDER


@click.command()
@click.argument("first", type=FOLDER, metavar="A.json")
@click.argument("second", type=FOLDER, metavar="B.json")
@click.option("--models", nargs=2, metavar="A B", help="A model of the first, one of the second.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def compare(first: Path, second: Path, models: tuple[str, str] | None, as_json: bool) -> None:
    """Compare two files of scores, of evaluate, leaderboard or benchmark explanations.

    Results of other label sets, golds, variants or metric signatures are refused (exit 1). A
    difference has no interval here: for a paired test give both models to the leaderboard.
    """
    import json
    from dataclasses import asdict

    from mentallama.benchmark import comparable as stage
    from mentallama.tables import as_markdown

    pairs, notes = stage.compare_results(
        stage.read_result(first), stage.read_result(second), models
    )
    if as_json:
        found = {"compared": [asdict(pair) for pair in pairs], "notes": notes}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(as_markdown([stage.compare_table(pairs)]))
    for note in notes:
        click.echo(f"note: {note}")
