"""From a recipe and rows to a trainer of transformers or TRL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from datasets import Dataset
from transformers import (
    DataCollatorForSeq2Seq,
    DataCollatorWithPadding,
    PrinterCallback,
    TrainingArguments,
)
from trl import DPOConfig, GRPOConfig, RewardConfig, SFTConfig

from mentallama.errors import InputError
from mentallama.tuning import trainers
from mentallama.tuning.launch import count_processes, sharding_arguments
from mentallama.tuning.load import use_bf16
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import Row
from mentallama.tuning.watch import Watch
from mentallama.types import Sample


class Feedback(Protocol):
    """What tuning is told by the benchmark; the caller passes it in."""

    def validate(self, model: Any, tokenizer: Any, samples: Sequence[Sample]) -> dict[str, float]:
        """Let a model answer the samples; return scores in percent, ``weighted_f1`` among them."""
        ...

    def calibrate(self, logits: Any, gold: Any, risk: float) -> tuple[float, float]:
        """Return the temperature of logits (rows, labels) and the confidence from which on at most
        ``risk`` of the answers are wrong."""
        ...

    def reward(self, sample: Sample, text: str) -> dict[str, float]:
        """Return the parts of the reward of one answer, each from 0 to 1."""
        ...

    def reward_weights(self) -> dict[str, float]:
        """Return the weight of each part of the reward."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A recipe with everything that its trainer is built from."""

    recipe: Recipe
    out: Path
    model: Any
    tokenizer: Any
    train: Sequence[Row]
    valid: Sequence[Row]
    classes: Sequence[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    """How much an answer to a question counts; 1 where it is not named."""
    answered: Sequence[Sample] = ()
    """Validation samples to answer; or GRPO's samples, by the number that its rows name."""
    feedback: Feedback | None = None


def build_trainer(job: Job) -> Any:
    """Return the trainer of the recipe's objective, ready to train."""
    watch = Watch(job.out / "log.jsonl")
    values = {
        "model": job.model,
        "train_dataset": Dataset.from_list(list(job.train)),
        "eval_dataset": Dataset.from_list(list(job.valid)),
        "processing_class": job.tokenizer,
        "callbacks": [watch],
    }
    trainer = _BUILDERS[job.recipe.objective](job, values)
    watch.trainer = trainer
    trainer.remove_callback(PrinterCallback)
    feedback, samples = job.feedback, job.answered
    if job.recipe.choose_by == "weighted_f1":
        if feedback is None:
            raise InputError("choose_by weighted_f1 needs the benchmark's feedback")
        trainer.validate = lambda model, tokenizer: feedback.validate(model, tokenizer, samples)
    return trainer


def _causal(job: Job, values: dict[str, Any]) -> Any:
    recipe = job.recipe
    arguments = SFTConfig(
        **_common(recipe, job.out),
        max_length=recipe.max_length,
        packing=recipe.batching == "packing",
        packing_strategy="bfd",
    )
    return trainers.AnswerTrainer(**values, args=arguments)


def _seq2seq(job: Job, values: dict[str, Any]) -> Any:
    arguments = TrainingArguments(**_common(job.recipe, job.out))
    collator = DataCollatorForSeq2Seq(job.tokenizer, model=job.model)
    return trainers.PlainTrainer(**values, args=arguments, data_collator=collator)


def _classifier(job: Job, values: dict[str, Any]) -> Any:
    trainer = trainers.ClassifierTrainer(
        **values,
        args=TrainingArguments(**_common(job.recipe, job.out), label_names=["labels"]),
        data_collator=DataCollatorWithPadding(job.tokenizer),
    )
    trainer.head_learning_rate = job.recipe.head_learning_rate
    questions = [name.rpartition("/")[0] for name in job.classes]
    trainer.groups = torch.tensor([questions.index(name) for name in questions])
    trainer.weights = torch.tensor([job.weights.get(name, 1.0) for name in questions])
    return trainer


def _dpo(job: Job, values: dict[str, Any]) -> Any:
    recipe = job.recipe
    assert recipe.preference
    arguments = DPOConfig(**_common(recipe, job.out), max_length=None, beta=recipe.preference.beta)
    return trainers.PairTrainer(**values, args=arguments)


def _reward(job: Job, values: dict[str, Any]) -> Any:
    arguments = RewardConfig(**_common(job.recipe, job.out), max_length=None)
    return trainers.PreferenceRewardTrainer(**values, args=arguments)


def _grpo(job: Job, values: dict[str, Any]) -> Any:
    recipe, feedback = job.recipe, job.feedback
    assert recipe.preference and recipe.preference.generations
    if feedback is None:
        raise InputError("objective grpo needs the benchmark's feedback")
    arguments = GRPOConfig(
        **_common(recipe, job.out),
        beta=recipe.preference.beta,
        num_generations=recipe.preference.generations,
        max_completion_length=recipe.preference.max_new_tokens,
        temperature=recipe.preference.temperature,
        reward_weights=list(feedback.reward_weights().values()),
    )
    rewards = [_part(name, feedback, job.answered) for name in feedback.reward_weights()]
    return trainers.GroupTrainer(**values, args=arguments, reward_funcs=rewards)


def _part(name: str, feedback: Feedback, samples: Sequence[Sample]) -> Callable[..., list[float]]:
    def part(completions: list[str], number: list[int], **_: Any) -> list[float]:
        return [
            feedback.reward(samples[row], text)[name]
            for row, text in zip(number, completions, strict=True)
        ]

    part.__name__ = name
    return part


_BUILDERS = {
    "causal": _causal,
    "seq2seq": _seq2seq,
    "classifier": _classifier,
    "dpo": _dpo,
    "reward": _reward,
    "grpo": _grpo,
}


def _common(recipe: Recipe, out: Path) -> dict[str, Any]:
    """Return the training arguments that all objectives share."""
    best = _best_metric(recipe)
    # As shares of the run: 1 would be read as every single step.
    every = min(1 / recipe.evaluations, 1 - 1e-9)
    by_length = recipe.objective not in ("dpo", "reward", "grpo") and recipe.batching == "by_length"
    common = {
        "output_dir": str(out / "checkpoints"),
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": recipe.device_batch_size,
        "per_device_eval_batch_size": recipe.device_batch_size,
        "gradient_accumulation_steps": _accumulation(recipe),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "bf16": use_bf16(recipe),
        "use_cpu": not torch.cuda.is_available(),
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": best,
        "greater_is_better": not best.endswith("loss"),
        "logging_steps": 1 / (10 * recipe.evaluations),
        "logging_nan_inf_filter": False,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "disable_tqdm": True,
        "report_to": list(recipe.report_to) or "none",
        **sharding_arguments(recipe),
    }
    # GRPO draws its own batches; pairs have no one length to sort by.
    if by_length:
        common["train_sampling_strategy"] = "group_by_length"
    if recipe.sharding == "none":
        common["activation_checkpointing"] = recipe.gradient_checkpointing
    return common


def _best_metric(recipe: Recipe) -> str:
    if recipe.objective == "grpo":
        return "eval_reward"
    return "eval_weighted_f1" if recipe.choose_by == "weighted_f1" else "eval_loss"


def _accumulation(recipe: Recipe) -> int:
    together = recipe.device_batch_size * count_processes()
    if recipe.batch_size % together:
        raise InputError(
            f"batch_size {recipe.batch_size} is not a multiple of device_batch_size "
            f"{recipe.device_batch_size} times {count_processes()} devices"
        )
    return recipe.batch_size // together
