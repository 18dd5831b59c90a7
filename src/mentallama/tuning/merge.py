"""A LoRA adapter merged into its base: one model for any server, proved equal to the adapter.

Merging is done in float32 on the unquantised base, and kept in float32: rounding to 16 bits would
lose part of what was tuned. The proof is of the folder that was written, read again: every tensor
is what stood in memory, those with an adapter differ from the base, and the answers to some
prompts are the adapter's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mentallama import NOTICE, __version__
from mentallama.errors import CheckError, InputError, first_line
from mentallama.io import need_folder, read_json, write_json
from mentallama.pretrained import load_pretrained, load_tokenizer, quieten
from mentallama.tuning.proof import (
    TOLERANCE,
    Answer,
    Comparison,
    Kind,
    ask,
    asks_in_chat,
    compare,
    need_agreement,
    need_new,
    read_result,
    show,
    summary,
    whole_folder,
)
from mentallama.tuning.scratch import class_names
from mentallama.tuning.state import describe, need_changed, read_back

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER = "adapter_config.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_KINDS: dict[str, Kind] = {
    "CAUSAL_LM": "CausalLM",
    "SEQ_2_SEQ_LM": "Seq2SeqLM",
    "SEQ_CLS": "SequenceClassification",
}
_UNFILLED = "[More Information Needed]"
"""What the card that PEFT writes says of everything."""
_IN_PEFT = "base_model.model."
"""What PEFT puts before the name of a base's module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A merged model and the proof of it."""

    folder: Path
    comparisons: tuple[Comparison, ...]
    """Adapter and saved model, one for each prompt."""
    tensors: int
    changed: int
    """Tensors that differ from the base."""
    four_bit: bool
    """The adapter was trained on a 4-bit base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Adapter:
    folder: Path
    base: str
    kind: Kind
    result: dict[str, Any]
    tokenizer: "PreTrainedTokenizerBase"

    def answer(self, model: Any, prompts: Sequence[str]) -> list[Answer]:
        return ask(model, self.tokenizer, prompts, self.kind, chat=asks_in_chat(self.result))


def merge(folder: Path, out: Path, prompts: Sequence[str]) -> Merged:
    """Merge the adapter in ``folder`` into its base and write the model to ``out``.

    Raises InputError where there is nothing to merge or ``out`` exists; CheckError, and leaves
    nothing behind, where the saved model is not the adapter's equal.
    """
    adapter = _read_adapter(folder)
    need_new(out)
    quieten()
    base = _load_base(adapter)
    before = describe(base)
    adapted = _put_on(base, adapter)
    wanted = adapter.answer(adapted, prompts)
    tuned = _tuned_tensors(adapted)
    merged = adapted.merge_and_unload()
    expected = describe(merged)
    changed = need_changed(before, expected, tuned, folder)
    with whole_folder(out) as written:
        _save(merged, adapter.tokenizer, written)
        del base, adapted, merged  # a second copy of a large model may not fit
        saved = read_back(written, adapter.kind, expected)
        comparisons = compare(wanted, adapter.answer(saved, prompts))
        need_agreement(comparisons, f"{folder}: the saved model against the adapter")
        result = Merged(
            folder=out,
            comparisons=tuple(comparisons),
            tensors=len(expected),
            changed=changed,
            four_bit=adapter.result.get("recipe", {}).get("method") == "qlora",
        )
        _describe_merge(written, adapter, result, saved.num_parameters())
    return result


def lines(merged: Merged) -> list[str]:
    """Return what is said of a merge; no prompt's text."""
    changed = f"{merged.changed} of {merged.tensors} tensors differ from the base"
    return [
        *show(merged.comparisons),
        f"{changed}; all {merged.tensors} were read back from the folder as they were merged",
        *([_FOUR_BIT] if merged.four_bit else []),
        f"model in {merged.folder}",
    ]


_OPENING = "# {name}\n\n**{notice}**"
_FOUR_BIT = (
    "the adapter was trained on a 4-bit base and is merged into the unquantised one; the agreement "
    "is with the adapter on the unquantised base"
)


def _read_adapter(folder: Path) -> _Adapter:
    """Read what an adapter's folder says of it."""
    need_folder(folder)
    path = folder / ADAPTER
    if not path.is_file():
        raise InputError(f"{folder}: not an adapter (no {ADAPTER}); only adapters can be merged")
    settings = read_json(path)
    if settings.get("peft_type") != "LORA":
        raise InputError(f"{path}: peft_type {settings.get('peft_type')}; only LORA can be merged")
    if settings.get("task_type") not in _KINDS:
        known = ", ".join(_KINDS)
        raise InputError(f"{path}: task_type {settings.get('task_type')}; expected one of {known}")
    if not settings.get("base_model_name_or_path"):
        raise InputError(f"{path}: names no base; set base_model_name_or_path")
    if not any((folder / name).is_file() for name in _WEIGHTS):
        raise InputError(f"{folder}: an adapter without weights (no {_WEIGHTS[0]})")
    return _Adapter(
        folder=folder,
        base=settings["base_model_name_or_path"],
        kind=_KINDS[settings["task_type"]],
        result=read_result(folder),
        tokenizer=load_tokenizer(str(folder), local_only=True),
    )


