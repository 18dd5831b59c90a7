"""Label Studio and Potato: what they are given, and what they gave back, read as ratings.

The files in ``exports/`` were made by the tools themselves (Label Studio 1.23.2, Potato 2.12.1):
two invented raters marked the study below in a browser. One passage stands behind emoji, one
behind line breaks and double blanks, one runs over line breaks.
"""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from mentallama.errors import InputError
from mentallama.human import labelstudio, potato, sheets
from mentallama.human.exchange import as_utc
from mentallama.human.ratings import read_ratings
from mentallama.human.rubric import load_rubric
from mentallama.human.study import About, Key, Place, Study, write_study
from mentallama.types import Item, Rating
from tests.conftest import Run

EXPORTS = Path(__file__).parent / "exports"
POSTS = (
    "The bus was late again and the rain came in sideways.",
    "😀🎉 the exam is on friday 😬 and I study in the stairwell & <hide>",
    "First line here.\n\nSecond  line with  two blanks.\nThird line of it.",
    "The fourth one is skipped.",
)
ORDERS = {"ann": (1, 0, 2, 3), "bo": (3, 2, 1, 0)}


@pytest.fixture
def study() -> Study:
    rubric = load_rubric("mentallama")
    items = tuple(
        Item(
            id=f"item{number}",
            task="dreaddit",
            question="Does the poster suffer from stress?",
            post=post,
            answer="Yes, the poster suffers from stress. Reasoning: invented.",
        )
        for number, post in enumerate(POSTS)
    )
    places = tuple(
        Place(rater=rater, item=f"item{number}", position=position)
        for rater, order in ORDERS.items()
        for position, number in enumerate(order, 1)
    )
    about = About(
        name="mini",
        rubric=rubric.stamp,
        seed=0,
        overlap=2,
        raters=tuple(ORDERS),
        created="2026-01-01T00:00:00+00:00",
    )
    return Study(about=about, rubric=rubric, items=items, places=places)


@pytest.fixture
def folder(study: Study, tmp_path: Path) -> Path:
    keys = [
        Key(item=x.id, model="secretive-7b", sample_id=x.id, task=x.task, gold="yes")
        for x in study.items
    ]
    write_study(tmp_path / "mini", study, keys)
    return tmp_path / "mini"


def marks(ratings: tuple[Rating, ...], rater: str, item: str) -> dict[str, int | str | None]:
    return {
        rating.aspect: rating.value if rating.outcome == "scored" else rating.outcome
        for rating in ratings
        if (rating.rater, rating.item) == (rater, item)
    }


def evidence(ratings: tuple[Rating, ...], rater: str, item: str) -> list[str]:
    found = next(r for r in ratings if (r.rater, r.item) == (rater, item))
    return [POSTS[int(item[-1])][start:end] for start, end in found.evidence]


GIVEN = {"consistency": 3, "reliability": 2, "professionality": "cannot_judge", "overall": 1}


def test_what_label_studio_exported_becomes_ratings(study: Study) -> None:
    files = [EXPORTS / "label-studio-ann.json", EXPORTS / "label-studio-bo.json"]
    found = labelstudio.read_exports(files, study)
    ratings = found.ratings
    assert marks(ratings, "ann", "item1") == GIVEN
    assert marks(ratings, "ann", "item3") == dict.fromkeys(GIVEN, "skipped")
    assert evidence(ratings, "ann", "item1") == ["exam is"]
    assert evidence(ratings, "ann", "item2") == ["with  two"]
    assert evidence(ratings, "bo", "item2") == [
        "line here.\n\nSecond  line with  two blanks.\nThird line"
    ]
    first = ratings[0]
    assert first.note == 'a note, "quoted" <b>\nsecond line'
    assert (first.position, first.study, first.rubric) == (1, "mini", "mentallama@1")
    assert first.time == "2026-11-26T22:55:13.075Z"
    # Four items of ann and two of bo, four aspects each; bo left two items.
    assert (len(ratings), found.open, found.lost) == (24, 8, 0)


