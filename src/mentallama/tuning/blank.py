"""The model that a run tunes, without contents: shapes and types alone, in no memory.

It is built as tuning builds it, by transformers' class and PEFT's adapters, on torch's device
"meta". torch is imported here: import this module inside the function that needs it.
"""

import copy
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from mentallama.tuning.setting import Setting

_CLASSES = {"causal": "CausalLM", "seq2seq": "Seq2SeqLM", "classifier": "SequenceClassification"}
_TASK_TYPES = {"causal": "CAUSAL_LM", "seq2seq": "SEQ_2_SEQ_LM", "classifier": "SEQ_CLS"}


def build_blank(config: "PretrainedConfig", setting: "Setting") -> Any:
    """Build the model, adapters included; raises ValueError where config and setting do not fit."""
    import transformers

    from mentallama.tuning.load import freeze_layers

    # FSDP hands its blocks weights in the type that is computed in; else only frozen ones have it.
    halved = setting.precision == "bf16" and (setting.method != "full" or setting.shards > 1)
    with torch.device("meta"):
        dtype = torch.bfloat16 if halved else torch.float32
        if getattr(config, "reads", "post") == "post_alone":
            from mentallama.pooled import PooledForSequenceClassification

            model = PooledForSequenceClassification(_prepared(config)).to(dtype)
        else:
            kind = getattr(transformers, f"AutoModelFor{_CLASSES[setting.objective]}")
            model = kind.from_config(
                _prepared(config), dtype=dtype, attn_implementation=_attention(setting)
            )
        if setting.method == "qlora":
            _imitate_four_bit(model)
        if setting.method != "full":
            model = _adapt(model, setting)
    freeze_layers(model, setting.frozen_layers)
    if setting.gradient_checkpointing:
        model.activation_checkpointing_enable()
    return model.train()


def _prepared(config: "PretrainedConfig") -> "PretrainedConfig":
    config = copy.deepcopy(config)
    config.use_cache = False
    if config.pad_token_id is None:
        config.pad_token_id = 0
    for name in ("attention_dropout", "attention_probs_dropout_prob"):
        if hasattr(config, name):
            # Attention's kernels on GPUs drop weights without keeping them; those on CPUs keep all.
            setattr(config, name, 0.0)
    return config


def _attention(setting: "Setting") -> str | None:
    """Return an attention that keeps as much as the one asked for; None is transformers' choice."""
    if setting.attention == "sdpa":
        return None
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    # FlashAttention needs a GPU to be imported, but keeps what SDPA keeps less the mask.
    AttentionInterface.register("without_mask", sdpa_attention_forward)
    AttentionMaskInterface.register("without_mask", lambda *_, **__: None)
    return "without_mask"


def _adapt(model: Any, setting: "Setting") -> Any:
    from peft import LoraConfig, get_peft_model

    assert setting.lora_rank
    adapters = LoraConfig(
        r=setting.lora_rank,
        lora_dropout=setting.lora_dropout,
        target_modules=list(setting.lora_targets) if setting.lora_targets else "all-linear",
        task_type=_TASK_TYPES[setting.objective],
    )
    return get_peft_model(model, adapters)


def _imitate_four_bit(model: Any) -> None:
    """Give a model the types that bitsandbytes and PEFT give a 4-bit one.

    Linear layers compute in the type of their own, and return that of their input; all else is
    float32.
    """
    packed = packed_weights(model)
    for parameter in model.parameters():
        if id(parameter) not in packed:
            parameter.data = parameter.data.float()
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and id(module.weight) in packed:
            module.register_forward_hook(lambda _, given, found: found.to(given[0].dtype))


def packed_weights(model: Any) -> dict[int, Any]:
    """Return, by id, the weights that QLoRA packs: those of linear layers but the head's."""
    head = model.get_output_embeddings()
    return {
        id(module.weight): module.weight
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head and "lora_" not in name
    }


def fill_blank(model: Any) -> None:
    """Put new tensors on a CPU in place of those on "meta"; tied ones stay tied.

    Meant for FakeTensorMode, where they take no memory. On "meta" itself torch would choose other
    kernels, and attention would keep more.
    """
    made: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for name, old in table.items():
                if old is None:
                    continue
                if id(old) not in made:
                    new = torch.empty(old.shape, dtype=old.dtype)
                    weight = isinstance(old, torch.nn.Parameter)
                    made[id(old)] = torch.nn.Parameter(new, old.requires_grad) if weight else new
                table[name] = made[id(old)]
