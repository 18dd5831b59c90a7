"""The commands around the room: links, leaving, ratings out and in again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("krippendorff")
pytest.importorskip("sqlalchemy")

from tests.human.room.rooms import (
    Visitor,
    invite,
    make_study,
    opened,
    run_command,
    serving,
)


def rate(*arguments: object, code: int = 0) -> str:
    """Run a command of ``rate``; return its output, or its one line where it fails."""
    found, out, err = run_command("rate", *arguments)
    assert found == code, err
    if not code:
        return out
    [line] = err.splitlines()
    return line.removeprefix("mentallama: error: ")


def test_links_are_made_once_and_renewed_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    make_study(folder)
    links = tmp_path / "links.tsv"
    base = ("--url", "https://room.example/")
    assert rate("invite", folder, *base, "--out", links) == f"3 links in {links}\n"
    assert links.stat().st_mode & 0o777 == 0o600
    lines = dict(line.split("\t") for line in links.read_text().splitlines())
    assert list(lines) == ["lead", "rater-1", "rater-2"]
    assert all(re.fullmatch(r"https://room\.example/enter#\S{43}", one) for one in lines.values())
    assert rate("invite", folder, code=2) == (
        "everybody has a link; make a new one with --again NAME"
    )
    line = rate("invite", folder, "--again", "rater-9", code=2)
    assert line.startswith("nobody here is called 'rater-9'. Did you mean 'rater-")
    # A file that is there is not written over, and the link in force stays so.
    line = rate("invite", folder, "--again", "rater-1", "--out", links, code=2)
    assert line == f"{links}: exists already; name another file for the links"
    old = lines["rater-1"].partition("#")[2]
    with serving(folder) as (url, _):
        with opened(url, old) as rater:
            new = invite(folder, "--again", "rater-1")
            assert list(new) == ["rater-1"]
            assert rater.ask("/rate").status == 401
        assert Visitor(url).enter(new["rater-1"]).json == {"next": "/start"}


def test_ratings_go_out_and_in_again_unchanged(database: str, tmp_path: Path) -> None:
    """Also those of somebody who left, and of an item that was given to another."""
    folder, copy = tmp_path / "study", tmp_path / "copy"
    make_study(folder, items=12, raters=4, overlap=2, calibration=1)
    make_study(copy, items=12, raters=4, overlap=2, calibration=1)
    there = ("--db", database)
    assert "nobody has rated anything yet" in rate(
        "export", folder, *there, "--out", tmp_path / "no.csv", code=2
    )
    tokens = invite(folder, *there)
    with serving(folder, *there) as (url, _):
        with opened(url, tokens["rater-2"]) as leaving:
            for _ in range(3):
                leaving.give(leaving.next()["id"], 0, note='said "a, b"\nand ü 😅')
        output = rate("drop", folder, *there, "rater-2")
        assert re.fullmatch(r"'rater-2' has left; [1-9] open items were given to others\n", output)
        for name in ("rater-1", "rater-3", "rater-4"):
            with opened(url, tokens[name]) as rater:
                for number in range(100):
                    if not (item := rater.next()):
                        break
                    if number == 2:
                        rater.give(item["id"], kind="skipped", marks={})
                    else:
                        marks = {"fluency": number % 4, "support": None, "overall": 3}
                        rater.give(item["id"], marks=marks, evidence=[[4, 9], [20, 31]])
    for ending in ("csv", "jsonl", "parquet"):
        first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
        rate("export", folder, *there, "--out", first)
        (copy / "ratings.sqlite").unlink(missing_ok=True)
        assert "0 were here already" in rate("load", copy, first)
        assert rate("load", copy, first).startswith("0 rated items are new;")
        rate("export", copy, "--out", second)
        assert first.read_bytes() == second.read_bytes()
    assert "23 rated items are new" not in rate("load", folder, *there, first)
    assert len((tmp_path / "first.csv").read_text().splitlines()) > 60


HEADER = "study,item,rater,aspect,value,outcome,note,evidence,position,time,rubric\n"
WRONG = [
    ("other,{item},rater-1,fluency,2,scored,,,1,t,invented@2", "is of study 'other', this is"),
    ("soup,{item},rater-1,fluency,2,scored,,,1,t,invented@1", "is by rubric 'invented@1'"),
    ("soup,nothing,rater-1,fluency,2,scored,,,1,t,invented@2", "no item 'nothing'"),
    ("soup,{item},stranger,fluency,2,scored,,,1,t,invented@2", "no rater 'stranger'"),
    ("soup,{item},rater-1,fluency,7,scored,,,1,t,invented@2", "7 is not on the scale of fluency"),
    ("soup,{item},rater-1,fluency,2,scored,,,1,t,invented@2", "no row for overall, support"),
]


def test_ratings_that_are_not_of_this_study_are_refused_whole(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    item = make_study(folder).items[3].id
    good = "".join(
        f"soup,{item},rater-2,{aspect},2,scored,,,1,t,invented@2\n"
        for aspect in ("fluency", "support", "overall")
    )
    for row, said in WRONG:
        path = tmp_path / "ratings.csv"
        path.write_text(f"{HEADER}{good}{row.format(item=item)}\n")
        line = rate("load", folder, path, code=2)
        assert line.startswith(f"{path}: ")
        assert said in line
    # Nothing of the good rows was kept.
    assert "nobody has rated" in rate("export", folder, "--out", tmp_path / "out.csv", code=2)
    path.write_text(HEADER + good)
    assert rate("load", folder, path).startswith("1 rated items are new")
    path.write_text(HEADER + good.replace(",2,scored", ",1,scored"))
    line = rate("load", folder, path, code=2)
    assert line == f"{path}: rater 'rater-2' has other marks for item '{item}' here"


def test_two_studies_share_a_database_unless_they_share_a_name(
    database: str, tmp_path: Path
) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder in (first, second, third):
        make_study(folder)
    _rewrite(second / "study.json", '"soup"', '"bread"')
    _rewrite(third / "study.json", "2025-01-01", "2025-01-02")
    assert len(invite(first, "--db", database)) == 3
    assert len(invite(second, "--db", database)) == 3
    line = rate("invite", third, "--db", database, code=2)
    assert line.startswith("the database holds another study called 'soup' (made 2025-01-01T")


def _rewrite(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--break-after", "soon"), "'soon': expected minutes such as 25m, items such as 40, or"),
        (("--locale", "xx"), "no crisis lines for the locale 'xx'."),
        (("--db", "nonsense"), "--db: not the URL of a database, such as"),
        (("--host", "no.such.host.invalid"), "--host no.such.host.invalid: no such address"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    folder = tmp_path / "study"
    make_study(folder)
    assert rate("serve", folder, *arguments, code=2).startswith(said)


def test_a_folder_that_is_no_study_is_named(tmp_path: Path) -> None:
    line = rate("serve", tmp_path / "nothing", code=2)
    assert line == f"{tmp_path / 'nothing'}: no such folder"
    folder = tmp_path / "study"
    make_study(folder)
    _rewrite(folder / "study.json", '"rater-1"', '"lead"')
    _rewrite(folder / "assignment.jsonl", '"rater-1"', '"lead"')
    line = rate("invite", folder, code=2)
    assert line == "a rater may not be called 'lead': that is the one who leads"


def test_without_the_extra_every_command_says_what_to_install(tmp_path: Path) -> None:
    commands = (
        ["serve", "s"], ["invite", "s"], ["drop", "s", "x"], ["export", "s", "--out", "r.csv"],
        ["load", "s", "r.csv"],
    )  # fmt: skip
    code = (
        "import sys\nsys.modules['sqlalchemy'] = None\n"
        "from mentallama.cli import _guard, cli\n"
        f"for words in {commands!r}:\n"
        "    assert _guard(lambda: cli.main(['rate', *words], standalone_mode=False)) == 2\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    line = "mentallama: error: this command needs sqlalchemy: pip install 'mentallama[rate]'"
    assert done.stderr.splitlines() == [line] * len(commands)
