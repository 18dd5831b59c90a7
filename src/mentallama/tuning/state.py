"""What is kept of a model's tensors to know them again once they are on disk."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mentallama.errors import CheckError, InputError
from mentallama.pretrained import load_pretrained
from mentallama.tuning.proof import Kind

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Facts(NamedTuple):
    """What is kept of a tensor to know it again."""

    digest: str
    """SHA-256 of its bytes."""
    zero: bool
    finite: bool


State = dict[str, Facts]


def describe(model: Any) -> State:
    """Return the facts of every tensor of a model, by name."""
    return {name: _describe(tensor) for name, tensor in model.state_dict().items()}


def _describe(tensor: Any) -> Facts:
    import torch

    values = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(values.reshape(-1).view(torch.uint8).numpy())
    return Facts(digest.hexdigest(), not values.any(), bool(values.isfinite().all()))


def need_changed(before: State, after: State, tuned: Iterable[str], where: Path) -> int:
    """Return how many tensors merging changed; raise CheckError where it missed one, or all."""
    changed = {name for name in after if before.get(name) != after[name]}
    for name in tuned:
        if name in after and name not in changed:
            raise CheckError(f"{where}: merging left {name} as it is in the base")
    if not changed:
        raise CheckError(
            f"{where}: merging would change none of the base's {len(before)} tensors, because the "
            "adapter is zero; tune it first, or use the base"
        )
    return len(changed)


def read_back(folder: Path, kind: Kind, expected: State) -> "PreTrainedModel":
    """Load a saved model; raise CheckError naming a tensor that is not as expected."""
    import torch

    try:
        saved = load_pretrained(kind, str(folder), dtype=torch.float32)
    except InputError as error:
        raise CheckError(f"the saved model is not whole: {error}") from None
    found = describe(saved)
    for name, facts in expected.items():
        fault = _find_fault(facts, found.get(name))
        if fault:
            raise CheckError(f"the saved model's tensor {name} {fault}; nothing was kept")
    return saved


def _find_fault(wanted: Facts, found: Facts | None) -> str:
    if found is None:
        return "is missing"
    if not found.finite:
        return "holds NaN or infinity"
    if found.zero and not wanted.zero:
        return "is all zero in the file, and was not before"
    return "" if found == wanted else "is not what was merged"
