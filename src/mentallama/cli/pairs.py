"""Preference pairs as commands: from models' responses, from people's ratings, from checks."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mentallama.cli.shared import FOLDER, print_tables, read_any_samples

if TYPE_CHECKING:
    from mentallama.tuning.pairs import Found

out_option = click.option(
    "--out", type=FOLDER, required=True, help="File for the pairs (.jsonl or .parquet)."
)
_data_option = click.option(
    "--data", "folder", type=FOLDER, required=True, help="Samples or the release, for the prompts."
)
every_option = click.option(
    "--every", is_flag=True, help="All ordered pairs of a question, not best against worst."
)
_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of tables."
)


def marks_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what decides which of people's marks tell two answers apart."""
    for option in (
        click.option(
            "--raters",
            type=click.IntRange(min=1),
            default=2,
            show_default=True,
            help="Fewest per answer.",
        ),
        click.option(
            "--margin",
            type=click.FloatRange(min=0, max=3, min_open=True),
            default=0.5,
            show_default=True,
            help="Least difference of two mean marks (0 to 3).",
        ),
        click.option("--aspect", default="overall", show_default=True, help="Which marks count."),
    ):
        command = option(command)
    return command


@click.group()
def pairs() -> None:
    """Make preference pairs for the objectives dpo and reward."""


@pairs.command()
@click.argument("outputs", type=FOLDER, metavar="DIR")
@_data_option
@out_option
@click.option(
    "--margin",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.1,
    show_default=True,
    help="Least difference of reasons (0 to 1) between two right answers.",
)
@every_option
@_json_option
def responses(
    outputs: Path, folder: Path, out: Path, margin: float, every: bool, as_json: bool
) -> None:
    """Pair the responses of all models in DIR to the same posts: label first, then reasons."""
    from mentallama.feedback import pairs_from_outputs

    samples = read_any_samples(folder)
    write_found(pairs_from_outputs(outputs, samples, least=margin, every=every), out, as_json)


@pairs.command()
@click.argument("export", type=FOLDER, metavar="FILE")
@_data_option
@out_option
@marks_options
@every_option
@_json_option
def ratings(
    export: Path,
    folder: Path,
    out: Path,
    aspect: str,
    margin: float,
    raters: int,
    every: bool,
    as_json: bool,
) -> None:
    """Pair answers by the marks in FILE (JSON Lines); 'rate pairs' reads a rating room's export."""
    from mentallama.tuning.ranking import pairs_from_ratings, read_ratings

    marks = read_ratings(export)
    samples = {sample.id: sample for sample in read_any_samples(folder)}
    found = pairs_from_ratings(
        marks, samples, aspect=aspect, margin=margin, raters=raters, every=every
    )
    write_found(found, out, as_json)


@pairs.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
@out_option
@_json_option
def quality(folder: Path, out: Path, as_json: bool) -> None:
    """Pair good explanations in DIR with faulty ones of the same question.

    DIR is a folder of 'data build', another folder of samples, or the release.
    """
    from mentallama.feedback import pairs_from_checks

    write_found(pairs_from_checks(folder), out, as_json)


def write_found(found: "Found", out: Path, as_json: bool) -> None:
    """Write the pairs and say what became of every question.

    Raises CheckError where there is none.
    """
    from mentallama.errors import CheckError
    from mentallama.tuning.pairs import count_pairs, pair_tables, write_pairs

    counts = count_pairs(found)
    if found.pairs:
        write_pairs(out, found.pairs)
    print_tables("pairs", counts, pair_tables(counts), as_json)
    if not found.pairs:
        raise CheckError(f"no pair from {len(found.none):,} questions; nothing was written")
    held = sum(pair.split in ("test", "expert") for pair in found.pairs)
    if held:
        click.echo(
            f"{held:,} of {len(found.pairs):,} pairs are about posts of evaluation splits: a model "
            "tuned on them must not be scored on these sets",
            err=True,
        )
    click.echo(f"{len(found.pairs):,} pairs in {out}", err=as_json)
