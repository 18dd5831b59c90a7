"""Bad input to the data commands: one line, exit 2 (1 for a failed check), no post in it."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run

CANARY = "canary sings at dawn"
DR = f'text,label\n"{CANARY}",1\n"{CANARY} twice",0\n'
OWN = """
key: mine
title: t
platform: p
labels:
  - {key: "no", phrase: "No.", completion: "no"}
  - {key: "yes", phrase: "Yes.", completion: "yes"}
question: Well?
files:
  - {path: posts.csv, text: [text], answers: [{column: label, codes: {"1": "yes", "0": "no"}}]}
"""
BUILD = ["data", "build", "--raw", "raw", "--scripted", "--out", "out"]
EXPLAIN = ["data", "explain", "--raw", "raw", "--out", "a.jsonl"]
MINE = ["data", "read", "--own", "own.yaml", "--out", "posts.jsonl"]


def raw(path: Path, text: str | bytes = DR, name: str = "DR/reddit_train.csv") -> None:
    file = path / "raw" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def own(path: Path, old: str = "", new: str = "", posts: str = DR) -> None:
    (path / "own.yaml").write_text(OWN.replace(old, new) if old else OWN)
    (path / "posts.csv").write_text(posts)


def two_tables(path: Path) -> None:
    raw(path, b"", "SAD/SAD_v1.zip")
    with zipfile.ZipFile(path / "raw/SAD/SAD_v1.zip", "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
        archive.writestr("b.csv", "b\n1\n")


def expert(path: Path, **change: object) -> None:
    raw(path)
    folder = path / "expert"
    folder.mkdir()
    (folder / "instructions.yaml").write_text("version: 1\ntasks: {DR: look for signs}\n")
    example = {
        "id": "e1",
        "aspect": None,
        "label": "yes",
        "post": CANARY,
        "explanation": "because",
        "quotes": [CANARY],
    }
    (folder / "DR.jsonl").write_text(json.dumps({**example, **change}) + "\n")


def broken_journal(path: Path) -> None:
    raw(path)
    (path / "out/teacher").mkdir(parents=True)
    (path / "out/teacher/label.journal").write_text(f"{CANARY}\n")


def flipped_manifest(path: Path) -> None:
    (path / "out").mkdir()
    (path / "out/manifest.json").write_text("{}")


CASES: list[tuple[str, Callable[[Path], None], list[str], str]] = [
    ("no raw folder", lambda p: None, BUILD, "raw: no such folder"),
    ("nothing there", lambda p: (p / "raw").mkdir(), BUILD, "no raw corpus found"),
    ("unknown set", raw, [*BUILD, "--task", "DRR"], "Did you mean 'DR'?"),
    ("set not there", raw, [*BUILD, "--task", "Irf"], "no file of Irf; expected train_data.csv"),
    ("column missing", lambda p: raw(p, f"txt,label\n{CANARY},1\n"), BUILD,
     "no column 'text'. Did you mean 'txt'?"),
    ("uneven row", lambda p: raw(p, f"text,label\n{CANARY}\n"), BUILD, "row 1 has 1 cells"),
    ("empty file", lambda p: raw(p, ""), BUILD, "reddit_train.csv: empty file"),
    ("workbook is none", lambda p: raw(p, b"x", "SAD/SAD_v1.zip"), BUILD, "SAD_v1.zip: the packed"),
    ("two tables in a ZIP", two_tables, BUILD, "holds 2 tables, expected one"),
    ("not acknowledged", lambda p: raw(p, DR, "CLP/train.csv"), BUILD, "--acknowledge CLP"),
    ("unknown acknowledgement", raw, [*BUILD, "--acknowledge", "CLPP"], "Did you mean 'CLP'?"),
    ("no teacher", raw, EXPLAIN, "name a teacher"),
    ("two teachers", raw, [*EXPLAIN, "--scripted", "--endpoint", "http://localhost:1/v1"],
     "name a teacher"),
    ("no model", raw, [*EXPLAIN, "--endpoint", "http://localhost:1/v1"], "needs --model"),
    ("no address", raw, [*EXPLAIN, "--endpoint", "localhost:1", "--model", "m"], "expected someth"),
    ("no key", raw, [*EXPLAIN, "--endpoint", "https://203.0.113.9/v1", "--model", "m"],
     "set OPENAI_API_KEY"),
    ("limit without price", raw, [*BUILD, "--max-cost", "1"], "--max-cost needs --price"),
    ("batch without endpoint", raw, [*BUILD, "--batch"], "--batch needs an endpoint"),
    ("journal of something else", broken_journal, BUILD, "line 1 is not an answer of a teacher"),
    ("no instructions", lambda p: (raw(p), (p / "expert").mkdir())[0],
     [*BUILD, "--expert", "expert"], "no instructions.yaml"),
    ("expert of no label", lambda p: expert(p, label="maybe"), [*BUILD, "--expert", "expert"],
     "task DR has no label 'maybe'"),
    ("expert misquotes", lambda p: expert(p, quotes=["never said"]),
     [*BUILD, "--expert", "expert"], "e1 quotes what does not stand in its post"),
    ("expert of another kind", lambda p: expert(p, explanation=7),
     [*BUILD, "--expert", "expert"], "row 1 is not a Example record"),
    ("nothing to read", lambda p: None, ["data", "read", "--out", "p.jsonl"], "give --raw DIR"),
    ("no YAML", lambda p: None, MINE, "own.yaml: no such file"),
    ("YAML is none", lambda p: own(p, "key: mine", "key: [mine"), MINE, "own.yaml: not YAML"),
    ("unknown key in YAML", lambda p: own(p, "platform:", "platfrom:"), MINE,
     "Did you mean 'platform'?"),
    ("yes as a boolean", lambda p: own(p, 'key: "yes"', "key: yes"), MINE, "labels.1.key"),
    ("code of no label", lambda p: own(p, '"1": "yes"', '"1": "maybe"'), MINE, "unknown labels"),
    ("aspect without question", lambda p: own(p, "title:", "aspects: [a]\ntitle:"), MINE,
     "go together"),
    ("column of the user's file", lambda p: own(p, "text: [text]", "text: [txet]"), MINE,
     "no column 'txet'. Did you mean 'text'?"),
    ("file of the user not there", lambda p: own(p, "posts.csv", "posts.doc"), MINE,
     "own.yaml: names posts.doc, which is not in"),
    ("format of own file", lambda p: (own(p, "posts.csv", "p.doc"), (p / "p.doc").touch())[0],
     MINE, "a file of kind '.doc' cannot be read"),
    ("a list of no names", lambda p: (raw(p), (p / "n.txt").touch())[0],
     [*BUILD, "--names", "n.txt"], "n.txt: no names"),
    ("audit of nothing", lambda p: (p / "in").mkdir(), ["data", "audit", "in"],
     "no file of the IMHI release found"),
    ("audit with no raw", lambda p: (p / "in").mkdir(), ["data", "audit", "in", "--raw", "raw"],
     "no file of the IMHI release found"),
    ("verify without manifest", lambda p: (p / "out").mkdir(), ["verify", "out"],
     "no manifest.json"),
    ("verify a broken manifest", flipped_manifest, ["verify", "out"], "manifest.json: source"),
    ("mirror of no kind", lambda p: None,
     ["data", "fetch", "imhi", "--out", "o", "--mirror", "nowhere"], "expected an address"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "prepare", "arguments", "message"),
    CASES,
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_one_line(
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
    assert lines[-1].startswith("mentallama: error: ") and message in lines[-1], done.stderr
    assert "Traceback" not in done.stderr
    assert CANARY not in done.stderr + done.stdout


def test_no_post_in_what_is_printed(run: Run, tmp_path: Path) -> None:
    """A build with every kind of drop and flag prints and reports counts, never a text."""
    rows = [f'"{CANARY} number {n} and more words of it",{n % 2}' for n in range(12)]
    rows += [f'"{CANARY} number 1 and more words of it",0', '"",1', f'"{CANARY} odd",7']
    raw(tmp_path, "text,label\n" + "\n".join(rows) + "\n")
    done = run(*BUILD, "--max-loss", 1)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "one post with two labels" in printed and "no text" in printed
    assert "teacher: empty" in printed
    assert CANARY not in printed
    assert CANARY not in (tmp_path / "out/report.html").read_text()
    assert CANARY not in (tmp_path / "out/README.md").read_text()
    assert CANARY not in (tmp_path / "out/drops.jsonl").read_text()
