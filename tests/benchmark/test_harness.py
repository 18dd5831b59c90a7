"""The tasks for other harnesses: they hold what 'evaluate' would ask and score as it does."""

import json
from pathlib import Path

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
