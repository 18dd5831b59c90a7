"""Estimates of tuning against what torch allocates, counts worked out by hand, published sizes."""

import copy
from typing import Any

import pytest
import torch
import transformers
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile
from transformers import LlamaConfig, PretrainedConfig

from mentallama.config import load_config
from mentallama.errors import InputError
from mentallama.tuning.bases import known_config
from mentallama.tuning.estimate import (
    count_parameters,
    estimate_flops,
    estimate_memory,
)
from mentallama.tuning.gpus import GPUS, Gpu, hours
from mentallama.tuning.plan import _describe_gpu
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.setting import Load, Setting
from tests.conftest import ROOT

VOCABULARY, HIDDEN, INNER, LAYERS, HEADS = 2000, 128, 352, 4, 4
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "pad_token_id": 0,
}
LOAD = Load(rows=4, tokens=160, answer_tokens=200)
LORA: dict[str, Any] = {"method": "lora", "lora_rank": 4}
LINEAR = LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * INNER)
"""Weights of the linear layers but the head."""
PLACES = LOAD.rows * LOAD.tokens
FORWARD = 2 * PLACES * LINEAR + 2 * LOAD.answer_tokens * VOCABULARY * HIDDEN
ATTENTION = 2 * 2 * LAYERS * LOAD.rows * LOAD.tokens**2 * HIDDEN
"""Scores and their use, of one forward pass."""
LLAMA = LlamaConfig(**SIZES)
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LLAMA,
    "mixtral": transformers.MixtralConfig(
        **SIZES, num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2
    ),
    "bert": transformers.BertConfig(**SIZES, attention_probs_dropout_prob=0.0),
    "bart": transformers.BartConfig(
        vocab_size=VOCABULARY,
        d_model=HIDDEN,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=INNER,
        decoder_ffn_dim=INNER,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
    ),
    "t5": transformers.T5Config(
        vocab_size=VOCABULARY, d_model=HIDDEN, d_ff=INNER, d_kv=32, num_layers=2, num_heads=HEADS
    ),
}


def setting_of(name: str, **values: Any) -> Setting:
    objectives = {"bert": "classifier", "bart": "seq2seq", "t5": "seq2seq"}
    return Setting(objective=objectives.get(name, "causal"), **values)  # type: ignore[arg-type]


def build(config: PretrainedConfig, setting: Setting) -> Any:
    from peft import LoraConfig, TaskType, get_peft_model

    names = {"seq2seq": "Seq2SeqLM", "classifier": "SequenceClassification"}
    frozen = setting.precision == "bf16" and setting.method != "full"
    model = getattr(
        transformers, f"AutoModelFor{names.get(setting.objective, 'CausalLM')}"
    ).from_config(config, dtype=torch.bfloat16 if frozen else torch.float32)
    if setting.lora_rank:
        adapters = LoraConfig(
            r=setting.lora_rank, target_modules="all-linear", task_type=TaskType.CAUSAL_LM
        )
        model = get_peft_model(model, adapters)
    if setting.gradient_checkpointing:
        model.activation_checkpointing_enable()
    return model.train()


def train(config: PretrainedConfig, setting: Setting) -> None:
    """Two steps for real: padded rows, logits for answers alone, AdamW."""
    model = build(config, setting)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)
    inputs = {"input_ids": torch.randint(4, VOCABULARY, (LOAD.rows, LOAD.tokens))}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    inputs["attention_mask"][1:, :3] = 0
    longest = LOAD.answer_tokens // LOAD.rows
    if setting.objective == "causal":
        bears = inputs["attention_mask"] > 1
        bears[:, -longest:] = True
        head = model.get_output_embeddings()
        head.register_forward_pre_hook(lambda _, given: (given[0][bears],))
    if setting.objective == "seq2seq":
        inputs["decoder_input_ids"] = inputs["input_ids"][:, :longest]
    model.config.use_cache = False
    for _ in range(2):
        for _ in range(setting.accumulation):
            with torch.autocast("cpu", torch.bfloat16, enabled=setting.precision == "bf16"):
                logits = model(**inputs).logits
            logits = logits.float().flatten(0, -2)
            cross_entropy(logits, torch.ones(len(logits), dtype=torch.long)).backward()
            del logits
        optimizer.step()
        optimizer.zero_grad()


