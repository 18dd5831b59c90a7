"""The model and tokenizer that a run starts from: a hub id, a folder, or a small one from nothing.

torch and transformers are imported inside: ``mentallama --help`` and bad recipes stay fast.
"""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mentallama.errors import InputError
from mentallama.pretrained import classifier_kind, load_pretrained
from mentallama.pretrained import load_tokenizer as pretrained_tokenizer
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.scratch import build_model, class_names, train_tokenizer

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(
    recipe: Recipe, text: Iterable[str], *, local_only: bool = False
) -> "PreTrainedTokenizerBase":
    """Return the base's tokenizer, or one trained on ``text`` for a scratch model."""
    if recipe.scratch:
        return train_tokenizer(recipe.scratch, text)
    return pretrained_tokenizer(str(recipe.base), local_only=local_only)


def load_model(
    recipe: Recipe, tokenizer: "PreTrainedTokenizerBase", classes: Sequence[str] = ()
) -> "PreTrainedModel":
    """Return the model to tune, with adapters where the recipe asks for them.

    Trained weights are float32 whatever the precision: bf16 computes in half precision, but steps
    of 1e-5 would vanish in bf16 weights. The frozen base of LoRA is bf16 in bf16 runs, of QLoRA
    4-bit.
    """
    if recipe.scratch:
        model = build_model(recipe.scratch, tokenizer, classes)
        if recipe.reads == "post_alone":
            from mentallama.pooled import PooledForSequenceClassification

            model = PooledForSequenceClassification(model.config)
        model.config.use_cache = recipe.objective == "grpo"
        model.config.reads = recipe.reads
        return model
    model = _load_base(recipe, classes)
    model.config.reads = recipe.reads
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    if recipe.lora is None:
        freeze_layers(model, recipe.frozen_layers)
        return model
    from peft import get_peft_model, prepare_model_for_kbit_training

    if recipe.method == "qlora":
        model = prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]
            model, use_gradient_checkpointing=recipe.gradient_checkpointing
        )
    adapted = get_peft_model(model, lora_config(recipe))
    for parameter in adapted.parameters():
        # A new head has the type of the base it stands on, which may be bf16.
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def freeze_layers(model: "PreTrainedModel", count: int) -> None:
    """Keep the embeddings and the first ``count`` layers of an encoder as they are."""
    if not count:
        return
    encoder = model.base_model
    layers = encoder.encoder.layer
    if count > len(layers):
        raise InputError(f"frozen_layers {count}: the model has {len(layers)} layers")
    for part in (encoder.embeddings, *layers[:count]):
        part.requires_grad_(False)


def lora_config(recipe: Recipe) -> "LoraConfig":
    """Return PEFT's config of the recipe's adapters."""
    from peft import LoraConfig

    assert recipe.lora
    kinds = {"seq2seq": "SEQ_2_SEQ_LM", "classifier": "SEQ_CLS", "reward": "SEQ_CLS"}
    return LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,  # type: ignore[arg-type]
        lora_dropout=recipe.lora.dropout,
        target_modules=list(recipe.lora.targets) if recipe.lora.targets else "all-linear",
        task_type=kinds.get(recipe.objective, "CAUSAL_LM"),
    )


def use_bf16(recipe: Recipe) -> bool:
    """Say whether this run computes in bf16 on this machine."""
    import torch

    if recipe.precision == "auto":
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return recipe.precision == "bf16"


def _load_base(recipe: Recipe, classes: Sequence[str]) -> "PreTrainedModel":
    import torch

    values: dict[str, Any] = {
        "dtype": torch.bfloat16 if recipe.lora and use_bf16(recipe) else torch.float32,
        "attn_implementation": recipe.attention,
    }
    if recipe.method == "qlora":
        values["quantization_config"] = _four_bit(recipe)
    match recipe.objective:
        case "classifier":
            values |= class_names(classes) | {"ignore_mismatched_sizes": True, "new_head": True}
            kind = classifier_kind(recipe.reads)
        case "reward":
            values |= {"num_labels": 1, "new_head": True}
            kind = "SequenceClassification"
        case "seq2seq":
            kind = "Seq2SeqLM"
        case _:
            kind = "CausalLM"
    return load_pretrained(kind, str(recipe.base), **values)


def _four_bit(recipe: Recipe) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if not has_four_bit():
        raise InputError(
            "method qlora needs the 4-bit kernels of bitsandbytes: pip install "
            "'mentallama[qlora]', or use method lora"
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if use_bf16(recipe) else torch.float32,
    )


def has_four_bit() -> bool:
    """Say whether the kernels that QLoRA needs are installed; they run on CPUs too."""
    return find_spec("bitsandbytes") is not None