def test_what_potato_kept_becomes_ratings(study: Study) -> None:
    found = potato.read_outputs([EXPORTS / "potato-ann.json"], study)
    ratings = found.ratings
    assert marks(ratings, "ann", "item1") == GIVEN
    assert marks(ratings, "ann", "item2") == {k: GIVEN[k] for k in GIVEN if k != "overall"}
    assert evidence(ratings, "ann", "item0") == ["rain came"]
    assert evidence(ratings, "ann", "item1") == ["exam is"]
    assert evidence(ratings, "ann", "item2") == ["with  two"]
    assert ratings[0].note == 'a note, "quoted" <b>'
    assert (len(ratings), found.open, found.lost) == (11, 21, 0)


def test_label_studio_gets_a_scale_an_aspect_and_each_raters_order(
    study: Study, tmp_path: Path
) -> None:
    names = labelstudio.write_project(study, tmp_path)
    assert names == ["interface.xml", "ann.json", "bo.json"]
    view = ElementTree.parse(tmp_path / "interface.xml").getroot()
    scales = {x.get("name"): [c.get("alias") for c in x] for x in view.iter("Choices")}
    assert scales == {f"mark_{a.key}": [*"0123", "cannot_judge"] for a in study.rubric.aspects}
    shown = [choice.get("value") for choice in view.iter("Choice")]
    for aspect in study.rubric.aspects:
        assert all(any(anchor.text in str(text) for text in shown) for anchor in aspect.anchors)
    for rater, order in ORDERS.items():
        tasks = [task["data"] for task in json.loads((tmp_path / f"{rater}.json").read_text())]
        assert [task["item"] for task in tasks] == [f"item{number}" for number in order]
        assert [task["post"] for task in tasks] == [POSTS[number] for number in order]


def test_potato_gets_each_rater_as_a_group_of_one_and_stays_on_this_machine(
    study: Study, tmp_path: Path
) -> None:
    potato.write_project(study, tmp_path)
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    groups = {g["annotators"][0]: g["instances"] for g in config["batch_assignment"]["groups"]}
    assert groups == {rater: [f"item{n}" for n in order] for rater, order in ORDERS.items()}
    assert config["server"] == {"host": "127.0.0.1"}
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert {row["id"]: row["post"] for row in rows} == {x.id: x.post for x in study.items}


def test_a_passage_whose_text_does_not_stand_there_is_left_out_and_counted(
    study: Study, tmp_path: Path
) -> None:
    tasks = json.loads((EXPORTS / "label-studio-ann.json").read_text())
    tasks[0]["annotations"][0]["result"][0]["value"]["start"] += 1
    (tmp_path / "moved.json").write_text(json.dumps(tasks))
    found = labelstudio.read_exports([tmp_path / "moved.json"], study)
    assert found.lost == 1
    assert found.ratings[0].evidence == ()


def _twice(tasks: list) -> None:
    tasks[0]["annotations"] *= 2


def _off_scale(tasks: list) -> None:
    tasks[0]["annotations"][0]["result"][1]["value"]["choices"] = ["7"]


def _no_score(tasks: list) -> None:
    tasks[0]["annotations"][0]["result"][1]["value"]["choices"] = ["good"]


def _elsewhere(tasks: list) -> None:
    tasks[0]["data"]["item"] = "item9"


