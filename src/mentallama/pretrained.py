"""Loading weights, with every missing one said: a layer filled at random is never silent."""

import hashlib
from typing import TYPE_CHECKING, Any

from mentallama.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_HEADS = ("classifier", "score", "pooler")
"""Layers of a classification head, which a base that was never a classifier does not have."""


def load_pretrained(
    kind: str, source: str, *, new_head: bool = False, **values: Any
) -> "PreTrainedModel":
    """Load ``AutoModelFor{kind}`` from a folder or hub id.

    Raises InputError where it cannot be loaded, or where weights are missing that ``new_head``
    (a classifier's output layers, started at random) does not excuse.
    """
    import transformers

    loader = getattr(transformers, f"AutoModelFor{kind}")
    try:
        model, found = loader.from_pretrained(source, output_loading_info=True, **values)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"'{source}' cannot be loaded, neither as a folder nor from the hub: {reason}"
        ) from None
    missing = sorted(
        name
        for name in found["missing_keys"]
        if not (new_head and any(part in name.split(".") for part in _HEADS))
    )
    if missing:
        raise InputError(
            f"'{source}': {len(missing)} of its tensors are missing for a {kind} model, "
            f"{missing[0]} first; they would be random"
        )
    return model


def weights_hash(model: Any) -> str:
    """Return 12 hex digits of a loaded model's weights, the same from whatever file they came."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:12]
