"""A model for another engine, by that engine's own converter: CTranslate2, or GGUF for llama.cpp.

CTranslate2 answers the same prompts as transformers and must agree. llama.cpp is another program:
of a GGUF file it is checked that it is one, and that every tensor is in it.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mentallama.ctranslate import make_converter, refuse_llama3, rope_kinds
from mentallama.errors import CheckError, InputError, first_line
from mentallama.io import need_folder
from mentallama.pretrained import load_pretrained, load_tokenizer, quieten
from mentallama.tuning.merge import ADAPTER
from mentallama.tuning.proof import (
    ANSWER_TOKENS,
    Answer,
    Comparison,
    Kind,
    ask,
    asks_in_chat,
    compare,
    encode,
    need_agreement,
    need_new,
    read_result,
    room,
    show,
    whole_folder,
)

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Engine = Literal["ctranslate2", "gguf"]
_SCRIPT = "convert_hf_to_gguf.py"
_HEADER = struct.Struct("<4sIQQ")
"""Of a GGUF file: magic, version, number of tensors, number of settings."""
_KEPT = ("README.md", "mentallama.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An exported model and the proof of it."""

    folder: Path
    comparisons: tuple[Comparison, ...] = ()
    """CTranslate2: transformers and the exported model, one for each prompt."""
    tensors: int = 0
    """GGUF: tensors in the file."""


@dataclass(frozen=True, slots=True)
class _Model:
    folder: Path
    kind: Kind
    config: "PreTrainedConfig"

    @property
    def rope(self) -> set[str]:
        """The kinds of rotary position scaling that the model's layers use."""
        return rope_kinds(self.config)


def export(folder: Path, to: Engine, out: Path, prompts: Sequence[str]) -> Exported:
    """Convert the model in ``folder`` for another engine, in float32, and check what was written.

    Raises InputError where the engine cannot take the model, its converter is not installed or
    ``out`` exists; CheckError, and leaves nothing behind, where the result is not the model.
    """
    model = _read_model(folder)
    need_new(out)
    quieten()
    return _to_gguf(model, out) if to == "gguf" else _to_ctranslate2(model, out, prompts)


def lines(exported: Exported) -> list[str]:
    """Return what is said of an export; no prompt's text."""
    if exported.comparisons:
        return [*show(exported.comparisons), f"model in {exported.folder}"]
    return [
        f"{exported.tensors} tensors in the file, float32, as many as the model has; llama.cpp was "
        "not run, so its answers are not compared",
        f"model in {exported.folder}",
    ]


def _read_model(folder: Path) -> _Model:
    from transformers import AutoConfig

    need_folder(folder)
    if (folder / ADAPTER).is_file():
        raise InputError(
            f"{folder}: an adapter; merge it first ('mentallama merge {folder} --out DIR') and "
            "export the result"
        )
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: not a model folder: {first_line(error)}") from None
    names = config.architectures or []
    if any(name.endswith("ForSequenceClassification") for name in names):
        raise InputError(f"{folder}: a classifier; only models that write can be exported")
    return _Model(folder, "Seq2SeqLM" if config.is_encoder_decoder else "CausalLM", config)


def _keep(model: _Model, out: Path) -> None:
    """Copy the model card and what ours say of their tuning."""
    for name in _KEPT:
        if (model.folder / name).is_file():
            shutil.copyfile(model.folder / name, out / name)


def _to_ctranslate2(model: _Model, out: Path, prompts: Sequence[str]) -> Exported:
    import torch

    tokenizer = load_tokenizer(str(model.folder), local_only=True)
    with whole_folder(out) as written:
        _convert(model, written)
        tokenizer.save_pretrained(written)
        _keep(model, written)
        original = load_pretrained(model.kind, str(model.folder), dtype=torch.float32)
        chat = asks_in_chat(read_result(model.folder))
        wanted = ask(original, tokenizer, prompts, model.kind, chat=chat)
        # The tokenizer is taken from the new folder: it must be usable alone.
        moved = load_tokenizer(str(written), local_only=True)
        limit = room(original, tokenizer)
        rows = [encode(moved, prompt, model.kind, limit, chat=chat) for prompt in prompts]
        found = _ask_ctranslate2(written, model.kind, moved, rows, original.generation_config)
        comparisons = compare(wanted, found)
        need_agreement(comparisons, f"{model.folder}: CTranslate2 against transformers")
    return Exported(folder=out, comparisons=tuple(comparisons))


