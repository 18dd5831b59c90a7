"""What several commands share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.types import Response

FOLDER = click.Path(path_type=Path)
DEFAULT = "[default: the sample corpus]"


def two_models_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what puts a second model behind an analyser's first, and examples beside its labels."""
    for option in (
        click.option(
            "--examples",
            metavar="invented|FOLDER",
            help="Beside each label, the nearest post that an expert explained: ours, or your own.",
        ),
        click.option("--then", metavar="MODEL", help="The second model of a cascade."),
        click.option(
            "--cascade",
            type=click.FloatRange(0, 1),
            metavar="THRESHOLD",
            help="Ask --then where --model abstains or is less confident than this.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def data_or_corpus(folder: Path | None) -> Iterator[Path]:
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


def read_any_samples(folder: Path) -> list[Any]:
    """Read all samples of a folder of ours, or of a checkout of the release as it is."""
    from mentallama.data.release import find_files, read_file
    from mentallama.dataset import MANIFEST, read_samples
    from mentallama.types import FORMS, SPLITS

    if (folder / MANIFEST).exists():
        return [s for form in FORMS for s in read_samples(folder, form=form, splits=SPLITS)]
    files = find_files(folder)
    return [sample for file in files for sample in read_file(folder, file).samples]


def read_all_responses(paths: Sequence[Path]) -> "list[Response]":
    """Read all responses; say which files were passed over because we wrote them."""
    from mentallama.benchmark.responses import list_own, read_all

    for file in list_own(paths):
        click.echo(f"not read, it is no file of responses but a result: {file}", err=True)
    return read_all(paths)


def print_tables(name: str, rows: list[Any], tables: list[Any], as_json: bool) -> None:
    """Print rows as one JSON object, or the tables that show them."""
    import json
    from dataclasses import asdict

    from mentallama.tables import as_markdown

    if as_json:
        click.echo(json.dumps({name: [asdict(row) for row in rows]}, ensure_ascii=False, indent=2))
    else:
        click.echo(as_markdown(tables))


def need_permission(endpoint: str, tasks: Iterable[str], allowed: Sequence[str]) -> None:
    """Refuse to send posts under agreement to another machine, unless their set is named."""
    from mentallama.chat import is_local
    from mentallama.tasks import get_task

    for key in allowed:
        get_task(key)
    if is_local(endpoint):
        return
    for key in dict.fromkeys(tasks):
        if get_task(key).source.agreement and key not in allowed:
            raise InputError(
                f"{key} is under agreement and {endpoint} is not this machine; use a local "
                f"endpoint, or --allow-remote {key} if the agreement permits it"
            )


def need_extra(extra: str, modules: Iterable[str]) -> None:
    """Raise InputError where modules that come with one of our extras are not installed."""
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        names = ", ".join(missing).replace("_", "-")
        raise InputError(f"this command needs {names}: pip install 'mentallama[{extra}]'")


def need_train_extra() -> None:
    """Raise InputError where what tuning and local models need is not installed."""
    need_extra("train", ("torch", "transformers", "trl"))
