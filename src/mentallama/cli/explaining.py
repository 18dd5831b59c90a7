"""How good explanations are: by metrics, by a judging model, and how both agree with people."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.scoring_options import resamples_option, seed_option
from mentallama.cli.shared import FOLDER, need_permission, read_any_samples
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.types import Sample

_bartscore_option = click.option(
    "--bartscore", metavar="MODEL", help="A BART-like model (folder or hub id) for BARTScore."
)
_bertscore_option = click.option(
    "--bertscore", metavar="MODEL", help="An encoder (folder or hub id) for BERTScore."
)
_engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", "transformers", "ctranslate2"]),
    default="auto",
    show_default=True,
    help="What runs BARTScore.",
)
_int8_option = click.option(
    "--int8", is_flag=True, help="BARTScore in int8: faster, and its scores differ a little."
)


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option("--data", "folder", type=FOLDER, help="The data set, for posts and experts.")
@_bartscore_option
@_bertscore_option
@_engine_option
@_int8_option
@click.option("--limit", type=click.IntRange(min=2), help="Only that many rows a task, drawn.")
@resamples_option
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def explanations(
    folders: tuple[Path, ...],
    folder: Path | None,
    bartscore: str | None,
    bertscore: str | None,
    engine: Any,
    int8: bool,
    limit: int | None,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Score the explanations of responses against the gold ones, with floors and a ceiling."""
    from mentallama.benchmark import explanations as stage
    from mentallama.benchmark.metrics import METRICS
    from mentallama.benchmark.metrics.metric import Models
    from mentallama.benchmark.responses import join_posts, read_responses
    from mentallama.cli.shared import print_tables

    samples = read_any_samples(folder) if folder else []
    read = [one for path in folders for one in read_responses(path)]
    read = join_posts(read, samples)
    texts = {sample.post.id: sample.post.text for sample in samples}
    tasks = {response.task for response in read}
    systems = stage.gather(read, texts, limit, seed)
    systems += [one for one in stage.against_experts(samples) if one.task in tasks]
    models = Models(bartscore=bartscore, bertscore=bertscore, engine=engine, int8=int8)
    scores = stage.score_explanations(systems, METRICS, models, resamples=resamples, seed=seed)
    stage.need_one_signature(scores)
    print_tables("explanations", scores, [stage.explanation_table(scores)], as_json)
    if not as_json:
        for signature in dict.fromkeys(s.signature for s in scores if s.signature):
            click.echo(f"signature: {signature}")


@click.command()
@click.argument("path", type=FOLDER, metavar="FILE_OR_DIR")
@_bartscore_option
@_bertscore_option
@_engine_option
@_int8_option
@resamples_option
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def correlate(
    path: Path,
    bartscore: str | None,
    bertscore: str | None,
    engine: Any,
    int8: bool,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Correlate metrics with people's marks (layout of the release's DR_annotation)."""
    from mentallama.benchmark import correlation as stage
    from mentallama.benchmark.metrics import METRICS
    from mentallama.benchmark.metrics.metric import Models
    from mentallama.cli.shared import print_tables

    models = Models(bartscore=bartscore, bertscore=bertscore, engine=engine, int8=int8)
    found = stage.correlate(stage.read_rated(path), METRICS, models, resamples=resamples, seed=seed)
    tables = [stage.correlation_table(found, statistic) for statistic in stage.STATISTICS]
    print_tables("correlations", found, tables, as_json)


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option("--data", "folder", type=FOLDER, required=True, help="The data set, for the posts.")
@click.option("--endpoint", required=True, metavar="URL", help="Such as http://localhost:8000/v1.")
@click.option("--model", required=True, help="The judging model's name there.")
@click.option("--out", type=FOLDER, required=True, help="Folder for the journal of judgements.")
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
    import json
    from dataclasses import asdict

    from mentallama.benchmark import judge as stage
    from mentallama.benchmark import judge_results as results
    from mentallama.tables import as_markdown

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
    signature = f"judge|{model}|rubric {rubric.version}|both orders"
    if as_json:
        found = {
            "marks": [asdict(one) for one in marks],
            "choices": [asdict(one) for one in choices],
            "calibration": calibration,
            "signature": signature,
        }
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(as_markdown(results.judge_tables(marks, choices)))
    for line in (*calibration, f"signature: {signature}"):
        click.echo(line)


def _judge_cases(
    folders: Sequence[Path], samples: "Sequence[Sample]", limit: int, seed: int
) -> list[Any]:
    """Draw the same rows of every model and put them beside their posts."""
    from mentallama.benchmark.explanations import draw
    from mentallama.benchmark.judge import Case
    from mentallama.benchmark.responses import join_posts, read_responses
    from mentallama.tasks import get_task

    read = [one for path in folders for one in read_responses(path)]
    texts = {sample.post.id: sample.post.text for sample in samples}
    groups: dict[tuple[str, str], list[Any]] = {}
    for response in join_posts(read, samples):
        if response.post_id in texts and response.text.strip():
            groups.setdefault((response.task, response.model), []).append(response)
    if not groups:
        raise InputError("no response names a post of --data; nothing to judge")
    return [
        Case(
            row=response.sample_id,
            task=response.task,
            model=response.model,
            post=texts[str(response.post_id)],
            question=get_task(response.task).question.replace("{aspect}", response.aspect or ""),
            answer=response.text.strip(),
        )
        for rows in groups.values()
        for response in draw(rows, limit, seed)
    ]