def _load_base(adapter: _Adapter) -> "PreTrainedModel":
    import torch

    values = {"dtype": torch.float32, **_head(adapter)}
    base = load_pretrained(adapter.kind, adapter.base, **values)
    if getattr(base.config, "quantization_config", None):
        raise InputError(
            f"base '{adapter.base}' is stored quantised; name its unquantised version as "
            f"base_model_name_or_path in {adapter.folder / ADAPTER}"
        )
    if base.config.pad_token_id is None:
        base.config.pad_token_id = adapter.tokenizer.pad_token_id
    return base


def _head(adapter: _Adapter) -> dict[str, Any]:
    """Return how a classifier's output layer is built; the adapter holds its weights."""
    if adapter.kind != "SequenceClassification":
        return {}
    recipe = adapter.result.get("recipe", {})
    if recipe.get("objective") == "reward":
        return {"new_head": True, "num_labels": 1}
    if recipe.get("reads") == "post_alone":
        raise InputError(
            f"{adapter.folder}: reads the post alone, and is merged whenever it is loaded; use the "
            "folder as it is"
        )
    names = adapter.result.get("classes")
    if not names:
        raise InputError(
            f"{adapter.folder}: a classifier's adapter whose mentallama.json names no classes; its "
            "labels are not known"
        )
    classes = class_names(names)
    return {"new_head": True, "ignore_mismatched_sizes": True, **classes}


def _put_on(base: "PreTrainedModel", adapter: _Adapter) -> "PeftModel":
    """Put an adapter on its base; every tensor of it must be in its file and be a number."""
    from peft import PeftModel, get_peft_model_state_dict
    from peft.utils import load_peft_weights

    weights = load_peft_weights(str(adapter.folder), device="cpu")
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise CheckError(f"{adapter.folder}: its tensor {name} holds NaN or infinity")
    try:
        adapted: PeftModel = PeftModel.from_pretrained(base, str(adapter.folder)).eval()
    except (ValueError, RuntimeError, KeyError) as error:
        raise InputError(
            f"{adapter.folder}: does not fit its base '{adapter.base}': {first_line(error)}"
        ) from None
    needed = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    missing = sorted(set(needed) - set(weights))
    if missing:
        raise InputError(
            f"{adapter.folder}: {len(missing)} of its {len(needed)} tensors are missing, "
            f"{missing[0]} first"
        )
    return adapted


def _tuned_tensors(adapted: "PeftModel") -> list[str]:
    """Return the base's tensors that have an adapter which is not zero."""
    return [
        f"{name.removeprefix(_IN_PEFT).split('.lora_')[0]}.weight"
        for name, tensor in adapted.named_parameters()
        if (".lora_B." in name or ".lora_embedding_B." in name) and tensor.any()
    ]


def _save(model: Any, tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _describe_merge(written: Path, adapter: _Adapter, merged: Merged, parameters: int) -> None:
    """Write ``mentallama.json`` and the model card beside the weights."""
    result = {"name": adapter.folder.resolve().name, "version": __version__, **adapter.result}
    proof = {
        "adapter": result["name"],
        "base": adapter.base,
        "version": __version__,
        "prompts": len(merged.comparisons),
        "same_answers": sum(row.same for row in merged.comparisons),
        "largest_difference": max(row.difference for row in merged.comparisons),
        "tolerance": TOLERANCE,
        "tensors": merged.tensors,
        "changed": merged.changed,
    }
    write_json(written / "mentallama.json", result | {"parameters": parameters, "merged": proof})
    card = _card(adapter, merged, str(result["name"]))
    (written / "README.md").write_text(card, encoding="utf-8")


def _card(adapter: _Adapter, merged: Merged, name: str) -> str:
    """Return the adapter's card with the merge's proof, or a short one where it has none."""
    path = adapter.folder / "README.md"
    head, body = _split_card(path.read_text(encoding="utf-8") if path.is_file() else "")
    if _UNFILLED in body:
        body = ""
    head |= {"library_name": "transformers", "base_model": adapter.base}
    tags = [tag for tag in head.get("tags", []) if tag != "lora" and "adapter:" not in tag]
    if tags:
        head["tags"] = tags
    four_bit = f"\nNote: {_FOUR_BIT}." if merged.four_bit else ""
    return f"""---
{yaml.safe_dump(head, sort_keys=False).strip()}
---

{body.strip() or _OPENING.format(name=name, notice=NOTICE)}

## Merged

The adapter {name} merged into {adapter.base} by mentallama {__version__}, in float32;
{merged.changed} of {merged.tensors} tensors differ from the base.
Saved model against adapter: {summary(merged.comparisons)}.{four_bit}
"""


def _split_card(text: str) -> tuple[dict[str, Any], str]:
    """Return a card's front matter and its body."""
    if not text.startswith("---\n") or "\n---\n" not in text:
        return {}, text
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    head = yaml.safe_load(front)
    return (head if isinstance(head, dict) else {}), body
