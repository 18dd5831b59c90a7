"""Serving the analyser over HTTP, as a command."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import need_extra, two_models_options
from mentallama.errors import InputError

if TYPE_CHECKING:
    from mentallama.analysis import Analyser

TOKEN_VARIABLE = "MENTALLAMA_TOKEN"  # noqa: S105
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")
_OURS = ("mini", "fake")
_COUNT = click.IntRange(min=1)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Any other needs a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="A model as in 'analyse'; repeatable, the first is the default.  [default: mini]",
)
@click.option(
    "--endpoint", metavar="URL", help="An OpenAI-compatible endpoint that has the --model named."
)
@click.option("--int8", is_flag=True, help="The mini model with 8-bit weights on ONNX Runtime.")
@two_models_options
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"File whose only line is the token that requests must bear; or set {TOKEN_VARIABLE}.",
)
@click.option("--max-bytes", type=_COUNT, default=1_000_000, show_default=True, help="Of a body.")
@click.option("--queue", type=click.IntRange(min=0), default=64, show_default="64 requests")
@click.option("--workers", type=_COUNT, default=1, show_default="1 request at a time")
@click.option("--locale", default="en", show_default=True, help="Of the help for people at risk.")
def serve(
    host: str,
    port: int,
    models: tuple[str, ...],
    endpoint: str | None,
    int8: bool,
    cascade: float | None,
    then: str | None,
    examples: str | None,
    token_file: Path | None,
    **options: Any,
) -> None:
    """Serve the analyser as HTTP/JSON and as a web page, to this machine alone by default."""
    need_extra("serve", _NEEDED)
    token_hash = _read_token(token_file, host)
    from mentallama.serve import Settings, make_app
    from mentallama.web.run import address_of, bind, run
    from mentallama.web.tokens import LOOPBACK

    listener = bind(host, port)
    hosts = (*LOOPBACK, host) if host in LOOPBACK else ()
    settings = Settings(hosts=hosts, token_hash=token_hash, **options)
    analysers = _load(models or ("mini",), then, endpoint, int8)
    if then or cascade is not None:
        analysers = _join(analysers, cascade, then)
    if examples:
        analysers = _add_examples(analysers, examples)
    app = make_app(analysers, settings, _support())
    try:
        run(app, listener, lambda: click.echo(f"listening on {address_of(listener)}"))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _read_token(file: Path | None, host: str) -> bytes | None:
    """Return the hash of the token; raise InputError where one is needed and there is none."""
    from mentallama.io import read_text
    from mentallama.web.tokens import LOOPBACK, hash_token

    token = os.environ.pop(TOKEN_VARIABLE, "")
    if file:
        token = read_text(file).strip()
    if token or file:
        return hash_token(token)
    if host not in LOOPBACK:
        raise InputError(
            f"--host {host}: other machines may ask only with a token; give --token-file FILE or "
            f"set {TOKEN_VARIABLE}"
        )
    return None


def _load(
    models: tuple[str, ...], then: str | None, endpoint: str | None, int8: bool
) -> "dict[str, Analyser]":
    """Return the analysers by name; those of ours do not come from the endpoint, and of a cascade
    only the second does."""
    from mentallama.analysis.load import load_analyser
    from mentallama.chat import is_local

    names = (*models, then) if then else models
    here = {*_OURS, *(models if then else ())}
    if endpoint and not set(names) - here:
        raise InputError("--endpoint serves no model that is named; say which with --model NAME")
    if int8 and "mini" not in names:
        raise InputError("--int8 is for the mini model, which is not among the models named")
    if endpoint and not is_local(endpoint):
        click.echo(f"what is analysed is sent to {endpoint}", err=True)
    analysers: dict[str, Analyser] = {}
    for name in dict.fromkeys(names):
        analyser = load_analyser(
            name, endpoint=None if name in here else endpoint, int8=int8 and name == "mini"
        )
        if analyser.name in analysers:
            raise InputError(f"--model {name}: another model is called '{analyser.name}' too")
        analysers[analyser.name] = analyser
    return analysers


def _join(
    analysers: "dict[str, Analyser]", threshold: float | None, then: str | None
) -> "dict[str, Analyser]":
    """Put the cascade of two models before them: the default, and both can be asked for alone."""
    from mentallama.analysis.cascade import Cascade

    if threshold is None or then is None or len(analysers) != 2:
        raise InputError("a cascade needs --cascade THRESHOLD, --then MODEL and one --model")
    first, second = analysers.values()
    cascade = Cascade(first, second, threshold)
    return {cascade.name: cascade, **analysers}


def _add_examples(analysers: "dict[str, Analyser]", source: str) -> "dict[str, Analyser]":
    from mentallama.analysis.nearest import WithExamples, load_shelf

    shelf = load_shelf(source)
    return {name: WithExamples(one, shelf) for name, one in analysers.items()}


def _support() -> Any:
    from mentallama.support import find_support

    return find_support
