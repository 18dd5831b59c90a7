"""Every shipped tiny recipe trains, saves, reloads and answers, on random weights."""

import json
from pathlib import Path

import pytest

from mentallama import feedback
from mentallama.config import load_config
from mentallama.corpus.samples import export
from mentallama.dataset import read_samples
from mentallama.models.backend import Backend, Decoding
from mentallama.models.classifier import is_classifier, load_classifier
from mentallama.models.local import load_local
from mentallama.tuning.load import has_four_bit
from mentallama.tuning.recipe import Recipe, find_recipe
from mentallama.tuning.run import TunedModel, tune
from mentallama.types import Form, Sample

FAST = ["tasks=[DR, SAD]", "epochs=1", "evaluations=1", "report_to=[]"]
ATTENTION = 4 * (64 * 64 + 64)
WIDENED = 64 * 128 + 128 + 128 * 64 + 64
HEAD = 64 * 64 + 64 + 11 * 64 + 11
PARAMETERS = {
    # By hand: embedding 1,000 x 64 (tied), per layer 4 x 64^2 + 3 x 64 x 128 + 2 x 64 norms, one
    # norm at the end; Qwen3 adds two norms of 32 a layer, Gemma 3 two norms of 64 besides.
    "tiny-qwen3": 64_000 + 2 * (16_384 + 24_576 + 128 + 64) + 64,
    "tiny-gemma3": 64_000 + 2 * (16_384 + 24_576 + 256 + 64) + 64,
    # Four experts a layer, and a router of 64 x 4.
    "tiny-mixtral": 64_000 + 2 * (16_384 + 4 * 24_576 + 256 + 128) + 64,
    # Tokens, positions, segments, their norm; layers with biases; pooler and 11 classes.
    "tiny-bert": 64_000 + 1024 * 64 + 2 * 64 + 128 + 2 * (ATTENTION + WIDENED + 256) + HEAD,
    # Positions count from the padding token, one segment.
    "tiny-roberta": 64_000 + 1028 * 64 + 64 + 128 + 2 * (ATTENTION + WIDENED + 256) + HEAD,
    # Two tables of positions with two spare, two norms of embeddings; decoders attend twice.
    "tiny-bart": 64_000 + 2 * 1026 * 64 + 2 * 128 + 2 * (3 * ATTENTION + 2 * WIDENED + 5 * 128),
    # No biases; a table of 32 distances for two heads, and a norm, on each side.
    "tiny-t5": 64_000 + 2 * (3 * 16_384 + 2 * 16_384 + 5 * 64) + 2 * (64 + 64),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    export(folder)
    return folder


@pytest.fixture(scope="module")
def base(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small LLaMA to put adapters on; its width is what the 4-bit kernels ask for."""
    small = ["scratch.vocabulary=1000", "scratch.hidden_size=64", "scratch.feed_forward_size=128"]
    recipe = load_config(find_recipe("tiny"), Recipe, [*FAST, *small, "scratch.heads=2"])
    return tune(recipe, corpus, tmp_path_factory.mktemp("base") / "run").folder


def run(name: str, corpus: Path, out: Path, *overrides: str) -> TunedModel:
    recipe = load_config(find_recipe(name), Recipe, [*FAST, *overrides])
    return tune(recipe, corpus, out, feedback=feedback)


def ask(tuned: TunedModel, samples: list[Sample]) -> list[str]:
    model = str(tuned.folder)
    backend: Backend = (
        load_classifier(model, samples, batch_size=4) if is_classifier(model) else load_local(model)
    )
    prompts = [sample.prompt for sample in samples]
    return [c.text for c in backend.complete(prompts, Decoding(max_new_tokens=8))]


@pytest.mark.parametrize(
    "name",
    ["qwen3", "gemma3", "mixtral", "bart", "t5", "bert", "roberta"],
)
def test_a_tiny_model_of_each_kind(name: str, corpus: Path, tmp_path: Path) -> None:
    tuned = run(f"tiny-{name}", corpus, tmp_path / "run")
    form: Form = "completion" if name in ("bart", "t5") else "instruction"
    samples = read_samples(corpus, form=form, splits=["test"], tasks=["DR", "SAD"])[:3]
    assert len(ask(tuned, samples)) == 3
    assert tuned.parameters == tuned.trainable == PARAMETERS[f"tiny-{name}"]
    card = (tuned.folder / "README.md").read_text()
    assert f"{tuned.parameters:,} parameters" in card and "model-index" in card
    if name == "mixtral":
        _check_experts(tuned, tmp_path / "run" / "log.jsonl")


def _check_experts(tuned: TunedModel, log: Path) -> None:
    """A mixture of experts reports its router's loss and each expert's load."""
    assert any("aux_loss" in json.loads(line) for line in log.open())
    assert tuned.expert_load is not None and len(tuned.expert_load) == 2
    for layer in tuned.expert_load:
        assert len(layer) == 4 and sum(layer) == pytest.approx(1, abs=0.001)


def test_a_classifier_answers_with_label_sentences_of_the_right_task(
    corpus: Path, tmp_path: Path
) -> None:
    tuned = run("tiny-bert", corpus, tmp_path / "run", "choose_by=weighted_f1")
    assert tuned.chosen_by == "weighted_f1" and 0 <= tuned.best <= 100
    for sample, text in zip(
        samples := read_samples(corpus, splits=["test"], tasks=["DR", "SAD"]),
        ask(tuned, samples),
        strict=True,
    ):
        assert ("depression" in text) == (sample.post.task == "DR")


def test_a_reader_of_explanations_is_a_labeller(corpus: Path, tmp_path: Path) -> None:
    from mentallama.benchmark.inference.encoder import load_released
    from mentallama.tasks import get_task

    tuned = run("tiny-bert", corpus, tmp_path / "run", "reads=explanation", "tasks=[SAD]")
    labeller = load_released(get_task("SAD"), tuned.folder)
    assert set(labeller.settings.labels) == {label.key for label in get_task("SAD").labels}


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_adapters_train_only_themselves(
    method: str, corpus: Path, base: Path, tmp_path: Path
) -> None:
    if method == "qlora" and not has_four_bit():
        pytest.skip("bitsandbytes, which has the 4-bit kernels, is not installed")
    tuned = run(f"tiny-{method}", corpus, tmp_path / "run", f"base={base}")
    # Rank 8 on q, k, v, o (64 x 64) and gate, up, down (64 x 128), in three layers.
    assert tuned.trainable == 3 * 8 * (4 * (64 + 64) + 3 * (64 + 128))
    whole = 64_000 + 3 * (16_384 + 24_576 + 128) + 64
    assert tuned.parameters == whole + tuned.trainable
    samples = read_samples(corpus, splits=["test"], tasks=["DR"])[:2]
    assert len(ask(tuned, samples)) == 2


def test_reasons_may_come_first(corpus: Path, tmp_path: Path) -> None:
    """The order is a matter of data: the same samples, worded the other way round, still read."""
    from mentallama.benchmark.inference.rules import read_label
    from mentallama.tasks import get_task
    from mentallama.tuning.rows import answer_of

    recipe = load_config(find_recipe("tiny"), Recipe, ["order=reason_first"])
    for sample in read_samples(corpus, splits=["train"], tasks=["DR", "SAD", "MultiWD"]):
        text = answer_of(sample, recipe)
        assert text.startswith("Reasoning: ")
        outcome, label, _ = read_label(get_task(sample.post.task), text, sample.post.aspect)
        assert (outcome, label) == ("verdict", sample.post.label)
