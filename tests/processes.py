"""The command line in a process of its own that starts warm.

A command spends seconds on importing torch and its kin. Here each one is forked from a process
that has imported them: its memory, working folder, environment and end are its own, and the tests
take half the time. What hangs on the start itself is tested by real starts elsewhere.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.warm"])


def start_warm(arguments: Sequence[object]) -> Any:
    """Start one command, to be killed; what it prints goes nowhere."""
    streams = [Path(os.devnull)] * 3
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = _CONTEXT.Process(
        target=_main, args=([*map(str, arguments)], Path.cwd(), environment, streams)
    )
    process.start()
    return process


def run_warm(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    given: str = "",
    timeout: float = 1200,
) -> subprocess.CompletedProcess[str]:
    """Run one command and return what ``subprocess.run`` would."""
    with tempfile.TemporaryDirectory() as scratch:
        streams = [Path(scratch) / name for name in ("in", "out", "err")]
        streams[0].write_text(given, encoding="utf-8")
        process = _CONTEXT.Process(
            target=_main, args=(list(arguments), folder, environment, streams)
        )
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        # As bytes: line ends are part of what a command prints.
        out, err = (stream.read_bytes().decode() for stream in streams[1:])
        return subprocess.CompletedProcess(list(arguments), process.exitcode or 0, out, err)


def _main(
    arguments: list[str], folder: Path, environment: dict[str, str], streams: list[Path]
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for number, (stream, flag) in enumerate(zip(streams, flags, strict=True)):
        os.dup2(os.open(stream, flag, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False)  # noqa: SIM115
        for number, mode in enumerate("rww")
    )
    sys.argv = ["mentallama", *arguments]
    sys.path.insert(0, str(folder))  # as "python -m" does
    from mentallama.cli import main

    main()
