"""The command: asked as tuned, examples counted, the reference layout; errors of one line."""

import csv
import json
from pathlib import Path

import pytest

from mentallama.io import read_records
from mentallama.types import Response
from tests.conftest import Run


def tuned_model(folder: Path, **recipe: str) -> Path:
    """Make what the command asks a model's folder about before it loads anything."""
    folder.mkdir()
    (folder / "mentallama.json").write_text(json.dumps({"name": "ours", "recipe": recipe}))
    return folder


@pytest.mark.parametrize(
    ("recipe", "options", "said"),
    [
        ({"form": "instruction"}, ["--prompt", "zero-shot"], "tuned with prompt release"),
        ({"form": "completion"}, [], "tuned with form completion; --form instruction"),
        ({"template": "raw"}, ["--template", "chat"], "tuned with template raw"),
    ],
)
def test_a_model_of_ours_is_asked_as_it_was_tuned(
    recipe: dict[str, str], options: list[str], said: str, run: Run, tmp_path: Path
) -> None:
    model = tuned_model(tmp_path / "model", **recipe)
    done = run("generate", "--model", model, "--task", "SAD", "--out", "r.jsonl", *options)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr and not (tmp_path / "r.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "gold", "--prompt", "cot"], "gold: reads no prompt"),
        (["--model", "fake", "--prompt", "few-shot"], "needs at least 1 shot"),
        (["--model", "fake", "--int8"], "--int8 is for language models that run here"),
        (["--model", "gold", "--concurrency", "4"], "--concurrency is for an --endpoint"),
        (
            ["--model", "x", "--endpoint", "http://localhost:1/v1", "--batch-tokens", "9"],
            "--batch-tokens is for language models",
        ),
        (["--model", "fake", "--prompt", "cot", "--form", "completion"], "instruction form"),
        (["--model", "x/y", "--engine", "vllm"], "use --endpoint"),
        (["--model", "x", "--endpoint", "nowhere"], "--endpoint nowhere: expected something like"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    options: list[str], said: str, run: Run, tmp_path: Path
) -> None:
    done = run("generate", "--task", "SAD", "--out", "r.jsonl", *options)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_examples_are_counted_and_the_reference_layout_is_written(run: Run, tmp_path: Path) -> None:
    command = ["generate", "--model", "fake", "--task", "SAD", "--out", "r.jsonl"]
    command += ["--prompt", "few-shot", "--shots", "1", "--examples", "nearest"]
    done = run(*command, "--reference", "reference")
    assert done.returncode == 0, done.stderr
    assert "examples from 81 of 81 training rows (0 left out" in done.stderr
    responses = read_records(tmp_path / "r.jsonl", Response)
    (how,) = {response.prompted_as for response in responses}
    assert how is not None and how.startswith("few-shot shots=1 examples=nearest wording=")
    assert how.endswith("template=chat")
    assert len({response.prompt_sha256 for response in responses}) == len(responses)
    with (tmp_path / "reference" / "SAD.csv").open(newline="") as handle:
        rows = list(csv.reader(handle))
    assert rows[0] == ["goldens", "generated_text"]
    assert rows[1:] == [[response.reference, response.text] for response in responses]
    again = run(*command[:7], "--prompt", "zero-shot")
    assert again.returncode == 2 and "other prompts" in again.stderr


@pytest.mark.parametrize(
    ("field", "value"), [("prompt", float("nan")), ("id", None), ("post", {"text": float("nan")})]
)
def test_a_broken_row_is_named_before_anything_is_asked(
    field: str, value: object, run: Run, corpus_folder: Path, tmp_path: Path
) -> None:
    file = sorted((corpus_folder / "instruction").rglob("*.jsonl"))[0]
    rows = [json.loads(line) for line in file.read_text().splitlines()[:5]]
    rows[2][field] = value
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("generate", "--model", "fake", "--data", "rows.jsonl", "--out", "r.jsonl")
    assert done.returncode == 2
    assert "rows.jsonl: row 3 is not a Sample record" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr and not (tmp_path / "r.jsonl").exists()


def test_an_empty_file_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    done = run("generate", "--model", "fake", "--data", "rows.jsonl", "--out", "r.jsonl")
    assert done.returncode == 2
    assert "rows.jsonl: empty file" in done.stderr.splitlines()[-1]
