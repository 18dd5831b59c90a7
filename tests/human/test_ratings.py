"""Ratings as files: a round trip in every format, layouts of elsewhere, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentallama.errors import InputError
from mentallama.human.ratings import as_rated, check_ratings, need_one_rubric, read_ratings
from mentallama.human.ratings import write_ratings as write
from mentallama.human.rubric import load_rubric
from mentallama.human.study import About, Study
from mentallama.io import write_csv
from mentallama.marks import ASPECTS
from mentallama.types import Item, Rating
from tests.conftest import Run, shared

ONE = Rating(
    study="room",
    item="i1",
    rater="ada",
    aspect="overall",
    value=2,
    note='=SUM(A1), "quoted"\r\nnext line\rand \U0001f642, \u202eturned\u2028',
    evidence=((3, 10), (20, 31)),
    position=1,
    time="2025-01-01T10:00:00.123Z",
    rubric="mentallama@1",
)
RATINGS = [
    ONE,
    replace(ONE, rater="ben", value=None, outcome="skipped", note="", evidence=()),
    replace(ONE, item="i2", value=None, outcome="cannot_judge", note="'", position=2),
    replace(ONE, item="i2", rater="ben", value=0, note=" ", position=2),
]
ITEMS = tuple(
    Item(id=name, task="DR", question="Is it so?", post=f"post {name}", answer=f"answer {name}")
    for name in ("i1", "i2")
)


def study() -> Study:
    about = About(
        name="room",
        rubric="mentallama@1",
        seed=0,
        overlap=2,
        raters=("ada", "ben"),
        created="2025-01-01T00:00:00+00:00",
    )
    return Study(about=about, rubric=load_rubric("mentallama"), items=ITEMS, places=())


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_ratings_are_identical_after_a_round_trip(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ratings.{ending}"
    write(path, RATINGS)
    assert read_ratings(path) == RATINGS
    # Columns without any value have no type of their own in Parquet.
    write(path, RATINGS[1:2])
    assert read_ratings(path) == RATINGS[1:2]


@settings(max_examples=100, deadline=None)
@given(note=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_note_survives(note: str) -> None:
    with TemporaryDirectory() as folder:
        for ending in ("csv", "jsonl"):
            path = Path(folder) / f"r.{ending}"
            write(path, [replace(ONE, note=note)])
            assert read_ratings(path)[0].note == note


def test_a_csv_has_a_column_per_field_and_nothing_where_there_is_no_mark(tmp_path: Path) -> None:
    write(tmp_path / "r.csv", [replace(ONE, note=""), RATINGS[1]])
    assert (tmp_path / "r.csv").read_text() == (
        "study,item,rater,aspect,value,outcome,note,evidence,position,time,rubric\n"
        "room,i1,ada,overall,2,scored,,3-10 20-31,1,2025-01-01T10:00:00.123Z,mentallama@1\n"
        "room,i1,ben,overall,,skipped,,,1,2025-01-01T10:00:00.123Z,mentallama@1\n"
    )


def test_a_format_that_is_not_known_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ratings are written as \.csv, \.jsonl or \.parquet"):
        write(tmp_path / "ratings.xls", RATINGS)
    assert not list(tmp_path.iterdir())


def test_four_columns_of_elsewhere_are_enough(tmp_path: Path) -> None:
    """Positions follow the file, rater by rater; an empty value, also NaN's, is a skip."""
    rows = [["b", "x", "overall", "3.0", "!"], ["a", "x", "overall", "", ""]]
    rows += [["a", "y", "overall", "1", ""], ["a", "x", "fluency", "2", ""]]
    write_csv(tmp_path / "r.csv", ["item", "rater", "aspect", "value", "mood"], rows)
    found = read_ratings(tmp_path / "r.csv")
    assert [(r.item, r.rater, r.value, r.outcome, r.position) for r in found] == [
        ("b", "x", 3, "scored", 1),
        ("a", "x", None, "skipped", 2),
        ("a", "y", 1, "scored", 1),
        ("a", "x", 2, "scored", 2),
    ]
    assert {(r.study, r.rubric, r.time, r.note, r.evidence) for r in found} == {
        ("", "", "", "", ())
    }
    (tmp_path / "r.jsonl").write_text(
        '{"item": "a", "rater": "x", "aspect": "o", "value": NaN, "note": null}\n'
    )
    assert read_ratings(tmp_path / "r.jsonl")[0].outcome == "skipped"


def test_the_released_marks_are_read_as_three_raters(tmp_path: Path) -> None:
    columns = ["text", "label", "gpt-3.5-turbo", *ASPECTS]
    row = ["an invented post", "1", "an answer", "[1, 2, 3]", "[0, 0, 1]", "[2, 2, 2]", "[3, 1, 0]"]
    write_csv(tmp_path / "marks" / "one.csv", columns, [row, row])
    found = read_ratings(tmp_path / "marks")
    assert len(found) == 2 * 4 * 3
    assert [(r.item, r.rater, r.aspect, r.value) for r in found[:4]] == [
        ("one/00001", "r1", "fluency", 1),
        ("one/00001", "r2", "fluency", 2),
        ("one/00001", "r3", "fluency", 3),
        ("one/00001", "r1", "completeness", 0),
    ]


