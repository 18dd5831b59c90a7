"""The database: SQLite in a file, or PostgreSQL by a URL; brought up to date at every start.

Who writes is alone: SQLite by its own lock, PostgreSQL by an advisory lock, so that what a
transaction has read still holds when it writes, whatever else is running.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from mentallama.errors import InputError, first_line

FILE = "ratings.sqlite"
"""The database of a study that is given no other, in its folder."""
_WRITES = "mentallama_writes"
_LOCK = 8322
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")


def open_database(url: str | None, folder: Path) -> Engine:
    """Open a database and bring it up to date; raise InputError where that is not possible."""
    target = _parse(url) if url else URL.create("sqlite", database=str(folder / FILE))
    if target.get_backend_name() == "sqlite" and target.database:
        _keep_private(Path(target.database))
    try:
        engine = create_engine(target, pool_size=20, max_overflow=20)
        _listen(engine)
        with writing(engine) as connection:
            _migrate(connection)
    except NoSuchModuleError:
        raise InputError(f"--db: no driver for {target.drivername}") from None
    except ModuleNotFoundError:
        raise InputError("--db: PostgreSQL needs: pip install 'mentallama[postgres]'") from None
    except DBAPIError as error:
        raise InputError(f"--db: {first_line(error.orig or error)}") from None
    return engine


def _parse(url: str) -> URL:
    """Read a URL; the password in it is never repeated."""
    try:
        target = make_url(url)
    except ArgumentError:
        hint = "such as sqlite:///ratings.sqlite or postgresql://user@host/name"
        raise InputError(f"--db: not the URL of a database, {hint}") from None
    match target.get_backend_name():
        case "postgresql":
            return target.set(drivername="postgresql+psycopg")
        case "sqlite" if target.database and target.database != ":memory:":
            return target
        case "sqlite":
            raise InputError("--db: ratings in memory would be lost; name a file")
    raise InputError(f"--db: {target.drivername} is not supported; use SQLite or PostgreSQL")


def _keep_private(path: Path) -> None:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _listen(engine: Engine) -> None:
    """Have every transaction begun by us: the driver of SQLite would begin it too late."""
    sqlite = engine.dialect.name == "sqlite"

    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        if sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        elif writes:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")

    if sqlite:
        event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a transaction that no other writer disturbs; it is on disk when this ends."""
    with (
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(files("mentallama.human.room") / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise InputError("--db: a newer version made this database; use that version") from None
