"""What a run will do and need, before it does anything.

Nothing is written, no weights are read, no network is asked.
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mentallama.errors import InputError, nearest
from mentallama.pretrained import find_packaged
from mentallama.tables import Table, as_markdown
from mentallama.tuning.bases import known_config
from mentallama.tuning.estimate import (
    count_parameters,
    estimate_flops,
    estimate_memory,
)
from mentallama.tuning.gpus import GPUS, Gpu, hours
from mentallama.tuning.launch import count_processes
from mentallama.tuning.material import Material, read_material
from mentallama.tuning.readings import Reading
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import encode_readings, encode_rows, list_classes, name_classes
from mentallama.tuning.setting import Load, Setting
from mentallama.types import Sample

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_SAMPLE = 1000
"""Most rows whose tokens are counted; the rest is taken to be like them."""
_TOKENS_PER_WORD = 1.4
"""Assumed where the tokenizer is not at hand: about what LLaMA's gives on these posts."""
_GIB = 2**30
_UTILISATION = 0.4
_TYPICAL_GPUS = ("RTX 4090", "A100-80", "H100")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens per row of prompt and answer, over a sample of the training rows."""

    counted: int
    of: int
    median: int
    p95: int
    longest: int
    mean: float
    answer_mean: float
    shortened: int
    dropped: int
    estimated: str = ""
    """Why the lengths are estimates; empty where they were counted."""


def show_plan(
    recipe: Recipe,
    data: Path,
    *,
    pairs: Path | None = None,
    raw: Path | None = None,
    gpu: str | None = None,
    example: Sample | None = None,
) -> None:
    """Print the plan of a run. Raises what the run itself would raise on recipe, data and leaks."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    chosen = _choose_gpus(gpu)
    settings = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False).strip()
    console.print(f"[bold]Recipe, with all defaults[/bold]\n{settings}\n")
    material = read_material(recipe, data, pairs, raw)
    console.print(_rows_table(material))
    tokenizer, problem = _tokenizer(recipe, material)
    lengths = measure_lengths(recipe, material, tokenizer, problem)
    console.print(_describe_lengths(lengths, recipe))
    if tokenizer is not None and example is not None:
        _show_example(console, recipe, example, tokenizer)
    config = find_config(recipe, tokenizer, material)
    for line in describe_needs(recipe, material, lengths, config, chosen):
        console.print(line)


def _choose_gpus(name: str | None) -> list[Gpu]:
    if name is None:
        return [gpu for gpu in GPUS if gpu.name in _TYPICAL_GPUS]
    found = [gpu for gpu in GPUS if gpu.name.casefold() == name.casefold()]
    if not found:
        names = [gpu.name for gpu in GPUS]
        hint = nearest(name, names) or f" Known: {', '.join(names)}."
        raise InputError(f"--gpu: no GPU is called '{name}'.{hint}")
    return found


def _rows_table(material: Material) -> str:
    table = Table(
        title="Training rows",
        header=("task", "rows"),
        rows=tuple((task, f"{rows:,}") for task, rows in material.rows_by_task.items()),
    )
    valid = len(material.valid_readings or material.valid) + len(material.valid_pairs)
    leaks = material.leaks
    return (
        f"{as_markdown([table])}\n{valid:,} validation rows. Leaks into evaluation splits: "
        f"{leaks.rows:,} of {leaks.of:,} rows ({leaks.exact:,} word for word): {leaks.action}.\n"
    )


def _tokenizer(recipe: Recipe, material: Material) -> "tuple[PreTrainedTokenizerBase | None, str]":
    """Return the tokenizer, or why there is none."""
    from mentallama.tuning.load import load_tokenizer

    try:
        return load_tokenizer(recipe, material.texts, local_only=True), ""
    except InputError:
        return None, f"the tokenizer of {recipe.base} is not on this machine"


def measure_lengths(
    recipe: Recipe,
    material: Material,
    tokenizer: "PreTrainedTokenizerBase | None",
    problem: str = "",
) -> Lengths:
    """Count the tokens of a sample of the training rows, or estimate them from words."""
    rows: Sequence[Any] = material.readings or material.train or material.train_pairs
    drawn = random.Random(0).sample(list(rows), min(_SAMPLE, len(rows)))  # noqa: S311
    if tokenizer is None:
        pairs = [_words(row) for row in drawn]
        counts = [min(recipe.max_length, sum(pair)) for pair in pairs]
        answers = [pair[1] for pair in pairs]
        shortened = sum(sum(pair) > recipe.max_length for pair in pairs)
        dropped = 0
    else:
        counts, answers, shortened, dropped = _tokens(recipe, drawn, tokenizer, material)
    return Lengths(
        counted=len(drawn),
        of=len(rows),
        median=int(statistics.median(counts)),
        p95=sorted(counts)[int(0.95 * (len(counts) - 1))],
        longest=max(counts),
        mean=statistics.fmean(counts),
        answer_mean=statistics.fmean(answers),
        shortened=shortened,
        dropped=dropped,
        estimated=problem,
    )


