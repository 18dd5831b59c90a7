"""How good explanations are: by metrics, by a judging model, and how both agree with people."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.scoring_options import resamples_option, seed_option
from mentallama.cli.shared import (
    FOLDER,
    need_permission,
    read_all_responses,
    read_any_samples,
)
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.benchmark.metrics.metric import Models
    from mentallama.marks import Rated
    from mentallama.tables import Table
    from mentallama.types import Sample

_WEIGHTS = (
    click.option(
        "--bartscore", metavar="MODEL", help="A BART-like model (folder or hub id) for BARTScore."
    ),
    click.option(
        "--bartscore-weights",
        metavar="FILE.pth",
        help="A state dict laid over it, such as ParaBank2's bart_score.pth over bart-large-cnn.",
    ),
    click.option(
        "--bertscore", metavar="MODEL", help="An encoder (folder or hub id) for BERTScore."
    ),
    click.option(
        "--engine",
        type=click.Choice(["auto", "transformers", "ctranslate2"]),
        default="auto",
        show_default=True,
        help="What runs BARTScore.",
    ),
    click.option(
        "--int8", is_flag=True, help="BARTScore in int8: faster, and its scores differ a little."
    ),
)


def _models_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the weights of metrics; the command gets them as ``models``."""

    @wraps(command)
    def wrapped(
        bartscore: str | None,
        bartscore_weights: str | None,
        bertscore: str | None,
        engine: Any,
        int8: bool,
        **others: Any,
    ) -> None:
        from mentallama.benchmark.metrics.metric import Models

        if bartscore_weights and not bartscore:
            raise InputError("--bartscore-weights needs the model under them: --bartscore MODEL")
        models = Models(
            bartscore=bartscore,
            bartscore_weights=bartscore_weights,
            bertscore=bertscore,
            engine=engine,
            int8=int8,
        )
        command(models=models, **others)

    with_options: Callable[..., None] = wrapped
    for option in reversed(_WEIGHTS):
        with_options = option(with_options)
    return with_options


def _show(found: Any, tables: "Sequence[Table]", notes: Sequence[str], as_json: bool) -> None:
    """Print what was found as one JSON object, or its tables with the notes under them."""
    import json

    from mentallama.tables import as_markdown

    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(as_markdown(tables))
    for note in notes:
        click.echo(note)


