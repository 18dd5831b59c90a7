"""Which output of somebody's classifier means which label of a task.

The authors' released readers name their outputs LABEL_0, LABEL_1 and so on; the task's value
records their order. Every other name must be a wording of one of the task's labels: a name that is
understood is never overruled by the order, and one that is not is refused.
"""

import re
from collections.abc import Sequence

from mentallama.errors import InputError
from mentallama.types import Label, Task

_GENERIC = re.compile(r"LABEL_(\d+)", re.IGNORECASE)


def match_outputs(task: Task, names: Sequence[str], model: str) -> tuple[str, ...]:
    """Return the label key of each output, in the order of the outputs.

    Raises InputError where the outputs are not the task's labels, each of them once.
    """
    keys = [label.key for label in task.labels]
    if len(names) != len(keys):
        raise InputError(
            f"{model}: it tells {len(names)} labels apart, and {task.key} has {len(keys)}"
        )
    generic = [_GENERIC.fullmatch(name) for name in names]
    numbers = [int(match[1]) for match in generic if match]
    if sorted(numbers) == list(range(len(keys))):
        order = task.released_order or keys
        return tuple(order[number] for number in numbers)
    found = [_label_of(task, name) for name in names]
    if None in found or len(set(found)) < len(keys):
        raise InputError(
            f"{model}: its outputs are named {', '.join(names)}, which are not the labels of "
            f"{task.key}: {', '.join(keys)}"
        )
    return tuple(str(key) for key in found)


def _label_of(task: Task, name: str) -> str | None:
    """Return the only label that goes by a name; a model for several tasks says "SET/label"."""
    plain = _plain(name.removeprefix(f"{task.key}/"))
    # A key comes first: what is one label's key may be in another's wording.
    for wordings in (lambda label: (label.key,), _wordings):
        found = {label.key for label in task.labels if plain in map(_plain, wordings(label))}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _wordings(label: Label) -> tuple[str, ...]:
    return (label.phrase, label.completion, *label.also)


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))
