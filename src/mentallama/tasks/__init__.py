"""The ten corpora of the IMHI benchmark as values (paper, section 3), in the release's order.

An eleventh corpus is one new file here and one line in ``TASKS``.
"""

from collections.abc import Iterable

from mentallama.errors import InputError, nearest
from mentallama.tasks import (
    cams,
    clp,
    dr,
    dreaddit,
    irf,
    loneliness,
    multiwd,
    sad,
    swmh,
    tsid,
)
from mentallama.types import Label, Task

TASKS: tuple[Task, ...] = (
    dr.TASK,
    clp.TASK,
    dreaddit.TASK,
    swmh.TASK,
    tsid.TASK,
    sad.TASK,
    cams.TASK,
    loneliness.TASK,
    multiwd.TASK,
    irf.TASK,
)

_BY_KEY = {task.key: task for task in TASKS}


def add_tasks(tasks: Iterable[Task]) -> None:
    """Make a user's own tasks known to this process; raise InputError where a key is taken."""
    for task in tasks:
        if _BY_KEY.get(task.key, task) != task:
            raise InputError(f"a task is already called '{task.key}'; give yours another key")
        _BY_KEY[task.key] = task


def list_tasks() -> list[Task]:
    """Return the ten tasks and the user's own, in this order."""
    return list(_BY_KEY.values())


def get_task(key: str) -> Task:
    """Return the task of that exact key; raise InputError naming the nearest one."""
    task = _BY_KEY.get(key)
    if task is None:
        hint = nearest(key, _BY_KEY) or f" Known sets: {', '.join(_BY_KEY)}."
        raise InputError(f"no task is called '{key}'.{hint}")
    return task


def get_label(task: Task, key: str) -> Label:
    """Return the task's label of that key; raise InputError listing the allowed ones."""
    for label in task.labels:
        if label.key == key:
            return label
    raise InputError(
        f"task {task.key} has no label '{key}'; it has {', '.join(x.key for x in task.labels)}"
    )
