"""One tuning run: seed, load, encode, train, save once. The trainer is TRL's SFTTrainer.

Folder of a run:

    OUT/run.json          what is being trained on what; a second run must match it to go on
    OUT/checkpoints/      a killed run resumes from the newest one that is whole
    OUT/log.jsonl         the loss curve
    OUT/model/            the finished model in the hub's layout, with tokenizer and model card
"""

import json
import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama import __version__
from mentallama.dataset import MANIFEST, read_samples
from mentallama.errors import InputError
from mentallama.io import atomic_write, make_folder, read_json, sha256, write_json
from mentallama.tuning.card import model_card
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import RowCounts, encode_rows
from mentallama.types import Sample

if TYPE_CHECKING:
    from trl import SFTConfig, SFTTrainer


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """A finished run."""

    folder: Path
    """Where the model lies, ready for ``generate``."""
    parameters: int
    train: RowCounts
    valid: RowCounts
    rows_by_task: dict[str, int]
    best_valid_loss: float
    seconds: float
    """Training time of the process that finished the run."""


def tune(recipe: Recipe, data: Path, out: Path) -> TunedModel:
    """Tune a model by the recipe on a folder of samples; resume where an earlier run stopped.

    Raises InputError where the data has no training or validation rows, where ``out`` belongs to
    another run, or where the base model cannot be loaded.
    """
    model_folder = out / "model"
    identity = {"recipe": recipe.model_dump(mode="json"), "data": sha256(_manifest(data))}
    if _is_finished(out, identity):
        return _read_result(out)
    train, valid = _read_rows(recipe, data)
    make_folder(out)
    write_json(out / "run.json", identity)
    trainer, counts = _make_trainer(recipe, train, valid, out)
    result = trainer.train(resume_from_checkpoint=_newest_whole_checkpoint(out / "checkpoints"))
    tuned = TunedModel(
        folder=model_folder,
        parameters=sum(p.numel() for p in trainer.model.parameters()),
        train=counts[0],
        valid=counts[1],
        rows_by_task=dict(Counter(sample.post.task for sample in train)),
        best_valid_loss=float(trainer.state.best_metric),
        seconds=float(result.metrics["train_runtime"]),
    )
    _save(trainer, recipe, tuned, data, out)
    return tuned


def _manifest(data: Path) -> Path:
    path = data / MANIFEST
    if not path.exists():
        raise InputError(f"{data}: no {MANIFEST}; make the folder with 'mentallama data import'")
    return path


def _read_rows(recipe: Recipe, data: Path) -> tuple[list[Sample], list[Sample]]:
    """Read training rows, and validation rows of the same sets."""
    train = read_samples(data, form=recipe.form, splits=["train"], tasks=recipe.tasks)
    if not train:
        wanted = f" of {', '.join(recipe.tasks)}" if recipe.tasks else ""
        raise InputError(f"{data}: no {recipe.form} training rows{wanted}")
    tasks = {sample.post.task for sample in train}
    valid = read_samples(data, form=recipe.form, splits=["valid"], tasks=tasks)
    if not valid:
        raise InputError(f"{data}: no validation rows; the best checkpoint is chosen on them")
    return train, valid