def test_the_release_itself_is_read() -> None:
    folder = shared("imhi") / "human_evaluation" / "DR_annotation"
    found = read_ratings(folder)
    assert len(found) == (121 + 43) * 4 * 3
    assert {r.value for r in found} == {0, 1, 2, 3}


HEADER = "item,rater,aspect,value,outcome,evidence,position\n"
BROKEN = [
    ("item,rater,value\na,x,1\n", "row 1: no aspect; ratings need item, rater, aspect, value"),
    (HEADER + "a,x,o,1,scored,,1\na,x,p,two,,,1\n", "row 2: value: not a whole number"),
    (HEADER + "a,x,o,2.5,,,1\n", "row 1: value: not a whole number"),
    (HEADER + "a,x,o,inf,,,1\n", "row 1: value: not a whole number"),
    (HEADER + "a,x,o,1,tired,,1\n", "row 1: outcome is none of scored, cannot_judge, skipped"),
    (HEADER + "a,x,o,,scored,,1\n", "row 1: outcome 'scored' with no value"),
    (HEADER + "a,x,o,1,skipped,,1\n", "row 1: outcome 'skipped' with a value"),
    (HEADER + "a,,o,1,,,1\n", "row 1: rater is empty"),
    (HEADER + "a,x,o,1,,4,1\n", "row 1: evidence: expected passages such as 3-10 20-31"),
    (HEADER + "a,x,o,1,,9-4,1\n", "row 1: evidence: a passage must start before it ends"),
    (HEADER + "a,x,o,1,,,first\n", "row 1: position: not a whole number"),
    (HEADER + "a,x,o\n", "row 1 has 3 cells, the header has 7"),
    (HEADER, "no ratings here"),
]


@pytest.mark.parametrize(("content", "said"), BROKEN, ids=[said for _, said in BROKEN])
def test_a_broken_row_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        read_ratings(path)
    assert str(raised.value).startswith(f"{path}: ") and said in str(raised.value)


def test_ratings_of_the_study_pass() -> None:
    check_ratings(RATINGS, study())
    check_ratings([replace(ONE, study="", rubric="")], study())


MISFITS = [
    (replace(ONE, item="i9"), "row 2: no item 'i9' in study 'room'"),
    (replace(ONE, rater="cy"), "row 2: no rater 'cy' in study 'room'"),
    (replace(ONE, aspect="style"), "row 2: no aspect 'style' in the rubric; it has consistency,"),
    (replace(ONE, value=4), "row 2: 4 is not on the scale of overall, 0 to 3"),
    (replace(ONE, study="other"), "row 2: is of study 'other', this is 'room'"),
    (replace(ONE, rubric="mentallama@2"), "row 2: is by rubric 'mentallama@2', this study's is"),
    (replace(ONE, value=3), "row 2: rater 'ada' marked overall of item 'i1' before, in row 1"),
]


@pytest.mark.parametrize(("rating", "said"), MISFITS, ids=[said for _, said in MISFITS])
def test_what_is_not_of_the_study_is_refused(rating: Rating, said: str) -> None:
    with pytest.raises(InputError) as raised:
        check_ratings([ONE, rating], study())
    assert said in str(raised.value)


def test_versions_of_a_rubric_are_not_mixed() -> None:
    need_one_rubric(RATINGS)
    with pytest.raises(InputError, match=r"several rubrics .* mentallama@1, mentallama@2"):
        need_one_rubric([ONE, replace(ONE, rater="ben", rubric="mentallama@2")])


def test_marks_are_put_beside_what_they_are_about() -> None:
    """An item that everybody skipped has no marks, so it is not there."""
    other = replace(ONE, rater="ben", value=1)
    (rated,) = as_rated([ONE, other, RATINGS[2]], ITEMS)
    assert (rated.post, rated.explanation) == ("post i1", "answer i1")
    assert rated.marks == {"overall": (2.0, 1.0)}


def test_every_command_names_file_and_row(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "r.csv", [ONE, ONE])
    done = run("rate", "agreement", "r.csv")
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("r.csv: row 2: rater 'ada' marked overall of item 'i1' before, in row 1")
    )
    write(tmp_path / "r.csv", [ONE])
    (tmp_path / "k.jsonl").write_text(
        json.dumps({"item": "z", "model": "m", "sample_id": "s", "task": "DR", "gold": "yes"})
    )
    done = run("rate", "compare", "r.csv", "--key", "k.jsonl")
    assert done.returncode == 2 and "r.csv: row 1: item 'i1' is not in the key" in done.stderr
