"""Encoders as readers of labels, on random weights made on the spot."""

import gc
import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import pytest

from mentallama.benchmark.inference.encoder import Runtime
from mentallama.benchmark.inference.store import load_labellers, save_labeller
from mentallama.errors import InputError
from mentallama.tasks import get_task
from tests.benchmark.inference.test_labeller import gold_answers
from tests.conftest import Run
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


def named(folder: Path, names: list[str]) -> Path:
    """Write a classifier whose outputs have these names."""
    save_bert(folder, WORDS, len(names))
    path = folder / "config.json"
    values = {**json.loads(path.read_text()), "id2label": dict(enumerate(names))}
    path.write_text(json.dumps({**values, "label2id": {n: i for i, n in enumerate(names)}}))
    return folder


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["Yes", "No"], ("yes", "no")),
        (["no", "YES"], ("no", "yes")),
        (["DR/yes", "DR/no"], ("yes", "no")),
        (["Yes, the poster suffers from depression.", "No"], ("yes", "no")),
        (["LABEL_0", "LABEL_1"], ("no", "yes")),
        (["LABEL_1", "LABEL_0"], ("yes", "no")),
    ],
)
def test_outputs_mean_what_their_names_say(
    tmp_path: Path, names: list[str], labels: tuple[str, ...]
) -> None:
    """Only names without a meaning fall back to the released order."""
    folder = named(tmp_path, names)
    assert load_labellers(f"DR={folder}")["DR"].settings.labels == labels


@pytest.mark.parametrize(
    "names", [["positive", "negative"], ["yes", "Yes"], ["LABEL_0", "yes"], ["LABEL_0", "LABEL_5"]]
)
def test_outputs_whose_names_are_not_understood_are_refused(
    tmp_path: Path, names: list[str]
) -> None:
    with pytest.raises(InputError, match=f"named {', '.join(names)}, which are not the labels of"):
        load_labellers(f"DR={named(tmp_path, names)}")


def test_a_model_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    from transformers import BertModel

    save_bert(tmp_path, WORDS, 2)
    BertModel.from_pretrained(tmp_path).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="they would be random"):
        load_labellers(f"DR={tmp_path}")


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
        fit_encoder(str(tmp_path / "base"), task, runtime=runtime, epochs=8, learning_rate=3e-3),
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
    assert load_labellers(f"SAD={tmp_path / 'out' / 'SAD'}")["SAD"].card == labeller.card
    loaded = load_labellers(str(tmp_path / "out"))["SAD"]
    assert [g.label for g in loaded.guess(TEXTS)] == [g.label for g in labeller.guess(TEXTS)]
    assert loaded.card == labeller.card


def test_an_exported_model_leaves_no_folder_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    from mentallama.benchmark.inference.encoder import in_runtime, load_encoder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    exported = in_runtime(load_encoder(folder / "swmh"), "onnx")
    assert [path.name.startswith("mentallama-onnx-") for path in tmp_path.iterdir()] == [True]
    del exported
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_card_for_a_model_from_elsewhere_from_the_command_line(
    run: Run, tmp_path: Path, corpus_folder: Path
) -> None:
    """Random weights fail; all the same they come out calibrated, exported and with a card."""
    pytest.importorskip("onnxruntime")
    labels = [label.key for label in get_task("SAD").labels][::-1]
    model = named(tmp_path / "model", labels)
    words = ["benchmark", "card", f"SAD={model}", "--data", corpus_folder, "--out", "x"]
    done = run(*words, "--runtime", "onnx")
    assert done.returncode == 1, done.stderr
    assert "SAD: training rows: not known" in done.stdout
    assert "failed the accuracy card: SAD (explanation alone" in done.stderr
    assert "Traceback" not in done.stderr
    labeller = load_labellers(str(tmp_path / "x"))["SAD"]
    assert (labeller.settings.kind, labeller.settings.labels) == ("onnx", tuple(labels))
    assert labeller.settings.temperature != 1.0
    assert labeller.provisional == "it failed its accuracy card"
    assert (tmp_path / "x" / "SAD" / "model.onnx").exists()
    assert run("benchmark", "card", model, *words[3:]).returncode == 2
