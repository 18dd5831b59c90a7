"""What a tuning run will need, from the base's config alone: no weights, no hub, no GPU.

Memory and operations are read off one training step that is played through without being computed
(``trace.py``); nothing is fitted and nothing extrapolated. It equals what torch allocates within
1 % (``benchmarks/tuning_memory.py``). Not counted:

- on a GPU: the context (about half a GiB), fragmentation, work space of kernels; leave 10 % free;
- on a CPU: the holes in glibc's heap, 10 to 100 % more, unless MALLOC_MMAP_THRESHOLD_ is set; the
  attention weights that dropout on them (BERT's default) makes CPUs keep;
- evaluation, the reference model of DPO and what GRPO generates.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mentallama.errors import InputError
from mentallama.tuning.setting import Load, Setting

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from mentallama.tuning.trace import Step

NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
"""Bits per weight of 4-bit NormalFloat with double quantisation (Dettmers et al. 2023)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes on one device at the fullest moment of a step.

    Gradients and activations trade places during a step. Without accumulation the fullest moment
    often comes before there are any gradients, and ``gradients`` is then 0 or little.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    """All else: what the backward pass needs, logits, and what is at work at that moment."""

    @property
    def total(self) -> int:
        """Return the sum."""
        return self.weights + self.gradients + self.optimizer + self.activations


def estimate_memory(config: "PretrainedConfig", load: Load, setting: Setting) -> Memory:
    """Return what a step needs on one device, with AdamW (fp32 moments, fused).

    Takes seconds, also for 70 billion weights. Raises InputError where the model cannot be built
    from the config.
    """
    from mentallama.tuning.blank import packed_weights

    model = _build(config, setting)
    packed = packed_weights(model) if setting.method == "qlora" else {}
    weights = sum(_stored_bytes(p, id(p) in packed) for p in model.parameters())
    weights += sum(b.numel() * b.element_size() for b in model.buffers())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    # Linear layers unpack their 4-bit weights on the spot, one after the other.
    unpacked = max((p.numel() * p.element_size() for p in packed.values()), default=0)
    gathered = _gathered_bytes(model) if setting.shards > 1 else 0
    step = _trace(model, load, setting)
    return Memory(
        weights=weights // setting.shards + gathered,
        gradients=step.gradients,
        optimizer=8 * trained // setting.shards,
        activations=step.activations + unpacked,
    )


def count_parameters(config: "PretrainedConfig", setting: Setting) -> tuple[int, int]:
    """Return how many weights the model has in all (adapters included), and how many are trained.

    Exact: counted on the model itself. Raises InputError where it cannot be built.
    """
    sizes = [(p.numel(), p.requires_grad) for p in _build(config, setting).parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)


def estimate_flops(config: "PretrainedConfig", tokens: int, load: Load, setting: Setting) -> float:
    """Return the operations of training on ``tokens`` tokens, padding included.

    ``load`` is a typical batch, not the largest: attention grows with its length. Counted are
    matrix products and attention (unmasked, two operations per multiplication), each as often as
    it is run: frozen weights have no gradients to compute, gradient checkpointing runs the forward
    pass twice, and of a mixture's experts only the active ones work.
    """
    step = _trace(_build(config, setting), load, setting)
    return step.flops * tokens / (load.rows * load.tokens)


def _build(config: "PretrainedConfig", setting: Setting) -> Any:
    from mentallama.tuning.blank import build_blank

    if (setting.method == "full") != (setting.lora_rank is None):
        raise InputError(f"method {setting.method}: a rank belongs to lora and qlora, both need it")
    try:
        return build_blank(config, setting)
    except ValueError as error:
        raise InputError(
            f"no {setting.objective} model can be built from the config of type "
            f"'{config.model_type}': {str(error).strip().splitlines()[0]}"
        ) from None


def _trace(model: Any, load: Load, setting: Setting) -> "Step":
    from torch._subclasses.fake_tensor import (
        DataDependentOutputException,
        DynamicOutputShapeException,
        UnsupportedFakeTensorException,
    )

    from mentallama.tuning.trace import trace_step

    places = load.rows * load.tokens
    if min(load.rows, load.tokens) < 1:
        raise InputError(f"{load.rows} rows of {load.tokens} tokens: both must be above 0")
    if setting.objective != "classifier" and load.answer_tokens < 1:
        raise InputError(f"{load.answer_tokens} answer tokens: a batch needs at least one")
    if setting.objective == "causal" and load.answer_tokens > places:
        raise InputError(f"{load.answer_tokens} answer tokens in a batch of {places} tokens")
    try:
        return trace_step(model, load, setting)
    except (
        DataDependentOutputException,
        DynamicOutputShapeException,
        UnsupportedFakeTensorException,
    ):
        raise InputError(
            f"a step of '{model.config.model_type}' cannot be estimated: what it computes depends "
            "on what the weights hold"
        ) from None


def _stored_bytes(parameter: Any, packed: bool) -> int:
    size, width = int(parameter.numel()), int(parameter.element_size())
    if packed:
        return round(size * NF4_BITS / 8)
    return size * (4 if parameter.requires_grad else width)


def _gathered_bytes(model: Any) -> int:
    """Return what FSDP holds undivided: the outermost weights, two blocks and a block's gradients.

    One block is at work, the next is fetched meanwhile.
    """
    names = set(model._no_split_modules or ())
    blocks = [_held_bytes(module) for module in model.modules() if type(module).__name__ in names]
    return _held_bytes(model) - sum(blocks) + 3 * max(blocks, default=0)


def _held_bytes(module: Any) -> int:
    return sum(int(p.numel()) * int(p.element_size()) for p in module.parameters())
