"""Tuning on a GPU: tokens per second, use of its arithmetic, and memory beside the plan's estimate.

    python benchmarks/tuning_gpu.py [--base meta-llama/Llama-2-7b-hf] [--layers N] [--rows 96]
    python benchmarks/tuning_gpu.py --tiny        # a small model, on any machine: does it run?

A model of the base's shape gets random weights on the device (no download) and is trained on rows
of random tokens with the release's spread of lengths, some optimiser steps per case: full, LoRA and
QLoRA, each padded as they come (batches of 4), by length, and packed (sequences of 2,048 tokens,
attention kept inside each row). Loss is on answers alone. Every case has a process of its own; one
that does not fit says so and the others go on.

Reported: useful tokens per second (padding does not count), the share of the GPU's peak that the
counted operations make up, and the peak of allocated memory beside the estimate of ``--dry-run``.
``--layers`` cuts the model where it does not fit whole; the table says how many were kept.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig
from tuning_speed import draw_lengths, make_rows, pad

from mentallama.errors import InputError
from mentallama.tables import Table, as_markdown
from mentallama.tuning.bases import known_config
from mentallama.tuning.estimate import estimate_flops, estimate_memory
from mentallama.tuning.gpus import GPUS
from mentallama.tuning.rows import IGNORED, Row
from mentallama.tuning.setting import Load, Setting
from mentallama.tuning.trainers import head_sees

BATCH, PACK, RANK, WARM = 4, 2048, 16, 2
METHODS, BATCHINGS = ("lora", "qlora", "full"), ("padded", "by_length", "packed")
Batch = dict[str, torch.Tensor]


def make_config(options: argparse.Namespace) -> PretrainedConfig:
    """Return the config of the model to train."""
    if options.tiny:
        return LlamaConfig(vocab_size=32_000, hidden_size=64, intermediate_size=128,
                           num_hidden_layers=2, num_attention_heads=2, pad_token_id=0)  # fmt: skip
    config = known_config(options.base)
    if config is None:
        raise InputError(f"no shape is known for '{options.base}'; see mentallama/tuning/bases.py")
    config.num_hidden_layers = options.layers or config.num_hidden_layers
    return config


def pack(rows: Sequence[Row]) -> Batch:
    """Put rows into one sequence; positions that start anew keep attention inside each row."""
    return {
        "input_ids": torch.tensor([[token for row in rows for token in row["input_ids"]]]),
        # The first token of a row is predicted from the row before it: it bears no loss.
        "labels": torch.tensor([[t for row in rows for t in (IGNORED, *row["labels"][1:])]]),
        "position_ids": torch.tensor([[i for row in rows for i in range(len(row["input_ids"]))]]),
    }


def fill_packs(rows: Sequence[Row]) -> list[Batch]:
    """Pack rows in their order into sequences of at most ``PACK`` tokens."""
    groups: list[list[Row]] = [[]]
    for row in rows:
        if sum(len(one["input_ids"]) for one in [*groups[-1], row]) > PACK and groups[-1]:
            groups.append([])
        groups[-1].append(row)
    return [pack(group) for group in groups]


def make_batches(rows: Sequence[Row], batching: str) -> list[Batch]:
    """Cut rows into batches in one of the three ways."""
    if batching == "packed":
        return fill_packs(rows)
    ordered = sorted(rows, key=lambda r: len(r["input_ids"])) if batching == "by_length" else rows
    return [pad(ordered[start : start + BATCH]) for start in range(0, len(rows), BATCH)]


def build(config: PretrainedConfig, method: str, device: str) -> Any:
    """Build the model on the device with random weights, as tuning builds it."""
    dtype = torch.float32 if method == "full" else torch.bfloat16
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    if method == "qlora":
        pack_weights(model)
    if method != "full":
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, adapters)
    return model.train()


def pack_weights(model: Any) -> None:
    """Replace linear layers but the head by 4-bit ones, one by one: both never fit at once."""
    import bitsandbytes as bnb

    head = model.get_output_embeddings()
    for module in list(model.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, torch.nn.Linear) and layer is not head:
                packed = bnb.nn.Linear4bit(
                    layer.in_features, layer.out_features, bias=False, quant_type="nf4",
                    compress_statistics=True, compute_dtype=torch.bfloat16,
                )  # fmt: skip
                weight, device = layer.weight.data.cpu(), layer.weight.device
                packed.weight = bnb.nn.Params4bit(weight, requires_grad=False, quant_type="nf4")
                setattr(module, name, packed.to(device))
    model.is_loaded_in_4bit = True
    for parameter in model.parameters():
        if not isinstance(parameter, bnb.nn.Params4bit):
            parameter.data = parameter.data.float()


def train(model: Any, batches: Sequence[Batch], device: str) -> tuple[float, int]:
    """Take an optimiser step per batch; return seconds and tokens, the first steps left out."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-5, fused=True)
    wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None
    start, tokens = 0.0, 0
    for number, batch in enumerate(batches):
        if number == WARM:
            wait()
            start = time.perf_counter()
        given = {name: value.to(device) for name, value in batch.items()}
        labels = given.pop("labels")[:, 1:]
        bears = labels != IGNORED
        with torch.autocast(device, torch.bfloat16), head_sees(model, bears):
            logits = model(**given, use_cache=False).logits
        cross_entropy(logits.float(), labels[bears]).backward()
        optimiser.step()
        optimiser.zero_grad()
        if number >= WARM:
            mask = batch.get("attention_mask")
            tokens += batch["input_ids"].numel() if mask is None else int(mask.sum())
    wait()
    return time.perf_counter() - start, tokens