_out_option = click.option("--out", type=FOLDER, help="Folder for JSON, Markdown and CSV.")


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option("--data", "folder", type=FOLDER, help="The data set, for posts and experts.")
@_models_options
@click.option("--limit", type=click.IntRange(min=2), help="Only that many rows a task, drawn.")
@_out_option
@resamples_option
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def explanations(
    folders: tuple[Path, ...],
    folder: Path | None,
    models: "Models",
    limit: int | None,
    out: Path | None,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Score the explanations of responses against the gold ones, with floors and a ceiling."""
    from dataclasses import asdict

    from mentallama.benchmark import explanations as stage
    from mentallama.benchmark.metrics import METRICS
    from mentallama.benchmark.responses import join_posts
    from mentallama.benchmark.result_files import write_results
    from mentallama.tasks.versions import label_sets

    samples = read_any_samples(folder) if folder else []
    read = join_posts(read_all_responses(folders), samples)
    texts = {sample.post.id: sample.post.text for sample in samples}
    tasks = {response.task for response in read}
    systems = stage.gather(read, texts, limit, seed)
    systems += [one for one in stage.against_experts(samples) if one.task in tasks]
    scores = stage.score_explanations(systems, METRICS, models, resamples=resamples, seed=seed)
    stage.need_one_signature(scores)
    found = {
        "explanations": [asdict(score) for score in scores],
        "label_sets": label_sets(score.task for score in scores),
        "models": asdict(models),
    }
    signatures = dict.fromkeys(score.signature for score in scores if score.signature)
    notes = [f"signature: {signature}" for signature in signatures]
    tables = [stage.explanation_table(scores)]
    if out:
        write_results(out, "explanations", found, tables, notes)
    _show(found, tables, notes, as_json)


@click.command()
@click.argument("path", type=FOLDER, metavar="FILE_OR_DIR")
@click.option("--study", type=FOLDER, help="The study that the ratings in FILE are of.")
@_models_options
@_out_option
@resamples_option
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def correlate(
    path: Path,
    study: Path | None,
    models: "Models",
    out: Path | None,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Correlate metrics with people's marks.

    FILE_OR_DIR has the layout of the release's DR_annotation, or holds ratings in the long form;
    posts and answers are then those of --study.
    """
    from dataclasses import asdict

    from mentallama.benchmark import correlation as stage
    from mentallama.benchmark.metrics import METRICS
    from mentallama.benchmark.result_files import write_results
    from mentallama.marks import read_rated

    rated = _read_study_marks(path, study) if study else read_rated(path)
    rows = stage.correlate(rated, METRICS, models, resamples=resamples, seed=seed)
    tables = [stage.correlation_table(rows, statistic) for statistic in stage.STATISTICS]
    found = {"correlations": [asdict(row) for row in rows], "models": asdict(models)}
    signatures = dict.fromkeys(row.signature for row in rows if row.signature)
    notes = [f"signature: {signature}" for signature in signatures]
    if out:
        write_results(out, "correlations", found, tables, notes)
    _show(found, tables, notes, as_json)


def _read_study_marks(path: Path, folder: Path) -> "list[Rated]":
    """Put ratings beside what they are about; say how many are missing."""
    from mentallama.cli.rating_results import read_checked
    from mentallama.human.ratings import as_rated
    from mentallama.human.study import read_study

    study = read_study(folder)
    ratings = read_checked([path], study)
    rated = as_rated(ratings, study.items)
    missing = sum(rating.value is None for rating in ratings)
    click.echo(
        f"{len(rated):,} of {len(study.items):,} items have marks; {missing:,} of "
        f"{len(ratings):,} ratings are skips or 'cannot judge' and count as missing",
        err=True,
    )
    return rated


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option("--data", "folder", type=FOLDER, required=True, help="The data set, for the posts.")
@click.option("--endpoint", required=True, metavar="URL", help="Such as http://localhost:8000/v1.")
@click.option("--model", required=True, help="The judging model's name there.")
@click.option(
    "--out",
    type=FOLDER,
    required=True,
    help="Folder for the journal and the summary.",
)
@click.option("--limit", type=click.IntRange(min=2), default=50, show_default=True)
@click.option("--pairwise", is_flag=True, help="Also compare every two models, row by row.")
@click.option("--rubric", "rubric_file", type=FOLDER, help="Your own rubric (YAML).")
@click.option("--human", type=FOLDER, help="People's marks: a table row,model,aspect,value.")
@click.option("--concurrency", type=click.IntRange(min=1), default=8, show_default=True)
@click.option("--allow-remote", multiple=True, metavar="SET", help="See 'data explain'.")
@resamples_option
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def judge(
    folders: tuple[Path, ...],
    folder: Path,
    endpoint: str,
    model: str,
    out: Path,
    limit: int,
    pairwise: bool,
    rubric_file: Path | None,
    human: Path | None,
    concurrency: int,
    allow_remote: tuple[str, ...],
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Let a language model mark explanations, in both orders, with its failures counted."""
    from dataclasses import asdict

    from mentallama.benchmark import judge as stage
    from mentallama.benchmark import judge_results as results
    from mentallama.benchmark.result_files import write_results
    from mentallama.tasks.versions import label_sets

    cases = _judge_cases(folders, read_any_samples(folder), limit, seed)
    need_permission(endpoint, {case.task for case in cases}, allow_remote)
    rubric = stage.load_rubric(rubric_file)
    requests = list(stage.make_requests(cases, rubric, pairwise=pairwise))
    people = results.read_people(human) if human else {}
    judgements = stage.judge_all(
        requests,
        stage.EndpointJudge(endpoint, model),
        rubric,
        out / "judgements.journal",
        concurrency=concurrency,
    )
    aspects = list(rubric.aspects)
    marks = results.summarise_marks(judgements, aspects, resamples=resamples, seed=seed)
    choices = results.summarise_choices(judgements)
    calibration = results.calibrate(judgements, people, aspects)
    signature = stage.signature(model, rubric)
    found = {
        "marks": [asdict(one) for one in marks],
        "choices": [asdict(one) for one in choices],
        "calibration": calibration,
        "signature": signature,
        "label_sets": label_sets(case.task for case in cases),
    }
    tables = results.judge_tables(marks, choices)
    notes = [*calibration, f"signature: {signature}"]
    write_results(out, "judge", found, tables, notes)
    _show(found, tables, notes, as_json)


def _judge_cases(
    folders: Sequence[Path], samples: "Sequence[Sample]", limit: int, seed: int
) -> list[Any]:
    """Draw the same rows of every model and put them beside their posts."""
    from mentallama.benchmark.explanations import draw
    from mentallama.benchmark.judge import Case
    from mentallama.benchmark.pairing import row_keys
    from mentallama.benchmark.responses import join_posts
    from mentallama.tasks import get_task

    read = read_all_responses(folders)
    texts = {sample.post.id: sample.post.text for sample in samples}
    groups: dict[tuple[str, str], list[Any]] = {}
    joined = join_posts(read, samples)
    # A row has one name, whatever the place of its answer in a model's file.
    names: dict[str, str] = {}
    rows: dict[tuple[str, str], str] = {}
    for response, key in zip(joined, row_keys(joined), strict=True):
        rows[response.model, response.sample_id] = names.setdefault(key, response.sample_id)
    for response in joined:
        if response.post_id in texts and response.text.strip():
            groups.setdefault((response.task, response.model), []).append(response)
    if not groups:
        raise InputError("no response names a post of --data; nothing to judge")
    return [
        Case(
            row=rows[response.model, response.sample_id],
            task=response.task,
            model=response.model,
            post=texts[str(response.post_id)],
            question=get_task(response.task).question.replace("{aspect}", response.aspect or ""),
            answer=response.text.strip(),
        )
        for group in groups.values()
        for response in draw(group, limit, seed)
    ]
