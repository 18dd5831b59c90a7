"""One tuning run: read, check, load, train, save once. The trainers are transformers' and TRL's.

Folder of a run:

    OUT/run.json          what is being trained on what; a second run must match it to go on
    OUT/checkpoints/      a killed run resumes from the newest one that is whole
    OUT/log.jsonl         the curves, also under OUT/tensorboard
    OUT/model/            the finished model in the hub's layout, with tokenizer and model card
"""

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama import __version__
from mentallama.dataset import MANIFEST
from mentallama.errors import InputError
from mentallama.io import make_folder, read_json, sha256, write_json
from mentallama.pretrained import quieten
from mentallama.tuning import gates
from mentallama.tuning.card import model_card
from mentallama.tuning.checkpoints import newest_whole
from mentallama.tuning.leaks import Leaks
from mentallama.tuning.material import Material, choose_evenly, read_material
from mentallama.tuning.readings import weigh_questions
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import Row, RowCounts, encode_readings, encode_rows, name_classes

_MMAP_THRESHOLD = -3
"""glibc's number of the option: size from which a block is its own mapping."""
_LARGE = 50_000_000
"""Parameters from which memory matters more than time: one of a million took twice as long, and
MiniLM (23 million) with adapters several times as long."""

if TYPE_CHECKING:
    from mentallama.tuning.build import Feedback, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """A finished run."""

    folder: Path
    """Where the model lies, ready for ``generate``."""
    parameters: int
    trainable: int
    train: RowCounts
    valid: RowCounts
    rows_by_task: dict[str, int]
    leaks: Leaks
    chosen_by: str
    """Metric on validation rows by which the best checkpoint was chosen, and its value there."""
    best: float
    best_valid_loss: float | None
    seconds: float
    """Training time of the process that finished the run."""
    kl_to_base: float | None = None
    """Preference stage: nats per answer token, on validation rows."""
    classes: list[str] | None = None
    """Names of a classifier's outputs, in order."""
    calibration: dict[str, dict[str, float]] | None = None
    """Of classifiers that read the post alone, per question: what is divided out of the logits
    (``temperature``), the confidence under which the model abstains (``floor``), and how many
    validation posts (``n``) say so."""
    expert_load: list[list[float]] | None = None
    """Mixtures of experts: each expert's share by layer, on validation rows."""


def tune(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    pairs: Path | None = None,
    raw: Path | None = None,
    feedback: "Feedback | None" = None,
) -> TunedModel:
    """Tune a model by the recipe on a folder of samples; resume where an earlier run stopped.

    ``pairs`` are for the preference stage, ``raw`` (human-annotated corpora) for classifiers that
    read the post alone.
    Raises InputError where the data has no training or validation rows, where ``out`` belongs to
    another run, or where the base model cannot be loaded; CheckError where a gate refuses.
    """
    identity = _identify(recipe, data, pairs, raw)
    if _is_finished(out, identity):
        return _read_result(out)
    material = read_material(recipe, data, pairs, raw)
    job, counts = _prepare(recipe, material, out, feedback)
    make_folder(out)
    write_json(out / "run.json", identity)
    parameters = gates.need_trainable(job.model)
    trainer = _train(job)
    tuned = TunedModel(
        folder=out / "model",
        parameters=parameters[0],
        trainable=parameters[1],
        train=counts[0],
        valid=counts[1],
        rows_by_task=material.rows_by_task,
        leaks=material.leaks,
        chosen_by=str(trainer.args.metric_for_best_model).removeprefix("eval_"),
        best=float(trainer.state.best_metric),
        best_valid_loss=_loss_at_best(trainer),
        seconds=_training_time(trainer),
        classes=list(job.classes) or None,
        **_extras(job, trainer),
    )
    _save(trainer, job, tuned, sha256(data / MANIFEST))
    return tuned


def _identify(recipe: Recipe, data: Path, pairs: Path | None, raw: Path | None) -> dict[str, Any]:
    manifest = data / MANIFEST
    if not manifest.exists():
        raise InputError(f"{data}: no {MANIFEST}; make the folder with 'mentallama data import'")
    identity = {"recipe": recipe.model_dump(mode="json"), "data": sha256(manifest)}
    if raw is not None:
        files = sorted(path for path in raw.rglob("*") if path.is_file())
        identity["raw"] = {str(path.relative_to(raw)): sha256(path) for path in files}
    if pairs is None:
        return identity
    if not pairs.is_file():
        raise InputError(f"{pairs}: no such file of pairs")
    return identity | {"pairs": sha256(pairs)}


def _prepare(
    recipe: Recipe, material: Material, out: Path, feedback: "Feedback | None"
) -> "tuple[Job, tuple[RowCounts, RowCounts]]":
    """Load model and tokenizer, encode the rows, and let the gates look at them."""
    from transformers import set_seed

    from mentallama.tuning.build import Job
    from mentallama.tuning.load import load_model, load_tokenizer

    _quieten(out)
    set_seed(recipe.seed)
    tokenizer = load_tokenizer(recipe, material.texts)
    gates.need_served_template(tokenizer, recipe)
    classes = name_classes(recipe, material)
    train, valid = _encode(recipe, material, tokenizer, classes)
    if recipe.objective in ("causal", "seq2seq"):
        gates.need_loss([*train[0], *valid[0]])
    # GRPO looks every sample up by its number, the training ones first.
    first = material.train if recipe.objective == "grpo" else ()
    job = Job(
        recipe=recipe,
        out=out,
        model=load_model(recipe, tokenizer, classes),
        tokenizer=tokenizer,
        train=train[0],
        valid=valid[0],
        classes=classes,
        weights=weigh_questions(material.readings) if material.readings else {},
        answered=(*first, *_answered(recipe, material)),
        feedback=feedback,
    )
    return job, (train[1], valid[1])


