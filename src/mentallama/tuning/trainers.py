"""The trainers, which are transformers' and TRL's, with the little that is ours.

Loss on answers alone costs what answers cost: the head of the model sees only the positions that
bear loss, through a hook, so that it works for any decoder, adapted or sharded.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch.nn.functional import cross_entropy
from transformers import Trainer
from trl import DPOTrainer, GRPOTrainer, RewardTrainer, SFTTrainer

from mentallama.errors import CheckError, InputError, first_line
from mentallama.tuning.checkpoints import seal
from mentallama.tuning.rows import IGNORED

Validate = Callable[[Any, Any], dict[str, float]]
"""Takes model and tokenizer, answers validation posts, gives metrics (percent)."""


class _Careful:
    """What every trainer here does besides: counts tokens, stops at a broken loss, seals
    checkpoints, and scores answers to validation posts where asked to."""

    validate: Validate | None = None
    useful = computed = 0
    """Tokens of rows, and of rows with their padding, computed by this process."""

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Compute a step; raise CheckError where the loss is not a number."""
        self._count(inputs)
        loss = super().training_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        if not torch.isfinite(loss):
            step = self.state.global_step + 1  # type: ignore[attr-defined]
            raise CheckError(
                f"the loss of step {step} is {loss.item()}: lower learning_rate or use fp32; "
                "checkpoints written before are kept"
            )
        return loss

    def _count(self, inputs: Any) -> None:
        ids = inputs.get("input_ids") if isinstance(inputs, dict) else None
        if ids is None:
            return
        mask = inputs.get("attention_mask")
        self.computed += ids.numel()
        self.useful += ids.numel() if mask is None else int(mask.sum())

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure validation loss and, where asked for, the scores of answers."""
        metrics: dict[str, float] = super().evaluate(*args, **kwargs)  # type: ignore[misc]
        if self.validate:
            trainer: Any = self
            model = trainer.accelerator.unwrap_model(trainer.model)
            scores = self.validate(model, trainer.processing_class)
            scores = {f"eval_{name}": value for name, value in scores.items()}
            trainer.log(dict(scores))
            metrics.update(scores)
        return metrics

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        trainer: Any = self
        folder = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
            trainer.accelerator.wait_for_everyone()
            if trainer.is_world_process_zero():
                seal(folder)
        except (OSError, SafetensorError, RuntimeError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise InputError(
                f"{folder.name} could not be written ({first_line(error)}); make room and run "
                "the same command: it goes on from the checkpoint before"
            ) from None


class AnswerTrainer(_Careful, SFTTrainer):  # type: ignore[misc]
    """Causal language modelling with loss on the answer alone (``objective: causal``).

    TRL's fused head skips masked positions on GPUs with Triton; elsewhere it computes all of them.
    """

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the mean loss over answer tokens of the whole optimiser step."""
        if torch.cuda.is_available() or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        labels = inputs.pop("labels")[:, 1:]
        bears = labels != IGNORED
        extra = {"output_router_logits": True} if self.aux_loss_enabled else {}
        with head_sees(self.accelerator.unwrap_model(model), bears):
            outputs = model(**inputs, **extra, use_cache=False)
        total = cross_entropy(outputs.logits.float(), labels[bears], reduction="sum")
        shared = self.args.average_tokens_across_devices and num_items_in_batch is not None
        loss = total / (bears.sum() if num_items_in_batch is None else num_items_in_batch)
        loss = loss * (self.accelerator.num_processes if shared else 1)
        if self.aux_loss_enabled:
            self._metrics["train" if model.training else "eval"]["aux_loss"].append(
                outputs.aux_loss.item()
            )
            steps = (
                self.current_gradient_accumulation_steps if num_items_in_batch is not None else 1
            )
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss / steps
        return loss


@contextmanager
def head_sees(model: Any, bears: Any) -> Iterator[None]:
    """Show a decoder's head only the positions that predict a token marked in ``bears``.

    ``bears`` has shape (rows, tokens - 1); the logits get shape (marked tokens, vocabulary).
    """

    def choose(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, *rest = arguments
        return (hidden[:, :-1][bears], *rest)

    handle = model.get_output_embeddings().register_forward_pre_hook(choose)
    try:
        yield
    finally:
        handle.remove()


class PlainTrainer(_Careful, Trainer):  # type: ignore[misc]
    """Encoder-decoders (``objective: seq2seq``)."""


class ClassifierTrainer(_Careful, Trainer):  # type: ignore[misc]
    """Encoders with one output per label; only the labels of one question compete.

    ``groups`` gives for each class the number of its question, ``weights`` how much an answer that
    is this class counts. A row answers one question, or several at once.
    """

    groups: torch.Tensor
    weights: torch.Tensor
    head_learning_rate: float | None = None
    loss_is_scaled_for_ga = False

    def create_optimizer(self, model: Any = None) -> Any:
        """Return AdamW, with a learning rate of its own for the output layer where asked for."""
        if self.head_learning_rate is None:
            return super().create_optimizer(model)
        named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        head = [p for name, p in named if name.split(".")[-2] in ("classifier", "out_proj")]
        held = {id(parameter) for parameter in head}
        body = [p for _, p in named if id(p) not in held]
        groups = [{"params": body}, {"params": head, "lr": self.head_learning_rate}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=self.args.learning_rate, weight_decay=self.args.weight_decay
        )
        return self.optimizer

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the weighted cross-entropy of the answers, per row."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        rows = labels.reshape(len(labels), -1)
        answered = rows != IGNORED
        owners, right = answered.nonzero()[:, 0], rows[answered]
        groups, weights = self.groups.to(labels.device), self.weights.to(labels.device)
        others = groups[None] != groups[right][:, None]
        logits = outputs.logits.float()[owners].masked_fill(others, -torch.inf)
        losses = cross_entropy(logits, right, reduction="none") * weights[right]
        loss = losses.sum() / len(rows)
        return (loss, outputs) if return_outputs else loss


class PairTrainer(_Careful, DPOTrainer):  # type: ignore[misc]
    """Direct preference optimisation on rows that are token ids already."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        """Leave the rows as they are: our encoding shortens posts, TRL's would cut answers."""
        return dataset


class PreferenceRewardTrainer(_Careful, RewardTrainer):  # type: ignore[misc]
    """A reward model (``objective: reward``)."""


class GroupTrainer(_Careful, GRPOTrainer):  # type: ignore[misc]
    """Group-relative policy optimisation (``objective: grpo``)."""
