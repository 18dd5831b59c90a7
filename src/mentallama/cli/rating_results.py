"""Agreement, comparison of models and pairs, from ratings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mentallama.cli.pairs import every_option, marks_options, out_option, write_found
from mentallama.cli.scoring_options import resamples_option, seed_option
from mentallama.cli.shared import FOLDER, need_extra, read_any_samples
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.human.rubric import Rubric
    from mentallama.human.study import Study
    from mentallama.tables import Table
    from mentallama.types import Rating

_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of tables."
)


@contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Put the file's name before what is wrong with a row of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_checked(paths: Sequence[Path], study: "Study | None" = None) -> "list[Rating]":
    """Read ratings of one rubric, each mark once, of ``study`` if one is given.

    Raises InputError, which names file and row.
    """
    from mentallama.human.ratings import check_ratings, need_one_rubric, need_single, read_ratings

    ratings: list[Rating] = []
    for path in paths:
        own = read_ratings(path)
        with _named(path):
            if study:
                check_ratings(own, study)
            need_single(own)
        ratings += own
    if len(paths) > 1:
        with _named("all files together"):
            need_single(ratings)
    need_one_rubric(ratings)
    return ratings


def _show(tables: "Sequence[Table]", notes: Sequence[str]) -> None:
    from mentallama.tables import as_markdown

    click.echo(as_markdown([table for table in tables if table.rows]))
    for note in notes:
        click.echo(f"\n{note}")


@click.command()
@click.argument("files", type=FOLDER, nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--by",
    type=click.Choice(["aspect", "task", "time"]),
    default="aspect",
    show_default=True,
    help="Also part by task, or by thirds of each rater's own order.",
)
@click.option("--study", "folder", type=FOLDER, help="Check the ratings against it; tells tasks.")
@resamples_option
@seed_option
@_json_option
def agreement(
    files: tuple[Path, ...],
    by: Literal["aspect", "task", "time"],
    folder: Path | None,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Say how far raters agree, with intervals, and how strict each of them is.

    FILE holds ratings in the long form, or marks in the layout of the release's DR_annotation.
    """
    import json
    from dataclasses import asdict

    from mentallama.human import agreement as stage
    from mentallama.human.severity import measure_severity, severity_table
    from mentallama.human.study import read_study

    need_extra("rate", ("krippendorff", "statsmodels"))
    if by == "task" and folder is None:
        raise InputError("--by task needs the study that knows the items' tasks: --study FOLDER")
    study = read_study(folder) if folder else None
    ratings = read_checked(files, study)
    tasks = {item.id: item.task for item in study.items} if study and by == "task" else None
    found = stage.measure_agreement(
        ratings, tasks=tasks, over_time=by == "time", resamples=resamples, seed=seed
    )
    severity = measure_severity(ratings)
    if as_json:
        result = {
            "agreement": [asdict(one) for one in found],
            "severity": [asdict(one) for one in severity],
        }
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    _show([*stage.agreement_tables(found), severity_table(severity)], stage.agreement_notes(found))


@click.command()
@click.argument("file", type=FOLDER, metavar="RATINGS")
@click.option("--key", "key_file", type=FOLDER, required=True, help="The study's FOLDER-key.jsonl.")
@resamples_option
@seed_option
@_json_option
def compare(file: Path, key_file: Path, resamples: int, seed: int, as_json: bool) -> None:
    """Say which model explains better, by how much, from ratings and the study's key.

    Models are compared on the rows that were rated for both: a paired permutation test and a
    bootstrap over rows, adjusted by Holm's method; a mixed-effects model stands beside it.
    """
    import json
    from dataclasses import asdict

    from mentallama.human import comparison as stage
    from mentallama.human.study import read_keys

    need_extra("rate", ("krippendorff", "statsmodels"))
    keys = read_keys(key_file)
    ratings = read_checked([file])
    with _named(file):
        means, found = stage.compare_models(ratings, keys, resamples=resamples, seed=seed)
    said = stage.say_comparisons(found)
    missing = sum(rating.value is None for rating in ratings)
    if as_json:
        result = {
            "means": [asdict(one) for one in means],
            "comparisons": [asdict(one) for one in found],
            "said": said,
            "missing": missing,
            "ratings": len(ratings),
        }
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    _show(stage.comparison_tables(means, found), said)
    click.echo(f"\n{missing:,} of {len(ratings):,} ratings hold no mark and count for nothing.")


def _need_scale(rubric: "Rubric", aspect: str) -> None:
    """Refuse an aspect that the rubric lacks, or whose marks tuning's record does not hold."""
    scales = {one.key: one.scores for one in rubric.aspects}
    if aspect not in scales:
        raise InputError(f"--aspect {aspect}: the rubric has {', '.join(scales)}")
    if scales[aspect][0] < 0 or scales[aspect][-1] > 3:
        raise InputError(f"pairs take marks of 0 to 3; {rubric.stamp} has another scale")


@click.command("pairs")
@click.argument("file", type=FOLDER, metavar="RATINGS")
@click.option("--study", "folder", type=FOLDER, required=True, help="The study, for the answers.")
@click.option("--key", "key_file", type=FOLDER, help="Who wrote what.  [default: STUDY-key.jsonl]")
@click.option("--data", type=FOLDER, required=True, help="Samples or the release, for the prompts.")
@out_option
@marks_options
@every_option
@_json_option
def pairs_command(
    file: Path,
    folder: Path,
    key_file: Path | None,
    data: Path,
    out: Path,
    aspect: str,
    margin: float,
    raters: int,
    every: bool,
    as_json: bool,
) -> None:
    """Make preference pairs for tuning: of two answers to a post, the one rated higher is chosen.

    The file is what 'mentallama tune' reads with the objectives dpo and reward. What nothing tells
    apart gives no pair, and is counted.
    """
    from mentallama.human.preferences import find_samples, unblind
    from mentallama.human.study import key_path, read_keys, read_study
    from mentallama.tuning.ranking import Rating as Marked
    from mentallama.tuning.ranking import pairs_from_ratings

    study = read_study(folder)
    keys = read_keys(key_file or key_path(folder))
    _need_scale(study.rubric, aspect)
    ratings = [one for one in read_checked([file], study) if one.aspect == aspect]
    with _named(file):
        marked = [
            Marked(
                item_id=one.item,
                rater=one.rater,
                aspect=one.aspect,
                value=one.value,
                response=one.answer,
                sample_id=one.sample_id,
                model=one.model,
            )
            for one in unblind(ratings, study.items, keys)
        ]
    rows = {key.sample_id for key in keys.values()}
    if bare := len(rows - {one.sample_id for one in marked}):
        click.echo(f"{bare:,} of {len(rows):,} rows have no mark of '{aspect}' yet", err=True)
    samples = find_samples(study.items, keys, read_any_samples(data))
    found = pairs_from_ratings(
        marked, samples, aspect=aspect, margin=margin, raters=raters, every=every
    )
    write_found(found, out, as_json)


RESULTS: tuple[click.Command, ...] = (agreement, compare, pairs_command)
