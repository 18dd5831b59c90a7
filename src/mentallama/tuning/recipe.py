"""A recipe: everything that decides how a model is tuned, as one strict YAML file."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mentallama.errors import InputError, nearest
from mentallama.tasks import get_task
from mentallama.types import Form

Objective = Literal["causal", "seq2seq", "classifier", "dpo", "reward", "grpo"]
Method = Literal["full", "lora", "qlora"]
Architecture = Literal["llama", "qwen3", "gemma3", "mixtral", "bart", "t5", "bert", "roberta"]
_ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "seq2seq": ("bart", "t5"),
    "classifier": ("bert", "roberta"),
}
_DECODERS = ("llama", "qwen3", "gemma3", "mixtral")


class Scratch(BaseModel):
    """A small model built from nothing, with a BPE tokenizer trained on the training text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: Architecture = "llama"
    vocabulary: int = Field(ge=300)
    hidden_size: int = Field(ge=8)
    feed_forward_size: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    context: int = Field(ge=64)
    experts: int | None = Field(ge=2, default=None)
    """Experts per layer, two of them active; for the mixture of experts (mixtral) alone."""

    @model_validator(mode="after")
    def _fits(self) -> "Scratch":
        if self.hidden_size % (2 * self.heads):
            raise ValueError("hidden_size must be a multiple of twice the number of heads")
        if (self.experts is None) == (self.architecture == "mixtral"):
            raise ValueError("experts belong to the architecture mixtral, and it needs them")
        return self


class Lora(BaseModel):
    """Low-rank adapters (Hu et al. 2021)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)
    dropout: float = Field(ge=0, lt=1, default=0.0)
    targets: tuple[str, ...] | None = None
    """Names of the layers that get an adapter; null means all linear layers but the head."""


class Preference(BaseModel):
    """What DPO and GRPO need besides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    beta: float = Field(ge=0)
    """How strongly the model is held to the one it starts from; 0 (GRPO alone) lets it go."""
    generations: int | None = Field(ge=2, default=None)
    """GRPO: answers drawn per prompt."""
    max_new_tokens: int | None = Field(ge=8, default=None)
    """GRPO: longest answer drawn."""
    temperature: float | None = Field(gt=0, default=None)
    """GRPO: of the draws."""


