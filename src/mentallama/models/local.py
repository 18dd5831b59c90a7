"""Language models through transformers, on CPU or GPU."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.encoding import Encoded
from mentallama.errors import InputError, first_line
from mentallama.io import read_json, sha256
from mentallama.models.backend import Completion, Decoding
from mentallama.models.batches import BATCH_TOKENS, WAITING_TOKENS, Encoder, cut
from mentallama.pretrained import load_pretrained, load_tokenizer, quieten

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ADAPTER = "adapter_config.json"
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
        batch_tokens: int | None = None,
    ) -> None:
        self.name, self.key = name, key
        self._model, self._tokenizer = model, tokenizer
        on_cpu = model.device.type == "cpu"
        self._batch_tokens = batch_tokens or (WAITING_TOKENS if on_cpu else BATCH_TOKENS)
        self._two_sided = bool(model.config.is_encoder_decoder)
        self._encoder = make_encoder(model, tokenizer, name=name, chat=chat)

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Complete prompts batch by batch in the given order (sort by length to save padding)."""
        import torch

        torch.manual_seed(decoding.seed)
        rows = self._encoder.encode(prompts, decoding)
        for batch in cut(rows, decoding.max_new_tokens, self._batch_tokens):
            try:
                yield from self._complete_batch(batch, decoding)
            except torch.cuda.OutOfMemoryError:
                raise InputError(
                    f"{self.name}: a batch of {len(batch)} rows does not fit in the GPU's memory; "
                    f"ask for fewer than {self._batch_tokens} tokens in a batch"
                ) from None

    def fits(self, prompt: str, decoding: Decoding) -> bool:
        """Say whether a prompt leaves room for the new tokens as it is."""
        return self._encoder.fits(prompt, decoding)

    def _complete_batch(self, batch: list[Encoded], decoding: Decoding) -> Iterator[Completion]:
        import torch

        pad = self._tokenizer.pad_token_id
        width = max(len(row.prompt) for row in batch)
        ids = [self._pad(row.prompt, pad, width) for row in batch]
        mask = [self._pad([1] * len(row.prompt), 0, width) for row in batch]
        device = self._model.device
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(mask, device=device),
                max_new_tokens=decoding.max_new_tokens,
                pad_token_id=pad,
                use_cache=True,
                **decoding_options(self._model, decoding),
            )
        # A decoder repeats the prompt; an encoder-decoder opens with its start token.
        new_ids = output[:, 1 if self._two_sided else width :].tolist()
        for row, new in zip(batch, new_ids, strict=True):
            yield self._completion(row, new)

    def _pad(self, values: list[int], filler: int, width: int) -> list[int]:
        """Pad so that answers follow prompts; encoders count positions from the left instead."""
        padding = [filler] * (width - len(values))
        return values + padding if self._two_sided else padding + values

    def _completion(self, row: Encoded, new: list[int]) -> Completion:
        ends = end_tokens(self._model)
        stop = next((index for index, token in enumerate(new) if token in ends), None)
        return Completion(
            text=self._tokenizer.decode(new[:stop], skip_special_tokens=True),
            cut_off=stop is None,
            prompt_truncated=row.shortened,
            prompt_tokens=len(row.prompt),
            answer_tokens=len(new) if stop is None else stop + 1,
        )


def make_encoder(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", *, name: str, chat: bool
) -> Encoder:
    """Return how a model in memory reads prompts."""
    stated = getattr(model.config, "max_position_embeddings", None)
    return Encoder(
        tokenizer=tokenizer,
        name=name,
        context=int(stated or tokenizer.model_max_length),
        two_sided=bool(model.config.is_encoder_decoder),
        chat=chat,
    )


def load_local(
    model: str, *, chat: bool | None = None, batch_tokens: int | None = None
) -> LocalModel:
    """Load a model folder, an adapter's folder or a hub id, once; float32 on a CPU.

    ``chat`` wraps prompts in the model's chat template; null means as it was tuned.
    """
    need_files(model)
    tokenizer = load_tokenizer(model)
    chat = asks_in_chat(model, tokenizer, chat)
    loaded = load_weights(model, best_device())
    return LocalModel(
        loaded,
        tokenizer,
        name=display_name(model),
        key=make_key(
            fingerprint(model), "transformers", str(loaded.dtype).removeprefix("torch."), chat
        ),
        chat=chat,
        batch_tokens=batch_tokens,
    )


def tuned_as(model: str) -> dict[str, Any]:
    """Return the recipe that a model of ours was tuned by; nothing for other models."""
    path = Path(model) / "mentallama.json"
    return dict(read_json(path).get("recipe", {})) if path.is_file() else {}


def asks_in_chat(model: str, tokenizer: "PreTrainedTokenizerBase", wanted: bool | None) -> bool:
    """Say whether prompts go into the chat template: as wanted, else as the model was tuned."""
    chat = tuned_as(model).get("template") == "chat" if wanted is None else wanted
    if chat and not tokenizer.chat_template:
        raise InputError(f"{model}: has no chat template; ask it with the prompt as it is")
    return chat


