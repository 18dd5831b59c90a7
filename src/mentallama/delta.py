"""What tuning changed in a model, small enough to be passed on: low-rank differences from its base.

A tuned matrix is kept as the product of two thin ones that comes nearest to its difference from the
base (truncated singular values; Eckart and Young 1936), in half precision; vectors and new layers
are kept whole. Together with the base they give the tuned model again, as nearly as was measured
when the file was written. torch is imported inside.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.pretrained import load_pretrained, weights_hash

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DELTA = "delta.safetensors"
_LEFT, _RIGHT = ".left", ".right"
State = dict[str, Any]


def take_delta(base: State, tuned: State, rank: int) -> State:
    """Return the tensors to keep: of changed matrices two factors, of the rest the values."""
    import torch

    kept: State = {}
    for name, value in tuned.items():
        known = base.get(name)
        if known is not None and torch.equal(known, value):
            continue
        if known is None or value.ndim != 2 or min(value.shape) <= rank:
            kept[name] = value.half().contiguous()
            continue
        left, sizes, right = torch.linalg.svd((value - known).float(), full_matrices=False)
        root = sizes[:rank].sqrt()
        kept[name + _LEFT] = (left[:, :rank] * root).half().contiguous()
        kept[name + _RIGHT] = (root[:, None] * right[:rank]).half().contiguous()
    return kept


def add_delta(model: Any, kept: State) -> None:
    """Put kept tensors on a model that holds its base's weights; raises InputError on a misfit."""
    put_changes(model.state_dict(), kept)


def put_changes(state: State, kept: State) -> None:
    """Put kept tensors on a base's tensors, in place; raises InputError on a misfit."""
    import torch

    for name, value in kept.items():
        plain = name.removesuffix(_LEFT).removesuffix(_RIGHT)
        if plain not in state:
            raise InputError(f"{DELTA}: the base has no tensor {plain}; it is another model's")
        if name.endswith(_RIGHT):
            continue
        change = value.float()
        if name.endswith(_LEFT):
            change = state[plain] + change @ kept[plain + _RIGHT].float()
        if change.shape != state[plain].shape:
            raise InputError(f"{DELTA}: {plain} has another shape in the base")
        with torch.no_grad():
            state[plain].copy_(change)


def read_delta(folder: Path) -> State:
    """Read the kept tensors of a folder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(folder / DELTA))
    except (OSError, SafetensorError):
        raise InputError(f"{folder / DELTA}: not a safetensors file, or cut short") from None


def load_base(base: str, classes: Sequence[str]) -> "PreTrainedModel":
    """Load a base under a new layer for the classes of a model that reads the post alone."""
    names = dict(enumerate(classes))
    places = {name: number for number, name in names.items()}
    loaded = load_pretrained("Pooled", base, new_head=True, id2label=names, label2id=places)
    loaded.config.reads = "post_alone"
    return loaded


def load_changed(folder: Path) -> "PreTrainedModel":
    """Load a tuned model from its base and a folder with what tuning changed.

    Raises InputError where the base has other weights than the one that was tuned.
    """
    told = read_json(folder / "mentallama.json")
    model = load_base(told["recipe"]["base"], told["classes"])
    found = weights_hash(model.base_model)
    if found != told["base_weights"]:
        raise InputError(
            f"{folder}: belongs to a base with the weights {told['base_weights']}; those of "
            f"'{told['recipe']['base']}' here are {found}"
        )
    add_delta(model, read_delta(folder))
    return model.eval()