class Recipe(BaseModel):
    """How to tune; every key does something, and an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    objective: Objective = "causal"
    """causal: the answer behind the prompt; seq2seq: encoder and decoder; classifier: an encoder
    with one output per label; dpo, reward, grpo: the preference stage."""
    base: str | None = None
    """Hub id or folder of the model to start from; give this or ``scratch``."""
    scratch: Scratch | None = None
    method: Method = "full"
    lora: Lora | None = None
    form: Form = "instruction"
    tasks: tuple[str, ...] | None = None
    """Sets to tune on; null means every set of the data folder that has training rows."""
    reads: Literal["post", "explanation", "post_alone"] = "post"
    """Classifiers: label a post with its question, or (label inference) an explanation; post_alone:
    one model reads the post once and answers every question."""
    frozen_layers: int = Field(ge=0, default=0)
    """Classifiers: the embeddings and this many first layers of the encoder stay as they are."""
    head_learning_rate: float | None = Field(gt=0, default=None)
    """Classifiers: of the new output layer; null means ``learning_rate``."""
    train_on_validation: float = Field(ge=0, lt=1, default=0.0)
    """With reads post_alone: share of the validation posts of sets without training rows that are
    trained on."""
    risk: float | None = Field(gt=0, lt=1, default=None)
    """With reads post_alone: the share of wrong answers, on validation posts, above which the model
    rather abstains."""
    order: Literal["label_first", "reason_first"] = "label_first"
    """Whether an answer opens with the label, as in the release, or with its reasons."""
    template: Literal["raw", "chat"] | None = None
    """raw: the bare query, as the paper; chat: the base's chat template. null means raw and is
    refused where the base has a chat template: it would be served with it."""
    leaks: Literal["refuse", "drop", "keep"] = "refuse"
    """What to do with training rows whose post also stands in an evaluation split."""
    max_length: int = Field(ge=64)
    """Longest prompt with answer, in tokens; longer posts lose their middle."""
    epochs: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    """Rows (or packs of ``max_length`` tokens) per optimiser step, over all devices."""
    device_batch_size: int = Field(ge=1)
    """Of these, how many are computed at once on one device; the rest is accumulated."""
    batching: Literal["packing", "by_length"] = "by_length"
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
    """How often in a run validation is measured and a checkpoint written."""
    choose_by: Literal["loss", "weighted_f1"] = "loss"
    """What decides which checkpoint is the best."""
    validation_answers: int = Field(ge=1, default=200)
    """Most validation posts answered at each evaluation, evenly over the sets, for weighted F1."""
    preference: Preference | None = None
    sharding: Literal["none", "fsdp"] = "none"
    """fsdp: weights, gradients and optimiser are divided over the devices."""
    devices: int | None = Field(ge=1, default=None)
    """Processes that must take part; a launch that starts another number is refused."""
    report_to: tuple[str, ...] = ("tensorboard",)
    """Where else curves go, by transformers' names; log.jsonl is always written."""
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
        for problem in (self._wrong_start(), self._wrong_method(), self._wrong_objective()):
            if problem:
                raise ValueError(problem)
        if self.batch_size % self.device_batch_size:
            raise ValueError("batch_size must be a multiple of device_batch_size")
        return self

    def _wrong_start(self) -> str:
        if (self.base is None) == (self.scratch is None):
            return "give either base or scratch"
        if self.scratch is None:
            return ""
        if self.max_length > self.scratch.context:
            return "max_length is larger than scratch.context"
        if self.objective in ("dpo", "reward", "grpo"):
            return f"objective {self.objective} starts from a tuned model; give base"
        fitting = _ARCHITECTURES.get(self.objective, _DECODERS)
        if self.scratch.architecture not in fitting:
            return f"objective {self.objective} needs a scratch.architecture of {_join(fitting)}"
        return ""

    def _wrong_method(self) -> str:
        if (self.method == "full") != (self.lora is None):
            return "the group lora belongs to the methods lora and qlora, and they need it"
        if self.method != "full" and self.scratch:
            return f"method {self.method} adapts a trained model; give base"
        if self.method == "qlora" and self.objective == "classifier":
            return "method qlora is for decoders and seq2seq models"
        return ""

    def _wrong_objective(self) -> str:
        if (self.objective in ("dpo", "grpo")) != (self.preference is not None):
            return "the group preference belongs to the objectives dpo and grpo, and they need it"
        drawn = self.preference and (
            self.preference.generations,
            self.preference.max_new_tokens,
            self.preference.temperature,
        )
        if drawn and (self.objective == "grpo") != all(drawn):
            return (
                "preference.generations, max_new_tokens and temperature belong to grpo, all three"
            )
        if self.objective == "dpo" and self.preference and not self.preference.beta:
            return "preference.beta must be above 0 for dpo"
        drawn_together = (self.preference and self.preference.generations) or 1
        if self.device_batch_size % drawn_together:
            return "device_batch_size must be a multiple of preference.generations"
        if self.objective != "causal" and self.batching == "packing":
            return "batching packing is for the objective causal"
        if self.objective != "classifier" and self.reads != "post":
            return f"reads {self.reads} is for the objective classifier"
        if self.objective != "classifier" and (self.frozen_layers or self.head_learning_rate):
            return "frozen_layers and head_learning_rate are for the objective classifier"
        if self.frozen_layers and self.method != "full":
            return "frozen_layers belongs to the method full: adapters freeze the base anyway"
        if (self.reads == "post_alone") != (self.risk is not None):
            return "risk belongs to reads post_alone, and it needs it"
        if self.train_on_validation and self.reads != "post_alone":
            return "train_on_validation is for reads post_alone"
        if self.choose_by == "weighted_f1":
            return self._wrong_choice()
        return ""

    def _wrong_choice(self) -> str:
        if self.objective not in ("causal", "seq2seq", "classifier"):
            return f"choose_by weighted_f1 is not for the objective {self.objective}"
        if self.sharding == "fsdp":
            return "choose_by weighted_f1 needs whole weights; with sharding fsdp choose by loss"
        if self.reads == "explanation":
            return "choose_by weighted_f1 needs posts; with reads explanation choose by loss"
        return ""


def _join(names: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def find_recipe(name: str) -> Path:
    """Return the path of a recipe: a file, or the name of one that ships with the package."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return path
    shipped = Path(str(files("mentallama") / "recipes"))
    found = shipped / f"{name}.yaml"
    if not found.exists():
        names = sorted(file.stem for file in shipped.glob("*.yaml"))
        hint = nearest(name, names) or f" Shipped recipes: {', '.join(names)}."
        raise InputError(f"no recipe is called '{name}'.{hint}")
    return found