def _reduced(tasks: list) -> None:
    del tasks[0]["annotations"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_twice, "task 1 has 2 annotations"),
        (_off_scale, "7 is not on the scale of consistency, 0 to 3"),
        (_no_score, "item 'item1', consistency: neither a score nor 'cannot_judge'"),
        (_elsewhere, "item 'item9' is none of rater 'ann' in study 'mini'"),
        (_reduced, "task 1 is not as Label Studio exports it"),
    ],
)
def test_an_export_that_does_not_fit_is_one_line_and_writes_nothing(
    run: Run, folder: Path, tmp_path: Path, change: object, said: str
) -> None:
    tasks = json.loads((EXPORTS / "label-studio-ann.json").read_text())
    change(tasks)  # type: ignore[operator]
    (tmp_path / "bad.json").write_text(json.dumps(tasks))
    done = run(
        "rate", "import-tasks", folder, "bad.json", "--format", "label-studio", "--out", "r.csv"
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r.csv").exists()


def test_the_commands_go_out_and_back_without_a_models_name(
    run: Run, folder: Path, tmp_path: Path, study: Study
) -> None:
    for tool in ("label-studio", "potato"):
        done = run("rate", "export-tasks", folder, "--format", tool, "--out", tool)
        assert done.returncode == 0, done.stderr
        for file in (tmp_path / tool).iterdir():
            assert b"secretive" not in file.read_bytes()
    state = tmp_path / "potato" / "annotation_output" / "ann" / "user_state.json"
    state.parent.mkdir(parents=True)
    state.write_bytes((EXPORTS / "potato-ann.json").read_bytes())
    command = ["rate", "import-tasks", folder, "potato/annotation_output", "--format", "potato"]
    done = run(*command, "--out", "ratings.csv")
    assert done.returncode == 0, done.stderr
    assert "11 marks of 1 raters" in done.stdout
    assert "21 that the study asks for are not there" in done.stdout
    assert tuple(read_ratings(tmp_path / "ratings.csv")) == (
        potato.read_outputs([state], study).ratings
    )
    done = run(*command[:3], folder, "--format", "potato", "--out", "x.csv")
    assert "no user_state.json below this folder" in done.stderr


def test_a_file_that_is_no_state_of_potato_is_refused(study: Study, tmp_path: Path) -> None:
    (tmp_path / "user_state.json").write_text('{"user_id": "ann"}')
    with pytest.raises(InputError, match="not as Potato keeps"):
        potato.read_outputs([tmp_path], study)


@pytest.mark.parametrize(
    ("time", "utc"),
    [
        ("2026-03-01T12:00:00.1234+02:00", "2026-03-01T10:00:00.123Z"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("2026-03-01T12:00:00", "2026-03-01T12:00:00.000Z"),
        ("", ""),
    ],
)
def test_times_are_utc_with_milliseconds(time: str, utc: str) -> None:
    assert as_utc(time) == utc


def test_workbooks_are_filled_in_and_read_back(study: Study, tmp_path: Path) -> None:
    """Filled as a rater would: scores, 'cannot judge', a skip, an empty row and a note."""
    from openpyxl import load_workbook

    assert sheets.write_sheets(study, tmp_path / "s") == ["ann.xlsx", "bo.xlsx"]
    book = load_workbook(tmp_path / "s" / "ann.xlsx")
    sheet = book["items"]
    assert [sheet.cell(row, 1).value for row in range(3, 7)] == ["item1", "item0", "item2", "item3"]
    assert sheet.cell(3, 3).value == POSTS[1]
    assert {"0,1,2,3,cannot judge,skip"} == {
        rule.formula1.strip('"') for rule in sheet.data_validations.dataValidation
    }
    for column, value in enumerate((3, 2.0, "cannot judge", "1"), 5):
        sheet.cell(3, column).value = value
    sheet.cell(3, 9).value = "=1+1 is a note"
    sheet.cell(4, 5).value = "skip"
    book.save(tmp_path / "s" / "ann.xlsx")
    found = sheets.read_sheets([tmp_path / "s"], study)
    marks = {(r.item, r.aspect): (r.value, r.outcome) for r in found.ratings}
    assert [marks["item1", aspect.key] for aspect in study.rubric.aspects] == [
        (3, "scored"), (2, "scored"), (None, "cannot_judge"), (1, "scored"),
    ]  # fmt: skip
    assert {marks["item0", aspect.key] for aspect in study.rubric.aspects} == {(None, "skipped")}
    assert (len(found.ratings), found.open) == (8, 24)
    assert {r.rater for r in found.ratings} == {"ann"}


def test_a_post_that_looks_like_a_formula_stays_a_text(study: Study, tmp_path: Path) -> None:
    from dataclasses import replace

    from openpyxl import load_workbook

    items = (replace(study.items[0], post="=HYPERLINK(1) \x0b"), *study.items[1:])
    sheets.write_sheets(replace(study, items=items), tmp_path)
    cell = load_workbook(tmp_path / "ann.xlsx")["items"].cell(4, 3)
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1) \ufffd", "s")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"no workbook", "not a workbook"), (None, "not a sheet of this study"), ("7", "scale")],
)
def test_a_workbook_of_elsewhere_is_one_line(
    study: Study, tmp_path: Path, content: object, said: str
) -> None:
    from openpyxl import Workbook, load_workbook

    path = tmp_path / "a.xlsx"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is None:
        book = Workbook()
        book.active.title = "items"
        book.save(path)
    else:
        sheets.write_sheets(study, tmp_path)
        book = load_workbook(tmp_path / "ann.xlsx")
        book["items"].cell(3, 5).value = content
        book.save(path)
    with pytest.raises(InputError, match=said):
        sheets.read_sheets([path], study)
