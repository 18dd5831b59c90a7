"""Encoders as readers of labels, on random weights made on the spot."""

import logging
from pathlib import Path

import numpy as np
import pytest

from mentallama.benchmark.inference.encoder import Runtime
from mentallama.benchmark.inference.store import load_labellers, save_labeller
from mentallama.errors import InputError
from mentallama.tasks import get_task
from tests.benchmark.inference.test_labeller import gold_answers
from tests.tiny_models import save_bert

pytest.importorskip("torch")
TEXTS = [row.explanation for row in gold_answers(60)]
WORDS = sorted({word for text in TEXTS for word in text.lower().replace(".", " . ").split()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    save_bert(root / "swmh", WORDS, 5)
    return root


def test_a_released_folder_loads_as_it_is_in_the_released_order(folder: Path) -> None:
    labeller = load_labellers(str(folder))["swmh"]
    assert labeller.settings.labels == ("depression", "suicide", "anxiety", "bipolar", "none")
    assert labeller.provisional == "it has no accuracy card"
    scores = labeller.scorer.logits(TEXTS)
    best = [labeller.settings.labels[i] for i in scores.argmax(axis=1)]
    assert [g.label for g in labeller.guess(TEXTS) if g.label] == [
        label
        for label, guess in zip(best, labeller.guess(TEXTS), strict=True)
        if guess.confidence >= 0.5
    ]
    assert load_labellers(f"swmh={folder / 'swmh'}").keys() == {"swmh"}


def test_the_order_of_the_texts_does_not_matter(folder: Path) -> None:
    scorer = load_labellers(str(folder))["swmh"].scorer
    together = scorer.logits(TEXTS)
    alone = np.concatenate([scorer.logits([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)


def test_one_for_another_number_of_labels_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="5 labels apart, and SAD has 9"):
        load_labellers(f"SAD={folder / 'swmh'}")


def test_onnx_gives_the_same_scores(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from mentallama.benchmark.inference.encoder import export_onnx, load_encoder, load_onnx

    encoder = load_encoder(folder / "swmh")
    exported = export_onnx(encoder, tmp_path)
    assert np.allclose(exported.logits(TEXTS), encoder.logits(TEXTS), atol=1e-4)
    (tmp_path / "saved").mkdir()
    exported.save(tmp_path / "saved")
    again = load_onnx(tmp_path / "saved", "onnx")
    assert np.array_equal(again.logits(TEXTS), exported.logits(TEXTS))


@pytest.mark.parametrize("runtime", ["encoder", "onnx-int8"])
def test_it_is_tuned_measured_saved_and_loaded(tmp_path: Path, runtime: Runtime) -> None:
    """A random encoder learns nine invented sentences in a few epochs; its card is real."""
    from mentallama.benchmark.inference.encoder import fit_encoder
    from mentallama.benchmark.inference.train import train_labeller

    if runtime != "encoder":
        pytest.importorskip("onnxruntime")
    logging.getLogger("root").setLevel(logging.ERROR)
    save_bert(tmp_path / "base", WORDS, 2)
    task = get_task("SAD")
    labeller = train_labeller(
        task,
        gold_answers(400),
        fit_encoder(str(tmp_path / "base"), task, runtime=runtime, epochs=4, learning_rate=3e-3),
        trained_on="invented",
        beside={},
        folds=1,
    )
    assert labeller.settings.kind == runtime
    assert labeller.card is not None
    views = {view.name: view for view in labeller.card.views}
    assert 50 < views["explanation alone"].rows < 120
    assert views["explanation alone"].curve[0].risk < 0.2
    save_labeller(labeller, tmp_path / "out" / "SAD")
    loaded = load_labellers(str(tmp_path / "out"))["SAD"]
    assert [g.label for g in loaded.guess(TEXTS)] == [g.label for g in labeller.guess(TEXTS)]
    assert loaded.card == labeller.card
