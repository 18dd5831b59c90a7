"""The runner: only what is missing, shared steps once, several processes, kills."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mentallama.studies.build import plan_study
from mentallama.studies.plan import load_study
from mentallama.studies.publish import publish
from mentallama.studies.run import run_steps
from mentallama.studies.sources import open_sources
from mentallama.studies.step import folder_of, in_order
from tests.conftest import Run
from tests.studies.conftest import WORDS, Invented


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mentallama", "study", *map(str, arguments)]


def start(folder: Path, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def tables(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.csv"))}


def test_two_people_get_the_same_numbers_and_a_second_run_does_no_work(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "words.yaml").write_text(WORDS)
    first = run("study", "words.yaml", "--out", "a")
    assert first.returncode == 0, first.stderr
    assert "words: 5 steps done now" in first.stdout
    assert run("study", "words.yaml", "--out", "b").returncode == 0
    assert tables(tmp_path / "a" / "words") == tables(tmp_path / "b" / "words")
    page = tmp_path / "a" / "words" / "index.html"
    written = page.stat().st_mtime_ns
    again = run("study", "words.yaml", "--out", "a")
    assert "words: 0 steps done now" in again.stdout
    assert page.stat().st_mtime_ns == written
    listed = run("study", "words.yaml", "--list", "--out", "a").stdout
    assert listed.count(": done") == 3


def test_after_a_kill_the_same_command_goes_on_with_what_was_done(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(WORDS)
    first = start(tmp_path, "words.yaml", "--out", "out")
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/steps/train-*/done.json")):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/steps/*/done.json")}
    second = start(tmp_path, "words.yaml", "--out", "out")
    output, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert f"{5 - len(done)} steps done now" in output
    assert all(path.stat().st_mtime_ns == time_ for path, time_ in done.items())


def test_two_processes_share_the_work_of_one_study_and_none_is_done_twice(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(WORDS)
    both = [start(tmp_path, "words.yaml", "--out", "out") for _ in range(2)]
    outputs = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], outputs
    counts = [int(output.split(" steps done now")[0].split()[-1]) for output, _ in outputs]
    assert sum(counts) == 5
    assert len(list(tmp_path.glob("out/steps/*/done.json"))) == 5


def test_steps_that_two_studies_share_are_done_once(tmp_path: Path, root: Path) -> None:
    for name in ("words", "again"):
        (tmp_path / f"{name}.yaml").write_text(WORDS.replace("name: words\n", f"name: {name}\n"))
    sources = open_sources(None)
    plans = [
        plan_study(load_study(str(tmp_path / f"{n}.yaml")), sources) for n in ("words", "again")
    ]
    run_steps([plans[0].result], root)
    assert run_steps([plans[1].result], root) == 1  # its own comparison


def test_what_the_data_cannot_give_stands_on_the_page_and_stops_nothing(
    tmp_path: Path, invented: Invented, root: Path
) -> None:
    text = WORDS.replace(
        "comparisons:",
        "  - {name: none, model: linear, train: {tasks: [CLP], splits: [expert]}}\n"
        "  - {name: nobody, model: {released: Unknown}}\n"
        "comparisons:\n  - {a: words, b: none}",
    )
    (tmp_path / "study.yaml").write_text(text)
    plan = plan_study(load_study(str(tmp_path / "study.yaml")), invented.sources)
    run_steps([plan.result], root)
    page, sentences = publish(plan, root)
    assert sentences[0].startswith("Not drawn: needs training rows of CLP")
    assert "not run: needs training rows of CLP" in page.read_text()
    assert "not run: needs the answers of Unknown" in page.read_text()
    told = json.loads((folder_of(in_order([plan.result])[-1], root) / "done.json").read_text())
    assert told["lacking"] is None


def test_a_study_whose_data_was_not_given_says_so_in_a_line_and_runs_nothing(
    run: Run, tmp_path: Path
) -> None:
    done = run("study", "leak-or-skill", "--out", "out")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "not run: needs the data set (--imhi)" in done.stdout
    assert not (tmp_path / "out").exists()