def heaviest(batches: Sequence[Batch]) -> Load:
    """Return the batch with the most tokens, as the plan describes it."""
    batch = max(batches, key=lambda one: one["input_ids"].numel())
    rows, width = batch["input_ids"].shape
    answers = int((batch["labels"][:, 1:] != IGNORED).sum())
    return Load(rows=rows, tokens=width, answer_tokens=answers)


def measure(config: PretrainedConfig, method: str, batching: str, rows: int) -> dict[str, Any]:
    """Measure one case in this process."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batches = make_batches(make_rows(draw_lengths(rows)), batching)
    setting = Setting(
        method=method,  # type: ignore[arg-type]
        lora_rank=None if method == "full" else RANK,
        precision="bf16",
    )
    expected = estimate_memory(config, heaviest(batches), setting).total
    if device == "cuda" and expected > 0.97 * torch.cuda.get_device_properties(0).total_memory:
        return {"not run": f"the plan says {expected / 2**30:.1f} GiB: more than the GPU has"}
    model = build(config, method, device)
    seconds, tokens = train(model, batches, device)
    computed = sum(batch["input_ids"].numel() for batch in batches[WARM:])
    work = estimate_flops(config, computed, heaviest(batches[WARM:]), setting)
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return {
        "tokens/s": tokens / seconds,
        "useful": tokens / computed,
        "FLOP/s": work / seconds,
        "measured": peak,
        "expected": expected,
    }


def measure_apart(arguments: Sequence[str], method: str, batching: str) -> dict[str, Any]:
    """Measure one case in a process of its own, so that no memory is left from another."""
    command = [sys.executable, __file__, *arguments, "--case", f"{method},{batching}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {"not run": said[:150]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(found: dict[str, Any], case: tuple[str, str], peak_flops: float | None) -> tuple[str, ...]:
    """Lay one case out as a row."""
    if "not run" in found:
        return (*case, f"not run: {found['not run']}", "", "", "", "")
    measured, expected = found["measured"], found["expected"]
    return (
        *case,
        f"{found['tokens/s']:,.0f}",
        f"{100 * found['useful']:.0f} %",
        f"{100 * found['FLOP/s'] / peak_flops:.1f} %" if peak_flops else "no known peak",
        f"{measured / 2**30:.2f}" if measured else "no GPU",
        f"{expected / 2**30:.2f}" + (f" ({expected / measured:.3f}x)" if measured else ""),
    )


def main() -> None:
    """Measure every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="meta-llama/Llama-2-7b-hf")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = make_config(options)
    if options.case:
        method, batching = options.case.split(",")
        print(json.dumps(measure(config, method, batching, options.rows)))
        return
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    named = [gpu for gpu in GPUS if re.search(rf"\b{gpu.name.split('-')[0]}\b", device)]
    peak = 1e12 * named[0].tflops if named else None
    cases = [(method, batching) for method in METHODS for batching in BATCHINGS]
    rows = []
    for case in cases:
        rows.append(show(measure_apart(sys.argv[1:], *case), case, peak))
        # A run may be stopped before the last case: what is measured is said at once.
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    title = f"{options.base if not options.tiny else 'tiny'}, {config.num_hidden_layers} layers, on"
    header = ("method", "batches", "useful tokens/s", "useful", "of peak", "GiB", "GiB planned")
    print(as_markdown([Table(title=f"{title} {device}", header=header, rows=tuple(rows))]))


if __name__ == "__main__":
    main()
