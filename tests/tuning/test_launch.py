"""Several processes: the same result as one, and no wrong launch that goes unnoticed."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from mentallama.errors import InputError
from mentallama.tuning.launch import sharding_arguments
from tests.conftest import ROOT, Run
from tests.tuning.conftest import RECIPE, mini

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
TORCHRUN += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mini.yaml"
    path.write_text(RECIPE.replace("name: mini", "name: mini\nreport_to: []"))
    return path


def losses(out: Path) -> list[float]:
    entries = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [entry["loss"] for entry in entries if "loss" in entry]


def test_two_processes_train_the_model_of_one(recipe: Path, data: Path, tmp_path: Path) -> None:
    """One process adds up two batches of two rows; two processes take one batch each."""
    work = ["tune", str(recipe), "--data", str(data), "--out"]
    one, two = tmp_path / "one", tmp_path / "two"
    alone = [sys.executable, "-m", "mentallama", *work, str(one)]
    subprocess.run(alone, check=True, capture_output=True)
    together = [*TORCHRUN, "-m", "mentallama", *work, str(two), "--set", "devices=2"]
    done = subprocess.run(together, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "2 processes on cpu (multi cpu)" in done.stdout
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    weights = [load_file(folder / "model" / "model.safetensors") for folder in (one, two)]
    for name, tensor in weights[0].items():
        assert (tensor - weights[1][name]).abs().max() < 1e-3, name


def free_port() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return str(held.getsockname()[1])


def test_two_machines_train_the_model_of_one(recipe: Path, data: Path, tmp_path: Path) -> None:
    """The script of ``launch/``, started once per machine, both machines being this one."""
    work = [str(recipe), "--data", str(data), "--set", "device_batch_size=2"]
    work += ["--set", "sharding=none"]
    one, two = tmp_path / "one", tmp_path / "two"
    alone = [sys.executable, "-m", "mentallama", "tune", *work, "--out", str(one)]
    subprocess.run(alone, check=True, capture_output=True)
    settings = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "PYTHON": sys.executable}
    nodes = [
        subprocess.Popen(
            [ROOT / "launch" / "two-nodes.sh", "1", *work, "--out", str(two)],
            env={**os.environ, **settings, "NODE_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    for node in nodes:
        output, errors = node.communicate(timeout=900)
        assert node.returncode == 0, errors[-2000:]
        assert "2 processes on cpu (multi cpu)" in output
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)


def test_the_scripts_ask_for_sharding(recipe: Path, data: Path, tmp_path: Path) -> None:
    """Without GPUs to divide a model over, the script of one machine refuses, as it must."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    command = [ROOT / "launch" / "one-node.sh", "2", str(recipe), "--data", str(data)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "sharding fsdp needs GPUs" in done.stderr


def test_a_launch_of_another_number_of_processes_is_refused(
    run: Run, recipe: Path, data: Path, tmp_path: Path
) -> None:
    done = run("tune", str(recipe), "--data", str(data), "--out", str(tmp_path / "out"),
               "--set", "devices=4", "--set", "batch_size=8")  # fmt: skip
    assert done.returncode == 2
    assert "devices is 4 and 1 take part" in done.stderr and "torchrun" in done.stderr
    assert not (tmp_path / "out" / "model").exists()


def test_sharding_without_gpus_is_refused() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert sharding_arguments(mini()) == {}
    with pytest.raises(InputError, match="sharding fsdp needs GPUs"):
        sharding_arguments(mini(sharding="fsdp"))


SHARDED = """
import sys
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from transformers import LlamaConfig, LlamaForCausalLM

from mentallama.tuning.trainers import head_sees

dist.init_process_group("gloo")
torch.manual_seed(0)
config = LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=2)
plain, model = LlamaForCausalLM(config), LlamaForCausalLM(config)
model.load_state_dict(plain.state_dict())
for layer in model.model.layers:
    fully_shard(layer)
fully_shard(model)
local = sum(p.to_local().numel() for p in model.parameters())
ids = torch.randint(0, 64, (2, 12))
bears = torch.zeros(2, 11, dtype=torch.bool)
bears[:, 6:] = True

def step(network):
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    losses = []
    for _ in range(3):
        with head_sees(network, bears):
            logits = network(ids, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits, ids[:, 1:][bears])
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    return losses

expected, found = step(plain), step(model)
assert found[2] < found[0]
assert all(abs(a - b) < 1e-5 for a, b in zip(expected, found)), (expected, found)
whole = sum(p.numel() for p in plain.parameters())
assert local < 0.6 * whole, (local, whole)
print("sharded", local, "of", whole)
dist.destroy_process_group()
"""


def test_sharded_weights_train_like_whole_ones(tmp_path: Path) -> None:
    """torch's own ``fully_shard``, with the head seeing answers only: half the weights each."""
    script = tmp_path / "sharded.py"
    script.write_text(SHARDED)
    done = subprocess.run([*TORCHRUN, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("sharded") == 2
