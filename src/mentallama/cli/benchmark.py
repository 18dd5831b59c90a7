"""The benchmark as commands: evaluate, leaderboard, and what they lean on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import (
    DEFAULT,
    FOLDER,
    data_or_corpus,
    need_permission,
    read_any_samples,
)
from mentallama.errors import CheckError, InputError

if TYPE_CHECKING:
    from mentallama.benchmark.inference.cascade import Cascade
    from mentallama.benchmark.inference.encoder import Runtime
    from mentallama.benchmark.inference.labeller import TaskLabeller
    from mentallama.benchmark.inference.train import Fit
    from mentallama.types import GoldSource, Sample, Task

RULES_ALONE = "none"
_GOLDS: "dict[str, tuple[GoldSource, ...]]" = {
    "release": ("release", "corpus"),
    "human": ("human",),
    "both": ("release", "human", "corpus"),
}
_labeller_option = click.option(
    "--labeller",
    "labellers",
    multiple=True,
    metavar="DIR|SET=MODEL",
    help="Trained labellers, asked where the anchored phrases find nothing; repeatable.",
)
_allow_option = click.option(
    "--allow-trained",
    is_flag=True,
    help="Let labellers read rows that they were trained on.",
)
_resamples_option = click.option(
    "--resamples", type=click.IntRange(min=100), default=1000, show_default=True
)
_seed_option = click.option("--seed", type=int, default=0, show_default=True)
_posts_option = click.option(
    "--show-posts", is_flag=True, help="Show posts and responses in the report."
)


@click.command()
@click.argument("path", type=FOLDER, metavar="FILE_OR_DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--out", type=FOLDER, help="Folder for scores, predictions and the HTML report.")
@click.option("--data", "folder", type=FOLDER, help="Samples, to tell which rows share a post.")
@_labeller_option
@_allow_option
@_resamples_option
@_seed_option
@_posts_option
def evaluate(
    path: Path,
    as_json: bool,
    out: Path | None,
    folder: Path | None,
    labellers: tuple[str, ...],
    allow_trained: bool,
    resamples: int,
    seed: int,
    show_posts: bool,
) -> None:
    """Score responses: our JSONL, or CSV files 'goldens,generated_text' named after their set."""
    from mentallama.benchmark import evaluate as stage
    from mentallama.benchmark import output, responses

    if show_posts and not (out and folder):
        raise InputError("--show-posts needs --out for the report and --data for the posts")
    read = responses.read_responses(path)
    samples = read_any_samples(folder) if folder else []
    if folder:
        read = responses.join_posts(read, samples)
    cascade = _load_cascade(labellers, allow_trained)
    evaluation = stage.evaluate(read, labeller=cascade, resamples=resamples, seed=seed)
    _say_withheld(cascade)
    if out:
        output.write(
            evaluation,
            out,
            title=f"Evaluation of {path.name}",
            run={
                "Responses": f"{path.name}, SHA-256 {responses.fingerprint(read)}",
                "Labels read by": _describe(cascade),
                "Bootstrap": f"{resamples} resamples, seed {seed}",
            },
            posts={s.post.id: s.post.text for s in samples} if show_posts else None,
        )
    if as_json:
        click.echo(output.as_json(evaluation))
        return
    output.print_table(evaluation)
    if out:
        click.echo(f"report: {out / output.REPORT}")


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--data", "folder", type=FOLDER, help="The data set: a folder of ours or the release as it is."
)
@click.option("--raw", type=FOLDER, help="Raw corpora, for the human labels and marked evidence.")
@click.option("--gold", type=click.Choice(["release", "human", "both"]), default="both")
@_labeller_option
@_allow_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--out", type=FOLDER, help="Folder for HTML, Markdown, CSV, LaTeX and JSON.")
@_resamples_option
@_seed_option
@_posts_option
def leaderboard(
    folders: tuple[Path, ...],
    folder: Path | None,
    raw: Path | None,
    gold: str,
    labellers: tuple[str, ...],
    allow_trained: bool,
    as_json: bool,
    out: Path | None,
    resamples: int,
    seed: int,
    show_posts: bool,
) -> None:
    """Score every model on every set found in DIR..., compare and rank them.

    Without --labeller, linear labellers are trained on the data's own training answers first, which
    takes a minute; 'benchmark train-labeller' keeps them. '--labeller none' reads by anchored
    phrases alone.
    """
    from mentallama.benchmark import board_output, responses
    from mentallama.benchmark.leaderboard import make_board
    from mentallama.tables import as_markdown

    if (gold == "human" and not raw) or (raw and not folder):
        raise InputError("human labels need --raw and, to find the posts in it, --data")
    if show_posts and not (out and folder):
        raise InputError("--show-posts needs --out for the report and --data for the posts")
    read = [one for path in folders for one in responses.read_responses(path)]
    samples = read_any_samples(folder) if folder else []
    read = responses.join_posts(read, samples)
    cascade = _load_cascade(labellers, allow_trained)
    if not labellers and samples:
        cascade.labellers = _train_all(samples, {response.task for response in read}, "--data")
    known, people = _known(samples, raw)
    board = make_board(
        read,
        cascade,
        known,
        people,
        golds=_GOLDS[gold],
        resamples=resamples,
        seed=seed,
    )
    if out:
        run = {
            "Responses": f"{', '.join(path.name for path in folders)}, "
            f"SHA-256 {responses.fingerprint(read)}",
            "Labels read by": _describe(cascade),
            "Bootstrap": f"{resamples} resamples over posts, seed {seed}",
        }
        posts = known.texts if show_posts else None
        board_output.write_board(board, out, run=run, posts=posts)
    if as_json:
        import json

        click.echo(json.dumps(board_output.board_object(board), indent=2))
        return
    click.echo(as_markdown(board_output.board_tables(board)[:-1]))
    for note in board.notes:
        click.echo(f"note: {note}")
    if out:
        click.echo(f"report: {out / board_output.NAME}.html")


@click.group()
def benchmark() -> None:
    """Readers of labels, and measures of explanations."""


@benchmark.command("train-labeller")
@click.option("--data", "folder", type=FOLDER, required=True, help="Samples or the release.")
@click.option("--out", type=FOLDER, required=True, help="Folder for the labellers.")
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only these sets; repeatable.")
@click.option(
    "--on",
    type=click.Choice(["both", "explanation", "response"]),
    default="both",
    show_default=True,
    help="What to learn from: gold answers, their explanations alone, or each in turn.",
)
@click.option(
    "--risk",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of wrong guesses allowed among its answers.",
)
@click.option("--encoder", metavar="MODEL", help="Fine-tune this folder or hub id instead.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of an encoder.  [default: 3]")
@click.option(
    "--runtime",
    type=click.Choice(["encoder", "onnx", "onnx-int8"]),
    help="What runs the encoder later: transformers (encoder), or ONNX Runtime.",
)
@click.option("--seed", type=int, help="Of an encoder.  [default: 0]")
def train_labeller(
    folder: Path,
    out: Path,
    tasks: tuple[str, ...],
    on: Any,
    risk: float,
    encoder: str | None,
    epochs: int | None,
    runtime: Any,
    seed: int | None,
) -> None:
    """Train readers of explanations on gold answers, and measure each on what it never saw.

    Exits 1 where one fails its accuracy card; it is saved all the same, and its scores are marked.
    """
    from mentallama.benchmark.inference.card import card_table
    from mentallama.benchmark.inference.store import save_labeller
    from mentallama.tables import as_markdown
    from mentallama.tasks import get_task

    samples = read_any_samples(folder)
    wanted = {get_task(key).key for key in tasks} or {s.post.task for s in samples}
    if not encoder and (runtime or epochs or seed is not None):
        raise InputError("--runtime, --epochs and --seed belong to --encoder MODEL")
    fits = _encoder_fits(encoder, runtime or "encoder", epochs or 3, seed or 0) if encoder else None
    trained = _train_all(samples, wanted, folder.name, fits, on=on, risk=risk)
    if not trained:
        raise InputError(f"{folder}: no set with enough training rows")
    for task, labeller in trained.items():
        save_labeller(labeller, out / task)
    cards = [labeller.card for labeller in trained.values() if labeller.card]
    click.echo(as_markdown([card_table(cards)]))
    for labeller in trained.values():
        settings = labeller.settings
        click.echo(
            f"{settings.task}: {settings.trained_on}; answers from confidence "
            f"{settings.confidence_floor:.2f} and familiarity {settings.familiarity_floor:.2f} on"
        )
    click.echo(f"labellers in {out}")
    if failed := [f"{card.task} ({card.why})" for card in cards if not card.passed]:
        raise CheckError(f"failed the accuracy card: {'; '.join(failed)}")


def _encoder_fits(
    model: str, runtime: "Runtime", epochs: int, seed: int
) -> "Callable[[Task], Fit]":
    from mentallama.benchmark.inference.encoder import fit_encoder

    return lambda task: fit_encoder(model, task, runtime=runtime, epochs=epochs, seed=seed)


def _train_all(
    samples: "Sequence[Sample]",
    tasks: set[str],
    name: str,
    fits: "Callable[[Task], Fit] | None" = None,
    **options: Any,
) -> "dict[str, TaskLabeller]":
    """Train a labeller for each task that has rows to learn from; say which have not."""
    from mentallama.benchmark.inference.linear import fit_linear
    from mentallama.benchmark.inference.train import train_labeller as train
    from mentallama.corpus.samples import load_samples
    from mentallama.tasks import list_tasks

    invented = [sample for sample in load_samples() if sample.form == "instruction"]
    trained = {}
    for task in (task for task in list_tasks() if task.key in tasks):
        own = [s for s in samples if s.post.task == task.key and s.form == "instruction"]
        split = "train" if any(s.post.split == "train" for s in own) else "valid"
        rows = [s for s in own if s.post.split == split]
        beside = {
            "gold test explanations": [s for s in own if s.post.split == "test"],
            "experts' explanations": [s for s in own if s.post.split == "expert"],
            "explanations in other styles": [s for s in invented if s.post.task == task.key],
        }
        try:
            trained[task.key] = train(
                task,
                rows,
                fits(task) if fits else fit_linear,
                trained_on=f"{name}, {split}",
                beside=beside,
                # An encoder takes long to train, so one fifth of the rows is held out once.
                folds=1 if fits else 5,
                **options,
            )
        except InputError as error:
            click.echo(f"no labeller for {error}", err=True)
            continue
        click.echo(f"labeller for {task.key}: trained on {split}, {len(rows):,} rows", err=True)
    return trained


def _load_cascade(names: Sequence[str], allow_trained: bool) -> "Cascade":
    from mentallama.benchmark.inference.cascade import Cascade
    from mentallama.benchmark.inference.store import load_labellers

    labellers: dict[str, TaskLabeller] = {}
    for name in names:
        if name != RULES_ALONE:
            labellers |= load_labellers(name)
    return Cascade(labellers=labellers, allow_trained=allow_trained)


def _describe(cascade: "Cascade") -> str:
    kinds = [
        f"{task} {labeller.settings.kind} ({labeller.settings.trained_on})"
        + (f", provisional: {labeller.provisional}" if labeller.provisional else "")
        for task, labeller in cascade.labellers.items()
    ]
    return "; ".join(["anchored phrases", *kinds])


def _say_withheld(cascade: "Cascade") -> None:
    for task, count in cascade.withheld.items():
        click.echo(
            f"{task}: {count:,} responses belong to rows that the labeller was trained on and were "
            "left undecided (--allow-trained reads them)",
            err=True,
        )


def _known(samples: "Sequence[Sample]", raw: Path | None) -> tuple[Any, Any]:
    """Gather what is known of posts, and what people said of them."""
    from mentallama.benchmark.evidence import marked_passages
    from mentallama.benchmark.golds import human_labels
    from mentallama.benchmark.leaderboard import People
    from mentallama.benchmark.slices import Known
    from mentallama.corpus import load_posts
    from mentallama.tasks.posts import post_id, text_key
    from mentallama.tasks.raw import read_corpora

    posts = []
    if raw:
        rows, notes = read_corpora(raw)
        posts = [row.post for row in rows]
        for note in notes:
            click.echo(f"note: {note}", err=True)
    trained = [s.post for s in samples if s.post.split == "train"]
    trained += [post for post in posts if post.split == "train"]
    known = Known(
        texts={sample.post.id: sample.post.text for sample in samples},
        trained={text_key(post.text) for post in trained},
        tags={post_id(post.text): post.tags for post in load_posts() if post.tags},
    )
    if not raw:
        return known, None
    return known, People(labels=human_labels(posts), marked=marked_passages(posts))


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


@benchmark.command()
@click.argument("folders", type=FOLDER, nargs=-1, required=True, metavar="DIR...")
@click.option("--data", "folder", type=FOLDER, help="The data set, for posts and experts.")
@_bartscore_option
@_bertscore_option
@_engine_option
@_int8_option
@click.option("--limit", type=click.IntRange(min=2), help="Only that many rows a task, drawn.")
@_resamples_option
@_seed_option
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


@benchmark.command()
@click.argument("path", type=FOLDER, metavar="FILE_OR_DIR")
@_bartscore_option
@_bertscore_option
@_engine_option
@_int8_option
@_resamples_option
@_seed_option
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


@benchmark.command("export-tasks")
@click.option("--data", "folder", type=FOLDER, help=f"Samples or the release.  {DEFAULT}")
@click.option("--out", type=FOLDER, required=True, help="Folder for the harness's files.")
@click.option("--split", type=click.Choice(["train", "valid", "test", "expert"]), default="test")
@click.option("--form", type=click.Choice(["instruction", "completion"]), default="instruction")
def export_tasks(folder: Path | None, out: Path, split: str, form: str) -> None:
    """Write the tasks for lm-evaluation-harness and Inspect; they score as 'evaluate' does."""
    from mentallama.benchmark.harness.export import export_tasks as run

    with data_or_corpus(folder) as source:
        samples = [s for s in read_any_samples(source) if s.post.split == split and s.form == form]
    names = run(samples, out)
    click.echo(f"{len(samples):,} rows of {', '.join(names)} in {out}")


@benchmark.command()
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
@_resamples_option
@_seed_option
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
