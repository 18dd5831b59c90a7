"""Commands that ask a teacher: explain posts, and build a whole data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import FOLDER, need_permission
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.data.build import Ask
    from mentallama.data.expert import Question
    from mentallama.data.plan import Built
    from mentallama.data.prepare import Prepared
    from mentallama.types import Task

MODES = ("label", "no-label", "zero-shot")
_COST = click.FloatRange(min=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherOptions:
    """What the options say about the teacher."""

    scripted: bool
    endpoint: str | None
    model: str | None
    temperature: float
    max_tokens: int
    sampling_seed: int | None
    concurrency: int
    retries: int
    timeout: float
    batch: bool
    poll: float
    schema: bool
    prices: tuple[float, float] | None
    max_cost: float | None
    allow_remote: tuple[str, ...]


_TEACHER = (
    click.option("--endpoint", metavar="URL", help="OpenAI-compatible, such as http://host/v1."),
    click.option("--model", help="Name of the model at the endpoint."),
    click.option(
        "--scripted", is_flag=True, help="No model: answers of the sample corpus, for trying out."
    ),
    click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True),
    click.option("--max-tokens", type=click.IntRange(16), default=512, show_default=True),
    click.option("--sampling-seed", type=int, help="Sent along, for endpoints that know it."),
    click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True),
    click.option("--retries", type=click.IntRange(0), default=6, show_default=True),
    click.option("--timeout", type=click.FloatRange(0.1), default=120.0, show_default="120 s"),
    click.option("--batch", is_flag=True, help="Use the endpoint's batch API."),
    click.option("--poll", type=click.FloatRange(0.01), default=30.0, show_default="30 s"),
    click.option(
        "--no-schema", "schema", flag_value=False, default=True, help="Send no response_format."
    ),
    click.option(
        "--price",
        "prices",
        type=(_COST, _COST),
        metavar="IN OUT",
        help="Money per million prompt and answer tokens.",
    ),
    click.option("--max-cost", type=_COST, help="Stop before this is spent; needs --price."),
    click.option(
        "--allow-remote",
        multiple=True,
        metavar="SET",
        help="Send a set under agreement to an endpoint elsewhere.",
    ),
)
_NAMES = tuple(TeacherOptions.__dataclass_fields__)


def teacher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on the teacher; the command gets them as ``teacher``."""
    import functools

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        chosen = TeacherOptions(**{name: options.pop(name) for name in _NAMES})
        return command(*arguments, teacher=chosen, **options)

    for option in reversed(_TEACHER):
        wrapped = option(wrapped)
    return wrapped


_RAW = (
    click.option("--raw", type=FOLDER, help="Folder with a folder for each raw corpus."),
    click.option(
        "--task", "tasks", multiple=True, metavar="SET", help="Only this set; repeatable."
    ),
    click.option(
        "--own", type=FOLDER, multiple=True, metavar="YAML", help="Your own task and files."
    ),
    click.option("--acknowledge", multiple=True, metavar="SET", help="You keep to its agreement."),
    click.option("--limit", type=click.IntRange(1), help="Only so many posts of each set."),
    click.option("--splits-from", type=FOLDER, metavar="DIR", help="Take the splits of a release."),
    click.option("--keep-identifiers", is_flag=True, help="Leave handles and links in the posts."),
    click.option("--names", type=FOLDER, metavar="FILE", help="Names to replace, one a line."),
    click.option("--keep-leaks", is_flag=True, help="Keep training posts of evaluation splits."),
)


