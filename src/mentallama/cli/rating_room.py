"""The rating room as a command: serving a study, inviting raters, exporting what they gave."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mentallama.cli.shared import need_extra
from mentallama.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from mentallama.human.study import Study

_NEEDED = ("alembic", "fastapi", "krippendorff", "sqlalchemy", "uvicorn")
_PORT = 8322


def _on_study(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the study's folder and its database."""
    database = click.option(
        "--db",
        metavar="URL",
        envvar="MENTALLAMA_DB",
        help="Database, such as postgresql://user@host/name; or set MENTALLAMA_DB."
        "  [default: a file in the folder]",
    )
    folder = click.argument("folder", type=click.Path(path_type=Path))
    return folder(database(command))


@contextmanager
def _opened(folder: Path, db: str | None) -> "Iterator[tuple[Study, Engine]]":
    """Read a study and open its database, with the study's people in it."""
    need_extra("rate", _NEEDED)
    from mentallama.human.room.database import open_database, writing
    from mentallama.human.room.people import register
    from mentallama.human.study import read_study

    study = read_study(folder)
    engine = open_database(db, folder)
    try:
        with writing(engine) as connection:
            register(connection, study)
        yield study, engine
    finally:
        engine.dispose()


@contextmanager
def _writing(folder: Path, db: str | None) -> "Iterator[tuple[Study, Connection]]":
    with _opened(folder, db) as (study, engine):
        from mentallama.human.room.database import writing

        with writing(engine) as connection:
            yield study, connection


@click.command()
@_on_study
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True)
@click.option("--locale", default="en", show_default=True, help="Of the help lines for raters.")
@click.option(
    "--break-after",
    default="25m",
    show_default=True,
    help="Minutes (25m) or items (40) until a break is suggested; 0 for never.",
)
@click.option(
    "--session-limit",
    default="60",
    show_default=True,
    help="Minutes (90m) or items (60) until a session gently ends; 0 for never.",
)
def serve(
    folder: Path,
    db: str | None,
    host: str,
    port: int,
    locale: str,
    break_after: str,
    session_limit: str,
) -> None:
    """Open the room of a study; people come in by their links, see 'rate invite'."""
    with _opened(folder, db) as (study, engine):
        from mentallama.human.room.app import make_room
        from mentallama.human.room.settings import RoomSettings, parse_span
        from mentallama.web.run import address_of, bind, run
        from mentallama.web.tokens import LOOPBACK

        local = host in LOOPBACK
        settings = RoomSettings(
            locale=locale,
            break_after=parse_span(break_after),
            session_limit=parse_span(session_limit),
            hosts=(*LOOPBACK, host) if local else (),
        )
        app = make_room(study, engine, settings)
        listener = bind(host, port)
        if not local:
            click.echo(
                "other machines can reach this room, and what they send is not encrypted: put a "
                "server with TLS before it",
                err=True,
            )
        try:
            run(app, listener, lambda: click.echo(f"listening on {address_of(listener)}"))
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


@click.command()
@_on_study
@click.option(
    "--url",
    default=f"http://127.0.0.1:{_PORT}",
    show_default=True,
    help="Address under which raters reach the room.",
)
@click.option(
    "--again", multiple=True, metavar="NAME", help="Make a new link; the old one stops working."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="New file for the links, readable by you alone."
)
def invite(
    folder: Path, db: str | None, url: str, again: tuple[str, ...], out: Path | None
) -> None:
    """Make the personal links of the lead and of all raters; they are shown once."""
    with _writing(folder, db) as (study, connection):
        from mentallama.human.room.people import invite as make_tokens

        tokens = make_tokens(connection, study.about.name, again)
        if not tokens:
            raise InputError("everybody has a link; make a new one with --again NAME")
        lines = [f"{name}\t{url.rstrip('/')}/enter#{token}" for name, token in tokens.items()]
        if out:
            # Before the transaction ends: links that were not written are not in force either.
            _write_private(out, "".join(line + "\n" for line in lines))
    click.echo(f"{len(lines)} links in {out}" if out else "\n".join(lines))


def _write_private(path: Path, content: str) -> None:
    import os

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path}: exists already; name another file for the links") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)


@click.command()
@_on_study
@click.argument("name")
def drop(folder: Path, db: str | None, name: str) -> None:
    """Let a rater go: what they rated stays, their open items go to others."""
    with _writing(folder, db) as (study, connection):
        from mentallama.human.room.people import drop as let_go

        added = let_go(connection, study.about, name)
    click.echo(f"'{name}' has left; {len(added)} open items were given to others")


@click.command()
@_on_study
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write; the ending (.csv, .jsonl, .parquet) says the format.",
)
def export(folder: Path, db: str | None, out: Path) -> None:
    """Write the ratings that count: a row per rater, item and aspect."""
    with _opened(folder, db) as (study, engine):
        from mentallama.human.ratings import write_ratings
        from mentallama.human.room.transfer import as_ratings

        with engine.connect() as connection:
            ratings = as_ratings(connection, study)
    if not ratings:
        raise InputError(f"{folder}: nobody has rated anything yet")
    write_ratings(out, ratings)
    scored = sum(rating.outcome == "scored" for rating in ratings)
    click.echo(f"{len(ratings)} ratings in {out}, {scored} of them with a score")


@click.command()
@_on_study
@click.argument("file", type=click.Path(path_type=Path))
def load(folder: Path, db: str | None, file: Path) -> None:
    """Read ratings of this study from a file of the long form into the room."""
    with _writing(folder, db) as (study, connection):
        from mentallama.human.ratings import read_ratings
        from mentallama.human.room.transfer import load_ratings

        ratings = read_ratings(file)
        try:
            added = load_ratings(connection, study, ratings)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
    items = len({(rating.rater, rating.item) for rating in ratings})
    click.echo(f"{added} rated items are new; {items - added} were here already")


ROOM: tuple[click.Command, ...] = (serve, invite, drop, export, load)
