"""What an estimate is asked about: a batch on one device, and how the model is tuned."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is computed at once on one device."""

    rows: int
    tokens: int
    """Tokens per row, padding included; of an encoder-decoder, those of the prompt."""
    answer_tokens: int
    """Tokens of all rows that bear loss: only these have logits. Of an encoder-decoder: rows times
    the longest answer. Classifiers ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How the model is tuned."""

    objective: Literal["causal", "seq2seq", "classifier"] = "causal"
    """classifier: as many outputs as the config has labels; also right for reward models."""
    method: Literal["full", "lora", "qlora"] = "full"
    lora_rank: int | None = None
    lora_targets: tuple[str, ...] | None = None
    """None: all linear layers but the head."""
    lora_dropout: float = 0.0
    frozen_layers: int = 0
    """First layers of an encoder that are not tuned, nor are its embeddings; 0: all are."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: computed in bf16 (autocast); trained weights are fp32, LoRA's frozen base is bf16."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False
    accumulation: int = 1
    """Batches per optimiser step and device; above 1, gradients are there all the time."""
    devices: int = 1
    sharding: Literal["none", "fsdp"] = "none"
    """fsdp: weights, gradients and optimiser are divided by the devices."""

    @property
    def shards(self) -> int:
        """Return over how many devices weights, gradients and optimiser are divided."""
        return self.devices if self.sharding == "fsdp" else 1
