"""The release's layout, in miniature and with all its oddities; every post is invented."""

import json
from pathlib import Path

import pytest

from mentallama.data.transfer import ImportReport, export_release, import_release
from mentallama.dataset import Manifest, read_samples, write_manifest, write_samples
from mentallama.errors import InputError
from mentallama.types import FORMS
from tests.conftest import sample

FILES = {
    "train_data/instruction_data/SAD/train.csv": (
        "query,gpt-3.5-turbo\n"
        '"Consider this post: ""rent went up, again"" Question: What is the stress cause of this '
        'post?",This post shows the stress cause related to financial problem. Reasoning: Rent.\n'
    ),
    "train_data/complete_data/DR/reddit_valid.csv": (
        "post,question,response\n"
        'Post: grey week," Question: The answer to the question ""Does the poster suffers from '
        'depression?"" is "," yes. \nReasoning: Grey."\n'
    ),
    "train_data/complete_data/dreaddit/val.csv": (
        ",post,question,response\n"
        '0,Post: calm lake," Question: The answer to the question ""Does the poster suffers from '
        'stress?"" is ", no. Reasoning: Calm.\n'
    ),
    "test_data/test_complete/Irf.csv": (
        "query,gpt-3.5-turbo\n"
        '"Post: table for one Question: The answer to the question: ""Does the post shows risk of '
        'thwarted belongingness?"" is ", yes.. Reasoning: Alone. \n'
        '"Post: nice day Question: The answer to the question: ""Does the post shows risk of '
        'perceived burdensomeness?"" is ",no. Reasoning: \n'
    ),
    "test_data/test_instruction/MultiWD.csv": (
        "query,gpt-3.5-turbo\n"
        '"Consider this post: ""it\u201a\u00c4\u00f4s the late shift\n\nagain"" Question: Does the '
        'vocational wellness dimension exist in the post?","Yes, this wellness dimension exists in '
        'the post. Reasoning: Shift."\n'
    ),
    "human_evaluation/test_instruction_expert/DR.csv": (
        "query,gpt-3.5-turbo\n"
        '"Consider this post: ""grey week"" Question: Does the poster suffer from depression?",'
        '"Yes, the poster suffers from depression. Reasoning: Grey."\n'
    ),
    "human_evaluation/DR_annotation/chatgpt_data.csv": "text,label\nx,1\n",
    "test_data/test_instruction/.~lock.DR.csv": "not a data file",
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "release" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "release"


@pytest.fixture
def report(release: Path, tmp_path: Path) -> ImportReport:
    return import_release(release, tmp_path / "data")


def test_every_row_is_read_with_its_label(report: ImportReport, tmp_path: Path) -> None:
    assert report.rows == 7
    samples = [
        s
        for form in ("instruction", "completion")
        for s in read_samples(
            tmp_path / "data", form=form, splits=["train", "valid", "test", "expert"]
        )
    ]
    labels = {(s.post.task, s.post.split, s.post.aspect): s.post.label for s in samples}
    assert labels == {
        ("SAD", "train", None): "financial",
        ("DR", "valid", None): "yes",
        ("dreaddit", "valid", None): "no",
        ("Irf", "test", "thwarted belongingness"): "yes",
        ("Irf", "test", "perceived burdensomeness"): "no",
        ("MultiWD", "test", "vocational"): "yes",
        ("DR", "expert", None): "yes",
    }


def test_odd_rows_are_listed_by_file_row_and_kind(report: ImportReport, tmp_path: Path) -> None:
    lines = (tmp_path / "data" / "oddities.jsonl").read_text().splitlines()
    found = {(o["file"].split("/", 1)[1], o["row"], o["kind"]) for o in map(json.loads, lines)}
    assert found == {
        ("complete_data/DR/reddit_valid.csv", 1, "answer begins with white space"),
        ("complete_data/DR/reddit_valid.csv", 1, "line break before the reasoning"),
        ("complete_data/dreaddit/val.csv", 1, "answer begins with white space"),
        ("test_complete/Irf.csv", 1, "answer begins with white space"),
        ("test_complete/Irf.csv", 1, "doubled full stop"),
        ("test_complete/Irf.csv", 1, "white space around the explanation"),
        ("test_complete/Irf.csv", 2, "empty explanation"),
    }


def test_ratings_and_missing_sets_are_counted(report: ImportReport) -> None:
    assert report.not_samples == 1
    assert report.missing_tasks == ("CLP", "swmh", "t-sid", "CAMS", "loneliness")


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_export_gives_the_very_bytes_back(release: Path, tmp_path: Path, format: str) -> None:
    import_release(release, tmp_path / "data", format=format)  # type: ignore[arg-type]
    written = export_release(tmp_path / "data", tmp_path / "back")
    assert len(written) == 6
    for name in written:
        assert (tmp_path / "back" / name).read_bytes() == (release / name).read_bytes(), name


def test_any_text_survives_the_way_out_and_back(tmp_path: Path) -> None:
    texts = [
        "a\rb",
        "c\r\nd",
        'say "no", then',
        "tab\tform\x0cfeed",
        " spaces ",
        "Post",
        "",
        "🙂 \u2028 x",
    ]
    samples = [
        sample("DR", "yes", text=text, form=form, split=split, row=row)
        for form in FORMS
        for split in ("train", "test")
        for row, text in enumerate(texts, 1)
    ]
    groups = [samples[start : start + len(texts)] for start in range(0, len(samples), len(texts))]
    files = tuple(write_samples(tmp_path / "a", group) for group in groups)
    manifest = Manifest(source="test", gold_source="corpus", version="0", files=files)
    write_manifest(tmp_path / "a", manifest)
    export_release(tmp_path / "a", tmp_path / "csv")
    import_release(tmp_path / "csv", tmp_path / "b")
    for form in FORMS:
        before = read_samples(tmp_path / "a", form=form)
        after = read_samples(tmp_path / "b", form=form)
        assert sorted(s.id for s in before) == sorted(s.id for s in after)
        assert {(s.id, s.prompt, s.response) for s in before} == {
            (s.id, s.prompt, s.response) for s in after
        }


def test_mojibake_is_mended_on_request_and_counted(release: Path, tmp_path: Path) -> None:
    report = import_release(release, tmp_path / "data", repair=True)
    assert sum(report.repaired.values()) == 1
    (sample,) = read_samples(tmp_path / "data", tasks=["MultiWD"])
    assert sample.post.text == "it\u2019s the late shift\n\nagain"
    assert sample.post.text in sample.prompt


def test_the_same_text_has_the_same_post_id_everywhere(
    report: ImportReport, tmp_path: Path
) -> None:
    valid = read_samples(tmp_path / "data", form="completion", splits=["valid"], tasks=["DR"])
    expert = read_samples(tmp_path / "data", splits=["expert"], tasks=["DR"])
    assert valid[0].post.id == expert[0].post.id
    assert valid[0].id != expert[0].id


def test_a_second_import_replaces_the_first(release: Path, tmp_path: Path) -> None:
    import_release(release, tmp_path / "data", format="parquet")
    import_release(release, tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.parquet"))
    assert len(read_samples(tmp_path / "data", splits=["expert"])) == 1


def test_a_changed_file_is_noticed(report: ImportReport, tmp_path: Path) -> None:
    path = tmp_path / "data" / "instruction" / "SAD" / "train.jsonl"
    path.write_text(path.read_text().replace("Rent", "Tent"))
    with pytest.raises(InputError, match="changed since manifest"):
        read_samples(tmp_path / "data")


def test_a_failed_import_leaves_no_manifest(release: Path, tmp_path: Path) -> None:
    bad = release / "test_data" / "test_instruction" / "SAD.csv"
    bad.write_text("query,gpt-3.5-turbo\nWhat now?,School. Reasoning: x\n")
    with pytest.raises(InputError, match=r"SAD\.csv: row 1: the prompt does not begin"):
        import_release(release, tmp_path / "data")
    with pytest.raises(InputError, match="no manifest"):
        read_samples(tmp_path / "data")