def raw_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options on raw posts."""
    for option in reversed(_RAW):
        command = option(command)
    return command


def prepare_posts(
    *,
    raw: Path | None,
    tasks: Sequence[str],
    own: Sequence[Path],
    acknowledge: Sequence[str],
    limit: int | None,
    splits_from: Path | None,
    keep_identifiers: bool,
    names: Path | None,
    keep_leaks: bool,
) -> "tuple[Prepared, list[str]]":
    """Read the raw posts and make them ready; return them and what is worth saying."""
    from mentallama.data.deidentify import names_from
    from mentallama.data.prepare import prepare

    notes: list[str] = []
    prepared = prepare(
        read_rows(raw, tasks, own, acknowledge, limit, notes),
        splits=_release_splits(splits_from) if splits_from else None,
        keep_identifiers=keep_identifiers,
        names=names_from(names) if names else None,
        keep_leaks=keep_leaks,
    )
    for note in notes:
        click.echo(note, err=True)
    return prepared, notes


def read_rows(
    raw: Path | None,
    tasks: Sequence[str],
    own: Sequence[Path],
    acknowledge: Sequence[str],
    limit: int | None,
    notes: list[str],
) -> Any:
    """Read the rows of the raw files that the options name, one by one."""
    from mentallama.data.sources import read_sources

    return _limit(read_sources(_find_sources(raw, tasks, own, acknowledge), notes), limit)


def _find_sources(
    raw: Path | None, tasks: Sequence[str], own: Sequence[Path], acknowledge: Sequence[str]
) -> "list[tuple[Task, Path]]":
    from mentallama.data.sources import acknowledge as record
    from mentallama.data.sources import choose_sources, need_acknowledged
    from mentallama.tasks import add_tasks, get_task
    from mentallama.tasks.own import load_task

    mine = [(load_task(path), path.parent) for path in own]
    for path, (task, folder) in zip(own, mine, strict=True):
        for file in task.raw:
            if not (folder / file.path).exists():
                raise InputError(f"{path}: names {file.path}, which is not in {folder}")
    add_tasks(task for task, _ in mine)
    if raw is None:
        if not mine:
            raise InputError("give --raw DIR, or --own YAML")
        if tasks:
            raise InputError("--task chooses among the sets below --raw; --own names its own")
        return mine
    for key in acknowledge:
        get_task(key)
    found = choose_sources(raw, tasks) if tasks or not mine else []
    if acknowledge:
        record(raw, acknowledge)
    need_acknowledged(raw, [task for task, _ in found])
    return [*found, *mine]


def _limit(rows: Any, limit: int | None) -> Any:
    """Stop taking posts of a set after so many; the first rows count."""
    if limit is None:
        yield from rows
        return
    from mentallama.tasks.raw import RawRow

    seen: dict[str, set[str]] = {}
    for row in rows:
        if isinstance(row, RawRow):
            posts = seen.setdefault(row.post.task, set())
            if row.post.id not in posts and len(posts) >= limit:
                continue
            posts.add(row.post.id)
        yield row


def _release_splits(folder: Path) -> Any:
    from mentallama.data.entries import as_entries, read_folder

    return {
        (entry.task, entry.key): entry.split
        for entry in as_entries(read_folder(folder))
        if entry.split != "expert"
    }


def make_ask(options: TeacherOptions, *, invented: bool = False) -> "Ask":
    """Return the function that asks the teacher that the options describe.

    ``invented`` posts are nobody's and may go anywhere.
    """
    from mentallama.data import teacher as asking
    from mentallama.data.cost import Prices

    prices = Prices(prompt=options.prices[0], answer=options.prices[1]) if options.prices else None
    if options.max_cost is not None and prices is None:
        raise InputError("--max-cost needs --price IN OUT: without prices no cost is known")
    sampling = asking.Sampling(
        temperature=options.temperature, max_tokens=options.max_tokens, seed=options.sampling_seed
    )
    if options.scripted == bool(options.endpoint):
        raise InputError("name a teacher: --endpoint URL --model NAME, or --scripted")

    def ask(questions: Any, mode: Any, journal: Path) -> Any:
        if not invented:
            _need_permission(options, questions)
        shared: dict[str, Any] = {
            "mode": mode,
            "sampling": sampling,
            "prices": prices,
            "max_cost": options.max_cost,
        }
        teacher = _make_teacher(options)
        if options.batch:
            from mentallama.data.batch import work_by_batch

            def work(pool: Any, state: Path) -> Any:
                return work_by_batch(pool, teacher, state, poll_seconds=options.poll)

            return asking.ask_by_batch(questions, work, teacher.name, journal, **shared)
        return asking.ask_all(
            questions, teacher, journal, concurrency=options.concurrency, **shared
        )

    return ask


def _make_teacher(options: TeacherOptions) -> Any:
    if options.scripted:
        if options.batch:
            raise InputError("--batch needs an endpoint")
        return scripted_teacher()
    if not options.model:
        raise InputError("--endpoint needs --model NAME")
    from mentallama.data.endpoint import EndpointTeacher

    return EndpointTeacher(
        str(options.endpoint),
        options.model,
        retries=options.retries,
        timeout=options.timeout,
        schema=options.schema,
    )


def scripted_teacher() -> Any:
    """Return a teacher that knows the posts of the sample corpus and what it says about them."""
    from mentallama.corpus.samples import load_samples
    from mentallama.data.deidentify import deidentify
    from mentallama.data.expert import question_id
    from mentallama.data.scripted import Line, ScriptedTeacher
    from mentallama.tasks.posts import post_id

    script = {}
    for sample in load_samples():
        post = sample.post
        line = Line(label=str(post.label), explanation=sample.explanation, quotes=post.evidence)
        script[question_id(post)] = line
        hidden = post_id(deidentify(post.text).text)
        script[question_id(post).replace(post.id, hidden)] = line
    return ScriptedTeacher(script)


def _need_permission(options: TeacherOptions, questions: "Sequence[Question]") -> None:
    tasks = [question.post.task for question in questions]
    need_permission(options.endpoint or "http://localhost", tasks, options.allow_remote)


def print_forecast(questions: "Sequence[Question]", options: TeacherOptions) -> None:
    """Say what asking will take, without asking."""
    from mentallama.data import cost

    prices = (
        cost.Prices(prompt=options.prices[0], answer=options.prices[1]) if options.prices else None
    )
    found = cost.forecast(questions, prices, options.concurrency)
    money = "unknown without --price" if found.cost is None else f"{found.cost:.2f}"
    click.echo(
        f"{found.questions:,} questions, about {found.prompt_tokens:,} prompt tokens "
        f"({cost.CHARACTERS_PER_TOKEN:.0f} characters each) and {found.answer_tokens:,} answer "
        f"tokens ({cost.ANSWER_TOKENS} an answer); cost {money}; {found.seconds / 60:.0f} minutes "
        f"at {cost.TOKENS_PER_SECOND:.0f} tokens/s and {options.concurrency} at a time. "
        "Nothing was asked."
    )


@click.command()
@raw_options
@teacher_options
@click.option("--out", type=FOLDER, required=True, help="File for the answers (.jsonl).")
@click.option("--mode", type=click.Choice(MODES), default="label", show_default=True)
@click.option("--expert", type=FOLDER, metavar="DIR", help="Your own instructions and examples.")
@click.option("--shots", type=click.IntRange(0), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--max-loss", type=click.FloatRange(0, 1), default=0.2, show_default=True)
@click.option("--dry-run", is_flag=True, help="Forecast tokens, money and time; ask nothing.")
def explain(
    teacher: TeacherOptions,
    out: Path,
    mode: Any,
    expert: Path | None,
    shots: int,
    seed: int,
    max_loss: float,
    dry_run: bool,
    **raw: Any,
) -> None:
    """Ask a teacher to explain the labels of raw posts."""
    from mentallama.data.build import make_questions
    from mentallama.data.plan import Plan
    from mentallama.data.teacher import check_losses, count_losses
    from mentallama.io import write_records

    prepared, _ = prepare_posts(**raw)
    _need_deidentified(raw["keep_identifiers"], teacher)
    plan = Plan(source="", expert=expert, shots=shots, seed=seed)
    questions = make_questions([row.post for row in prepared.posts], mode, plan)
    _say_prompts(questions, shots, mode)
    if dry_run:
        print_forecast(questions, teacher)
        return
    run = make_ask(teacher)(questions, mode, out.with_name(out.name + ".journal"))
    write_records(out, run.rows)
    for (task, label, outcome), count in sorted(count_losses(run.rows).items()):
        if outcome != "explained":
            click.echo(f"{task} '{label}': {count:,} {outcome}")
    done = sum(row.outcome == "explained" for row in run.rows)
    cost = "" if run.cost is None else f", cost {run.cost:.4f}"
    click.echo(
        f"{done:,} of {len(questions):,} explained ({run.kept:,} answers kept from before, "
        f"{run.unanswered:,} unanswered, {run.left:,} not asked for want of money){cost}; in {out}"
    )
    check_losses(run.rows, max_loss)
    from mentallama.data.build import need_answers

    need_answers(run, len(questions))


def _need_deidentified(keep: bool, options: TeacherOptions) -> None:
    from mentallama.chat import is_local

    if keep and options.endpoint and not is_local(options.endpoint):
        raise InputError(
            f"--keep-identifiers: {options.endpoint} is not this machine; handles and links never "
            "leave it"
        )


def _say_prompts(questions: "Sequence[Question]", shots: int, mode: str) -> None:
    """Say for which tasks there are no expert examples."""
    if mode == "zero-shot" or not shots:
        return
    bare = {question.post.task for question in questions if len(question.messages) < 3}
    if bare:
        click.echo(f"no expert examples for {', '.join(sorted(bare))}: asked without", err=True)


@click.command()
@raw_options
@teacher_options
@click.option("--out", type=FOLDER, required=True, help="Folder of the data set.")
@click.option("--expert", type=FOLDER, metavar="DIR", help="Your own instructions and examples.")
@click.option("--shots", type=click.IntRange(0), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--blind",
    type=click.IntRange(-1),
    default=0,
    show_default=True,
    help="Rows per set to ask about without the label too (correctness); -1 for all.",
)
@click.option("--max-loss", type=click.FloatRange(0, 1), default=0.2, show_default=True)
@click.option("--format", type=click.Choice(["jsonl", "parquet"]), default="jsonl")
@click.option("--dry-run", is_flag=True, help="Forecast tokens, money and time; ask nothing.")
def build(
    teacher: TeacherOptions,
    out: Path,
    expert: Path | None,
    shots: int,
    seed: int,
    blind: int,
    max_loss: float,
    format: Any,
    dry_run: bool,
    **raw: Any,
) -> None:
    """Build a data set from raw posts: explanations, checks, both forms, card and report."""
    from mentallama.data.build import build as run
    from mentallama.data.build import make_questions
    from mentallama.data.plan import Plan

    prepared, notes = prepare_posts(**raw)
    _need_deidentified(raw["keep_identifiers"], teacher)
    names = list(dict.fromkeys(row.post.task for row in prepared.posts))
    plan = Plan(
        source=f"{', '.join(names)} with explanations",
        expert=expert,
        shots=shots,
        seed=seed,
        blind=blind,
        most_lost=max_loss,
        format=format,
    )
    questions = make_questions([row.post for row in prepared.posts], "label", plan)
    _say_prompts(questions, shots, "label")
    if dry_run:
        print_forecast(questions, teacher)
        return
    _print_built(run(prepared, make_ask(teacher), out, plan, notes), out)


def _print_built(built: "Built", out: Path) -> None:
    from mentallama.data.build_report import funnel

    for step in funnel(built):
        what = f"dropped: {step.name}" if step.dropped else step.name
        click.echo(f"{step.rows:>8,}  {what}")
    if built.withheld:
        click.echo(
            f"under agreement, left out of release, messages and prompt_completion: "
            f"{', '.join(built.withheld)}"
        )
    click.echo(f"{len(built.flags):,} flags; report.html, README.md and samples in {out}")


@click.command()
@teacher_options
@click.option("--task", "tasks", multiple=True, metavar="SET", help="Only this; repeatable.")
@click.option("--out", type=FOLDER, required=True, help="Folder for the answers.")
@click.option("--expert", type=FOLDER, metavar="DIR", help="Your own instructions and examples.")
@click.option("--shots", type=click.IntRange(0), default=2, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--bart", metavar="MODEL", help="Also BARTScore by this model folder or hub id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def quality(
    teacher: TeacherOptions,
    tasks: tuple[str, ...],
    out: Path,
    expert: Path | None,
    shots: int,
    seed: int,
    bart: str | None,
    as_json: bool,
) -> None:
    """Compare a teacher with the experts on the experts' own posts, with and without label."""
    from mentallama import closeness
    from mentallama.cli.shared import print_tables
    from mentallama.data import quality as measuring
    from mentallama.data.plan import Plan
    from mentallama.tasks import TASKS, get_task

    chosen = [get_task(key) for key in tasks] or list(TASKS)
    metrics: dict[str, Any] = {"ROUGE-L": closeness.rouge_l}
    if bart:
        from mentallama.bartscore import load_bart_scorer

        metrics["BARTScore"] = load_bart_scorer(bart).score
    plan = Plan(source="", expert=expert, shots=shots, seed=seed)
    # The experts' posts are invented: no agreement covers them.
    results = measuring.measure_quality(
        chosen, make_ask(teacher, invented=True), out, plan, metrics
    )
    print_tables("quality", results, [measuring.as_table(results)], as_json)
