"""A PostgreSQL of our own, for the time of the tests: on a socket in a folder, no network."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def running_postgres() -> Iterator[Path]:
    """Start a server and give the folder of its socket; skip where there is none here."""
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = found[-1] if found else shutil.which("initdb")
    if not initdb:
        pytest.skip("no PostgreSQL on this machine")
    binaries = Path(initdb).parent
    folder = Path(tempfile.mkdtemp(prefix="room-postgres-", dir="/tmp"))
    own: dict[str, Any] = {}
    if os.geteuid() == 0:
        # It refuses to run as root.
        own = {"user": "nobody", "group": "nogroup", "cwd": "/", "extra_groups": []}
        shutil.chown(folder, "nobody", "nogroup")
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **own}
    data = folder / "data"
    arguments = ("-D", data, "-U", "room", "-A", "trust", "--no-sync", "-E", "UTF8")
    subprocess.run([binaries / "initdb", *arguments], check=True, **quiet)
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses="], **quiet
    )
    try:
        _wait(binaries / "pg_isready", folder)
        yield folder
    finally:
        # Its quickest way to end: nothing here is needed again.
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(is_ready: Path, folder: Path) -> None:
    for _ in range(300):
        done = subprocess.run([is_ready, "-h", folder, "-U", "room", "-d", "postgres", "-q"])
        if done.returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL did not start")


def make_database(folder: Path, name: str) -> str:
    """Make an empty database and return its URL."""
    import psycopg

    with psycopg.connect(f"host={folder} user=room dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://room@/{name}?host={folder}"
