"""Databases for the rooms: a file, and a PostgreSQL that is there for the tests alone."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.human.room.postgres import make_database, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """Return the folder of a running server's socket."""
    with running_postgres() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    return make_database(request.getfixturevalue("postgres"), f"room_{uuid.uuid4().hex}")
