"""Loading models for CTranslate2: converted once, into a cache folder, and checked before use.

The engine converts some architectures that it computes wrongly. A converted model must answer two
invented prompts token for token as transformers does in float32, with the same first logits.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mentallama.ctranslate import (
    is_converted,
    make_converter,
    need_ctranslate2,
    refuse_llama3,
)
from mentallama.errors import InputError, first_line
from mentallama.io import make_folder, read_json, write_json
from mentallama.models.backend import Decoding
from mentallama.models.ct2 import CTranslate2Model
from mentallama.models.local import (
    adapted_base,
    asks_in_chat,
    decoding_options,
    display_name,
    fingerprint,
    load_weights,
    make_encoder,
    make_key,
    need_files,
)
from mentallama.pretrained import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROBES = (
    'Consider this post: "the bus was late again and i missed the first half of the film" '
    "Question: Does the poster suffer from stress?",
    "Write two short sentences about a garden in the rain.",
)
"""What a converted model is asked before it is trusted."""
_PROBED = Decoding(max_new_tokens=16)
_TOLERANCE = 3e-4
"""Largest difference of two first logits as a share of the largest, as in exports."""


def load_ctranslate2(
    model: str,
    *,
    int8: bool = False,
    chat: bool | None = None,
    batch_tokens: int | None = None,
) -> tuple[CTranslate2Model, str]:
    """Load a model folder, a hub id or a folder exported for CTranslate2; say what was checked.

    ``chat`` wraps prompts in the model's chat template; null means as it was tuned.
    Raises InputError where the engine is missing, cannot take the model or computes it wrongly.
    """
    need_ctranslate2()
    need_files(model)
    if adapted_base(model):
        raise InputError(
            f"{model}: an adapter, which CTranslate2 cannot run; merge it first: "
            f"'mentallama merge {model} --out DIR'"
        )
    import ctranslate2

    key = fingerprint(model) if Path(model).is_dir() else _load_config(model)
    place = _cache() / hashlib.sha256(f"{key} {ctranslate2.__version__}".encode()).hexdigest()[:32]
    make_folder(place)
    tokenizer = load_tokenizer(model)
    exported = is_converted(Path(model))
    said = [] if exported else [_convert_once(model, place, tokenizer)]
    folder = Path(model) if exported else place / "model"
    chat = asks_in_chat(model, tokenizer, chat)
    if int8:
        said.append(_agreement(folder, place, tokenizer))
    loaded = CTranslate2Model(
        folder,
        tokenizer,
        name=display_name(model),
        key=make_key(key, "ctranslate2", "int8" if int8 else "float32", chat),
        chat=chat,
        int8=int8,
        device="cuda" if ctranslate2.get_cuda_device_count() else "cpu",
        batch_tokens=batch_tokens,
    )
    return loaded, "; ".join(said)


def _load_config(model: str) -> str:
    """Fetch the config of a hub id, so that its commit is known, and return its fingerprint."""
    from transformers import AutoConfig

    try:
        AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise InputError(f"'{model}' cannot be loaded from the hub: {reason}") from None
    return fingerprint(model)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mentallama" / "ctranslate2"


def _convert_once(model: str, place: Path, tokenizer: "PreTrainedTokenizerBase") -> str:
    """Convert a model into ``place`` unless it is there, or refuse it as once before."""
    from filelock import FileLock

    checked = place / "checked.json"
    with FileLock(place / ".lock"):
        if not checked.is_file():
            write_json(checked, {"refused": _convert(model, place / "model", tokenizer)})
        refused = read_json(checked)["refused"]
    if refused:
        raise InputError(f"{model}: {refused}; use --engine transformers")
    return (
        f"converted in {place}, answers {len(PROBES)} invented prompts as transformers does in "
        f"float32, {_PROBED.max_new_tokens} tokens each"
    )


def _convert(model: str, out: Path, tokenizer: "PreTrainedTokenizerBase") -> str | None:
    """Convert a model whole or not at all; return why it was refused, if it was."""
    loaded = load_weights(model, "cpu")
    refuse_llama3(loaded.config, model)
    # Asked first: converting takes the model apart.
    encoder = make_encoder(loaded, tokenizer, name=model, chat=False)
    wanted = [_ask(loaded, row.prompt) for row in encoder.encode(PROBES, _PROBED)]
    unfinished = out.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        make_converter(loaded)(model).convert(str(unfinished), quantization="float32")
        refused = _compare(wanted, CTranslate2Model(unfinished, tokenizer))
        if not refused:
            unfinished.replace(out)
    except (ValueError, NotImplementedError, RuntimeError, AttributeError, KeyError) as error:
        # The list of everything that it can convert is left out.
        reason = first_line(error)
        refused = f"CTranslate2 cannot convert it: {reason.split(' (supported')[0]}"
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return refused


def _compare(wanted: list[tuple[list[int], Any]], converted: CTranslate2Model) -> str | None:
    """Return how a converted model's answers differ from the original's, if they do."""
    rows = converted.encoder.encode(PROBES, _PROBED)
    for row, (expected, known) in zip(rows, wanted, strict=True):
        [(found, seen)] = converted.answer([row], _PROBED, logits=True)
        off = np.abs(known - seen).max() / np.abs(known).max()
        # Written so that NaN fails.
        if not off <= _TOLERANCE:
            return f"CTranslate2 computes it wrongly (logits {100 * off:.2g} % off transformers')"
        if expected != found:
            return "CTranslate2 answers otherwise than transformers does in float32"
    return None


def _ask(loaded: Any, ids: list[int]) -> tuple[list[int], Any]:
    """Return what transformers answers greedily, and its first logits."""
    import torch

    prompt = torch.tensor([ids])
    with torch.inference_mode():
        output = loaded.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=_PROBED.max_new_tokens,
            output_logits=True,
            return_dict_in_generate=True,
            **decoding_options(loaded, _PROBED),
        )
    new = output.sequences[0, -len(output.logits) :].tolist()
    return new, output.logits[0][0].float().numpy()


def _agreement(folder: Path, place: Path, tokenizer: "PreTrainedTokenizerBase") -> str:
    """Say how many greedy tokens int8 shares with float32; counted once, then remembered."""
    path = place / "int8.json"
    if not path.is_file():
        exact, rounded = (
            _probe(CTranslate2Model(folder, tokenizer, int8=int8)) for int8 in (False, True)
        )
        same = sum(map(_shared, exact, rounded))
        write_json(path, {"tokens": sum(map(len, exact)), "same": same})
    counted = read_json(path)
    return (
        f"int8 keeps {counted['same']} of the {counted['tokens']} greedy tokens of float32 before "
        "the texts part"
    )


def _probe(model: CTranslate2Model) -> list[list[int]]:
    rows = model.encoder.encode(PROBES, _PROBED)
    return [model.answer([row], _PROBED)[0][0] for row in rows]


def _shared(one: list[int], other: list[int]) -> int:
    """Return how many tokens two texts share from their start."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