def allocated(config: PretrainedConfig, setting: Setting) -> int:
    """Return the most bytes that torch's allocator has given out at once."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        train(config, setting)
    now = most = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("llama", {}),
        ("llama", {"gradient_checkpointing": True}),
        ("llama", {"accumulation": 2}),
        ("llama", {"precision": "bf16"}),
        ("llama", LORA),
        ("llama", LORA | {"gradient_checkpointing": True}),
        ("llama", LORA | {"precision": "bf16"}),
        ("mixtral", {}),
        ("bert", {}),
        ("bart", {}),
        ("t5", {}),
    ],
)
def test_memory_is_what_torch_allocates(name: str, values: dict[str, Any]) -> None:
    setting = setting_of(name, **values)
    estimate = estimate_memory(CONFIGS[name], LOAD, setting)
    assert estimate.total == pytest.approx(allocated(CONFIGS[name], setting), rel=0.02)


def test_the_parts_of_memory() -> None:
    weights, trained = count_parameters(LLAMA, Setting())
    buffers = 2 * 4 * HIDDEN // HEADS // 2  # the frequencies of rotary positions, kept twice
    found = estimate_memory(LLAMA, LOAD, Setting(accumulation=2))
    assert (found.weights, found.gradients) == (4 * weights + buffers, 4 * trained)
    assert found.optimizer == 8 * trained
    assert found.total == sum((found.weights, found.gradients, found.optimizer, found.activations))
    # The rows are nearly all of it: twice as many need twice as much.
    double = estimate_memory(LLAMA, Load(rows=8, tokens=160, answer_tokens=400), Setting())
    single = estimate_memory(LLAMA, LOAD, Setting())
    assert double.activations == pytest.approx(2 * single.activations, rel=0.01)


def test_a_second_device_copies_or_divides() -> None:
    one = estimate_memory(LLAMA, LOAD, Setting(accumulation=2))
    copied = estimate_memory(LLAMA, LOAD, Setting(accumulation=2, devices=4))
    assert copied.gradients == 2 * one.gradients  # the buckets in which they are sent
    assert copied.total - one.total == one.gradients
    divided = estimate_memory(LLAMA, LOAD, Setting(accumulation=2, devices=4, sharding="fsdp"))
    assert (4 * divided.gradients, 4 * divided.optimizer) == (one.gradients, one.optimizer)
    # Whole on every device: what is outside the blocks, two blocks, and one block's gradients.
    outside = 2 * VOCABULARY * HIDDEN + HIDDEN
    block = LINEAR // LAYERS + 2 * HIDDEN
    assert divided.weights == one.weights // 4 + 4 * (outside + 3 * block)


def test_four_bit_weights() -> None:
    """Linear layers but the head have 4.127 bits a weight; embedding, head and norms are fp32."""
    found = estimate_memory(LLAMA, LOAD, Setting(method="qlora", lora_rank=4, precision="bf16"))
    total, adapters = count_parameters(LLAMA, Setting(method="qlora", lora_rank=4))
    rest = total - LINEAR
    assert found.weights == pytest.approx(LINEAR * 4.127 / 8 + 4 * rest, rel=1e-3)
    assert found.optimizer == 8 * adapters


def test_flash_attention_keeps_no_mask() -> None:
    """SDPA turns the mask into numbers, in each layer; in fp32, four bytes."""
    sdpa = estimate_memory(LLAMA, LOAD, Setting())
    flash = estimate_memory(LLAMA, LOAD, Setting(attention="flash_attention_2"))
    assert sdpa.activations - flash.activations == LAYERS * 4 * LOAD.rows * LOAD.tokens**2


@pytest.mark.parametrize(
    ("name", "objective", "parameters"),
    [
        ("meta-llama/Llama-2-7b-hf", "causal", 6_738_415_616),
        ("meta-llama/Llama-2-7b-chat-hf", "causal", 6_738_415_616),
        ("meta-llama/Llama-2-13b-chat-hf", "causal", 13_015_864_320),
        ("meta-llama/Llama-2-70b-hf", "causal", 68_976_648_192),
        ("lmsys/vicuna-33b-v1.3", "causal", 32_528_943_616),
        ("meta-llama/Llama-3.1-8B-Instruct", "causal", 8_030_261_248),
        ("Qwen/Qwen3-8B", "causal", 8_190_735_360),
        ("Qwen/Qwen3-30B-A3B", "causal", 30_532_122_624),
        ("google/gemma-3-1b-it", "causal", 999_885_952),
        ("facebook/bart-large", "seq2seq", 406_291_456),
        ("google-t5/t5-large", "seq2seq", 737_668_096),
        # The published number is that of the base model; two labels need a head of 768 x 2 + 2.
        ("bert-base-uncased", "classifier", 109_482_240 + 1538),
        # A hidden layer of the head stands where the base model has its pooler.
        ("roberta-base", "classifier", 124_645_632 + 1538),
    ],
)
def test_published_bases_have_their_published_size(
    name: str, objective: Any, parameters: int
) -> None:
    config = known_config(name)
    assert config is not None
    assert count_parameters(config, Setting(objective=objective)) == (parameters, parameters)


def test_every_shipped_recipe_can_be_planned_from_its_shape() -> None:
    recipes = [load_config(path, Recipe) for path in (ROOT / "recipes").glob("*.yaml")]
    bases = {r.base for r in recipes if r.base and not r.base.startswith("runs/")}
    assert len(bases) > 10
    assert not {base for base in bases if known_config(base) is None}


def test_a_gpu_without_bf16_is_not_planned_in_bf16() -> None:
    (old,) = (gpu for gpu in GPUS if gpu.name == "T4")
    said = _describe_gpu(old, 1e15, 2**30, Setting(precision="bf16"))
    assert "not planned: it has no bf16" in said and "fits" not in said
    assert "fits; under a minute" in _describe_gpu(old, 1e12, 2**30, Setting(precision="fp32"))


def test_an_unpublished_base_has_no_known_config() -> None:
    assert known_config("some/model") is None


def test_a_large_base_is_estimated_without_its_weights() -> None:
    """By hand: 16 bytes a weight, for itself, gradient and AdamW; layers keep only their input."""
    config = known_config("meta-llama/Llama-2-7b-hf")
    assert config is not None
    load = Load(rows=1, tokens=2048, answer_tokens=300)
    found = estimate_memory(config, load, Setting(gradient_checkpointing=True, accumulation=8))
    fixed = found.weights + found.gradients + found.optimizer
    assert fixed == pytest.approx(16 * 6_738_415_616, rel=1e-6)
    inputs = 32 * 2048 * 4096 * 4
    assert inputs < found.activations < 2 * inputs


@pytest.mark.parametrize("targets", [None, ("q_proj", "v_proj")])
def test_adapters_are_counted_as_peft_counts_them(targets: tuple[str, ...] | None) -> None:
    from peft import LoraConfig, get_peft_model

    adapters = LoraConfig(r=4, target_modules=list(targets) if targets else "all-linear")
    real = get_peft_model(transformers.LlamaForCausalLM(LLAMA), adapters)
    trained, total = real.get_nb_trainable_parameters()
    assert count_parameters(LLAMA, Setting(**LORA, lora_targets=targets)) == (total, trained)
    by_hand = 4 * LAYERS * (8 * HIDDEN + 3 * (HIDDEN + INNER)) if not targets else 4 * 4 * 4 * 128
    assert trained == by_hand


def test_operations_of_full_tuning() -> None:
    """Forward once, backward twice; attention computes its scores anew: 2 products, then 5."""
    found = estimate_flops(LLAMA, 10 * PLACES, LOAD, Setting())
    assert found == pytest.approx(10 * (3 * FORWARD + 3.5 * ATTENTION), rel=1e-4)


def test_checkpointing_adds_a_forward_pass_of_the_layers() -> None:
    plain = estimate_flops(LLAMA, PLACES, LOAD, Setting())
    again = estimate_flops(LLAMA, PLACES, LOAD, Setting(gradient_checkpointing=True))
    # The last layer's last product is not needed again.
    last = 2 * PLACES * HIDDEN * INNER * LAYERS
    assert again - plain == pytest.approx(2 * PLACES * LINEAR + ATTENTION - last, rel=1e-3)


def test_frozen_weights_need_no_gradients() -> None:
    """Forward and the gradient of the input; nothing flows below the first layer's projections."""
    rank = 4
    adapters = LAYERS * rank * (8 * HIDDEN + 3 * (HIDDEN + INNER))
    lowest = 2 * PLACES * 3 * HIDDEN * (HIDDEN + rank)
    expected = 2 * FORWARD + 3 * 2 * PLACES * adapters - lowest + 3.5 * ATTENTION
    found = estimate_flops(LLAMA, PLACES, LOAD, Setting(**LORA))
    assert found == pytest.approx(expected, rel=1e-4)


