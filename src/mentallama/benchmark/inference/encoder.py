"""Encoders as readers of labels: BERT and its kin with a classification head.

A folder or hub id of a sequence-classification model loads as it is, the authors' released readers
included. ONNX Runtime runs the same model faster on a CPU, in fp32 with the same labels or in int8.
"""

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mentallama.benchmark.inference.labeller import Scorer, Settings, TaskLabeller
from mentallama.benchmark.inference.outputs import match_outputs
from mentallama.benchmark.inference.train import Fit
from mentallama.benchmark.scores import Floats
from mentallama.errors import InputError
from mentallama.minilm import PlainNetwork, PlainTokenizer
from mentallama.pretrained import load_pretrained, load_tokenizer
from mentallama.types import Task

Runtime = Literal["encoder", "onnx", "onnx-int8"]
LONGEST = 512
TOKENS_PER_BATCH = 512
"""Padded tokens; larger batches were slower on one core."""
_FUSED = ("bert", "roberta")
"""Architectures whose attention ONNX Runtime's optimizer knows how to fuse."""
_ONNX = "model.onnx"


@dataclass(frozen=True, slots=True)
class Encoder:
    """A classifier under transformers (a ``Scorer``)."""

    model: Any
    tokenizer: Any

    kind = "encoder"

    def logits(self, texts: Sequence[str]) -> Floats:
        """Return scores of shape (texts, labels)."""
        import torch

        def run(batch: dict[str, Any]) -> Floats:
            tensors = {k: torch.tensor(v, device=self.model.device) for k, v in batch.items()}
            with torch.inference_mode():
                scores: Floats = self.model(**tensors).logits.float().cpu().numpy()
            return scores

        return in_batches(self.tokenizer, texts, run)

    def save(self, folder: Path) -> None:
        """Write the model and its tokenizer into a labeller's folder."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class PlainEncoder:
    """The same sums in plain torch (a ``Scorer``): it starts fast and cannot be tuned."""

    network: PlainNetwork
    tokenizer: PlainTokenizer

    kind = "plain"

    def logits(self, texts: Sequence[str]) -> Floats:
        """Return scores of shape (texts, labels)."""
        import torch

        def run(batch: dict[str, Any]) -> Floats:
            ids, mask = (torch.tensor(batch[name]) for name in ("input_ids", "attention_mask"))
            with torch.inference_mode():
                scores: Floats = self.network.logits(ids, mask).numpy()
            return scores

        return in_batches(self.tokenizer, texts, run)

    def save(self, folder: Path) -> None:
        """Refuse: a labeller is trained, and this only reads."""
        raise InputError(
            f"{folder}: a network in plain torch is not saved; load it by transformers"
        )


@dataclass(frozen=True, slots=True)
class OnnxEncoder:
    """The same under ONNX Runtime (a ``Scorer``)."""

    session: Any
    tokenizer: Any
    kind: Runtime
    source: Path
    """The file that the session was made from."""
    temporary: tempfile.TemporaryDirectory[str] | None = None
    """The folder of that file where it is to go with this object."""

    def logits(self, texts: Sequence[str]) -> Floats:
        """Return scores of shape (texts, labels)."""
        names = {value.name for value in self.session.get_inputs()}

        def run(batch: dict[str, Any]) -> Floats:
            arrays = {k: np.array(v, dtype=np.int64) for k, v in batch.items() if k in names}
            scores: Floats = self.session.run(["logits"], arrays)[0]
            return scores

        return in_batches(self.tokenizer, texts, run)

    def save(self, folder: Path) -> None:
        """Copy the model and write its tokenizer into a labeller's folder."""
        import shutil

        for file in self.source.parent.glob(f"{_ONNX}*"):
            shutil.copyfile(file, folder / file.name)
        self.tokenizer.save_pretrained(folder)


def in_batches(tokenizer: Any, texts: Sequence[str], run: Any) -> Floats:
    """Encode, sort by length, fill batches by tokens, and put the scores back in order."""
    encoded = tokenizer(list(texts), truncation=True, max_length=LONGEST)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    order = sorted(range(len(texts)), key=lengths.__getitem__)
    scores: list[Floats] = [np.zeros(0)] * len(texts)
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * lengths[order[end]] <= TOKENS_PER_BATCH:
            end += 1
        rows = order[start:end]
        padded = tokenizer.pad({key: [values[i] for i in rows] for key, values in encoded.items()})
        for row, score in zip(rows, run(dict(padded)), strict=True):
            scores[row] = score
        start = end
    return np.stack(scores)


def load_encoder(model: Path | str) -> Encoder:
    """Load a sequence-classification model; raise InputError where there is none."""
    _transformers()
    network = load_pretrained("SequenceClassification", str(model)).eval()
    return Encoder(network, load_tokenizer(str(model)))


def load_released(task: Task, model: Path | str) -> TaskLabeller:
    """Load somebody's classifier as a labeller of a task; it has no card, so it is provisional."""
    encoder = load_encoder(model)
    config = encoder.model.config
    names = [str(config.id2label[number]) for number in range(config.num_labels)]
    labels = match_outputs(task, names, str(model))
    return TaskLabeller(
        scorer=encoder, settings=Settings(kind="encoder", task=task.key, labels=labels)
    )


def load_onnx(folder: Path, kind: Runtime) -> OnnxEncoder:
    """Load an exported model from a labeller's folder."""
    _transformers()
    return _open_onnx(folder / _ONNX, load_tokenizer(str(folder)), kind)


