"""A model small enough to train within seconds, and a folder of invented samples for it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mentallama.dataset import Manifest, write_manifest, write_samples
from mentallama.tuning.recipe import Recipe
from mentallama.types import Split
from tests.conftest import sample

RECIPE = """
name: mini
scratch:
  vocabulary: 320
  hidden_size: 32
  feed_forward_size: 64
  layers: 1
  heads: 2
  context: 256
leaks: keep
max_length: 192
epochs: 4
batch_size: 4
device_batch_size: 2
batching: by_length
learning_rate: 1.0e-2
precision: fp32
evaluations: 4
"""


def mini(**changes: Any) -> Recipe:
    """Return the recipe with some values changed."""
    values = yaml.safe_load(RECIPE)
    values["scratch"]["context"] = max(256, changes.get("max_length", 0))
    return Recipe.model_validate(values | changes)


CAUSES = ("school", "family", "work", "health")


def write_data(folder: Path, splits: tuple[Split, ...] = ("train", "valid", "test")) -> Path:
    """Write 16 training rows, and 4 rows for each other split, one set."""
    files = []
    for split in splits:
        rows = 16 if split == "train" else 4
        samples = [
            sample(
                "SAD",
                CAUSES[row % 4],
                text=f"the {CAUSES[row % 4]} thing kept me up {'again ' * row}",
                explanation=f"It is the {CAUSES[row % 4]} thing.",
                split=split,
                row=row + 1,
            )
            for row in range(rows)
        ]
        files.append(write_samples(folder, samples))
    write_manifest(
        folder, Manifest(source="test", gold_source="corpus", version="0", files=tuple(files))
    )
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "mini.yaml"
    path.write_text(RECIPE)
    return path
