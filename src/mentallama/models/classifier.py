"""Encoders with one output per label as backends: their verdicts, worded as the release does.

A classifier gives no reasons. Its answers are the bare label sentences, so that it is scored
exactly as a model that writes (paper, table of discriminative baselines).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.encoding import Encoded, encode_question
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.models.backend import Completion, Decoding
from mentallama.models.local import display_name, fingerprint, tuned_as
from mentallama.pretrained import load_pretrained
from mentallama.tasks import get_task
from mentallama.types import Sample, Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Classifier:
    """A classifier in memory, and the samples that it will be asked about."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    samples: Sequence[Sample]
    name: str = "classifier"
    key: str = ""
    batch_size: int = 32
    limit: int | None = None
    """Most tokens of question and post; null means what the model can read."""

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Answer prompts with label sentences; ``decoding`` decides nothing here."""
        known = {sample.prompt: sample for sample in self.samples}
        for start in range(0, len(prompts), self.batch_size):
            batch = [known[prompt] for prompt in prompts[start : start + self.batch_size]]
            yield from self._answer(batch)

    def _answer(self, samples: Sequence[Sample]) -> Iterator[Completion]:
        import torch

        encoded = [self._encode(sample) for sample in samples]
        padded = self.tokenizer.pad(
            {"input_ids": [row.prompt for row in encoded]}, return_tensors="pt"
        ).to(self.model.device)
        with torch.inference_mode():
            logits = self.model(**padded).logits.float()
        for sample, row, scores in zip(samples, encoded, logits.tolist(), strict=True):
            task = get_task(sample.post.task)
            columns = self._columns(task)
            best = max(range(len(columns)), key=lambda label: scores[columns[label]])
            label = task.labels[best]
            text = label.phrase if sample.form == "instruction" else f"{label.completion}."
            yield Completion(text=text, prompt_truncated=row.shortened)

    def _encode(self, sample: Sample) -> Encoded:
        task = get_task(sample.post.task)
        question = task.question.replace("{aspect}", sample.post.aspect or "")
        stated = getattr(self.model.config, "max_position_embeddings", None) or 512
        # RoBERTa counts positions from the padding token's id.
        limit = self.limit or min(int(stated) - 4, self.tokenizer.model_max_length)
        return encode_question(self.tokenizer, question, sample.post.text, limit)

    def _columns(self, task: Task) -> list[int]:
        """Return the output of each label of a task."""
        names: dict[str, Any] = self.model.config.label2id
        for prefix in (f"{task.key}/", ""):
            wanted = [f"{prefix}{label.key}" for label in task.labels]
            if all(name in names for name in wanted):
                return [int(names[name]) for name in wanted]
        raise InputError(f"{self.name}: was not tuned to label {task.key}")


def is_classifier(model: str) -> bool:
    """Say whether a model folder holds a classifier."""
    config = Path(model) / "config.json"
    kinds = read_json(config).get("architectures") or [] if config.is_file() else []
    return any(str(kind).endswith("ForSequenceClassification") for kind in kinds)


def load_classifier(model: str, samples: Sequence[Sample], *, batch_size: int) -> Classifier:
    """Load a classifier's folder; raise InputError where it labels something else than posts."""
    from transformers import AutoTokenizer

    recipe = tuned_as(model)
    if recipe.get("reads") == "explanation":
        raise InputError(f"{model}: labels explanations, not posts; use it with --labeller")
    if recipe.get("objective") == "reward":
        raise InputError(f"{model}: a reward model; it writes nothing")
    return Classifier(
        load_pretrained("SequenceClassification", model).eval(),
        AutoTokenizer.from_pretrained(model),
        samples,
        name=display_name(model),
        key=fingerprint(model),
        batch_size=batch_size,
        limit=recipe.get("max_length"),
    )
