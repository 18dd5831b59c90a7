"""Tuning for real, on a model that trains within seconds."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from mentallama.config import load_config
from mentallama.errors import InputError
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.run import TunedModel, tune
from tests.processes import run_warm, start_warm
from tests.tuning.conftest import RECIPE, write_data


@pytest.fixture(scope="module")
def tuned(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TunedModel, Path]:
    folder = tmp_path_factory.mktemp("run")
    (folder / "mini.yaml").write_text(RECIPE)
    recipe = load_config(folder / "mini.yaml", Recipe)
    return tune(recipe, data, folder / "out"), folder / "out"


def losses(out: Path) -> list[tuple[int, float]]:
    lines = (out / "log.jsonl").read_text().splitlines()
    return [(e["step"], e["loss"]) for e in map(json.loads, lines) if "loss" in e]


def test_it_learns_and_saves_in_the_hubs_layout(tuned: tuple[TunedModel, Path]) -> None:
    result, out = tuned
    curve = losses(out)
    assert curve[-1][1] < curve[0][1] - 1
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {
        path.name for path in (out / "model").iterdir()
    }
    assert (result.train.rows, result.train.dropped, result.valid.rows) == (16, 0, 4)
    assert result.rows_by_task == {"SAD": 16}


def test_the_saved_model_is_the_best_checkpoint_not_the_start(
    tuned: tuple[TunedModel, Path], data: Path
) -> None:
    """Reloaded from disk, the model has the validation loss that the run reported."""
    from mentallama.dataset import read_samples
    from mentallama.tuning.rows import encode_rows

    result, out = tuned
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    model = AutoModelForCausalLM.from_pretrained(out / "model").eval()
    recipe = load_config(out.parent / "mini.yaml", Recipe)
    rows, _ = encode_rows(read_samples(data, splits=["valid"]), tokenizer, recipe)
    total = count = 0.0
    for row in rows:
        ids = torch.tensor([row["input_ids"]])
        labels = torch.tensor(row["labels"])[1:]
        with torch.no_grad():
            scores = torch.log_softmax(model(ids).logits[0, :-1], dim=-1)
        bears = labels != -100
        total -= scores[bears].gather(1, labels[bears, None]).sum().item()
        count += bears.sum().item()
    assert total / count == pytest.approx(result.best_valid_loss, rel=0.02)


def test_the_card_tells_data_settings_and_limits(tuned: tuple[TunedModel, Path]) -> None:
    card = (tuned[1] / "model" / "README.md").read_text()
    assert card.startswith("---\nlanguage: en")
    for part in ("non-clinical", "| SAD | 16 |", "batching: by_length", "kept on purpose"):
        assert part in card


def test_a_finished_run_is_not_repeated(tuned: tuple[TunedModel, Path], data: Path) -> None:
    result, out = tuned
    before = (out / "model" / "model.safetensors").stat().st_mtime_ns
    recipe = load_config(out.parent / "mini.yaml", Recipe)
    assert tune(recipe, data, out) == result
    assert (out / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_another_recipe_does_not_go_on_in_the_same_folder(
    tuned: tuple[TunedModel, Path], data: Path
) -> None:
    recipe = load_config(tuned[1].parent / "mini.yaml", Recipe, ["seed=1"])
    with pytest.raises(InputError, match="another recipe or other data"):
        tune(recipe, data, tuned[1])


def test_the_same_seed_gives_the_same_losses(
    tuned: tuple[TunedModel, Path], data: Path, tmp_path: Path
) -> None:
    recipe = load_config(tuned[1].parent / "mini.yaml", Recipe)
    tune(recipe, data, tmp_path / "again")
    assert losses(tmp_path / "again") == losses(tuned[1])


def test_a_killed_run_goes_on_to_the_same_result(
    tuned: tuple[TunedModel, Path], data: Path, tmp_path: Path
) -> None:
    """Kill -9 once a checkpoint is there, tear a newer one, and start again."""
    out = tmp_path / "out"
    shutil.copy(tuned[1].parent / "mini.yaml", tmp_path / "mini.yaml")
    command = ["tune", str(tmp_path / "mini.yaml"), "--data", str(data), "--out", str(out)]
    process = start_warm(command)
    deadline = time.monotonic() + 600
    while not list(out.glob("checkpoints/checkpoint-*/whole.json")):
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.join()
    assert not (out / "model").exists()
    torn = out / "checkpoints" / "checkpoint-15"
    torn.mkdir(exist_ok=True)
    (torn / "whole.json").unlink(missing_ok=True)
    done = run_warm(command, tmp_path, dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "resuming from checkpoint-" in done.stdout
    assert "not written to its end" in done.stdout
    assert losses(out) == losses(tuned[1])
    weights = [(folder / "model" / "model.safetensors").read_bytes() for folder in (out, tuned[1])]
    assert weights[0] == weights[1]


def test_packing_keeps_rows_apart(
    tuned: tuple[TunedModel, Path], data: Path, tmp_path: Path
) -> None:
    """The validation loss of packed rows is that of the same rows one by one."""
    names = ["by_length", "packing"]
    found = []
    for batching in names:
        recipe = load_config(
            tuned[1].parent / "mini.yaml",
            Recipe,
            [f"batching={batching}", "learning_rate=1.0e-12", "epochs=1", "evaluations=1"],
        )
        found.append(tune(recipe, data, tmp_path / batching).best_valid_loss)
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_half_precision_computes_so_but_keeps_its_weights_whole(
    tuned: tuple[TunedModel, Path], data: Path, tmp_path: Path
) -> None:
    recipe = load_config(
        tuned[1].parent / "mini.yaml", Recipe, ["precision=bf16", "learning_rate=1.0e-5"]
    )
    tune(recipe, data, tmp_path / "out")
    curve = losses(tmp_path / "out")
    assert curve[-1][1] != curve[0][1]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_model_folder_is_a_base_like_a_hub_id(
    tuned: tuple[TunedModel, Path], data: Path, tmp_path: Path
) -> None:
    """The same code tunes on from a saved model; only the recipe differs."""
    base = tuned[1] / "model"
    text = RECIPE.split("scratch:")[0] + f"base: {base}\n" + RECIPE.split("context: 256\n")[1]
    (tmp_path / "on.yaml").write_text(text)
    recipe = load_config(tmp_path / "on.yaml", Recipe, ["epochs=1"])
    further = tune(recipe, data, tmp_path / "out")
    assert further.best_valid_loss and tuned[0].best_valid_loss
    assert further.best_valid_loss < tuned[0].best_valid_loss + 0.5
    assert f"base_model: {base}" in (tmp_path / "out" / "model" / "README.md").read_text()


def test_without_validation_rows_there_is_nothing_to_choose_by(
    tuned: tuple[TunedModel, Path], tmp_path: Path
) -> None:
    recipe = load_config(tuned[1].parent / "mini.yaml", Recipe)
    folder = write_data(tmp_path / "data", splits=("train",))
    with pytest.raises(InputError, match="no validation rows"):
        tune(recipe, folder, tmp_path / "out")


def test_without_training_rows_of_the_sets_asked_for(
    tuned: tuple[TunedModel, Path], data: Path, tmp_path: Path
) -> None:
    recipe = load_config(tuned[1].parent / "mini.yaml", Recipe, ["tasks=[DR]"])
    with pytest.raises(InputError, match="no instruction training rows of DR"):
        tune(recipe, data, tmp_path / "out")
