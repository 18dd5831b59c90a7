"""The corpus as files: raw layouts, the release's CSV, records, and what is refused."""

import csv
import json
import zipfile
from pathlib import Path

import pytest

from mentallama.corpus import load_posts
from mentallama.corpus.raw import SAD_ARCHIVE, SAD_BOOK, SAD_LABELS
from mentallama.dataset import read_samples
from mentallama.io import git_blob_id
from tests.conftest import Run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_raw_layouts_hold_every_post_once(run: Run, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    assert run("corpus", "export", "--out", "raw", "--format", "raw").returncode == 0
    raw = tmp_path / "raw"
    texts = [
        row.get("text", row.get("selftext", ""))
        for path in raw.rglob("*.csv")
        for row in rows(path)
    ]
    with zipfile.ZipFile(raw / SAD_ARCHIVE) as archive, archive.open(SAD_BOOK) as handle:
        sheet = list(load_workbook(handle).active.iter_rows(values_only=True))
    header, *body = sheet
    sentence, label = header.index("sentence"), header.index("top_label")
    texts += [str(row[sentence]) for row in body]
    assert sorted(texts) == sorted(post.text for post in load_posts())
    wanted = [SAD_LABELS[post.answers[0].label] for post in load_posts("SAD")]
    assert [row[label] for row in body] == wanted
    assert all(row[header.index(str(row[label]))] == 1 for row in body)


def test_raw_labels_and_evidence_are_those_of_the_corpus(run: Run, tmp_path: Path) -> None:
    assert run("corpus", "export", "--out", ".", "--format", "raw").returncode == 0
    irf = {row["text"]: row for row in rows(tmp_path / "Irf" / "train_data.csv")}
    for post in (post for post in load_posts("Irf") if post.split == "train"):
        row = irf[post.text]
        for name, answer in zip(("belong", "burden"), post.answers, strict=True):
            assert row[name] == {"yes": "1", "no": "0"}[answer.label]
            assert row[f"{name}_exp"] == (answer.evidence[0] if answer.label == "yes" else "")
    wellness = {row["text"]: row for row in rows(tmp_path / "MultiWD" / "test_data.csv")}
    for post in (post for post in load_posts("MultiWD") if post.split != "train"):
        marks = [wellness[post.text][str(a.aspect).capitalize()] for a in post.answers]
        assert marks == [{"yes": "1", "no": "0"}[a.label] for a in post.answers]
    causes = {row["selftext"]: row for row in rows(tmp_path / "CAMS" / "IntentSDCNL_Testing.csv")}
    for post in (post for post in load_posts("CAMS") if post.split == "test"):
        order = ["none", "bias", "job", "medication", "relationship", "alienation"]
        assert order[int(causes[post.text]["ANNOTATIONS"])] == post.answers[0].label


def test_release_files_are_imported_and_exported_with_the_same_bytes(
    run: Run, tmp_path: Path
) -> None:
    command = ("corpus", "export", "--format", "release", "--set", "plain", "--set", "pairs")
    assert run(*command, "--out", "first").returncode == 0
    done = run("data", "import", "first", "--out", "samples")
    assert done.returncode == 0, done.stderr
    assert "; 0 are worded oddly" in done.stdout
    assert run("data", "export", "samples", "--out", "second").returncode == 0
    first = {p.relative_to(tmp_path / "first"): p for p in (tmp_path / "first").rglob("*.csv")}
    assert len(first) == 57  # instruction: 10 sets x 3 splits; completion: all but swmh
    for name, path in first.items():
        assert git_blob_id(path) == git_blob_id(tmp_path / "second" / name), name


def test_several_parts_go_into_one_folder_with_their_records(run: Run, tmp_path: Path) -> None:
    parts = [word for part in ("plain", "traps", "risk") for word in ("--set", part)]
    done = run("corpus", "export", "--out", "out", *parts)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    records = [json.loads(line) for line in (out / "posts.jsonl").read_text().splitlines()]
    assert len(records) == len(load_posts()) + len(load_posts(part="traps"))
    assert {r["variant"] for r in records if r["group"]} == {
        "words without the condition",
        "condition without its words",
    }
    assert len((out / "risk.jsonl").read_text().splitlines()) == 180
    texts = {sample.post.text for sample in read_samples(out)}
    assert texts == {record["text"] for record in records}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("export", "--out", "x", "--set", "pair"), "'pairs'"),
        (("export", "--out", "x", "--set", "risk", "--format", "raw"), "raw layouts hold posts"),
        (("export", "--out", "x", "--set", "risk", "--format", "release"), "holds posts"),
        (("export", "--out", "x", "--set", "pairs", "--format", "raw"), "answers one aspect"),
        (("show", "dr-1"), "no record 'dr-1'"),
        (("compare", "nowhere"), "no such folder"),
        (("contrast", "nowhere"), "no such file"),
    ],
)
def test_what_the_corpus_cannot_do_is_said_in_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = run("corpus", *arguments)
    assert done.returncode == 2
    assert says in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("x/*"))


def test_show_prints_a_record_as_a_person_reads_it(run: Run) -> None:
    post = load_posts(part="pairs")[0]
    done = run("corpus", "show", post.id, "private-01", "teacher-01", "response-01", "risk-001")
    assert done.returncode == 0, done.stderr
    assert post.text in done.stdout and post.answers[0].evidence[0] in done.stdout
    for word in ("private spans", "teacher answer", "right reading: verdict and yes", "with risk"):
        assert word in done.stdout
