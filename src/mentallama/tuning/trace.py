"""One training step played through without computing it: what is alive at its fullest moment.

Everything runs under torch's FakeTensorMode, where tensors have shapes and types but no contents:
a step of a model with 70 billion weights takes seconds. Whatever torch, transformers and PEFT
allocate, keep and free in a step is seen, and so nothing about a model need be known here.

torch is imported here: import this module inside the function that needs it.
"""

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from mentallama.tuning.blank import fill_blank

if TYPE_CHECKING:
    from mentallama.tuning.setting import Load, Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the forward and backward pass of one batch takes on one device."""

    activations: int
    """Bytes alive besides weights, optimiser and gradients, at the fullest moment."""
    gradients: int
    """Bytes of gradients at that moment."""
    flops: int
    """Operations of matrix products and attention, two per multiplication."""


def trace_step(model: Any, load: "Load", setting: "Setting") -> Step:
    """Play one batch through a model of ``build_blank``, which it uses up."""
    with FakeTensorMode():
        fill_blank(model)
        inputs, labels = _make_batch(model, load, setting)
        watch = _Watch([*model.parameters(), *model.buffers(), *inputs.values(), labels], setting)
        watch.follow_gradients([p for p in model.parameters() if p.requires_grad])
        with watch:
            _step(model, inputs, labels, setting)
    activations, gradients = watch.peak
    return Step(activations=activations, gradients=gradients, flops=watch.flops)


def _step(model: Any, inputs: dict[str, Any], labels: Any, setting: "Setting") -> None:
    # Under FSDP the weights themselves come in bf16.
    autocast = setting.precision == "bf16" and setting.shards == 1
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        logits = model(**inputs).logits
    logits = logits.float().flatten(0, -2)
    cross_entropy(logits, labels, reduction="sum").backward()


def _make_batch(
    model: Any, load: "Load", setting: "Setting"
) -> tuple[dict[str, Any], torch.Tensor]:
    ids = torch.zeros(load.rows, load.tokens, dtype=torch.long)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if setting.objective == "classifier":
        return inputs, ids[:, 0].clone()
    if setting.objective == "seq2seq":
        longest = -(-load.answer_tokens // load.rows)
        inputs["decoder_input_ids"] = torch.zeros(load.rows, longest, dtype=torch.long)
        return inputs, torch.zeros(load.rows * longest, dtype=torch.long)
    chosen = torch.zeros(load.answer_tokens, dtype=torch.long)

    def choose(_: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (given[0].flatten(0, 1)[chosen], *given[1:])

    model.get_output_embeddings().register_forward_pre_hook(choose)
    return inputs, torch.zeros_like(chosen)


class _Watch(TorchDispatchMode):  # type: ignore[misc]
    """Adds up the storages that are alive, and the operations."""

    def __init__(self, fixed: list[torch.Tensor], setting: "Setting") -> None:
        super().__init__()
        self.setting = setting
        self.activations = self.gradients = self.flops = 0
        self.peak = (0, 0)
        self._met: dict[int, Any] = {id(tensor.untyped_storage()): None for tensor in fixed}

    def follow_gradients(self, trained: list[torch.nn.Parameter]) -> None:
        """Count gradients apart from activations, and those that outlive a batch from the start."""
        whole = sum(self._share_of(parameter) for parameter in trained)
        if self.setting.devices > 1 and self.setting.shards == 1:
            # DistributedDataParallel sends gradients from buckets, a second copy of all of them.
            self.gradients += whole
        if self.setting.accumulation > 1:
            self.gradients += whole
            for parameter in trained:
                parameter.grad = torch.empty_like(parameter)
                self._met[id(parameter.grad.untyped_storage())] = None
        for parameter in trained:
            parameter.register_post_accumulate_grad_hook(self._claim)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation of torch and look at what it returns."""
        kwargs = kwargs or {}
        found = _grouped(*args) if func is _GROUPED.default else func(*args, **kwargs)
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor):
                self._meet(leaf)
        if count := _FLOPS.get(func.overloadpacket):
            self.flops += count(*args, **kwargs, out_val=found)
        return found

    def _meet(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._met:
            return

        def leave(_: Any) -> None:
            if self._met.pop(key):
                self.activations -= size

        self._met[key] = weakref.ref(storage, leave)
        self.activations += size
        self._mark()

    def _claim(self, parameter: torch.Tensor) -> None:
        """Count a gradient that has just been stored as such, and no longer as an activation."""
        assert parameter.grad is not None
        storage = parameter.grad.untyped_storage()
        if self._met.get(id(storage)):
            self._met[id(storage)] = None
            self.activations -= storage.nbytes()
            self.gradients += self._share_of(parameter)
            self._mark()

    def _share_of(self, parameter: torch.Tensor) -> int:
        """Return the bytes that one device keeps of a weight's gradient, which is float32."""
        return 4 * int(parameter.numel()) // self.setting.shards

    def _mark(self) -> None:
        if self.activations + self.gradients > sum(self.peak):
            self.peak = (self.activations, self.gradients)


_ATEN = torch.ops.aten
_GROUPED = _ATEN._grouped_mm
_FLOPS: dict[Any, Any] = {
    **flop_registry,
    _ATEN._scaled_dot_product_flash_attention_for_cpu: flop_registry[
        _ATEN._scaled_dot_product_flash_attention
    ],
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[
        _ATEN._scaled_dot_product_flash_attention_backward
    ],
    # A mixture's experts: each row of the first factor meets one expert.
    _GROUPED: lambda first, second, *_, **__: 2 * first.numel() * second.shape[-1],
}


def _grouped(first: torch.Tensor, second: torch.Tensor, *rest: Any) -> torch.Tensor:
    """Multiply as experts do, in any type: fake tensors can do it in bf16 alone."""
    return _GROUPED.default(first.bfloat16(), second.bfloat16(), *rest).to(first.dtype)
