"""Bad input: one clear line on standard error, exit 2, no traceback, no text of a post."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mentallama.dataset import Manifest, write_manifest, write_samples
from mentallama.io import write_records
from tests.conftest import Run, sample
from tests.tuning.conftest import RECIPE

CANARY = "canary sings at dawn"
GOLD = f"Yes, the poster suffers from depression. Reasoning: {CANARY}"
PROMPT = f'Consider this post: "{CANARY}" Question: Does the poster suffer from depression?'


def write_csv(path: Path, *rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)


def release(path: Path, name: str = "DR", **change: str) -> None:
    query, answer = change.get("query", PROMPT), change.get("answer", GOLD)
    columns = change.get("columns", "query,gpt-3.5-turbo").split(",")
    write_csv(path / "in" / "test_data" / "test_instruction" / f"{name}.csv", columns,
              [query, answer])  # fmt: skip


def outputs(path: Path, name: str = "DR", **change: str) -> None:
    columns = change.get("columns", "goldens,generated_text").split(",")
    write_csv(path / "in" / f"{name}.csv", columns, [change.get("gold", GOLD), "Yes."])


def broken_utf8(path: Path) -> None:
    outputs(path)
    file = path / "in" / "DR.csv"
    file.write_bytes(file.read_bytes() + b"\xff\xfe\n")


def samples(path: Path) -> None:
    files = [write_samples(path / "data", [sample(split=s)]) for s in ("train", "valid", "test")]
    manifest = Manifest(source="t", gold_source="corpus", version="0", files=tuple(files))
    write_manifest(path / "data", manifest)


def recipe(path: Path, **change: str) -> None:
    text = RECIPE
    for old, new in change.items():
        text = text.replace(f"{old}:", f"{new}:") if old.isidentifier() else text
    (path / "r.yaml").write_text(text)


def model_without_tokenizer(path: Path) -> None:
    samples(path)
    (path / "model").mkdir()
    (path / "model" / "config.json").write_text("{}")


def unwritable(path: Path) -> None:
    release(path)
    (path / "out").write_text("a file where a folder is wanted")


def duplicate_ids(path: Path) -> None:
    write_records(path / "s.jsonl", [sample(), sample(text=CANARY)])


IMPORT = ["data", "import", "in", "--out", "out"]
EVALUATE = ["evaluate", "in"]
TUNE = ["tune", "r.yaml", "--data", "data", "--out", "run"]
GENERATE = ["generate", "--model", "model", "--data", "data", "--out", "r.jsonl"]

CASES: list[tuple[str, Callable[[Path], None], list[str], str]] = [
    ("missing folder", lambda p: None, IMPORT, "in: no such folder"),
    ("a file for a folder", lambda p: (p / "in").touch(), IMPORT, "in: is a file, not a folder"),
    ("nothing of the release", lambda p: (p / "in").mkdir(), IMPORT, "no file of the IMHI release"),
    ("unknown set", lambda p: release(p, "dreadit"), IMPORT, "Did you mean 'dreaddit'?"),
    ("wrong columns", lambda p: release(p, columns="a,b"), IMPORT, "the columns are a, b"),
    ("empty cell", lambda p: release(p, answer=""), IMPORT, "DR.csv: row 1: an empty cell"),
    ("unknown wording", lambda p: release(p, query="Well?"), IMPORT, "DR.csv: row 1: the prompt"),
    ("unknown label", lambda p: release(p, answer="Maybe. Reasoning: x"), IMPORT, "DR.csv: row 1"),
    ("unwritable output", unwritable, IMPORT, "out"),
    ("header only", lambda p: write_csv(p / "in" / "DR.csv", ["goldens", "generated_text"]),
     EVALUATE, "a header but no rows"),
    ("empty file", lambda p: ((p / "in").mkdir(), (p / "in" / "DR.csv").touch())[0], EVALUATE,
     "DR.csv: empty file"),
    ("nothing to evaluate", lambda p: (p / "in").mkdir(), EVALUATE, "no .csv, .jsonl or .parquet"),
    ("no such path", lambda p: None, EVALUATE, "in: no such file or folder"),
    ("set unknown to evaluate", lambda p: outputs(p, "SADD"), EVALUATE, "Did you mean 'SAD'?"),
    ("columns of evaluate", lambda p: outputs(p, columns="gold,text"), EVALUATE,
     "expected goldens, generated_text"),
    ("gold without label", lambda p: outputs(p, gold="Who knows?"), EVALUATE, "DR.csv: row 1"),
    ("gold missing", lambda p: outputs(p, gold=""), EVALUATE, "DR.csv: row 1"),
    ("broken UTF-8", broken_utf8, EVALUATE, "DR.csv: not UTF-8 at byte"),
    ("uneven rows", lambda p: write_csv(p / "in" / "DR.csv", ["goldens", "generated_text"], ["x"]),
     EVALUATE, "row 1 has 1 cells, the header has 2"),
    ("not JSON", lambda p: ((p / "in").mkdir(), (p / "in" / "r.jsonl").write_text("{oops\n"))[0],
     EVALUATE, "r.jsonl: row 1 is not JSON"),
    ("another kind of record", lambda p: write_records(p / "in" / "r.jsonl", [sample()]), EVALUATE,
     "row 1 is not a Response record (sample_id: Field required"),
    ("a file of no known kind", lambda p: (p / "in").write_text("x"), EVALUATE,
     "in: responses are read from .csv, .jsonl and .parquet"),
    ("posts without data", outputs, [*EVALUATE, "--show-posts"], "--show-posts needs"),
    ("data not imported", lambda p: (recipe(p), (p / "data").mkdir())[0], TUNE, "no manifest.json"),
    ("unknown recipe key", lambda p: (recipe(p, epochs="epoch"), samples(p))[0], TUNE,
     "unknown key 'epoch'. Did you mean 'epochs'?"),
    ("recipe value of a wrong type", lambda p: (recipe(p), samples(p))[0],
     [*TUNE, "--set", "epochs=[1]"], "epochs: Input should be a valid number"),
    ("missing recipe", samples, TUNE, "r.yaml: no such file"),
    ("model without tokenizer", model_without_tokenizer, GENERATE, "a model without a tokenizer"),
    ("no such model", samples, GENERATE, "model: no such model folder"),
    ("duplicate sample ids", duplicate_ids,
     ["generate", "--model", "gold", "--data", "s.jsonl", "--out", "r.jsonl"],
     "rows 1 and 2 have the same id"),
    ("no sample of the split", samples,
     ["generate", "--model", "gold", "--data", "data", "--out", "r.jsonl", "--split", "expert"],
     "no instruction samples of the expert split"),
    ("unknown option", lambda p: None, ["evaluate", "in", "--jsn"], "No such option"),
    ("missing option", lambda p: None, ["data", "import", "in"], "Missing option '--out'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "prepare", "arguments", "message"),
    CASES,
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_one_line_and_exit_2(
    name: str,
    prepare: Callable[[Path], None],
    arguments: list[str],
    message: str,
    run: Run,
    tmp_path: Path,
) -> None:
    prepare(tmp_path)
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("mentallama: error: ")
    assert message in lines[0]
    assert CANARY not in done.stderr + done.stdout


def test_a_missing_response_is_empty_not_an_error(run: Run, tmp_path: Path) -> None:
    write_csv(tmp_path / "in" / "DR.csv", ["goldens", "generated_text"], [GOLD, ""], [GOLD, "nan"])
    done = run("evaluate", "in")
    assert done.returncode == 0, done.stderr
    assert "0.0 %" in done.stdout


def test_ctrl_c_is_one_line(tmp_path: Path) -> None:
    """Interrupt an import that reads a file as slow as its writer: a named pipe."""
    folder = tmp_path / "in" / "test_data" / "test_instruction"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "DR.csv")
    process = subprocess.Popen(
        [sys.executable, "-m", "mentallama", "data", "import", "in", "--out", "out"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    with (folder / "DR.csv").open("w"):  # returns once the import has opened its end
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert errors.strip().splitlines() == [
        "mentallama: error: interrupted; the same command goes on where it stopped"
    ]
