"""Adapters merged and models exported: proved on random weights, with the faults that happen."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mentallama.errors import CheckError, InputError
from mentallama.models.backend import Decoding
from mentallama.models.local import load_local
from mentallama.tuning import export, merge, proof, state
from mentallama.tuning.recipe import Scratch
from mentallama.tuning.scratch import build_model, train_tokenizer
from tests.conftest import Run

PROMPTS = [
    f"Post: {post} Question: what causes the stress of this post?"
    for post in (
        "the exam is on monday and I have read nothing.",
        "mum and dad are not speaking again.",
        "my manager moved the deadline, twice.",
        "rent went up and the card was declined.",
    )
]
Adapt = Callable[..., Path]


def save_base(folder: Path, **config: Any) -> Path:
    """Write a LLaMA of random weights, large enough that its answers differ."""
    import torch

    scratch = Scratch(
        vocabulary=320, hidden_size=32, feed_forward_size=64, layers=2, heads=2, context=256
    )
    tokenizer = train_tokenizer(scratch, PROMPTS)
    torch.manual_seed(0)
    model = build_model(scratch, tokenizer)
    for name, value in config.items():
        setattr(model.config, name, value)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights *= 8
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def adapt(base: Path, tmp_path: Path) -> Adapt:
    """Write an adapter of the base whose second matrices are filled by ``fill``."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def call(fill: Callable[[Any], object], method: str = "lora") -> Path:
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_pretrained(base)
        settings = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
        adapted = get_peft_model(model, settings)
        with torch.no_grad():
            for name, weights in adapted.named_parameters():
                if ".lora_B." in name:
                    fill(weights)
        folder = tmp_path / "adapter"
        adapted.save_pretrained(str(folder))
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
        values = {"name": "mini", "recipe": {"method": method}, "parameters": 1}
        (folder / "mentallama.json").write_text(json.dumps(values))
        return folder

    return call


def random(weights: Any) -> None:
    weights.normal_(0, 0.3)


def unfinished(folder: Path) -> list[str]:
    """Return what a failed merge or export left behind."""
    return [path.name for path in folder.iterdir() if path.name.startswith("out")]


def test_a_merged_model_is_its_adapter_in_one_folder(adapt: Adapt, tmp_path: Path) -> None:
    adapter, out = adapt(random, method="qlora"), tmp_path / "out"
    merged = merge.merge(adapter, out, PROMPTS)
    assert all(row.same and row.difference < 1e-5 for row in merged.comparisons)
    # By hand: seven projections in each of two layers, of 2 x 9 tensors, one norm, and the
    # embedding twice, because the output layer shares it.
    assert (merged.changed, merged.tensors) == (14, 21)

    one, other = load_local(str(adapter)), load_local(str(out))
    decoding = Decoding(max_new_tokens=8)
    assert list(one.complete(PROMPTS, decoding)) == list(other.complete(PROMPTS, decoding))
    assert one.name == other.name == "mini"
    assert not (out / merge.ADAPTER).exists() and (out / "generation_config.json").exists()
    values = json.loads((out / "mentallama.json").read_text())
    assert values["merged"]["same_answers"] == 4 and values["parameters"] > 1

    head, body = (out / "README.md").read_text().removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(head)["library_name"] == "transformers"
    assert "4 of 4 greedy answers the same" in body
    assert "non-clinical" in body and "More Information Needed" not in body
    said = merge.lines(merged)
    assert said[0].startswith("prompt 1: ") and any("4-bit" in line for line in said)
    assert not any("exam" in line for line in said)