def _answered(recipe: Recipe, material: Material) -> tuple[Any, ...]:
    return tuple(choose_evenly(material.valid, recipe.validation_answers, recipe.seed))


Encoded = tuple[list[Row], RowCounts]


def _encode(
    recipe: Recipe, material: Material, tokenizer: Any, classes: list[str]
) -> tuple[Encoded, Encoded]:
    match recipe.objective:
        case "dpo" | "reward":
            from mentallama.tuning.preference import encode_pairs

            return (
                encode_pairs(material.train_pairs, tokenizer, recipe),
                encode_pairs(material.valid_pairs, tokenizer, recipe),
            )
        case "grpo":
            from mentallama.tuning.preference import encode_prompts

            train = encode_prompts(material.train, tokenizer, recipe)
            rows, counts = encode_prompts(_answered(recipe, material), tokenizer, recipe)
            behind = len(material.train)
            return train, ([{**row, "number": row["number"] + behind} for row in rows], counts)
        case "classifier" if material.readings:
            return (
                encode_readings(material.readings, tokenizer, recipe, classes),
                encode_readings(material.valid_readings, tokenizer, recipe, classes),
            )
        case _:
            return (
                encode_rows(material.train, tokenizer, recipe, classes),
                encode_rows(material.valid, tokenizer, recipe, classes),
            )


def _train(job: "Job") -> Any:
    from mentallama.tuning.build import build_trainer
    from mentallama.tuning.launch import need_launched

    if gates.count_parameters(job.model.parameters()) >= _LARGE:
        return_freed_memory()
    trainer = build_trainer(job)
    print(need_launched(job.recipe, trainer))
    checkpoint = newest_whole(job.out / "checkpoints")
    if checkpoint:
        print(f"resuming from {checkpoint.name}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return trainer


def return_freed_memory() -> None:
    """Let glibc give large freed blocks back at once, on machines without a GPU.

    Its heap keeps the holes between batches of unequal length otherwise: up to twice the memory
    that is needed, measured, for a tenth less time (``benchmarks/tuning_memory.py``).
    """
    import ctypes
    import sys

    import torch

    if sys.platform == "linux" and not torch.cuda.is_available():
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, 2**20)


def _quieten(out: Path) -> None:
    """Leave progress to ``Watch``: the libraries' own bars would fill a log file."""
    from datasets.utils import logging as datasets_logging

    os.environ["TENSORBOARD_LOGGING_DIR"] = str(out / "tensorboard")
    datasets_logging.disable_progress_bar()
    quieten()


def _loss_at_best(trainer: Any) -> float | None:
    """Return the validation loss of the checkpoint that was chosen."""
    step = trainer.state.best_global_step
    losses = [
        entry["eval_loss"]
        for entry in trainer.state.log_history
        if entry["step"] == step and "eval_loss" in entry
    ]
    return float(losses[-1]) if losses else None


def _training_time(trainer: Any) -> float:
    times = [e["train_runtime"] for e in trainer.state.log_history if "train_runtime" in e]
    return float(times[-1])


def _extras(job: "Job", trainer: Any) -> dict[str, Any]:
    """Measure what only some runs have: divergence from the base, load of the experts."""
    model = trainer.accelerator.unwrap_model(trainer.model).eval()
    if job.recipe.objective in ("dpo", "grpo"):
        from mentallama.tuning.preference import measure_kl

        return {"kl_to_base": measure_kl(job, model)}
    if job.recipe.reads == "post_alone":
        from mentallama.tuning.calibration import calibrate

        return {"calibration": calibrate(job, model)}
    if hasattr(model.config, "num_experts_per_tok") and job.recipe.objective == "causal":
        from mentallama.tuning.experts import expert_load

        return {"expert_load": expert_load(model, job.valid)}
    return {}


def _save(trainer: Any, job: "Job", tuned: TunedModel, data_hash: str) -> None:
    """Write the model whole or not at all: into a folder beside, renamed at the end."""
    temporary = job.out / "model.unfinished"
    if trainer.is_world_process_zero():
        shutil.rmtree(temporary, ignore_errors=True)
    # Every process takes part in saving: a sharded model is gathered from all of them.
    trainer.save_model(str(temporary))
    if not trainer.is_world_process_zero():
        return
    job.tokenizer.save_pretrained(temporary)
    (temporary / "training_args.bin").unlink(missing_ok=True)
    result = {
        "name": job.recipe.name,
        "version": __version__,
        "recipe": job.recipe.model_dump(mode="json", exclude_none=True),
        **asdict(tuned),
        "folder": "model",
    }
    write_json(temporary / "mentallama.json", result)
    card = model_card(job.recipe, result, data_hash=data_hash)
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
    for name in ("name", "version", "recipe"):
        del values[name]
    values["folder"] = out / "model"
    values["train"] = RowCounts(**values["train"])
    values["valid"] = RowCounts(**values["valid"])
    values["leaks"] = Leaks(**values["leaks"])
    return TunedModel(**values)