def _words(row: Any) -> tuple[int, int]:
    if isinstance(row, Reading):
        return round(_TOKENS_PER_WORD * len(row.text.split())), len(row.outputs)
    answer = row.chosen if hasattr(row, "chosen") else row.response
    texts = (row.prompt, answer)
    prompt, reply = (round(_TOKENS_PER_WORD * len(text.split())) for text in texts)
    return prompt, reply


def _tokens(
    recipe: Recipe, drawn: Sequence[Any], tokenizer: Any, material: Material
) -> tuple[list[int], list[int], int, int]:
    if recipe.objective in ("dpo", "reward"):
        from mentallama.tuning.preference import encode_pairs

        rows, counts = encode_pairs(drawn, tokenizer, recipe)
        lengths = [len(row.get("prompt_ids", [])) + len(row["chosen_ids"]) for row in rows]
        return lengths, [len(row["chosen_ids"]) for row in rows], counts.shortened, counts.dropped
    if recipe.reads == "post_alone":
        rows, counts = encode_readings(drawn, tokenizer, recipe, name_classes(recipe, material))
    else:
        rows, counts = encode_rows(drawn, tokenizer, recipe, name_classes(recipe, material))
    answers = [
        1 if isinstance(row["labels"], int) else sum(label >= 0 for label in row["labels"])
        for row in rows
    ]
    return [len(row["input_ids"]) for row in rows], answers, counts.shortened, counts.dropped


def _describe_lengths(lengths: Lengths, recipe: Recipe) -> str:
    how = f"estimated from words: {lengths.estimated}" if lengths.estimated else "counted"
    return (
        f"Tokens per row ({how}, {lengths.counted:,} of {lengths.of:,} rows): median "
        f"{lengths.median:,}, 95 % under {lengths.p95:,}, longest {lengths.longest:,}; "
        f"{lengths.answer_mean:.0f} of {lengths.mean:.0f} bear loss on average.\n"
        f"max_length {recipe.max_length:,}: {lengths.shortened:,} of {lengths.counted:,} posts "
        f"lose their middle, {lengths.dropped:,} rows are dropped (answer too long); no answer is "
        "cut.\n"
    )


def _show_example(console: Any, recipe: Recipe, example: Sample, tokenizer: Any) -> None:
    from mentallama.tuning.view import show_loss

    if recipe.objective in ("dpo", "reward", "grpo") or recipe.reads == "post_alone":
        return
    classes = list_classes([example.post.task]) if recipe.objective == "classifier" else []
    rows, _ = encode_rows([example], tokenizer, recipe, classes)
    console.print("[bold]One row[/bold]: [dim]read[/dim], [green]\\[bears loss][/green]")
    console.print(show_loss(rows[0], tokenizer))
    console.print()


def find_config(
    recipe: Recipe, tokenizer: "PreTrainedTokenizerBase | None", material: Material
) -> "PretrainedConfig | None":
    """Return the config of the model to tune; null where it is neither at hand nor known."""
    classes = name_classes(recipe, material)
    if recipe.scratch:
        from mentallama.tuning.scratch import build_model

        assert tokenizer is not None
        config = build_model(recipe.scratch, tokenizer, classes).config
    else:
        config = known_config(str(recipe.base)) or _read_config(str(recipe.base))
    if config is not None:
        config.reads = recipe.reads
    if config is not None and classes and not recipe.scratch:
        from mentallama.tuning.scratch import class_names

        config.update(class_names(classes))
    return config


def _read_config(base: str) -> "PretrainedConfig | None":
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(find_packaged(base), local_files_only=True)
    except (OSError, ValueError, KeyError):
        return None


