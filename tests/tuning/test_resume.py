"""Runs that were killed, torn or out of room go on to the very same result."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mentallama.tuning.checkpoints import find_damage, newest_whole, seal
from tests.processes import run_warm, start_warm
from tests.tuning.conftest import RECIPE

# 16 rows in batches of 4: 40 steps, a checkpoint every 4.
FORTY = RECIPE.replace("epochs: 4", "epochs: 10").replace("evaluations: 4", "evaluations: 10")


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "forty.yaml"
    path.write_text(FORTY.replace("name: mini", "name: forty\nreport_to: []"))
    return path


def command(recipe: Path, data: Path, out: Path) -> list[str]:
    return ["tune", str(recipe), "--data", str(data), "--out", str(out)]


def tune(recipe: Path, data: Path, out: Path) -> subprocess.CompletedProcess[str]:
    done = run_warm(command(recipe, data, out), out.parent, dict(os.environ))
    assert done.returncode == 0, done.stderr
    return done


def losses(out: Path) -> dict[int, float]:
    entries = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return {entry["step"]: entry["loss"] for entry in entries if "loss" in entry}


@pytest.fixture(scope="module")
def whole(forty: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    tune(forty, data, out)
    return out


def kill_after(step: int, recipe: Path, data: Path, out: Path) -> None:
    process = start_warm(command(recipe, data, out))
    deadline = time.monotonic() + 600
    while not (out / "checkpoints" / f"checkpoint-{step}" / "whole.json").exists():
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.join()


def test_twenty_steps_a_kill_and_the_rest_are_forty_steps(
    forty: Path, data: Path, whole: Path, tmp_path: Path
) -> None:
    """The newest checkpoint is torn besides: the run falls back, says so, and loses nothing."""
    out = tmp_path / "out"
    kill_after(20, forty, data, out)
    assert not (out / "model").exists()
    torn = newest_whole(out / "checkpoints")
    assert torn is not None
    if torn.name != "checkpoint-20":
        pytest.skip("the run was faster than the kill")
    half = tmp_path / "half"
    shutil.copytree(torn, half)
    weights = out / "checkpoints" / "checkpoint-24" / "model.safetensors"
    shutil.copytree(torn, weights.parent, dirs_exist_ok=True)
    weights.write_bytes(weights.read_bytes()[:-100])
    done = tune(forty, data, out)
    assert "checkpoint-24 is broken (model.safetensors is not what was written)" in done.stdout
    assert "resuming from checkpoint-20" in done.stdout
    assert losses(out) == pytest.approx(losses(whole), rel=1e-6)
    assert max(losses(out)) == 40
    models = [folder / "model" / "model.safetensors" for folder in (out, whole)]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_a_full_disk_is_one_line_and_the_run_goes_on_later(
    forty: Path, data: Path, whole: Path, tmp_path: Path
) -> None:
    """Files may not grow beyond a limit, as on a full disk; with room again the run goes on."""
    out = tmp_path / "out"
    weights = whole / "model" / "model.safetensors"
    limit = weights.stat().st_size // 2

    def few_bytes() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mentallama", *command(forty, data, out)],
        capture_output=True,
        text=True,
        preexec_fn=few_bytes,
        env=environment,
    )
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert "checkpoint-4 could not be written" in line and "make room" in line
    assert "Traceback" not in done.stderr
    assert not list((out / "checkpoints").glob("checkpoint-*"))
    tune(forty, data, out)
    assert (out / "model" / "model.safetensors").read_bytes() == weights.read_bytes()


def test_what_damages_a_checkpoint_is_named(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint-4"
    checkpoint.mkdir()
    (checkpoint / "a").write_text("one")
    (checkpoint / "b").write_text("two")
    assert find_damage(checkpoint) == "it was not written to its end"
    seal(checkpoint)
    assert find_damage(checkpoint) == ""
    (checkpoint / "b").write_text("owt")
    assert find_damage(checkpoint) == "b is not what was written"
    (checkpoint / "a").unlink()
    assert find_damage(checkpoint) == "a is missing"


def test_the_newest_checkpoint_is_newest_by_step(tmp_path: Path) -> None:
    for step in (8, 12, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "x").touch()
        seal(tmp_path / f"checkpoint-{step}")
    found = newest_whole(tmp_path)
    assert found is not None and found.name == "checkpoint-100"
