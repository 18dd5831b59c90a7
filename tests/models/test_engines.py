"""Engines that run here: the same answers from all, and one line where one cannot run a model."""

import importlib.util
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from mentallama.encoding import Encoded
from mentallama.errors import InputError
from mentallama.models.backend import Backend, Completion, Decoding, Measured
from mentallama.models.batches import cut
from mentallama.models.engines import choose
from mentallama.models.fake import FakeModel
from mentallama.models.local import fingerprint, load_local
from mentallama.tasks import TASKS
from mentallama.tasks.answers import read_opening
from mentallama.tasks.wording import render_prompt
from mentallama.tuning.recipe import Scratch
from mentallama.tuning.scratch import build_model, train_tokenizer

FILLERS = {"one": "and ", "two": "or so ", "three": "but ", "four": "not now ", "five": "a "}
PROMPTS = sorted(
    (f"{word} {filler * count}end" for count, (word, filler) in enumerate(FILLERS.items())),
    key=len,
    reverse=True,
)
DECODING = Decoding(max_new_tokens=24)
needs_ctranslate2 = pytest.mark.skipif(
    importlib.util.find_spec("ctranslate2") is None, reason="CTranslate2 is not installed"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep converted models out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mentallama" / "ctranslate2"


def save(folder: Path, kind: str, *, width: int = 64, layers: int = 2) -> Path:
    """Write a model whose greedy answers vary and sometimes end."""
    scratch = Scratch(
        architecture=kind,  # type: ignore[arg-type]
        vocabulary=300,
        hidden_size=width,
        feed_forward_size=64,
        layers=layers,
        heads=2,
        context=256,
    )
    tokenizer = train_tokenizer(scratch, ["a few words of text to learn from"])
    torch.manual_seed(3)
    model = build_model(scratch, tokenizer)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights *= 1.5 if kind == "t5" else 12
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ask(backend: Backend, prompts: Sequence[str] = PROMPTS) -> list[Completion]:
    return list(backend.complete(prompts, DECODING))


@pytest.mark.parametrize("kind", ["llama", "qwen3", "bart", "t5"])
@needs_ctranslate2
def test_ctranslate2_answers_as_transformers_alone_and_in_batches(
    kind: str, tmp_path: Path
) -> None:
    folder = save(tmp_path / kind, kind)
    wanted = ask(load_local(str(folder)))
    assert len({one.text for one in wanted}) > 2
    backend, why = choose(str(folder))
    assert why.startswith("CTranslate2 in float32, the fastest here on a CPU; converted in ")
    assert ask(backend) == wanted
    alone, _ = choose(str(folder), "ctranslate2", batch_tokens=1)
    assert ask(alone) == wanted


@pytest.mark.parametrize("kind", ["llama", "bart", "t5"])
def test_transformers_answers_the_same_alone_and_in_a_batch(kind: str, tmp_path: Path) -> None:
    """An encoder that counts positions from the left must be padded on the right."""
    folder = str(save(tmp_path / kind, kind))
    assert ask(load_local(folder)) == ask(load_local(folder, batch_tokens=1))


@needs_ctranslate2
def test_a_model_is_converted_once(tmp_path: Path, cache: Path) -> None:
    folder = save(tmp_path / "llama", "llama")
    first, _ = choose(str(folder))
    [place] = cache.iterdir()
    made = (place / "model" / "model.bin").stat().st_mtime_ns
    again, _ = choose(str(folder))
    assert (place / "model" / "model.bin").stat().st_mtime_ns == made
    assert again.key == first.key
    assert sorted(path.name for path in place.iterdir()) == [".lock", "checked.json", "model"]


@needs_ctranslate2
def test_int8_has_a_key_of_its_own_and_says_how_far_it_agrees(tmp_path: Path) -> None:
    folder = save(tmp_path / "llama", "llama")
    exact, _ = choose(str(folder))
    rounded, why = choose(str(folder), int8=True)
    assert exact.key != rounded.key
    assert why.startswith("CTranslate2 in int8, as asked for with int8; ")
    assert "of the 32 greedy tokens of float32 before the texts part" in why
    assert len(ask(rounded)) == len(PROMPTS)
    with pytest.raises(InputError, match="int8 needs the engine ctranslate2"):
        choose(str(folder), "transformers", int8=True)


@needs_ctranslate2
def test_a_model_that_is_computed_wrongly_is_refused_and_auto_says_so(tmp_path: Path) -> None:
    folder = save(tmp_path / "gemma3", "gemma3")
    for _ in range(2):  # the second time from what was remembered
        with pytest.raises(InputError, match=r"computes it wrongly \(logits \d+ % off"):
            choose(str(folder), "ctranslate2")
    backend, why = choose(str(folder))
    assert why.startswith("transformers on the CPU in float32, because on CTranslate2: ")
    assert len(ask(backend)) == len(PROMPTS)


@needs_ctranslate2
def test_llama3_scaling_is_refused(tmp_path: Path, cache: Path) -> None:
    folder = save(tmp_path / "llama", "llama")
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"] = {
        "rope_type": "llama3",
        "rope_theta": 10000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="llama3 scaling"):
        choose(str(folder), "ctranslate2")
    assert "because on CTranslate2: uses llama3 scaling" in choose(str(folder))[1]


