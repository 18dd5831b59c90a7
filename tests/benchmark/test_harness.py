"""The tasks for other harnesses: they hold what 'evaluate' would ask and score as it does."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from mentallama.benchmark.harness.export import export_tasks
from mentallama.benchmark.harness.imhi import accuracy, coverage, process_results, weighted_f1
from mentallama.corpus.samples import load_samples

ROWS = [s for s in load_samples() if s.form == "instruction" and s.post.split == "test"]


def test_a_task_is_a_file_of_rows_and_a_yaml_that_names_what_is_there(tmp_path: Path) -> None:
    names = export_tasks(ROWS, tmp_path)
    assert len(names) == 10
    lines = (tmp_path / "imhi_MultiWD.jsonl").read_text().splitlines()
    assert len(lines) == sum(row.post.task == "MultiWD" for row in ROWS)
    text = (tmp_path / "imhi_MultiWD.yaml").read_text()
    settings = yaml.safe_load(text.replace("!function ", ""))
    assert settings["dataset_kwargs"]["data_files"]["test"] == "imhi_MultiWD.jsonl"
    functions = {settings["process_results"]} | {m["aggregation"] for m in settings["metric_list"]}
    source = (tmp_path / "imhi.py").read_text()
    for function in functions:
        module, _, name = function.partition(".")
        assert module == "imhi" and f"def {name}(" in source
    compile((tmp_path / "inspect_imhi.py").read_text(), "inspect_imhi.py", "exec")


def test_it_scores_as_evaluate_does(tmp_path: Path) -> None:
    """Of four rows two are right, one is wrong and one has no verdict."""
    export_tasks(ROWS, tmp_path)
    docs = [json.loads(line) for line in (tmp_path / "imhi_DR.jsonl").read_text().splitlines()[:4]]
    said = [doc["answer"] for doc in docs]
    said[2] = "No." if docs[2]["label"] == "yes" else "Yes."
    said[3] = "Hard to say."
    items = [process_results(d, [s])["accuracy"] for d, s in zip(docs, said, strict=True)]
    assert (accuracy(items), coverage(items)) == (0.5, 0.75)
    assert 0 < weighted_f1(items) < 1
    assert weighted_f1(items[:2]) == pytest.approx(1)


def save_speaker(folder: Path, words: list[str], answer: list[str]) -> None:
    """Write a Llama that says ``answer`` whatever it is asked: one word leads to the next."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.tiny_models import word_tokenizer

    tokenizer: Any = word_tokenizer([*words, *answer])
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
        tie_word_embeddings=False, bos_token_id=0, eos_token_id=2, pad_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    layer = model.model.layers[0]
    # The tokenizer closes a prompt with </s>, so the answer begins behind it.
    chain = tokenizer.convert_tokens_to_ids(["</s>", *answer, "</s>"])
    with torch.no_grad():
        for weights in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight):
            weights.zero_()
        model.lm_head.weight.zero_()
        for token, following in pairwise(chain):
            model.lm_head.weight[following] += model.model.embed_tokens.weight[token]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def test_they_run_in_lm_eval(tmp_path: Path) -> None:
    """A model that says "No ." to everything: right where the gold is "no", and always read."""
    pytest.importorskip("lm_eval", reason="lm_eval is not installed: pip install 'lm_eval[hf]'")
    export_tasks(ROWS, tmp_path / "tasks")
    golds = {"DR": 0, "MultiWD": 0}
    words: list[str] = []
    for task in golds:
        lines = (tmp_path / "tasks" / f"imhi_{task}.jsonl").read_text().splitlines()
        docs = [json.loads(line) for line in lines]
        golds[task] = sum(doc["label"] == "no" for doc in docs[:6])
        words += [word for doc in docs for word in re.findall(r"\w+|[^\w\s]+", doc["prompt"])]
    save_speaker(tmp_path / "model", words, ["No", "."])
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args",
         "pretrained=../model,max_length=2048", "--include_path", ".", "--tasks",
         "imhi_DR,imhi_MultiWD", "--limit", "6", "--output_path", "../results", "--device", "cpu"],
        cwd=tmp_path / "tasks", capture_output=True, text=True, timeout=300,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = (tmp_path / "results").rglob("results_*.json")
    results = json.loads(path.read_text())["results"]
    for task, right in golds.items():
        found = {name.removesuffix(",none"): v for name, v in results[f"imhi_{task}"].items()}
        share = right / 6
        assert found["coverage"] == 1
        assert found["accuracy"] == pytest.approx(share)
        # All say "no": precision is the share of "no", recall 1, and "yes" has none.
        assert found["weighted_f1"] == pytest.approx(share * 2 * share / (1 + share))


INSPECT = """
from inspect_ai import eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model
said = [ModelOutput.from_content("mockllm/model", "No.") for _ in range(6)]
for one in said:
    one.usage = ModelUsage()
model = get_model("mockllm/model", custom_outputs=said)
options = {"limit": 6, "log_dir": "logs", "log_format": "json", "display": "plain"}
eval("inspect_imhi.py", model=model, task_args={"name": "DR"}, **options)
"""


def test_they_run_in_inspect(tmp_path: Path) -> None:
    """Inspect's own mock model says "No." to everything, as the model above does."""
    pytest.importorskip("inspect_ai", reason="inspect_ai is not installed: pip install inspect-ai")
    export_tasks(ROWS, tmp_path)
    lines = (tmp_path / "imhi_DR.jsonl").read_text().splitlines()[:6]
    share = sum(json.loads(line)["label"] == "no" for line in lines) / 6
    done = subprocess.run(
        [sys.executable, "-c", INSPECT], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = (tmp_path / "logs").glob("*.json")
    log = json.loads(path.read_text())
    assert log["status"] == "success", log.get("error")
    found = {name: one["value"] for name, one in log["results"]["scores"][0]["metrics"].items()}
    assert found.pop("stderr") >= 0
    assert found == pytest.approx(
        {"accuracy": share, "weighted_f1": share * 2 * share / (1 + share), "coverage": 1}
    )
