"""The runner: does what is missing, in any number of processes, and goes on after a kill."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from mentallama.io import make_folder, write_json
from mentallama.studies.step import DONE, Lacking, Step, Work, folder_of, in_order, is_done, lacks
from mentallama.studies.steps import perform

_WAIT = 0.5
"""Seconds between looks at what other processes are doing."""


def run_steps(
    steps: Iterable[Step], root: Path, say: Callable[[str], None] = lambda line: None
) -> int:
    """Do steps and all that they rest on; return how many this process did.

    Steps that another process is at are left to it, and waited for once nothing else is left.
    """
    left, did, waited = _missing(in_order(steps), root), 0, False
    while left:
        ready = [step for step in left if all(is_done(one, root) for one in step.inputs)]
        took = next((step for step in ready if _try(step, root, say)), None)
        did += took is not None
        if took is None and _missing(ready, root) == ready:
            if not waited:
                say(f"waiting for another process: {', '.join(step.name for step in ready)}")
            waited = True
            time.sleep(_WAIT)
        left = _missing(left, root)
    return did


def _missing(steps: Iterable[Step], root: Path) -> list[Step]:
    return [step for step in steps if not is_done(step, root)]


def _try(step: Step, root: Path, say: Callable[[str], None]) -> bool:
    """Do a step unless another process is at it or has done it."""
    lock = FileLock(make_folder(root / "locks") / f"{step.name}.lock")
    try:
        with lock.acquire(timeout=0):
            if is_done(step, root):
                return False
            _do(step, root, say)
            return True
    except Timeout:
        return False


def _do(step: Step, root: Path, say: Callable[[str], None]) -> None:
    start = time.monotonic()
    folder = make_folder(folder_of(step, root))
    work = Work(
        settings=step.settings,
        paths=step.paths,
        inputs=tuple(folder_of(one, root) for one in step.inputs),
        out=folder,
        shared=root / "shared",
    )
    reason = next((why for one in _needed(step) if (why := lacks(one, root))), None)
    if reason is None:
        reason = _perform(step, work)
    seconds = round(time.monotonic() - start, 1)
    told = {"kind": step.kind, "settings": step.settings, "inputs": [s.name for s in step.inputs]}
    write_json(folder / DONE, {**told, "lacking": reason, "seconds": seconds})
    say(f"{step.name}: " + (f"cannot be done: {reason}" if reason else f"{seconds} s"))


def _needed(step: Step) -> tuple[Step, ...]:
    """Return the inputs without which a step has nothing to do; results show what they can."""
    return () if step.kind in ("compare", "explanations") else step.inputs


def _perform(step: Step, work: Work) -> str | None:
    """Do a step; return why it cannot be done. What libraries print goes to standard error."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            perform(step.kind, work)
    except Lacking as error:
        return str(error)
    return None
