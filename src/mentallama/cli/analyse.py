"""Analysis as a command: one text for the eye or as JSON, or a whole file of posts."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama import NOTICE
from mentallama.cli.shared import FOLDER, two_models_options
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.analysis import Analyser
    from mentallama.analysis.files import Done
    from mentallama.models.prompts import Style

_FOR_FILES = ("out", "column", "id_column", "int8")
_FOR_TEXTS = ("as_json", "locale", "no_support")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for."""

    text: str | None
    file: Path | None
    out: Path | None
    column: str | None
    id_column: str | None
    tasks: tuple[str, ...]
    model: str
    endpoint: str | None
    style: "Style | None"
    max_new_tokens: int | None
    int8: bool
    cascade: float | None
    then: str | None
    examples: str | None
    as_json: bool
    locale: str | None
    no_support: bool


@click.command()
@click.argument("text", required=False, metavar="[TEXT|-]")
@click.option("--file", type=FOLDER, help="Posts: CSV, TSV, JSONL, Parquet, also .gz or .zst.")
@click.option("--column", help="Its column of posts.  [default: text, post, body, selftext]")
@click.option("--id-column", help="Its column of ids.  [default: id, if there is one]")
@click.option("--out", type=FOLDER, help="File for the analyses (.jsonl), a line per row.")
@click.option(
    "--task", "tasks", multiple=True, metavar="SET", help="Only these; repeatable.  [default: all]"
)
@click.option(
    "--model",
    default="mini",
    show_default=True,
    help="'mini' (ships), 'fake' (made up), a folder, a hub id, or a name at --endpoint.",
)
@click.option(
    "--endpoint", metavar="URL", help="OpenAI-compatible; where --then is, or without it --model."
)
@click.option(
    "--prompt",
    "style",
    type=click.Choice(["release", "zero-shot"]),
    help="How a model that writes is asked.  [default: release if tuned so, else zero-shot]",
)
@click.option("--max-new-tokens", type=click.IntRange(1), help="Of such a model.  [default: 512]")
@click.option("--int8", is_flag=True, help="A file, mini: 8-bit weights on ONNX Runtime, faster.")
@two_models_options
@click.option("--json", "as_json", is_flag=True, help="One text: print its analyses as JSON.")
@click.option("--locale", help="Whose help lines to show, such as en-GB.  [default: en]")
@click.option("--no-support", is_flag=True, help="Never show help lines.")
def analyse(**options: Any) -> None:
    """Say what a text, standard input (-) or each post of a --file is taken to show, and why."""
    asked = Options(**options)
    _need_sense(asked)
    if asked.file is not None:
        _analyse_file(asked.file, asked)
    else:
        _analyse_text(_read_text(str(asked.text)), asked)


def _need_sense(asked: Options) -> None:
    """Refuse options that would do nothing, or that lack their other half."""
    if (asked.text is None) == (asked.file is None):
        raise InputError("give one text, '-' for standard input, or --file: one of them")
    without = _FOR_FILES if asked.file is None else _FOR_TEXTS
    for name in (name for name in without if getattr(asked, name)):
        option = name.removeprefix("as_").replace("_", "-")
        what = "a --file" if asked.file is None else "one text"
        raise InputError(f"--{option} is for {what}; leave it out")
    if asked.file is not None and asked.out is None:
        raise InputError("--file needs --out FILE.jsonl")
    if (asked.cascade is None) != (asked.then is None):
        raise InputError("a cascade needs both --cascade THRESHOLD and --then MODEL")


def _read_text(text: str) -> str:
    """Return the text; one line end behind standard input is not of it."""
    try:
        if text == "-":
            read = sys.stdin.buffer.read().decode("utf-8-sig")
            return read.removesuffix("\n").removesuffix("\r")
        text.encode()
    except UnicodeError:
        raise InputError("the text is not UTF-8") from None
    return text


def _load(asked: Options) -> "Analyser":
    """Load one model or two, with examples beside labels where they are asked for."""
    analyser = _load_models(asked)
    if asked.examples is None:
        return analyser
    from mentallama.analysis.nearest import WithExamples, load_shelf

    return WithExamples(analyser, load_shelf(asked.examples))


def _load_models(asked: Options) -> "Analyser":
    """Load one model or two; say where posts go that leave this machine."""
    from mentallama.analysis.cascade import Cascade
    from mentallama.analysis.load import load_analyser
    from mentallama.chat import is_local

    first = load_analyser(asked.model, int8=asked.int8) if asked.then else None
    last = load_analyser(
        asked.then or asked.model,
        endpoint=asked.endpoint,
        style=asked.style,
        max_new_tokens=asked.max_new_tokens,
        int8=asked.int8 and not asked.then,
    )
    if asked.endpoint and not is_local(asked.endpoint):
        click.echo(f"what is analysed is sent to {asked.endpoint}", err=True)
    return last if first is None or asked.cascade is None else Cascade(first, last, asked.cascade)


def _analyse_text(text: str, asked: Options) -> None:
    from mentallama.analysis import analyse as run
    from mentallama.analysis import as_reply
    from mentallama.cli.analysis_view import open_console, show

    try:
        [found] = run([text], analyser=_load(asked), tasks=asked.tasks or None)
        if asked.as_json:
            # As bytes: standard output may be of another encoding.
            click.echo(json.dumps(as_reply(found), ensure_ascii=False).encode())
        else:
            show(open_console(), text, found)
    finally:
        # Also where the analyser fails: help does not wait for a model.
        if not asked.no_support:
            _offer_support(text, asked.locale or "en")


def _offer_support(text: str, locale: str) -> None:
    """Show help lines on standard error where a text speaks of a crisis, whatever was found."""
    from mentallama.cli.analysis_view import open_console, show_support
    from mentallama.support import find_support

    support = find_support(text, locale)
    if support is not None:
        sys.stdout.flush()
        show_support(open_console(err=True), support)


def _analyse_file(path: Path, asked: Options) -> None:
    from mentallama.analysis.cascade import Cascade
    from mentallama.analysis.files import analyse_file, survey

    assert asked.out is not None
    posts = survey(path, asked.column, asked.id_column)
    analyser = _load(asked)
    done = analyse_file(posts, asked.out, analyser, asked.tasks or None)
    _say_done(done, asked.out)
    cascade = getattr(analyser, "inner", analyser)
    if isinstance(cascade, Cascade) and cascade.asked:
        share = 100 * cascade.passed_on / cascade.asked
        click.echo(
            f"this run: {cascade.passed_on:,} of {cascade.asked:,} questions ({share:.1f} %) "
            f"went on to {cascade.second.name}"
        )
    click.echo(NOTICE.replace("\n", " "), err=True)


def _say_done(done: "Done", out: Path) -> None:
    """Say how many rows there are and, by task, how many answers have no label."""
    from mentallama.tables import Table, as_markdown

    notes = f", {done.not_utf8:,} lines not UTF-8 (read as Windows-1252)" if done.not_utf8 else ""
    earlier = " (finished by an earlier run)" if done.before else ""
    click.echo(f"{done.rows:,} rows in {out}{earlier}: {done.empty:,} with nothing to read{notes}")
    table = Table(
        title="Answers",
        header=("task", "questions", "without a label", "post shortened"),
        rows=tuple((one.task, one.asked, one.abstained, one.truncated) for one in done.tasks),
    )
    click.echo(as_markdown([table]))