def _convert(model: _Model, out: Path) -> None:
    refuse_llama3(model.config, str(model.folder))
    converter = make_converter()
    try:
        converter(str(model.folder)).convert(str(out), quantization="float32", force=True)
    except (ValueError, NotImplementedError, RuntimeError, AttributeError, KeyError) as error:
        # The list of everything that it can convert is left out.
        reason = first_line(error).split(" (supported")[0]
        raise InputError(f"{model.folder}: CTranslate2 cannot convert it: {reason}") from None


def _ask_ctranslate2(
    folder: Path, kind: Kind, tokenizer: Any, rows: Sequence[list[int]], decoding: Any
) -> list[Answer]:
    """Let a converted model answer encoded prompts one by one, greedily."""
    import ctranslate2

    engine = ctranslate2.Generator if kind == "CausalLM" else ctranslate2.Translator
    loaded = engine(str(folder), device="cpu", compute_type="float32")
    end = decoding.eos_token_id
    common = {
        "beam_size": 1,
        "end_token": [end] if isinstance(end, int) else end,
        "return_end_token": True,
        "return_logits_vocab": True,
    }
    answers = []
    for ids in rows:
        tokens = [tokenizer.convert_ids_to_tokens(ids)]
        if kind == "CausalLM":
            [found] = loaded.generate_batch(
                tokens, max_length=ANSWER_TOKENS, include_prompt_in_result=False, **common
            )
            new = found.sequences_ids[0]
        else:
            [found] = loaded.translate_batch(
                tokens, max_decoding_length=ANSWER_TOKENS, min_decoding_length=0, **common
            )
            new = tokenizer.convert_tokens_to_ids(found.hypotheses[0])
        logits = np.stack([np.asarray(step, dtype=np.float32).ravel() for step in found.logits[0]])
        answers.append(Answer(list(new), logits))
    return answers


def _to_gguf(model: _Model, out: Path) -> Exported:
    expected, size = _count_tensors(model)
    command = _find_script()
    with whole_folder(out) as written:
        file = written / f"{out.name}.gguf"
        done = subprocess.run(  # noqa: S603
            [*command, str(model.folder), "--outfile", str(file), "--outtype", "f32"],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise CheckError(f"{command[-1]}: stopped with exit code {done.returncode}: {said}")
        check_gguf(file, expected, size)
        _keep(model, written)
    return Exported(folder=out, tensors=expected)


def _find_script() -> list[str]:
    """Return the command that runs llama.cpp's converter."""
    checkout = os.environ.get("LLAMA_CPP")
    if checkout:
        script = Path(checkout) / _SCRIPT
        if not script.is_file():
            raise InputError(f"LLAMA_CPP: no {_SCRIPT} in {checkout}; name a checkout of llama.cpp")
        return [sys.executable, str(script)]
    found = shutil.which(_SCRIPT)
    if not found:
        raise InputError(
            f"llama.cpp's {_SCRIPT} was not found; clone github.com/ggml-org/llama.cpp, "
            "set LLAMA_CPP to the folder, and pip install sentencepiece"
        )
    return [found]


def _count_tensors(model: _Model) -> tuple[int, int]:
    """Return how many tensors the GGUF file must have, and the fewest bytes that they fill."""
    from safetensors import safe_open

    files = sorted(model.folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"{model.folder}: no .safetensors; save the model with transformers")
    names: set[str] = set()
    numbers = 0
    for path in files:
        with safe_open(path, framework="np") as opened:
            for name in opened.keys():  # noqa: SIM118
                # llama.cpp keeps all experts of a layer in one tensor.
                names.add(re.sub(r"\bexperts\.\d+\.", "experts.", name))
                numbers += int(np.prod(opened.get_slice(name).get_shape()))
    # The scaling of positions is a tensor of its own.
    return len(names) + ("llama3" in model.rope), 4 * numbers


def check_gguf(file: Path, tensors: int, size: int) -> None:
    """Raise CheckError where ``file`` is no GGUF of so many tensors and at least ``size`` bytes."""
    if not file.is_file():
        raise CheckError(f"{file.name}: the converter wrote no such file")
    with file.open("rb") as handle:
        head = handle.read(_HEADER.size)
    if len(head) < _HEADER.size or not head.startswith(b"GGUF"):
        raise CheckError(f"{file.name}: not a GGUF file; nothing was kept")
    found = _HEADER.unpack(head)[2]
    if found != tensors:
        raise CheckError(
            f"{file.name}: {found} tensors, but the model has {tensors}; nothing was kept"
        )
    if file.stat().st_size < size:
        raise CheckError(
            f"{file.name}: {file.stat().st_size:,} bytes, but the tensors alone fill {size:,}; "
            "nothing was kept"
        )
