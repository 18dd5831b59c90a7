"""A recipe: everything that decides how a model is tuned, as one strict YAML file."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mentallama.errors import InputError, nearest
from mentallama.tasks import get_task
from mentallama.types import Form


class Scratch(BaseModel):
    """A small LLaMA built from nothing, with a BPE tokenizer trained on the training text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabulary: int = Field(ge=300)
    hidden_size: int = Field(ge=8)
    feed_forward_size: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    context: int = Field(ge=64)

    @model_validator(mode="after")
    def _even_heads(self) -> "Scratch":
        if self.hidden_size % (2 * self.heads):
            raise ValueError("hidden_size must be a multiple of twice the number of heads")
        return self


class Recipe(BaseModel):
    """How to tune; every key does something, and an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    base: str | None = None
    """Hub id or folder of the model to start from; give this or ``scratch``."""
    scratch: Scratch | None = None
    form: Form = "instruction"
    tasks: tuple[str, ...] | None = None
    """Sets to tune on; null means every set of the data folder that has training rows."""
    max_length: int = Field(ge=64)
    """Longest prompt with answer, in tokens; longer posts lose their middle."""
    epochs: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    """Rows (or packs of ``max_length`` tokens) per optimiser step, over all devices."""
    device_batch_size: int = Field(ge=1)
    """Of these, how many are computed at once on one device; the rest is accumulated."""
    batching: Literal["packing", "by_length"]
    """Several rows in one sequence, kept apart in attention; or rows of near-equal length."""
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(ge=0, lt=1, default=0.03)
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = Field(ge=0, default=0.0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where a GPU has it, fp32 elsewhere."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False
    evaluations: int = Field(ge=1, default=10)
    """How often in a run validation loss is measured and a checkpoint written."""
    seed: int = 42

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for key in keys or ():
            try:
                get_task(key)
            except InputError as error:
                raise ValueError(str(error)) from None
        return keys

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if (self.base is None) == (self.scratch is None):
            raise ValueError("give either base or scratch")
        if self.batch_size % self.device_batch_size:
            raise ValueError("batch_size must be a multiple of device_batch_size")
        if self.scratch and self.max_length > self.scratch.context:
            raise ValueError("max_length is larger than scratch.context")
        return self


def find_recipe(name: str) -> Path:
    """Return the path of a recipe: a file, or the name of one that ships with the package."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    shipped = Path(str(files("mentallama") / "recipes"))
    found = shipped / f"{name}.yaml"
    if not found.exists():
        names = sorted(file.stem for file in shipped.glob("*.yaml"))
        hint = nearest(name, names) or f" Shipped recipes: {', '.join(names)}."
        raise InputError(f"no recipe is called '{name}'.{hint}")
    return found
