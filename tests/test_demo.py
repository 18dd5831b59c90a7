"""The whole job on the sample corpus, as `make demo` runs it, stopped half way and run again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import Run


def test_the_demo_survives_a_kill_and_ends_with_a_report(run: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mentallama", "demo", "--out", "demo"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 900
    while not list(tmp_path.glob("demo/tune/checkpoints/checkpoint-*/whole.json")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = run("demo", "--out", "demo")
    assert done.returncode == 0, done.stderr
    assert "resuming from checkpoint-" in done.stdout
    scores = json.loads((tmp_path / "demo" / "scores.json").read_text())["scores"]
    assert {s["model"] for s in scores} == {"majority", "keywords", "TF-IDF + LR", "tiny", "gold"}
    assert len({s["task"] for s in scores}) == 10
    gold = {s["value"] for s in scores if s["model"] == "gold" and s["variant"] != "forced"}
    assert gold == {100.0}
    assert "not a diagnosis" in (tmp_path / "demo" / "report.html").read_text()
