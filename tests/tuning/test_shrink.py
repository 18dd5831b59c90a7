"""What tuning changed, kept small: with its base it is the tuned model again."""

import json
from pathlib import Path

import pytest
import torch

from mentallama import feedback
from mentallama.config import load_config
from mentallama.delta import DELTA, add_delta, load_changed, take_delta
from mentallama.errors import CheckError, InputError
from mentallama.models.classifier import is_classifier, load_classifier, load_network
from mentallama.tuning.recipe import Recipe, find_recipe
from mentallama.tuning.run import tune
from mentallama.tuning.shrink import shrink

TEXTS = ("the rota changed again", "made soup for the whole street", "so quiet")
FAST = ["epochs=1", "evaluations=1", "report_to=[]", "choose_by=loss", "tasks=[DR, SAD]"]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, corpus_folder: Path) -> Path:
    """A small encoder with its tokenizer, as any base lies in a folder."""
    recipe = load_config(find_recipe("tiny-mini"), Recipe, FAST)
    return tune(
        recipe, corpus_folder, tmp_path_factory.mktemp("base") / "run", feedback=feedback
    ).folder


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory, corpus_folder: Path) -> Path:
    changes = [*FAST, "scratch=null", f"base={base}", "frozen_layers=1", "head_learning_rate=0.01"]
    recipe = load_config(find_recipe("tiny-mini"), Recipe, changes)
    return tune(
        recipe, corpus_folder, tmp_path_factory.mktemp("tuned") / "run", feedback=feedback
    ).folder


def test_frozen_layers_stay_and_the_rest_moves(base: Path, tuned: Path) -> None:
    before, after = (load_network(str(folder)).state_dict() for folder in (base, tuned))
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert any("layer.1." in name for name in changed) and "classifier.weight" in changed
    assert not any("embeddings" in name or "layer.0." in name for name in changed)


def test_it_is_the_model_again_and_small(base: Path, tuned: Path, tmp_path: Path) -> None:
    shrunk = shrink(tuned, tmp_path / "out", TEXTS)
    assert shrunk.difference < 0.02
    # The matrices are narrower than the rank, so that they are kept whole, in half precision.
    layer = 4 * (64 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64) + 4 * 64
    assert shrunk.size < 2 * (layer + 11 * 64 + 11) + 4000
    assert is_classifier(str(tmp_path / "out"))
    backend = load_classifier(str(tmp_path / "out"), [], batch_size=2)
    assert backend.limit == 160 and len(backend.tokenizer) == 1000
    with pytest.raises(InputError, match="use it as it is"):
        shrink(tmp_path / "out", tmp_path / "again", TEXTS)
    with pytest.raises(InputError, match="exists already"):
        shrink(tuned, tmp_path / "out", TEXTS)


def test_factors_come_as_near_as_their_rank_allows() -> None:
    torch.manual_seed(0)
    before = {"w": torch.randn(40, 30), "b": torch.zeros(30)}
    change = torch.randn(40, 3) @ torch.randn(3, 30)
    after = {"w": before["w"] + change, "b": torch.ones(30), "new": torch.ones(2, 2)}
    kept = take_delta(before, after, 3)
    assert {name: tuple(value.shape) for name, value in kept.items()} == {
        "w.left": (40, 3), "w.right": (3, 30), "b": (30,), "new": (2, 2),
    }  # fmt: skip
    assert ((kept["w.left"].float() @ kept["w.right"].float()) - change).abs().max() < 0.02
    assert take_delta(after, after, 3) == {}
    with pytest.raises(InputError, match="no tensor w; it is another model's"):
        add_delta(torch.nn.Linear(2, 2), kept)


def test_too_few_factors_are_not_kept(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mentallama.tuning.shrink._TOLERANCE", 1e-6)
    with pytest.raises(CheckError, match="take a higher rank"):
        shrink(tuned, tmp_path / "out", TEXTS, rank=1)
    assert not list(tmp_path.iterdir())


def test_another_base_or_a_broken_file_is_one_line(base: Path, tuned: Path, tmp_path: Path) -> None:
    folder = shrink(tuned, tmp_path / "out", TEXTS).folder
    told = json.loads((folder / "mentallama.json").read_text())
    (folder / "mentallama.json").write_text(json.dumps(told | {"base_weights": "0" * 12}))
    with pytest.raises(InputError, match="belongs to a base with the weights 000000000000"):
        load_changed(folder)
    (folder / "mentallama.json").write_text(json.dumps(told))
    (folder / DELTA).write_bytes((folder / DELTA).read_bytes()[:500])
    with pytest.raises(InputError, match="not a safetensors file, or cut short"):
        load_changed(folder)
    with pytest.raises(InputError, match="is for models tuned from a base"):
        shrink(base, tmp_path / "other", TEXTS)
