"""Encoders with one output per label as backends: their verdicts, worded as the release does.

A classifier gives no reasons. Its answers are the bare label sentences, so that it is scored
exactly as a model that writes (paper, table of discriminative baselines). One that reads the post
alone answers every question in one pass; asked through here it is asked one question at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.delta import DELTA, load_changed
from mentallama.encoding import Encoded, encode_question
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.models.backend import Completion, Decoding
from mentallama.models.local import adapted_base, display_name, fingerprint, put_on, tuned_as
from mentallama.pretrained import classifier_kind, load_pretrained, load_tokenizer
from mentallama.tasks import get_task
from mentallama.tasks.questions import combine, find_outputs, question_name
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
            logits = self.model(**padded).logits.float().cpu().numpy()
        for number, (sample, row) in enumerate(zip(samples, encoded, strict=True)):
            task = get_task(sample.post.task)
            outputs = self._outputs(task, sample.post.aspect)
            label = task.labels[int(combine(logits[[number]], outputs)[0].argmax())]
            text = label.phrase if sample.form == "instruction" else f"{label.completion}."
            yield Completion(text=text, prompt_truncated=row.shortened)

    def _encode(self, sample: Sample) -> Encoded:
        task = get_task(sample.post.task)
        question = task.question.replace("{aspect}", sample.post.aspect or "")
        if reads_post_alone(self.model.config):
            question = ""
        stated = getattr(self.model.config, "max_position_embeddings", None) or 512
        # RoBERTa counts positions from the padding token's id.
        limit = self.limit or min(int(stated) - 4, self.tokenizer.model_max_length)
        return encode_question(self.tokenizer, question, sample.post.text, limit)

    def _outputs(self, task: Task, aspect: str | None) -> list[list[int]]:
        """Return the outputs that answer a question; raise InputError where none does."""
        places: dict[str, int] = self.model.config.label2id
        if reads_post_alone(self.model.config):
            found = find_outputs(places, task, aspect, "release")
        else:
            names = [[f"{p}{x.key}" for x in task.labels] for p in (f"{task.key}/", "")]
            found = [[places[n] for n in wanted] for wanted in names if set(wanted) <= set(places)]
        if not found:
            name = question_name(task.key, aspect)
            raise InputError(f"{self.name}: was not tuned to label {name}")
        return found if reads_post_alone(self.model.config) else found[:1]


def reads_post_alone(config: Any) -> bool:
    """Say whether a classifier answers every question on a post in one pass."""
    return getattr(config, "reads", "post") == "post_alone"


def is_classifier(model: str) -> bool:
    """Say whether a model folder holds a classifier, or what tuning changed in one."""
    if (Path(model) / DELTA).is_file():
        return True
    adapter, config = Path(model) / "adapter_config.json", Path(model) / "config.json"
    if adapter.is_file():
        return bool(read_json(adapter).get("task_type") == "SEQ_CLS")
    kinds = read_json(config).get("architectures") or [] if config.is_file() else []
    return any(str(kind).endswith("ForSequenceClassification") for kind in kinds)


def load_network(model: str) -> "PreTrainedModel":
    """Load a classifier's folder, or what tuning changed in its base (an adapter, a delta) on it.

    Raises InputError where it cannot be loaded, or where a folder does not say what it labels.
    """
    if (Path(model) / DELTA).is_file():
        return load_changed(Path(model))
    base, config = adapted_base(model), Path(model) / "config.json"
    if base is None:
        reads = read_json(config).get("reads", "post") if config.is_file() else "post"
        return load_pretrained(classifier_kind(reads), model).eval()
    told = Path(model) / "mentallama.json"
    classes = read_json(told).get("classes") if told.is_file() else None
    if not classes:
        raise InputError(f"{model}: a classifier's adapter; mentallama.json must name its classes")
    reads = tuned_as(model).get("reads", "post")
    loaded = load_pretrained(
        classifier_kind(reads),
        base,
        new_head=True,
        ignore_mismatched_sizes=True,
        id2label=dict(enumerate(classes)),
        label2id={name: number for number, name in enumerate(classes)},
    )
    loaded.config.reads = reads
    merged: PreTrainedModel = put_on(loaded, base, model).merge_and_unload()
    return merged.eval()


def load_reader(model: str) -> "PreTrainedTokenizerBase":
    """Load a classifier's tokenizer; a folder without one has its base's."""
    changed = (Path(model) / DELTA).is_file()
    base = tuned_as(model)["base"] if changed else adapted_base(model)
    own = (Path(model) / "tokenizer_config.json").is_file()
    return load_tokenizer(base if base and not own else model)


def load_classifier(model: str, samples: Sequence[Sample], *, batch_size: int) -> Classifier:
    """Load a classifier's folder; raise InputError where it labels something else than posts."""
    recipe = tuned_as(model)
    if recipe.get("reads") == "explanation":
        raise InputError(f"{model}: labels explanations, not posts; use it with --labeller")
    if recipe.get("objective") == "reward":
        raise InputError(f"{model}: a reward model; it writes nothing")
    return Classifier(
        load_network(model),
        load_reader(model),
        samples,
        name=display_name(model),
        key=fingerprint(model),
        batch_size=batch_size,
        limit=recipe.get("max_length"),
    )