def test_only_active_experts_work() -> None:
    def flops(experts: int, active: int) -> float:
        config = transformers.MixtralConfig(
            **SIZES,
            num_key_value_heads=2,
            num_local_experts=experts,
            num_experts_per_tok=active,
        )
        return estimate_flops(config, PLACES, LOAD, Setting())

    assert flops(8, 2) == pytest.approx(flops(4, 2), rel=0.01)  # the router alone grows
    expert = 3 * 2 * PLACES * LAYERS * 3 * HIDDEN * INNER
    assert flops(4, 3) - flops(4, 2) == pytest.approx(expert, rel=0.01)


def test_hours() -> None:
    gpu = Gpu(name="x", memory=10, tflops=100)
    assert hours(3600 * 100e12, gpu, utilisation=0.5) == pytest.approx(2)
    assert hours(3600 * 100e12, gpu, utilisation=0.5, devices=4) == pytest.approx(0.5)
    assert len({gpu.name for gpu in GPUS}) == len(GPUS)
    with pytest.raises(InputError, match="utilisation 40"):
        hours(1.0, gpu, utilisation=40)


@pytest.mark.parametrize(
    ("config", "load", "setting", "message"),
    [
        (LLAMA, LOAD, Setting(method="lora"), "both need it"),
        (LLAMA, LOAD, Setting(lora_rank=4), "a rank belongs to lora"),
        (LLAMA, LOAD, Setting(**LORA, lora_targets=("none",)), "Target modules"),
        (LLAMA, LOAD, Setting(objective="seq2seq"), "no seq2seq model .* type 'llama'"),
        (LLAMA, Load(rows=0, tokens=9, answer_tokens=1), Setting(), "0 rows of 9 tokens"),
        (LLAMA, Load(rows=2, tokens=9, answer_tokens=0), Setting(), "at least one"),
        (LLAMA, Load(rows=2, tokens=9, answer_tokens=19), Setting(), "19 answer tokens in a batch"),
    ],
)
def test_what_cannot_be_estimated_says_why(
    config: PretrainedConfig, load: Load, setting: Setting, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        estimate_memory(config, load, setting)


def test_a_model_whose_step_depends_on_its_weights_is_refused() -> None:
    config = copy.deepcopy(CONFIGS["mixtral"])
    config._experts_implementation = "eager"  # loops over the experts that were hit
    with pytest.raises(InputError, match="a step of 'mixtral' cannot be estimated"):
        estimate_memory(config, LOAD, Setting())
