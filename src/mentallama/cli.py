"""The command line: thin, and imports a stage only when its command runs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama import NOTICE, __version__
from mentallama.errors import InputError, MentallamaError

if TYPE_CHECKING:
    from mentallama.data.transfer import ImportReport

_FOLDER = click.Path(path_type=Path)
_DEFAULT = "[default: the sample corpus]"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]}, epilog=NOTICE.replace("\n", " ")
)
@click.version_option(__version__)
def cli() -> None:
    """Interpretable mental-health analysis of social-media posts, for research."""


@cli.group()
def data() -> None:
    """Import and export instruction data."""


@data.command("import")
@click.argument("source", type=_FOLDER, metavar="DIR")
@click.option("--out", type=_FOLDER, required=True, help="Folder for the samples.")
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
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--out", type=_FOLDER, required=True, help="Folder for the release's layout.")
def export_(folder: Path, out: Path) -> None:
    """Write samples in DIR as CSV files of the IMHI release."""
    from mentallama.data.transfer import export_release

    written = export_release(folder, out)
    click.echo(f"{len(written)} files written to {out}")


@cli.group()
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

    _print_tables("tables", count_all(), count_all(), as_json)


@corpus.command("export")
@click.option("--out", type=_FOLDER, required=True, help="Folder to write to.")
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
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def corpus_compare(folder: Path, as_json: bool) -> None:
    """Compare how varied the corpus and the samples in DIR are."""
    from mentallama.corpus.diversity import as_table, compare

    rows = compare(folder)
    _print_tables("diversity", rows, [as_table(rows)], as_json)


@corpus.command("contrast")
@click.argument("path", type=_FOLDER, metavar="[RESPONSES]", required=False)
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
    _print_tables("shares", [*shares, *by_task], tables, as_json)


def _print_tables(name: str, rows: list[Any], tables: list[Any], as_json: bool) -> None:
    """Print rows as one JSON object, or the tables that show them."""
    import json
    from dataclasses import asdict

    from mentallama.tables import as_markdown

    if as_json:
        click.echo(json.dumps({name: [asdict(row) for row in rows]}, ensure_ascii=False, indent=2))
    else:
        click.echo(as_markdown(tables))


@cli.command()
@click.argument("recipe")
@click.option("--data", "folder", type=_FOLDER, help=f"Folder of samples.  {_DEFAULT}")
@click.option("--out", type=_FOLDER, required=True, help="Folder of the run.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the recipe.")
def tune(recipe: str, folder: Path | None, out: Path, overrides: tuple[str, ...]) -> None:
    """Tune a model by RECIPE, a YAML file or the name of a shipped one."""
    from mentallama.config import load_config
    from mentallama.tuning.recipe import Recipe, find_recipe

    loaded = load_config(find_recipe(recipe), Recipe, overrides)
    _need_train_extra()
    from mentallama.tuning.run import tune as run

    with _data_or_corpus(folder) as data_folder:
        tuned = run(loaded, data_folder, out)
    train = tuned.train
    click.echo(
        f"{tuned.parameters:,} parameters, {train.rows:,} training rows "
        f"({train.shortened:,} posts shortened, {train.dropped:,} rows dropped), "
        f"best validation loss {tuned.best_valid_loss:.4f}"
    )
    click.echo(f"model in {tuned.folder}")


@cli.command()
@click.option("--model", required=True, help="Model folder, hub id, or 'gold' (the ceiling).")
@click.option("--data", "source", type=_FOLDER, help=f"File or folder of samples.  {_DEFAULT}")
@click.option("--out", type=_FOLDER, required=True, help="File for the responses (.jsonl).")
@click.option("--form", type=click.Choice(["instruction", "completion"]), default="instruction")
@click.option("--split", type=click.Choice(["train", "valid", "test", "expert"]), default="test")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=512, show_default=True)
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default="greedy")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True)
def generate(
    model: str,
    source: Path | None,
    out: Path,
    form: Any,
    split: Any,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int,
) -> None:
    """Ask a model for every sample of a form and a split."""
    from mentallama.models.backend import Decoding, GoldBackend
    from mentallama.models.generate import generate as run

    with _data_or_corpus(source) as data_source:
        samples, gold_source = _select_samples(data_source, form, split)
    if model == "gold":
        backend: Any = GoldBackend(samples)
    else:
        _need_train_extra()
        from mentallama.models.local import LocalModel

        backend = LocalModel(model, batch_size=batch_size)
    decoding = Decoding(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    responses = run(backend, samples, out, decoding=decoding, gold_source=gold_source)
    cut = sum(response.cut_off for response in responses)
    short = sum(response.prompt_truncated for response in responses)
    click.echo(
        f"{len(responses):,} responses of {backend.name} in {out}; "
        f"{cut:,} cut off at {max_new_tokens} tokens, {short:,} prompts shortened"
    )


@contextmanager
def _data_or_corpus(folder: Path | None) -> Iterator[Path]:
    """Give the folder that was named, or the sample corpus in a folder of its own; say which."""
    if folder:
        yield folder
        return
    import tempfile

    from mentallama.corpus.samples import export

    click.echo("no --data: using the sample corpus of invented posts", err=True)
    with tempfile.TemporaryDirectory() as temporary:
        export(Path(temporary))
        yield Path(temporary)


def _select_samples(source: Path, form: Any, split: Any) -> tuple[list[Any], Any]:
    from mentallama.dataset import read_manifest, read_samples
    from mentallama.io import need_unique, read_records
    from mentallama.types import Sample

    if source.is_dir():
        samples = read_samples(source, form=form, splits=[split])
        gold_source = read_manifest(source).gold_source
    else:
        records = read_records(source, Sample)
        need_unique((record.id for record in records), source)
        samples = [s for s in records if s.form == form and s.post.split == split]
        gold_source = "release"
    if not samples:
        raise InputError(f"{source}: no {form} samples of the {split} split")
    return samples, gold_source


@cli.command()
@click.argument("path", type=_FOLDER, metavar="FILE_OR_DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--out", type=_FOLDER, help="Folder for scores, predictions and the HTML report.")
@click.option("--data", "folder", type=_FOLDER, help="Samples, to tell which rows share a post.")
@click.option("--resamples", type=click.IntRange(min=100), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--show-posts", is_flag=True, help="Show posts and responses in the report.")
def evaluate(
    path: Path,
    as_json: bool,
    out: Path | None,
    folder: Path | None,
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
    samples = _all_samples(folder) if folder else []
    if folder:
        read = responses.join_posts(read, samples)
    evaluation = stage.evaluate(read, resamples=resamples, seed=seed)
    if out:
        output.write(
            evaluation,
            out,
            title=f"Evaluation of {path.name}",
            run={
                "Responses": f"{path.name}, SHA-256 {responses.fingerprint(read)}",
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


def _all_samples(folder: Path) -> list[Any]:
    from mentallama.dataset import read_samples
    from mentallama.types import FORMS, SPLITS

    return [s for form in FORMS for s in read_samples(folder, form=form, splits=SPLITS)]


@cli.command()
@click.option("--imhi", type=_FOLDER, metavar="DIR", help="A checkout of the IMHI release.")
@click.option("--out", type=_FOLDER, help="Folder of the run.  [default: runs/demo(-imhi)]")
def demo(imhi: Path | None, out: Path | None) -> None:
    """Run the whole job: data, tuning, generation, scores, report."""
    _need_train_extra()
    from mentallama.demo import run_demo

    run_demo(imhi, out or Path("runs/demo-imhi" if imhi else "runs/demo"))


def _need_train_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"this command needs {', '.join(missing)}: pip install 'mentallama[train]'"
        )


def main() -> None:
    """Run the command line; every expected failure is one line on standard error."""
    sys.exit(_guard(lambda: cli.main(standalone_mode=False)))


def _guard(command: Callable[[], Any]) -> int:
    try:
        code = command()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except MentallamaError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted; the same command goes on where it stopped", 2)
    except BrokenPipeError:
        return 0
    except OSError as error:
        return _fail(f"{error.filename or 'file system'}: {error.strerror or error}", 2)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    click.echo(f"mentallama: error: {' '.join(message.split())}", err=True)
    return code