def make_key(hashed: str, engine: str, precision: str, chat: bool) -> str:
    """Return a text that differs whenever a model that runs here would answer differently."""
    return f"{hashed} {engine} {precision}{' chat' if chat else ''}"


def need_files(model: str) -> None:
    """Raise InputError where a model's folder is none, or lacks its tokenizer."""
    folder = Path(model)
    if not folder.exists():
        if model.startswith((".", "/", "~")) or model.count("/") != 1:
            raise InputError(f"{model}: no such model folder, and not a hub id (owner/name)")
        return
    if not (folder / "config.json").exists() and not (folder / _ADAPTER).exists():
        raise InputError(f"{model}: not a model folder (no config.json)")
    if not any((folder / name).exists() for name in _TOKENIZER_FILES):
        raise InputError(f"{model}: a model without a tokenizer; save the tokenizer beside it")


def best_device() -> str:
    """Return "cuda" where there is a GPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_weights(model: str, device: str) -> "PreTrainedModel":
    """Load a model, or an adapter on the base that it names; in float32 on a CPU.

    Raises InputError where it cannot be loaded, or where its answers would never end.
    """
    import torch

    quieten()
    base = adapted_base(model)
    source = base or model
    kind = "Seq2SeqLM" if _is_two_sided(source) else "CausalLM"
    loaded = load_pretrained(kind, source, dtype=torch.float32 if device == "cpu" else "auto")
    if base:
        loaded = put_on(loaded, base, model)
    if not end_tokens(loaded):
        raise InputError(f"{model}: has no end-of-sequence token, so its answers would never stop")
    return loaded.to(device).eval()


def adapted_base(model: str) -> str | None:
    """Return the base that an adapter's folder names; nothing for other models."""
    path = Path(model) / _ADAPTER
    if not path.is_file():
        return None
    base = read_json(path).get("base_model_name_or_path")
    if not base:
        raise InputError(f"{path}: names no base; set base_model_name_or_path")
    return str(base)


def put_on(loaded: "PreTrainedModel", base: str, adapter: str) -> "PreTrainedModel":
    """Put an adapter on its base; every tensor of one must be in the other."""
    import warnings

    from peft import PeftModel, get_peft_model_state_dict
    from peft.utils import load_peft_weights

    try:
        weights = load_peft_weights(adapter, device="cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tensors that are missing, which is said below
            adapted: PreTrainedModel = PeftModel.from_pretrained(loaded, adapter)
    except (ValueError, RuntimeError, KeyError, OSError) as error:
        reason = first_line(error).rstrip(":")
        raise InputError(f"{adapter}: does not fit its base '{base}': {reason}") from None
    needed = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    left_over = {name for name in weights if ".lora_" in name} - set(needed)
    strange = sorted(left_over | (set(needed) - set(weights)))
    if strange:
        raise InputError(
            f"{adapter}: does not fit its base '{base}': {len(strange)} tensors are in one of them "
            f"only, {strange[0]} first"
        )
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


def decoding_options(model: Any, decoding: Decoding) -> dict[str, Any]:
    """Return what ``generate`` is told; the model's own habits (beams, penalties) do not count."""
    options: dict[str, Any] = {
        "num_beams": 1,
        "repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
        "min_length": 0,
        "forced_bos_token_id": None,
        # It would end a cut answer as if it were whole.
        "forced_eos_token_id": None,
    }
    if hasattr(model.config, "output_router_logits"):
        # Mixtures of experts add up their router's loss where their config says so, and fail at it
        # once the mask is longer than the tokens at hand.
        options["output_router_logits"] = False
    if decoding.temperature == 0:
        return options | {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    drawn = {"do_sample": True, "temperature": decoding.temperature, "top_p": 1.0, "top_k": 0}
    return options | drawn


def display_name(model: str) -> str:
    """Return a name for results: the recipe's where we tuned it, else the folder's or the id's."""
    folder = Path(model)
    if not folder.is_dir():
        return model.split("/")[-1]
    ours = folder / "mentallama.json"
    return str(read_json(ours)["name"]) if ours.exists() else folder.resolve().name


def fingerprint(model: str) -> str:
    """Hash all files of a model's folder, and of an adapter's base; a hub id gets its commit."""
    folder = Path(model)
    if not folder.is_dir():
        return f"{model}@{_commit(model)}"
    digest = hashlib.sha256()
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        digest.update(f"{path.name} {sha256(path)} ".encode())
    base = adapted_base(model)
    if base:
        digest.update(fingerprint(base).encode())
    return digest.hexdigest()


def _commit(model: str) -> str:
    """Return the commit of a hub model that lies in the cache."""
    from transformers.utils import cached_file

    path = cached_file(model, "config.json", local_files_only=True)
    return Path(path).parent.name if path else "unknown"
