"""Serving the analyser over HTTP, as a command."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
    token_file: Path | None,
    **options: Any,
) -> None:
    """Serve the analyser as HTTP/JSON and as a web page, to this machine alone by default."""
    _need_serve_extra()
    token_hash = _read_token(token_file, host)
    from mentallama.serve import Settings, make_app
    from mentallama.web.run import address_of, bind, run
    from mentallama.web.tokens import LOOPBACK

    listener = bind(host, port)
    hosts = (*LOOPBACK, host) if host in LOOPBACK else ()
    settings = Settings(hosts=hosts, token_hash=token_hash, **options)
    app = make_app(_load(models or ("mini",), endpoint), settings, _support())
    try:
        run(app, listener, lambda: click.echo(f"listening on {address_of(listener)}"))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _need_serve_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        names = ", ".join(missing).replace("_", "-")
        raise InputError(f"this command needs {names}: pip install 'mentallama[serve]'")


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


def _load(names: tuple[str, ...], endpoint: str | None) -> "dict[str, Analyser]":
    """Return the analysers by name; those of ours do not come from the endpoint."""
    from mentallama.analysis.load import load_analyser
    from mentallama.chat import is_local

    if endpoint and not set(names) - set(_OURS):
        raise InputError("--endpoint serves no model that is named; say which with --model NAME")
    if endpoint and not is_local(endpoint):
        click.echo(f"what is analysed is sent to {endpoint}", err=True)
    analysers: dict[str, Analyser] = {}
    for name in dict.fromkeys(names):
        analyser = load_analyser(name, endpoint=None if name in _OURS else endpoint)
        if analyser.name in analysers:
            raise InputError(f"--model {name}: another model is called '{analyser.name}' too")
        analysers[analyser.name] = analyser
    return analysers


def _support() -> Any:
    from mentallama.support import find_support

    return find_support
