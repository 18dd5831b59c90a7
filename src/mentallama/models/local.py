"""Language models through transformers, on CPU or GPU."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.encoding import SHORTEST_PROMPT, Encoded, encode_prompt, encode_source
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.models.backend import Completion, Decoding
from mentallama.pretrained import load_pretrained

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ADAPTER = "adapter_config.json"
_HASHED_WHOLE = 64 * 2**20
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")


class LocalModel:
    """A language model in memory: a decoder, adapted or not, or an encoder-decoder."""

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        *,
        name: str = "model",
        key: str = "",
        chat: bool = False,
        batch_size: int = 16,
    ) -> None:
        self.name, self.key = name, key
        self._model, self._tokenizer = model, tokenizer
        self._chat, self._batch_size = chat, batch_size
        self._two_sided = bool(model.config.is_encoder_decoder)

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Complete prompts batch by batch in the given order (sort by length to save padding)."""
        import torch

        room = self._room(decoding)
        torch.manual_seed(decoding.seed)
        for start in range(0, len(prompts), self._batch_size):
            batch = [
                self._encode(prompt, room) for prompt in prompts[start : start + self._batch_size]
            ]
            yield from self._complete_batch(batch, decoding)

    def _room(self, decoding: Decoding) -> int:
        context = self._context()
        room = context if self._two_sided else context - decoding.max_new_tokens
        if room < SHORTEST_PROMPT:
            raise InputError(
                f"{self.name}: {decoding.max_new_tokens} new tokens leave {max(room, 0)} of its "
                f"{context} for the prompt; ask for fewer"
            )
        return room

    def _encode(self, prompt: str, room: int) -> Encoded:
        if self._two_sided:
            return encode_source(self._tokenizer, prompt, room)
        return encode_prompt(self._tokenizer, prompt, room, chat=self._chat)

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
                use_cache=True,
                **_sampling(decoding),
                **_without_router_loss(self._model),
            )
        # A decoder repeats the prompt; an encoder-decoder opens with its start token.
        new_ids = output[:, 1 if self._two_sided else width :].tolist()
        for row, new in zip(batch, new_ids, strict=True):
            yield self._completion(row, new)

    def _completion(self, row: Encoded, new: list[int]) -> Completion:
        ends = end_tokens(self._model)
        stop = next((index for index, token in enumerate(new) if token in ends), None)
        text = self._tokenizer.decode(new[:stop], skip_special_tokens=True)
        return Completion(text=text, cut_off=stop is None, prompt_truncated=row.shortened)

    def _context(self) -> int:
        """Return the most tokens that prompt and answer may have together."""
        stated = getattr(self._model.config, "max_position_embeddings", None)
        return int(stated or self._tokenizer.model_max_length)


def load_local(model: str, *, batch_size: int = 16) -> LocalModel:
    """Load a model folder, an adapter's folder or a hub id, once."""
    _need_files(model)
    loaded, tokenizer = _load(model)
    return LocalModel(
        loaded,
        tokenizer,
        name=display_name(model),
        key=fingerprint(model),
        chat=tuned_as(model).get("template") == "chat",
        batch_size=batch_size,
    )


def tuned_as(model: str) -> dict[str, Any]:
    """Return the recipe that a model of ours was tuned by; nothing for other models."""
    path = Path(model) / "mentallama.json"
    return dict(read_json(path).get("recipe", {})) if path.is_file() else {}


def _need_files(model: str) -> None:
    folder = Path(model)
    if not folder.exists():
        if model.startswith((".", "/", "~")) or model.count("/") != 1:
            raise InputError(f"{model}: no such model folder, and not a hub id (owner/name)")
        return
    if not (folder / "config.json").exists() and not (folder / _ADAPTER).exists():
        raise InputError(f"{model}: not a model folder (no config.json)")
    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise InputError(f"{model}: a model without a tokenizer; save the tokenizer beside it")


def _load(model: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    import torch
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{model}: its tokenizer cannot be loaded: {reason}") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    loaded = _load_weights(model)
    if not end_tokens(loaded):
        raise InputError(f"{model}: has no end-of-sequence token, so its answers would never stop")
    return loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def _load_weights(model: str) -> "PreTrainedModel":
    """Load a model; an adapter is put on the base that it names."""
    adapter = Path(model) / _ADAPTER
    base = str(read_json(adapter)["base_model_name_or_path"]) if adapter.is_file() else model
    kind = "Seq2SeqLM" if _is_two_sided(base) else "CausalLM"
    loaded = load_pretrained(kind, base, dtype="auto")
    if base == model:
        return loaded
    from peft import PeftModel

    adapted: PreTrainedModel = PeftModel.from_pretrained(loaded, model)
    return adapted


def _is_two_sided(model: str) -> bool:
    from transformers import AutoConfig

    try:
        return bool(AutoConfig.from_pretrained(model).is_encoder_decoder)
    except (OSError, ValueError):
        return False  # loading it says why


def end_tokens(model: Any) -> set[int]:
    """Return the ids at which a model's answers end."""
    end = model.generation_config.eos_token_id
    if end is None:
        return set()
    return {end} if isinstance(end, int) else set(end)


def _sampling(decoding: Decoding) -> dict[str, Any]:
    if decoding.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": decoding.temperature, "top_p": 1.0, "top_k": 0}


def _without_router_loss(model: Any) -> dict[str, Any]:
    """Mixtures of experts add up their router's loss where their config says so, and fail at it
    once the mask is longer than the tokens at hand."""
    known = hasattr(model.config, "output_router_logits")
    return {"output_router_logits": False} if known else {}


def display_name(model: str) -> str:
    """Return a name for results: the recipe's where we tuned it, else the folder's or the id's."""
    folder = Path(model)
    if not folder.is_dir():
        return model.split("/")[-1]
    ours = folder / "mentallama.json"
    return str(read_json(ours)["name"]) if ours.exists() else folder.resolve().name


def fingerprint(model: str) -> str:
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