def _make_trainer(
    recipe: Recipe, train: list[Sample], valid: list[Sample], out: Path
) -> "tuple[SFTTrainer, tuple[RowCounts, RowCounts]]":
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import SFTTrainer

    from mentallama.tuning.load import load_start
    from mentallama.tuning.watch import Watch

    _quieten()
    set_seed(recipe.seed)
    text = (part for sample in train for part in (sample.prompt, sample.response))
    model, tokenizer = load_start(recipe, text)
    train_rows, train_counts = encode_rows(train, tokenizer, recipe.max_length)
    valid_rows, valid_counts = encode_rows(valid, tokenizer, recipe.max_length)
    trainer = SFTTrainer(
        model=model,
        args=_arguments(recipe, out),
        train_dataset=Dataset.from_list(train_rows),
        eval_dataset=Dataset.from_list(valid_rows),
        processing_class=tokenizer,
        callbacks=[Watch()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, (train_counts, valid_counts)


def _quieten() -> None:
    """Leave progress to ``Watch``: the libraries' own bars would fill a log file."""
    from datasets.utils import logging as datasets_logging
    from transformers.utils import logging as transformers_logging

    datasets_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def _use_bf16(recipe: Recipe) -> bool:
    import torch

    if recipe.precision == "auto":
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return recipe.precision == "bf16"


def _arguments(recipe: Recipe, out: Path) -> "SFTConfig":
    import torch
    from trl import SFTConfig

    devices = int(os.environ.get("WORLD_SIZE", "1"))
    accumulation = recipe.batch_size // (recipe.device_batch_size * devices)
    if accumulation < 1 or recipe.batch_size % (recipe.device_batch_size * devices):
        raise InputError(
            f"batch_size {recipe.batch_size} is not a multiple of device_batch_size "
            f"{recipe.device_batch_size} times {devices} devices"
        )
    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.device_batch_size,
        per_device_eval_batch_size=recipe.device_batch_size,
        gradient_accumulation_steps=accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_length=recipe.max_length,
        packing=recipe.batching == "packing",
        packing_strategy="bfd",
        train_sampling_strategy="group_by_length" if recipe.batching == "by_length" else "random",
        bf16=_use_bf16(recipe),
        activation_checkpointing=recipe.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="steps",
        eval_steps=1 / recipe.evaluations,
        save_strategy="steps",
        save_steps=1 / recipe.evaluations,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=1 / (10 * recipe.evaluations),
        seed=recipe.seed,
        data_seed=recipe.seed,
        disable_tqdm=True,
        report_to="none",
    )


def _newest_whole_checkpoint(folder: Path) -> str | None:
    """Return the newest checkpoint that was written to its end; remove torn ones after it.

    The trainer writes ``trainer_state.json`` last, so a checkpoint without it is torn.
    """
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name[11:]))
    for checkpoint in reversed(checkpoints):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text())
        except (OSError, json.JSONDecodeError):
            print(f"{checkpoint.name} was not written to its end; falling back to the one before")
            shutil.rmtree(checkpoint, ignore_errors=True)
        else:
            print(f"resuming from {checkpoint.name}")
            return str(checkpoint)
    return None


def _save(trainer: "SFTTrainer", recipe: Recipe, tuned: TunedModel, data: Path, out: Path) -> None:
    """Write the model whole or not at all: into a folder beside, renamed at the end."""
    temporary = out / "model.unfinished"
    if trainer.is_world_process_zero():
        shutil.rmtree(temporary, ignore_errors=True)
    # Every process takes part in saving: a sharded model is gathered from all of them.
    trainer.save_model(str(temporary))
    if not trainer.is_world_process_zero():
        return
    with atomic_write(out / "log.jsonl") as handle:
        handle.writelines(json.dumps(entry) + "\n" for entry in trainer.state.log_history)
    (temporary / "training_args.bin").unlink(missing_ok=True)
    result = {"name": recipe.name, "version": __version__, **asdict(tuned), "folder": "model"}
    write_json(temporary / "mentallama.json", result)
    card = model_card(recipe, result, data_hash=sha256(_manifest(data)))
    (temporary / "README.md").write_text(card, encoding="utf-8")
    temporary.replace(tuned.folder)


def _is_finished(out: Path, identity: dict[str, Any]) -> bool:
    """Say whether ``out`` holds this very run, finished; refuse a folder of another run."""
    path = out / "run.json"
    if not path.exists():
        if (out / "model").exists():
            raise InputError(f"{out}: holds a model but no run.json; choose another --out")
        return False
    if read_json(path) != identity:
        raise InputError(
            f"{out}: holds a run with another recipe or other data; choose another --out"
        )
    return (out / "model" / "mentallama.json").exists()


def _read_result(out: Path) -> TunedModel:
    values = read_json(out / "model" / "mentallama.json")
    del values["name"], values["version"]
    values["folder"] = out / "model"
    values["train"] = RowCounts(**values["train"])
    values["valid"] = RowCounts(**values["valid"])
    return TunedModel(**values)
