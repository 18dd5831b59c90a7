"""The command line: thin, and imports a stage only when its command runs."""

import sys
from collections.abc import Callable
from typing import Any

import click

from mentallama import NOTICE, __version__
from mentallama.cli.analyse import analyse
from mentallama.cli.benchmark import benchmark
from mentallama.cli.comparing import compare
from mentallama.cli.corpus import corpus
from mentallama.cli.data import data, verify
from mentallama.cli.demo import demo
from mentallama.cli.generation import generate
from mentallama.cli.pairs import pairs
from mentallama.cli.rating import rate
from mentallama.cli.scoring import evaluate, leaderboard
from mentallama.cli.serve import serve
from mentallama.cli.shards import generate_shards
from mentallama.cli.studies import reproduce, study
from mentallama.cli.tuning import merge, tune
from mentallama.errors import MentallamaError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]}, epilog=NOTICE.replace("\n", " ")
)
@click.version_option(__version__)
@click.option(
    "--own",
    multiple=True,
    metavar="YAML",
    envvar="MENTALLAMA_OWN",
    help="Your own task, for every command; see docs/data.md.",
)
def cli(own: tuple[str, ...]) -> None:
    """Interpretable mental-health analysis of social-media posts, for research."""
    if own:
        from pathlib import Path

        from mentallama.tasks import add_tasks
        from mentallama.tasks.own import load_task

        add_tasks(load_task(Path(path)) for path in own)


_SCORING = (evaluate, leaderboard, compare, benchmark)
for command in (data, verify, corpus, tune, pairs, merge, generate, *_SCORING, demo):
    cli.add_command(command)
cli.add_command(generate_shards)
cli.add_command(analyse)
cli.add_command(serve)
cli.add_command(rate)
cli.add_command(study)
cli.add_command(reproduce)


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