def describe_needs(
    recipe: Recipe,
    material: Material,
    lengths: Lengths,
    config: "PretrainedConfig | None",
    gpus: Sequence[Gpu],
) -> list[str]:
    """Say what the run needs of memory, disk and time; or why that cannot be computed."""
    if config is None:
        return [
            f"Memory, disk, hours: not computed: the config of {recipe.base} is neither known nor "
            "on this machine"
        ]
    setting, load = _setting(recipe), _load(recipe, lengths)
    total, trainable = count_parameters(config, setting)
    memory = estimate_memory(config, load, setting)
    rows = lengths.of
    tokens = round(lengths.mean * rows * recipe.epochs)
    typical = Load(
        rows=1, tokens=round(lengths.mean), answer_tokens=max(1, round(lengths.answer_mean))
    )
    flops = estimate_flops(config, tokens, typical, setting)
    parts = (
        f"weights {_gib(memory.weights)}, gradients {_gib(memory.gradients)}, optimiser "
        f"{_gib(memory.optimizer)}, activations {_gib(memory.activations)}"
    )
    steps = max(1, round(_sequences(recipe, lengths) * recipe.epochs / recipe.batch_size))
    lines = [
        f"{total:,} parameters, {trainable:,} trained ({recipe.method}).",
        f"{steps:,} steps of {recipe.batch_size} over {recipe.epochs:g} epochs; "
        f"{tokens:,} tokens; {flops:.3g} FLOPs.",
        f"Memory per device: about {_gib(memory.total)} at the peak ({parts}), for "
        f"{load.rows} x {load.tokens:,} tokens at once.{_unsaid(recipe)}",
        f"Disk: about {_gib(_disk(total, trainable, recipe))} (two checkpoints with optimiser, and "
        "the model).",
    ]
    return lines + [_describe_gpu(gpu, flops, memory.total, setting) for gpu in gpus]


def _unsaid(recipe: Recipe) -> str:
    match recipe.objective:
        case "dpo" if recipe.method == "full":
            return " The frozen reference model is not counted: its weights come on top."
        case "grpo":
            return " Drawing answers (their cache) and the reference model are not counted."
        case _:
            return ""


def _describe_gpu(gpu: Gpu, flops: float, needed: int, setting: Setting) -> str:
    if setting.precision == "bf16" and not gpu.bf16:
        return (
            f"{gpu.name} ({gpu.memory} GiB): not planned: it has no bf16, which the figures above "
            "are for; add --set precision=fp32"
        )
    fits = "fits" if needed <= 0.95 * gpu.memory * _GIB else "does NOT fit"
    time = hours(flops, gpu, _UTILISATION, setting.devices)
    return (
        f"{gpu.name} ({gpu.memory} GiB): {fits}; {_show_hours(time)} on {setting.devices} if it "
        f"keeps {100 * _UTILISATION:.0f} % of its {gpu.tflops:.0f} TFLOP/s (assumed)."
    )


def _show_hours(hours: float) -> str:
    if hours >= 1:
        return f"about {hours:.1f} hours"
    return f"about {60 * hours:.0f} minutes" if hours >= 1 / 60 else "under a minute"


def _setting(recipe: Recipe) -> Setting:
    devices = recipe.devices or count_processes()
    seq2seq_or_class = recipe.objective if recipe.objective in ("seq2seq", "classifier") else None
    return Setting(
        objective=seq2seq_or_class or "causal",
        method=recipe.method,
        lora_rank=recipe.lora.rank if recipe.lora else None,
        lora_targets=recipe.lora.targets if recipe.lora else None,
        lora_dropout=recipe.lora.dropout if recipe.lora else 0.0,
        frozen_layers=recipe.frozen_layers,
        # A plan is made for a GPU, which has bf16.
        precision="fp32" if recipe.precision == "fp32" else "bf16",
        attention=recipe.attention,
        gradient_checkpointing=recipe.gradient_checkpointing,
        accumulation=max(1, recipe.batch_size // (recipe.device_batch_size * devices)),
        devices=devices,
        sharding=recipe.sharding,
    )


def _load(recipe: Recipe, lengths: Lengths) -> Load:
    """Return the heaviest batch: full packs, or rows as long as the longest."""
    tokens = recipe.max_length if recipe.batching == "packing" else lengths.longest
    rows = recipe.device_batch_size * (2 if recipe.objective in ("dpo", "reward") else 1)
    share = lengths.answer_mean / lengths.mean
    return Load(rows=rows, tokens=tokens, answer_tokens=max(1, round(rows * tokens * share)))


def _sequences(recipe: Recipe, lengths: Lengths) -> float:
    if recipe.batching == "packing":
        return lengths.of * lengths.mean / recipe.max_length
    return lengths.of


def _disk(total: int, trainable: int, recipe: Recipe) -> int:
    """Two checkpoints hold trained weights and Adam's two moments; the model once more."""
    saved = 4 * (trainable if recipe.lora else total)
    return 2 * (saved + 8 * trainable) + saved


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f} GiB" if size >= _GIB / 10 else f"{size / 2**20:.1f} MiB"
