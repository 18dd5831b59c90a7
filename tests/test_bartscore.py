"""BARTScore against the definition, token by token, on a random model."""

import math
import os
import re
from pathlib import Path
from typing import Any

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


def test_one_model_has_one_hash_from_whatever_files_it_comes(model: Path, tmp_path: Path) -> None:
    """A folder with a pickled ``pytorch_model.bin`` is hashed as its safetensors twin is."""
    import torch
    from transformers import BartForConditionalGeneration

    bart = BartForConditionalGeneration.from_pretrained(model)
    bart.config.save_pretrained(tmp_path)
    word_tokenizer("abcd").save_pretrained(tmp_path)  # type: ignore[attr-defined]
    torch.save(bart.state_dict(), tmp_path / "pytorch_model.bin")
    first = load_bart_scorer(model, engine="transformers").signature
    assert load_bart_scorer(tmp_path, engine="transformers").signature == first
    with torch.no_grad():
        next(bart.parameters()).add_(0.1)
    torch.save(bart.state_dict(), tmp_path / "pytorch_model.bin")
    other = load_bart_scorer(tmp_path, engine="transformers").signature
    assert other != first
    assert re.fullmatch(r"BARTScore\|weights [0-9a-f]{12}\|transformers fp32\|max 1024", other)


def tuned(model: Path) -> Any:
    """Return the model with other weights, as a tuned checkpoint has."""
    import torch
    from transformers import BartForConditionalGeneration

    bart = BartForConditionalGeneration.from_pretrained(model)
    torch.manual_seed(3)
    with torch.no_grad():
        for weights in bart.parameters():
            weights.add_(torch.randn_like(weights))
        bart.final_logits_bias.add_(torch.randn_like(bart.final_logits_bias))
    return bart


@pytest.mark.parametrize("engine", ["transformers", "ctranslate2"])
def test_a_state_dict_over_a_base_is_the_tuned_model(
    model: Path, tmp_path: Path, engine: Engine
) -> None:
    """As ParaBank2's ``bart_score.pth`` is handed out: the same scores as the model's folder."""
    import torch

    if engine == "ctranslate2":
        pytest.importorskip("ctranslate2")
    bart = tuned(model)
    bart.save_pretrained(tmp_path / "whole")
    word_tokenizer("abcd").save_pretrained(tmp_path / "whole")  # type: ignore[attr-defined]
    torch.save(bart.state_dict(), tmp_path / "bart_score.pth")
    laid = load_bart_scorer(model, weights=tmp_path / "bart_score.pth", engine=engine)
    whole = load_bart_scorer(tmp_path / "whole", engine=engine)
    scores = laid.score(SOURCES, TARGETS)
    assert scores == pytest.approx(whole.score(SOURCES, TARGETS), abs=1e-6)
    base = load_bart_scorer(model, engine=engine)
    assert scores != pytest.approx(base.score(SOURCES, TARGETS), abs=0.1)
    assert laid.signature == whole.signature != base.signature


def test_a_state_dict_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "bart_score.pth"
    state = tuned(model).state_dict()
    for change, reason in (
        ({"lm_head.weight": None}, r"1 missing \(lm_head\.weight\)"),
        ({"more": state["lm_head.weight"]}, r"1 unexpected \(more\)"),
        ({"lm_head.weight": torch.zeros(2, 2)}, r"lm_head\.weight has the shape \(2, 2\)"),
    ):
        changed = {name: t for name, t in {**state, **change}.items() if t is not None}
        torch.save(changed, path)
        with pytest.raises(InputError, match=reason):
            load_bart_scorer(model, weights=path)
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="expected a state dict"):
        load_bart_scorer(model, weights=path)
    with pytest.raises(InputError, match="no such file"):
        load_bart_scorer(model, weights=tmp_path / "none.pth")


class Planted:
    """Runs code when it is unpickled the unsafe way."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("planted"),)


def test_weights_run_no_code(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"lm_head.weight": Planted()}, "bart_score.pth")
    with pytest.raises(InputError, match="plain tensors"):
        load_bart_scorer(model, weights=Path("bart_score.pth"))
    assert not Path("planted").exists()


@pytest.mark.parametrize(
    ("variable", "value"), [("", -2.510652780532837), ("MENTALLAMA_PARABANK2", -2.336203098297119)]
)
@pytest.mark.parametrize("engine", ["transformers", "ctranslate2"])
def test_published_vectors(variable: str, value: float, engine: Engine) -> None:
    """From BARTScore's README (Yuan et al. 2021): bart-large-cnn alone, and with ParaBank2."""
    base, weights = os.environ.get("MENTALLAMA_BART_CNN"), os.environ.get(variable)
    if not base or (variable and not weights):
        pytest.skip(
            "needs facebook/bart-large-cnn (MENTALLAMA_BART_CNN=FOLDER)"
            + (f" and bart_score.pth ({variable}=FILE)" if variable else "")
        )
    scorer = load_bart_scorer(base, weights=Path(weights) if weights else None, engine=engine)
    found = scorer.score(["This is interesting."], ["This is fun."])
    assert found == pytest.approx([value], abs=1e-4)


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