@needs_ctranslate2
def test_an_exported_folder_runs_as_it_is(tmp_path: Path) -> None:
    from mentallama.tuning.export import export

    folder = save(tmp_path / "llama", "llama")
    wanted = ask(load_local(str(folder)))
    export(folder, "ctranslate2", tmp_path / "moved", ["a prompt", "another one"])
    backend, why = choose(str(tmp_path / "moved"))
    assert why == "CTranslate2 in float32, which the folder was exported for"
    assert ask(backend) == wanted
    (tmp_path / "moved" / "engine.json").unlink()
    with pytest.raises(InputError, match=r"has no engine\.json; convert the original model again"):
        choose(str(tmp_path / "moved"))


def adapter(tmp_path: Path) -> tuple[Path, Path]:
    """Write a base and an adapter on it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = save(tmp_path / "base", "llama")
    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.save_pretrained(tmp_path / "adapter")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base / name, tmp_path / "adapter" / name)
    return base, tmp_path / "adapter"


def test_an_adapter_runs_on_transformers(tmp_path: Path) -> None:
    base, folder = adapter(tmp_path)
    backend, why = choose(str(folder))
    assert "runs an adapter as it is" in why
    assert ask(backend) == ask(load_local(str(base)))  # fresh adapters change nothing
    if importlib.util.find_spec("ctranslate2"):
        with pytest.raises(InputError, match="merge it first"):
            choose(str(folder), "ctranslate2")


@pytest.mark.parametrize(("width", "layers"), [(32, 2), (64, 1), (64, 3)])
def test_an_adapter_for_another_base_is_an_error(tmp_path: Path, width: int, layers: int) -> None:
    base, folder = adapter(tmp_path)
    shutil.rmtree(base)
    save(base, "llama", width=width, layers=layers)
    with pytest.raises(InputError, match="does not fit its base") as raised:
        choose(str(folder))
    assert "\n" not in str(raised.value)


def test_a_change_in_the_base_changes_the_key_of_an_adapter(tmp_path: Path) -> None:
    base, folder = adapter(tmp_path)
    before = fingerprint(str(folder))
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert fingerprint(str(folder)) != before


def test_a_model_without_an_end_token_is_an_error(tmp_path: Path) -> None:
    folder = save(tmp_path / "llama", "llama")
    for name in ("config.json", "generation_config.json"):
        settings = json.loads((folder / name).read_text())
        settings.pop("eos_token_id", None)
        (folder / name).write_text(json.dumps(settings))
    for engine in ("auto", "transformers", "ctranslate2"):
        with pytest.raises(InputError, match="no end-of-sequence token"):
            choose(str(folder), engine)  # type: ignore[arg-type]


def test_missing_models_and_engines_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        choose(str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="start 'vllm serve MODEL --enable-prefix-caching'"):
        choose("anything", "vllm")
    folder = save(tmp_path / "llama", "llama")
    with pytest.raises(InputError, match="not exported for OpenVINO"):
        choose(str(folder), "openvino")
    monkeypatch.setattr("mentallama.ctranslate.find_spec", lambda name: None)
    with pytest.raises(InputError, match="CTranslate2 is not installed: pip install"):
        choose(str(folder), "ctranslate2")
    assert "CTranslate2, faster on a CPU, is not installed" in choose(str(folder))[1]


def test_a_chat_template_is_used_or_missed(tmp_path: Path) -> None:
    folder = save(tmp_path / "llama", "llama")
    for engine in ("transformers", "auto"):
        with pytest.raises(InputError, match="has no chat template"):
            choose(str(folder), engine, chat=True)  # type: ignore[arg-type]
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["chat_template"] = "<s>{% for m in messages %}say: {{ m.content }}{% endfor %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    plain, chat = (choose(str(folder), chat=chat)[0] for chat in (False, True))
    assert plain.key != chat.key
    assert ask(chat, ["x"]) == ask(plain, ["say: x"])
    assert isinstance(chat, Measured)
    assert chat.fits("word " * 10, DECODING)
    assert not chat.fits("word " * 230, DECODING)


def row(length: int) -> Encoded:
    return Encoded([0] * length, [], False)


def test_batches_keep_to_the_budget_and_to_near_lengths() -> None:
    lengths = [90, 80, 50, 50, 45, 10, 5, 5]

    def shape(**options: float) -> list[list[int]]:
        batches = cut(map(row, lengths), 10, 200, **options)
        return [[len(one.prompt) for one in batch] for batch in batches]

    # 2 x (90 + 10) = 200; 3 x (50 + 10) = 180, a fourth row would be 240.
    assert shape() == [[90, 80], [50, 50, 45], [10, 5, 5]]
    assert shape(near=0.75) == [[90, 80], [50, 50, 45], [10], [5, 5]]
    assert [len(batch) for batch in cut(map(row, [500, 500]), 10, 200)] == [1, 1]


def test_the_fake_model_answers_every_task_in_both_forms() -> None:
    fake = FakeModel()
    for task in TASKS:
        aspect = task.aspects[0] if task.aspects else None
        text = "an invented post about rain"
        prompt = render_prompt(task, text, aspect, "instruction")
        [answer] = fake.complete([prompt], DECODING)
        assert [answer] == list(fake.complete([prompt], DECODING))
        opening = read_opening(task, answer.text.partition("Reasoning:")[0])
        assert opening is not None
        assert len(opening.labels) == 1
        if task.completion_question:
            prompt = render_prompt(task, text, aspect, "completion")
            [answer] = fake.complete([prompt], DECODING)
            assert answer.text.partition(". Reasoning:")[0] in {x.completion for x in task.labels}
    [cut_off] = fake.complete(["nothing is asked here"], Decoding(max_new_tokens=3))
    assert (cut_off.text, cut_off.cut_off) == ("No question of", True)
    assert "made up" in next(iter(fake.complete(["nothing is asked here"], DECODING))).text


@pytest.mark.skipif(
    importlib.util.find_spec("openvino_genai") is None or shutil.which("optimum-cli") is None,
    reason="OpenVINO GenAI and its exporter are not installed",
)
def test_openvino_answers_as_transformers(tmp_path: Path) -> None:
    import subprocess

    folder = save(tmp_path / "llama", "llama")
    task = ["--task", "text-generation-with-past", "--weight-format", "fp32"]
    subprocess.run(
        ["optimum-cli", "export", "openvino", "--model", folder, *task, tmp_path / "ov"],
        check=True,
    )
    backend, _ = choose(str(tmp_path / "ov"))
    assert ask(backend) == ask(load_local(str(folder)))
