"""BARTScore against the definition, token by token, on a random model."""

import math
from pathlib import Path

import pytest

from mentallama.bartscore import Engine, load_bart_scorer
from mentallama.errors import InputError
from tests.tiny_models import save_bart, word_tokenizer

pytest.importorskip("torch")
SOURCES = ["a b", "c", "d d d a", "b", ""]
TARGETS = ["d", "a b c d", "c", "a a", "b c"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bart")
    save_bart(folder, "abcd")
    return folder


@pytest.fixture(scope="module")
def expected(model: Path) -> list[float]:
    """One token after the other: log of the chance of each, given those before."""
    import torch
    from transformers import BartForConditionalGeneration

    bart = BartForConditionalGeneration.from_pretrained(model).eval()
    tokenizer = word_tokenizer("abcd")
    scores = []
    for source, target in zip(SOURCES, TARGETS, strict=True):
        ids = tokenizer(target)["input_ids"]  # type: ignore[operator]
        total = 0.0
        for position, token in enumerate(ids):
            given = torch.tensor([[bart.config.decoder_start_token_id, *ids[:position]]])
            with torch.no_grad():
                logits = bart(
                    input_ids=torch.tensor([tokenizer(source)["input_ids"]]),  # type: ignore[operator]
                    decoder_input_ids=given,
                ).logits[0, -1]
            total += math.log(torch.softmax(logits, -1)[token].item())
        scores.append(total / len(ids))
    return scores


@pytest.mark.parametrize("engine", ["transformers", "ctranslate2"])
def test_it_is_the_mean_log_probability(model: Path, expected: list[float], engine: Engine) -> None:
    if engine == "ctranslate2":
        pytest.importorskip("ctranslate2")
    scorer = load_bart_scorer(model, engine=engine)
    assert scorer.score(SOURCES, TARGETS) == pytest.approx(expected, abs=1e-4)
    assert all(score < 0 for score in expected)
    assert engine in scorer.signature and "1024" in scorer.signature


def test_int8_is_near_and_says_so(model: Path, expected: list[float]) -> None:
    pytest.importorskip("ctranslate2")
    scorer = load_bart_scorer(model, int8=True)
    assert scorer.score(SOURCES, TARGETS) == pytest.approx(expected, abs=0.5)
    assert "int8" in scorer.signature


def test_signatures_tell_weights_apart(model: Path, tmp_path: Path) -> None:
    import torch
    from transformers import BartForConditionalGeneration

    other = BartForConditionalGeneration.from_pretrained(model)
    with torch.no_grad():
        next(other.parameters()).add_(0.1)
    other.save_pretrained(tmp_path / model.name)
    word_tokenizer("abcd").save_pretrained(tmp_path / model.name)  # type: ignore[attr-defined]
    first = load_bart_scorer(model, engine="transformers").signature
    assert first != load_bart_scorer(tmp_path / model.name, engine="transformers").signature


def test_what_cannot_be_loaded_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no encoder-decoder model"):
        load_bart_scorer(tmp_path / "nowhere")


def test_t5_goes_the_general_way(tmp_path: Path) -> None:
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    tokenizer = word_tokenizer("abcd")
    config = T5Config(
        vocab_size=8, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2,
        pad_token_id=1, decoder_start_token_id=1,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)  # type: ignore[attr-defined]
    found = load_bart_scorer(tmp_path).score(["a b", "c"], ["d a", "b"])
    for source, target, score in zip(["a b", "c"], ["d a", "b"], found, strict=True):
        with torch.no_grad():
            loss = model(
                input_ids=torch.tensor([tokenizer(source)["input_ids"]]),  # type: ignore[operator]
                labels=torch.tensor([tokenizer(target)["input_ids"]]),  # type: ignore[operator]
            ).loss
        assert score == pytest.approx(-float(loss), abs=1e-4)
    with pytest.raises(InputError, match="BART models only"):
        load_bart_scorer(tmp_path, engine="ctranslate2")