def _open_onnx(path: Path, tokenizer: Any, kind: Runtime) -> OnnxEncoder:
    try:
        import onnxruntime
        import torch
    except ModuleNotFoundError:
        raise InputError(
            "this labeller needs ONNX Runtime: pip install 'mentallama[fast]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return OnnxEncoder(session, tokenizer, kind, path)


def in_runtime(encoder: Encoder, runtime: Runtime) -> Encoder | OnnxEncoder:
    """Return the encoder as that runtime runs it; an exported file goes with the object."""
    if runtime == "encoder":
        return encoder
    folder = tempfile.TemporaryDirectory(prefix="mentallama-onnx-")
    exported = export_onnx(encoder, Path(folder.name), int8=runtime == "onnx-int8")
    return replace(exported, temporary=folder)


def export_onnx(encoder: Encoder, folder: Path, *, int8: bool = False) -> OnnxEncoder:
    """Export an encoder for ONNX Runtime into ``folder``."""
    import torch

    batch = encoder.tokenizer(["two words", "three more words"], padding=True, return_tensors="pt")
    names = list(batch)
    plain = folder / ("plain.onnx" if int8 else _ONNX)
    attention = encoder.model.config._attn_implementation
    # The optimizer knows attention by its plain form only.
    encoder.model.set_attn_implementation("eager")
    axes = {name: {0: "rows", 1: "tokens"} for name in names} | {"logits": {0: "rows"}}
    with _without_warnings():
        torch.onnx.export(
            _logits_only(encoder.model, names),
            tuple(batch[name] for name in names),
            str(plain),
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
            dynamo=False,
        )
        if int8:
            _quantise(encoder.model.config, plain, folder / _ONNX)
            plain.unlink()
    encoder.model.set_attn_implementation(attention)
    return _open_onnx(folder / _ONNX, encoder.tokenizer, "onnx-int8" if int8 else "onnx")


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep the exporter's advice, which is for its developers, out of a user's terminal."""
    import logging
    import warnings

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _quantise(config: Any, plain: Path, target: Path) -> None:
    """Fuse what can be fused, and store weights in int8, a scale per channel.

    One bit of the range is kept free: on processors that add in 16 bits the full range overflows.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if config.model_type in _FUSED:
        from onnxruntime.transformers.optimizer import optimize_model

        optimize_model(
            str(plain),
            model_type="bert",
            num_heads=config.num_attention_heads,
            hidden_size=config.hidden_size,
            opt_level=0,
        ).save_model_to_file(str(plain))
    quantize_dynamic(
        str(plain),
        str(target),
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def _logits_only(model: Any, names: Sequence[str]) -> Any:
    """Wrap a model so that it takes its inputs in order and gives a plain tensor."""
    import torch

    class Module(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *values: Any) -> Any:
            return self.model(**dict(zip(names, values, strict=True))).logits

    return Module().eval()


def fit_encoder(
    model: str,
    task: Task,
    *,
    runtime: Runtime = "encoder",
    epochs: int = 3,
    learning_rate: float = 5e-5,
    seed: int = 0,
) -> Fit:
    """Return a fit that fine-tunes an encoder with transformers' Trainer."""

    def fit(texts: Sequence[str], labels: Sequence[int], count: int) -> Scorer:
        encoder = _fine_tune(model, task, list(texts), list(labels), epochs, learning_rate, seed)
        return in_runtime(encoder, runtime)

    return fit


def _fine_tune(
    model: str,
    task: Task,
    texts: list[str],
    labels: list[int],
    epochs: int,
    learning_rate: float,
    seed: int,
) -> Encoder:
    transformers = _transformers()
    import torch

    transformers.set_seed(seed)
    network, tokenizer = _load_base(model, [label.key for label in task.labels])
    encoded = tokenizer(texts, truncation=True, max_length=LONGEST)
    rows = [
        {**{key: values[i] for key, values in encoded.items()}, "labels": label}
        for i, label in enumerate(labels)
    ]
    random.Random(seed).shuffle(rows)  # noqa: S311
    with tempfile.TemporaryDirectory() as out:
        transformers.Trainer(
            model=network,
            args=transformers.TrainingArguments(
                output_dir=out,
                num_train_epochs=epochs,
                per_device_train_batch_size=16,
                learning_rate=learning_rate,
                warmup_steps=max(1, len(rows) // 160),
                save_strategy="no",
                report_to="none",
                seed=seed,
                use_cpu=not torch.cuda.is_available(),
                disable_tqdm=True,
                logging_strategy="no",
            ),
            train_dataset=rows,
            data_collator=transformers.DataCollatorWithPadding(tokenizer),
        ).train()
    return Encoder(network.eval(), tokenizer)


def _load_base(model: str, keys: Sequence[str]) -> tuple[Any, Any]:
    """Load an encoder with a new head for the labels; only that head starts at random."""
    network = load_pretrained(
        "SequenceClassification",
        model,
        new_head=True,
        id2label=dict(enumerate(keys)),
        label2id={key: index for index, key in enumerate(keys)},
        ignore_mismatched_sizes=True,
    )
    return network, load_tokenizer(model)


def _transformers() -> Any:
    """Return transformers; raise InputError where what encoders need is not installed."""
    try:
        import torch  # noqa: F401
        import transformers
    except ModuleNotFoundError:
        raise InputError("an encoder needs torch: pip install 'mentallama[train]'") from None
    return transformers
