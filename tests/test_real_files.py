"""What must hold on the real files, where they are at hand; nothing of them is quoted here."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from mentallama.benchmark.evaluate import evaluate
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.linear import fit_linear
from mentallama.benchmark.inference.train import train_labeller
from mentallama.benchmark.responses import join_posts, read_responses
from mentallama.data.transfer import ImportReport, export_release, import_release
from mentallama.dataset import read_samples
from mentallama.io import git_blob_id
from mentallama.models.backend import GoldBackend
from mentallama.models.generate import as_released, generate
from mentallama.tasks import get_task
from mentallama.types import FORMS, Form
from tests.conftest import Run, shared


@pytest.fixture(scope="module")
def imported(imhi: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ImportReport, Path]:
    folder = tmp_path_factory.mktemp("imhi")
    return import_release(imhi, folder), folder


def test_every_row_of_the_release_is_parsed(imported: tuple[ImportReport, Path]) -> None:
    report, _ = imported
    rows: dict[tuple[str, str], int] = {}
    for file in report.manifest.files:
        rows[file.form, file.split] = rows.get((file.form, file.split), 0) + file.rows
    assert rows == {
        ("instruction", "train"): 9387,
        ("instruction", "valid"): 3831,
        ("instruction", "test"): 6057,
        ("instruction", "expert"): 175,
        ("completion", "train"): 9387,
        ("completion", "valid"): 3831,
        ("completion", "test"): 6057,
    }


def test_the_instruction_form_renders_back_equal(imported: tuple[ImportReport, Path]) -> None:
    """In the instruction form nothing is odd but one empty explanation."""
    odd = [o for o in imported[0].oddities if "complete" not in o.file]
    assert [(o.kind, o.row) for o in odd] == [("empty explanation", 1387)]


def test_export_gives_the_release_back_byte_for_byte(
    imported: tuple[ImportReport, Path], tmp_path: Path
) -> None:
    lines = (shared("imhi").parent / "imhi-blobs.tsv").read_text().splitlines()
    blobs = {path: blob for blob, path in (line.split("\t") for line in lines)}
    written = export_release(imported[1], tmp_path)
    assert len(written) == len(imported[0].manifest.files) == 31
    assert [name for name in written if git_blob_id(tmp_path / name) != blobs[name]] == []


@pytest.mark.parametrize("form", FORMS)
def test_gold_answers_score_100_against_themselves(
    imported: tuple[ImportReport, Path], form: Form, tmp_path: Path
) -> None:
    samples = read_samples(imported[1], form=form, splits=["test"])
    responses = generate(GoldBackend(samples), as_released(samples), tmp_path / "gold.jsonl")
    scores = [s for s in evaluate(responses).scores if s.variant != "forced"]
    assert {s.task for s in scores} == {"DR", "dreaddit", "SAD", "MultiWD", "Irf"}
    assert {s.value for s in scores} == {100.0}


def test_released_outputs_are_scored_as_they_are(
    outputs: Path, imported: tuple[ImportReport, Path], run: Run
) -> None:
    done = run("evaluate", outputs / "Mentallama-13B", "--json", "--data", imported[1])
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)["scores"]
    coverage = {s["task"]: s for s in scores if s["metric"] == "coverage"}
    assert {task: s["n"] for task, s in coverage.items()} == {
        "DR": 405, "dreaddit": 414, "SAD": 684, "MultiWD": 2441, "Irf": 2113,
    }  # fmt: skip
    # Most of its DR answers name their label only inside the reasoning: they abstain.
    assert coverage["DR"]["value"] < 20
    assert coverage["dreaddit"]["value"] > 95


def test_every_released_response_finds_its_post(
    outputs: Path, imported: tuple[ImportReport, Path]
) -> None:
    responses = read_responses(outputs)
    assert len(responses) == 29_231
    joined = join_posts(responses, read_samples(imported[1], splits=["test"]))
    assert all(row.post_id for row in joined)


@pytest.fixture(scope="module")
def cascade(imported: tuple[ImportReport, Path]) -> Cascade:
    """Return phrases and linear labellers of the release's own training rows, held out once."""
    labellers = {}
    for key in ("DR", "dreaddit", "SAD", "MultiWD", "Irf"):
        rows = read_samples(imported[1], tasks=[key], splits=["train", "valid"])
        # Two sets came without their training files.
        trained = [s for s in rows if s.post.split == "train"] or rows
        labellers[key] = train_labeller(
            get_task(key), trained, fit_linear, trained_on="release", beside={}, folds=1
        )
    return Cascade(labellers=labellers)


@pytest.mark.parametrize("task", ["DR", "SAD"])
def test_the_cascade_reads_what_the_authors_read(imhi: Path, cascade: Cascade, task: str) -> None:
    """At least 90 % of the responses to which the authors gave one label of the set."""
    path = imhi / "examples" / "label_data_examples" / f"{task}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        labels = [row["labels"] for row in csv.DictReader(file)]
    keys = {label.key for label in get_task(task).labels}
    read = cascade(read_responses(path))
    agree = [p.label == label for p, label in zip(read, labels, strict=True) if label in keys]
    assert len(agree) >= 30
    assert sum(agree) >= 0.9 * len(agree)


@pytest.mark.parametrize("model", ["Mentallama-7B", "Mentallama-13B"])
def test_the_cascade_answers_most_responses(outputs: Path, cascade: Cascade, model: str) -> None:
    read = cascade(read_responses(outputs / model))
    answered = [prediction for prediction in read if prediction.label]
    assert len(read) == 6057
    assert len(answered) >= 0.95 * len(read)
    # Every verdict says how likely it is right, and none is taken for certain.
    assert all(p.confidence is not None and p.confidence < 1 for p in answered)


def test_nothing_of_the_real_files_is_in_the_repository(imhi: Path) -> None:
    """No 60-character run of a released post or explanation stands in a tracked file."""
    from mentallama.data.release import find_files, read_file

    root = Path(__file__).parent.parent
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    real = {
        text[start : start + 60]
        for file in find_files(imhi)
        for sample in read_file(imhi, file).samples
        for text in (sample.post.text, sample.explanation)
        for start in range(0, len(text) - 60, 60)
    }
    # A line of dashes or spaces is nobody's words.
    real = {run for run in real if sum(map(str.isalpha, run)) >= 20}
    for name in listed.stdout.splitlines():
        path = root / name
        if not path.is_file() or path.suffix in (".png", ".webp"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        runs = {text[start : start + 60] for start in range(len(text) - 59)}
        assert not runs & real, f"{name} holds text of the release"
