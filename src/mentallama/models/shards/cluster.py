"""Ray, as far as we use it: a cluster, calls on it, and what can go wrong in the user's words."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from mentallama.errors import InputError, MentallamaError, first_line

READER_CPUS = 0.25
READERS = 2
"""The shard that is read and the next one."""
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_OF_WAITING = 60.0
Result = TypeVar("Result")


@contextmanager
def cluster() -> Iterator[Any]:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine; give the module.

    One that this process has joined before is left as it is.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("this command needs ray: pip install 'mentallama[cluster]'") from None
    if ray.is_initialized():
        yield ray
        return
    joined = bool(os.environ.get("RAY_ADDRESS"))
    where = {"address": "auto"} if joined else {"address": "local", "include_dashboard": False}
    try:
        ray.init(**where, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = first_line(error)
        raise InputError(f"RAY_ADDRESS: no cluster can be joined or started: {reason}") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def need_room(ray: Any, workers: int, cpus: float, gpus: float) -> None:
    """Raise InputError where workers would leave readers no CPU, and both wait for ever."""
    have = ray.cluster_resources()
    readers = READERS * READER_CPUS
    for kind, each, beside in (("CPU", cpus, readers), ("GPU", gpus, 0.0)):
        need = workers * each + beside
        if need > have.get(kind, 0.0):
            more = f", {beside:g} of them for readers" if beside else ""
            raise InputError(
                f"{workers} workers of {each:g} {kind}s need {need:g}{more}; the cluster has "
                f"{have.get(kind, 0.0):g}: ask for fewer --workers or less for each"
            )


def get_first(ray: Any, refs: Sequence[Any], what: str) -> Any:
    """Fetch whichever result comes first; say so where none comes for long."""
    while True:
        ready, _ = ray.wait(refs, timeout=_SECONDS_OF_WAITING)
        if ready:
            return get(ray, ready[0], what)
        print(f"still waiting: {what}", file=sys.stderr, flush=True)


def call_all(
    ray: Any, function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], label: str
) -> list[Result]:
    """Call a function on the cluster once for each tuple of arguments; say how far it is."""
    remote = ray.remote(num_cpus=READER_CPUS)(function)
    results = []
    last = time.monotonic()
    for number, ref in enumerate([remote.remote(*arguments) for arguments in calls], 1):
        results.append(get(ray, ref, f"{label}, shard {number}"))
        if time.monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{label}: {number}/{len(calls)} shards", file=sys.stderr, flush=True)
    return results


def get(ray: Any, ref: Any, what: str) -> Any:
    """Fetch the result of ``what``; an error that a user can mend comes out as it was raised."""
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        cause: Any = error
        while isinstance(cause, ray.exceptions.RayTaskError):
            cause = cause.cause
        if isinstance(cause, MentallamaError):
            raise type(cause)(str(cause)) from None
        raise
    except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError):
        raise InputError(
            f"{what}: its process died again and again (too little memory?); what is done is kept, "
            "and the logs of Ray say more"
        ) from None
