"""Causal language models through transformers, on CPU or GPU."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.encoding import SHORTEST_PROMPT, Encoded, encode_prompt
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.models.backend import Completion, Decoding

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_HASHED_WHOLE = 64 * 2**20
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


class LocalModel:
    """A model folder or hub id, loaded once."""

    def __init__(self, model: str, *, batch_size: int = 16) -> None:
        _need_files(model)
        self._model, self._tokenizer = _load(model)
        self._batch_size = batch_size
        self.name = _display_name(model)
        self.key = _fingerprint(model)

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Complete prompts batch by batch in the given order (sort by length to save padding)."""
        import torch

        room = self._context() - decoding.max_new_tokens
        if room < SHORTEST_PROMPT:
            raise InputError(
                f"{self.name}: {decoding.max_new_tokens} new tokens leave {max(room, 0)} of its "
                f"{self._context()} for the prompt; ask for fewer"
            )
        torch.manual_seed(decoding.seed)
        for start in range(0, len(prompts), self._batch_size):
            batch = [
                encode_prompt(self._tokenizer, prompt, room)
                for prompt in prompts[start : start + self._batch_size]
            ]
            yield from self._complete_batch(batch, decoding)

    def _complete_batch(self, batch: list[Encoded], decoding: Decoding) -> Iterator[Completion]:
        import torch

        pad = self._tokenizer.pad_token_id
        width = max(len(row.prompt) for row in batch)
        ids = [[pad] * (width - len(row.prompt)) + row.prompt for row in batch]
        mask = [[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in batch]
        device = self._model.device
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=decoding.max_new_tokens,
                pad_token_id=pad,
                **_sampling(decoding),
            )
        for row, new in zip(batch, output[:, width:].tolist(), strict=True):
            yield self._completion(row, new)

    def _completion(self, row: Encoded, new: list[int]) -> Completion:
        ends = _end_tokens(self._model)
        stop = next((index for index, token in enumerate(new) if token in ends), None)
        text = self._tokenizer.decode(new[:stop], skip_special_tokens=True)
        return Completion(text=text, cut_off=stop is None, prompt_truncated=row.shortened)

    def _context(self) -> int:
        """Return the most tokens that prompt and answer may have together."""
        stated = getattr(self._model.config, "max_position_embeddings", None)
        return int(stated or self._tokenizer.model_max_length)


def _need_files(model: str) -> None:
    folder = Path(model)
    if not folder.exists():
        if model.startswith((".", "/", "~")) or model.count("/") != 1:
            raise InputError(f"{model}: no such model folder, and not a hub id (owner/name)")
        return
    if not (folder / "config.json").exists():
        raise InputError(f"{model}: not a model folder (no config.json)")
    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise InputError(f"{model}: a model without a tokenizer; save the tokenizer beside it")


def _load(model: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        loaded = AutoModelForCausalLM.from_pretrained(model, dtype="auto")
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{model}: cannot be loaded as a causal model: {reason}") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    if not _end_tokens(loaded):
        raise InputError(f"{model}: has no end-of-sequence token, so its answers would never stop")
    return loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def _end_tokens(model: Any) -> set[int]:
    end = model.generation_config.eos_token_id
    if end is None:
        return set()
    return {end} if isinstance(end, int) else set(end)


def _sampling(decoding: Decoding) -> dict[str, Any]:
    if decoding.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": decoding.temperature, "top_p": 1.0, "top_k": 0}


def _display_name(model: str) -> str:
    """Return a name for results: the recipe's where we tuned it, else the folder's or the id's."""
    folder = Path(model)
    if not folder.is_dir():
        return model.split("/")[-1]
    ours = folder / "mentallama.json"
    return str(read_json(ours)["name"]) if ours.exists() else folder.resolve().name


def _fingerprint(model: str) -> str:
    """Hash a model folder's files; of files over 64 MiB, size and both ends only."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    digest = hashlib.sha256()
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.name} {size} ".encode())
        with path.open("rb") as handle:
            if size <= _HASHED_WHOLE:
                digest.update(handle.read())
            else:
                digest.update(handle.read(2**20))
                handle.seek(-(2**20), 2)
                digest.update(handle.read())
    return digest.hexdigest()