def test_a_classifier_adapter_keeps_its_head_and_labels(tmp_path: Path) -> None:
    """A classifier's head is in the adapter's file; its labels are those of its data."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from tests.tiny_models import save_bert

    base, adapter, out = tmp_path / "bert", tmp_path / "adapter", tmp_path / "out"
    save_bert(base, " ".join(PROMPTS).lower().split(), 3)
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=2, ignore_mismatched_sizes=True
    )
    adapted = get_peft_model(model, LoraConfig(target_modules=["query"], task_type="SEQ_CLS"))
    head = adapted.base_model.model.classifier.modules_to_save["default"]
    torch.nn.init.ones_(head.bias)
    adapted.save_pretrained(str(adapter))
    AutoTokenizer.from_pretrained(base).save_pretrained(adapter)
    with pytest.raises(InputError, match="its labels are not known"):
        merge.merge(adapter, out, PROMPTS)
    values = {"name": "c", "recipe": {"objective": "classifier"}, "classes": ["no", "yes"]}
    (adapter / "mentallama.json").write_text(json.dumps(values))
    assert merge.merge(adapter, out, PROMPTS).changed == 2  # the head's weight and bias
    merged = AutoModelForSequenceClassification.from_pretrained(out)
    assert torch.equal(merged.classifier.weight, head.weight)
    assert set(merged.config.label2id) == {"yes", "no"}


def test_an_adapter_that_does_nothing_or_holds_nan_is_refused(adapt: Adapt, tmp_path: Path) -> None:
    with pytest.raises(CheckError, match=r"none of the base's 21 tensors.*adapter is zero"):
        merge.merge(adapt(lambda weights: weights.zero_()), tmp_path / "out", PROMPTS)
    with pytest.raises(CheckError, match=r"layers\.0.*lora_B\.weight holds NaN"):
        merge.merge(adapt(lambda w: w.fill_(float("nan"))), tmp_path / "out", PROMPTS)
    assert not unfinished(tmp_path)


def change_tensors(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    from safetensors.torch import load_file, save_file

    [path] = folder.glob("*.safetensors")
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_an_adapter_with_a_tensor_missing_is_refused(adapt: Adapt, tmp_path: Path) -> None:
    """PEFT itself would leave that layer as it is, with a warning."""
    adapter = adapt(random)
    name = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"
    change_tensors(adapter, lambda tensors: tensors.pop(name))
    with pytest.raises(InputError, match=r"1 of its 28 tensors are missing.*up_proj\.lora_B"):
        merge.merge(adapter, tmp_path / "out", PROMPTS)


NORM = "model.layers.1.input_layernorm.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(NORM), f"{NORM} first"),
        (lambda tensors: tensors[NORM].zero_(), f"{NORM} is all zero in the file"),
        (lambda tensors: tensors[NORM].fill_(float("nan")), f"{NORM} holds NaN"),
        (lambda tensors: tensors[NORM].mul_(1.001), f"{NORM} is not what was merged"),
    ],
)
def test_every_tensor_is_read_back(
    change: Callable[[dict[str, Any]], object], message: str, base: Path, tmp_path: Path
) -> None:
    saved = shutil.copytree(base, tmp_path / "saved")
    expected = state.describe(state.read_back(saved, "CausalLM", {}))
    state.read_back(saved, "CausalLM", expected)
    change_tensors(saved, change)
    with pytest.raises(CheckError, match=message):
        state.read_back(saved, "CausalLM", expected)


def test_a_layer_that_merging_missed_is_named(base: Path) -> None:
    """A tensor with an adapter must differ from the base, even where others do."""
    before = state.describe(state.read_back(base, "CausalLM", {}))
    name = "model.layers.0.mlp.up_proj.weight"
    after = before | {NORM: before[name]}
    assert state.need_changed(before, after, [NORM], base) == 1
    with pytest.raises(CheckError, match=f"left {name} as it is"):
        state.need_changed(before, after, [NORM, name], base)


def test_the_first_prompt_that_disagrees_is_named(tmp_path: Path) -> None:
    import numpy as np

    wanted = proof.Answer([1, 2], np.array([[0, 4, 1], [0, 1, 2]], dtype=np.float32))
    near = proof.Answer([1, 0], np.array([[0, 4, 1], [2.0001, 1, 2]], dtype=np.float32))
    far = proof.Answer([1, 2], np.array([[0, 4, 1], [0, 1, np.nan]], dtype=np.float32))
    rows = proof.compare([wanted] * 3, [wanted, near, far])
    # By hand: the largest logit is 4, the largest difference 2.0001.
    assert rows[0] == proof.Comparison(0.0, True)
    assert rows[1].difference == pytest.approx(0.500025) and not rows[1].same
    for row, number in ((rows[1], 2), (rows[2], 2)):
        with pytest.raises(CheckError, match=f"prompt {number} of 2"):
            proof.need_agreement([rows[0], row], "x")
    with pytest.raises(CheckError, match="greedy answers differ"):
        proof.need_agreement([proof.Comparison(0.0, False)], "x")


def test_a_failing_check_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckError), proof.whole_folder(tmp_path / "out") as folder:
        (folder / "half").write_text("x")
        raise CheckError("no")
    assert not unfinished(tmp_path)


def test_ctranslate2_answers_as_transformers(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    exported = export.export(base, "ctranslate2", tmp_path / "out", PROMPTS)
    assert all(row.same and row.difference < 1e-5 for row in exported.comparisons)
    assert {"model.bin", "tokenizer.json"} <= {path.name for path in exported.folder.iterdir()}
    assert "4 of 4 greedy answers" in export.lines(exported)[4]


def test_ctranslate2_takes_a_bart(tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    from tests.tiny_models import save_bart

    save_bart(tmp_path / "bart", " ".join(PROMPTS).split())
    exported = export.export(tmp_path / "bart", "ctranslate2", tmp_path / "out", PROMPTS)
    assert all(row.same for row in exported.comparisons)


def test_ctranslate2_refuses_what_it_computes_wrongly(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    llama3 = shutil.copytree(base, tmp_path / "llama3")
    config = json.loads((llama3 / "config.json").read_text())
    scaling = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    config["rope_parameters"] |= {
        "rope_type": "llama3",
        "original_max_position_embeddings": 64,
        **scaling,
    }
    (llama3 / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="llama3 scaling"):
        export.export(llama3, "ctranslate2", tmp_path / "out", PROMPTS)
    config = json.loads((base / "config.json").read_text())
    (llama3 / "config.json").write_text(json.dumps(config | {"model_type": "mixtral"}))
    with pytest.raises(InputError, match=r"No conversion is registered.*MixtralConfig$"):
        export.export(llama3, "ctranslate2", tmp_path / "out", PROMPTS)
    assert not unfinished(tmp_path)


def header(tensors: int, magic: bytes = b"GGUF") -> bytes:
    return struct.pack("<4sIQQ", magic, 3, tensors, 0)


FLOATS = 320 * 32 + 2 * (4 * 32**2 + 3 * 32 * 64 + 2 * 32) + 32
"""By hand: embedding (shared with the output layer), two layers, the last norm."""


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"", "not a GGUF file"),
        (header(20, b"GGML"), "not a GGUF file"),
        (header(19), "19 tensors, but the model has 20"),
        (header(20), f"24 bytes, but the tensors alone fill {4 * FLOATS:,}"),
        (None, "exit code 3: unsupported model"),
        (header(20) + bytes(4 * FLOATS), ""),
    ],
)
def test_a_gguf_file_is_looked_into(
    written: bytes | None,
    message: str,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A converter in the place of llama.cpp's, which takes the same arguments."""
    code = "import sys\nprint('unsupported model', file=sys.stderr)\nsys.exit(3)\n"
    if written is not None:
        (tmp_path / "bytes").write_bytes(written)
        source, target = str(tmp_path / "bytes"), "sys.argv[sys.argv.index('--outfile') + 1]"
        code = f"import shutil, sys\nshutil.copy({source!r}, {target})\n"
    (tmp_path / "convert_hf_to_gguf.py").write_text(code)
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    if message:
        with pytest.raises(CheckError, match=message):
            export.export(base, "gguf", tmp_path / "out", PROMPTS)
        assert not unfinished(tmp_path)
    else:
        exported = export.export(base, "gguf", tmp_path / "out", PROMPTS)
        assert (exported.folder / "out.gguf").stat().st_size == 24 + 4 * FLOATS


