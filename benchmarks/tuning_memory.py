"""Memory of tuning: the estimate beside what a process really takes, on a CPU in fp32.

    python benchmarks/tuning_memory.py

A LLaMA of 58 million random weights is trained for some steps as tuning trains: padded batches,
AdamW, logits for answer tokens alone. Each case has a process of its own; measured is its largest
resident memory less what it held just before the model was built, after the libraries were
warmed up on a model of two layers.

Measured twice. By default glibc carves blocks of up to 32 MiB from one heap, where freed ones leave
holes: column "glibc". With MALLOC_MMAP_THRESHOLD_ set, large blocks go back to the system at once:
column "measured", to which the ratio refers. Runs on Linux with glibc. Needs: the extra train and
peft.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig

from mentallama.tables import Table, as_markdown
from mentallama.tuning.estimate import estimate_memory
from mentallama.tuning.setting import Load, Setting

LORA = {"method": "lora", "lora_rank": 16}
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("full, 8 x 300", {}, {}),
    ("full, 8 x 150", {}, {"tokens": 150}),
    ("full, 8 x 600", {}, {"tokens": 600}),
    ("full, checkpointing", {"gradient_checkpointing": True}, {}),
    ("full, accumulation", {"accumulation": 2}, {}),
    ("LoRA, 8 x 300", LORA, {}),
    ("LoRA, 8 x 150", LORA, {"tokens": 150}),
    ("LoRA, checkpointing", LORA | {"gradient_checkpointing": True}, {}),
]


def make_config(layers: int = 8) -> PretrainedConfig:
    """Return the config of the model that is trained."""
    return LlamaConfig(
        vocab_size=32_000,
        hidden_size=512,
        intermediate_size=1376,
        num_hidden_layers=layers,
        num_attention_heads=8,
        pad_token_id=0,
    )


def make_case(number: int) -> tuple[str, Load, Setting]:
    """Return a case's name, batch and setting."""
    name, setting, load = CASES[number]
    return name, Load(**{"rows": 8, "tokens": 300, "answer_tokens": 800} | load), Setting(**setting)


def build(config: PretrainedConfig, setting: Setting) -> Any:
    """Build the model with random weights, with adapters where they are asked for."""
    from peft import LoraConfig, get_peft_model

    model = AutoModelForCausalLM.from_config(config)
    if setting.method == "lora":
        assert setting.lora_rank
        adapters = LoraConfig(
            r=setting.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        model = get_peft_model(model, adapters)
    if setting.gradient_checkpointing:
        model.activation_checkpointing_enable()
    return model.train()


def train(config: PretrainedConfig, load: Load, setting: Setting, steps: int) -> None:
    """Train some steps on random tokens; the rows differ in length and are padded on the left."""
    model = build(config, setting)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    bears = torch.zeros(load.rows, load.tokens, dtype=torch.bool)
    bears[:, -load.answer_tokens // load.rows :] = True
    model.get_output_embeddings().register_forward_pre_hook(lambda _, given: (given[0][bears],))
    for _ in range(steps):
        for _ in range(setting.accumulation):
            ids = torch.randint(1, config.vocab_size, (load.rows, load.tokens))
            mask = torch.ones_like(ids)
            for row in range(1, load.rows):
                mask[row, : 2 * row] = 0
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            cross_entropy(logits.float(), ids[bears], reduction="mean").backward()
            del logits
        optimizer.step()
        optimizer.zero_grad()


def measure(number: int, steps: int) -> int:
    """Return the bytes that a case takes in this process."""
    _, load, setting = make_case(number)
    torch.set_num_threads(1)
    train(make_config(layers=2), Load(rows=1, tokens=16, answer_tokens=8), setting, steps=2)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    train(make_config(), load, setting, steps)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return peak - pages * resource.getpagesize()


def measure_apart(number: int, steps: int, **environment: str) -> int:
    """Return the bytes that a case takes in a process of its own."""
    command = [sys.executable, __file__, "--steps", str(steps), "--measure", str(number)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return int(done.stdout.split()[-1])


def compare(number: int, steps: int) -> dict[str, Any]:
    """Return a case's estimate beside its measured bytes."""
    name, load, setting = make_case(number)
    estimate = estimate_memory(make_config(), load, setting)
    measured = measure_apart(number, steps, MALLOC_MMAP_THRESHOLD_=str(2**20))
    return {
        "case": name,
        **asdict(estimate),
        "total": estimate.total,
        "measured": measured,
        "ratio": estimate.total / measured,
        "glibc": measure_apart(number, steps),
    }


def as_table(results: list[dict[str, Any]]) -> Table:
    """Return the results in MiB."""
    header = tuple(results[0])
    rows = tuple(
        tuple(
            f"{v:.3f}" if isinstance(v, float) else v >> 20 if isinstance(v, int) else v
            for v in row.values()
        )
        for row in results
    )
    return Table(title="Memory of tuning, MiB, fp32 on a CPU", header=header, rows=rows)


def main() -> None:
    """Compare the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)))
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(measure(arguments.measure, arguments.steps))
        return
    results = [compare(number, arguments.steps) for number in arguments.cases]
    print(json.dumps(results) if arguments.json else as_markdown([as_table(results)]))


if __name__ == "__main__":
    main()
