"""What this machine lacks for a model: its weights, a GPU. Said before anything is run."""

from importlib.util import find_spec
from pathlib import Path

from mentallama.pretrained import find_packaged

_ON_A_CPU = ("sentence-transformers/all-MiniLM-L6-v2",)
"""Bases that a CPU tunes within the hour."""
_FILES = ("model.safetensors", "pytorch_model.bin")
_WEIGHTS = (*_FILES, *(f"{name}.index.json" for name in _FILES))


def missing_for(base: str | None, *, gpu: bool) -> str | None:
    """Say what a run from a base needs that is not here; None where it can be run."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        return "needs the extra train: pip install 'mentallama[train]'"
    if base is None:
        return None
    lacking = [] if _at_hand(base) else [f"the weights of {base}"]
    if base not in _ON_A_CPU and not Path(base).is_dir() and not _can_use_gpu(gpu):
        lacking.append("a GPU" if not gpu else "a GPU, and none is found here")
    return f"needs {' and '.join(lacking)}" if lacking else None


def _at_hand(base: str) -> bool:
    if Path(find_packaged(base)).is_dir():
        return True
    from transformers.utils import cached_file

    for name in _WEIGHTS:
        try:
            if cached_file(base, name, local_files_only=True):
                return True
        except (OSError, ValueError):
            continue
    return False


def _can_use_gpu(allowed: bool) -> bool:
    if not allowed:
        return False
    import torch

    return bool(torch.cuda.is_available())