def test_gguf_needs_llama_cpp(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    with pytest.raises(InputError, match="set LLAMA_CPP"):
        export.export(base, "gguf", tmp_path / "out", PROMPTS)
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(InputError, match=r"LLAMA_CPP: no convert_hf_to_gguf\.py"):
        export.export(base, "gguf", tmp_path / "out", PROMPTS)


def test_what_cannot_be_merged_or_exported(base: Path, adapt: Adapt, tmp_path: Path) -> None:
    adapter, out = adapt(random), tmp_path / "out"
    with pytest.raises(InputError, match="exists already"):
        merge.merge(adapter, base, PROMPTS)
    with pytest.raises(InputError, match="merge it first"):
        export.export(adapter, "gguf", out, PROMPTS)
    with pytest.raises(InputError, match="not a model folder"):
        export.export(tmp_path, "gguf", out, PROMPTS)
    settings = json.loads((adapter / merge.ADAPTER).read_text())
    for change, message in (
        ({"base_model_name_or_path": "./gone"}, "'./gone' cannot be loaded"),
        ({"peft_type": "PROMPT_TUNING"}, "only LORA can be merged"),
        ({"task_type": None}, "expected one of CAUSAL_LM"),
        ({"base_model_name_or_path": None}, "names no base"),
        ({"r": 2}, "does not fit its base"),
    ):
        (adapter / merge.ADAPTER).write_text(json.dumps(settings | change))
        with pytest.raises(InputError, match=message) as caught:
            merge.merge(adapter, out, PROMPTS)
        assert "\n" not in str(caught.value)
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match="an adapter without weights"):
        (adapter / merge.ADAPTER).write_text(json.dumps(settings))
        merge.merge(adapter, out, PROMPTS)
    assert not unfinished(tmp_path)


def test_the_command_line(adapt: Adapt, base: Path, tmp_path: Path, run: Run) -> None:
    done = run("merge", adapt(random), "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "8 of 8 greedy answers the same" in done.stdout
    assert done.stdout.strip().endswith("model in out")
    done = run("merge", base, "--out", "out2")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "not an adapter" in done.stderr
