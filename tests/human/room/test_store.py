"""The database: its schema, what counts, and that nothing acknowledged is lost or doubled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("krippendorff")
pytest.importorskip("sqlalchemy")

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from mentallama.errors import InputError
from mentallama.human.room.database import FILE, open_database, writing
from mentallama.human.room.people import drop, invite, register
from mentallama.human.room.store import (
    ClashError,
    StaleError,
    Submission,
    find_slot,
    list_people,
    list_slots,
    submit,
)
from mentallama.human.room.tables import METADATA, submissions
from mentallama.human.room.transfer import as_ratings
from mentallama.human.room.writer import Writer
from tests.human.room.rooms import ASPECTS, make_study


def given(name: str, mark: int | None = 2, **changes: object) -> Submission:
    values = {"kind": "rated", "marks": dict.fromkeys(ASPECTS, mark), "rubric": "invented@2"}
    return Submission(id=name, **{**values, **changes})  # type: ignore[arg-type]


def test_an_empty_database_becomes_what_the_code_expects(database: str, tmp_path: Path) -> None:
    for _ in range(2):
        open_database(database, tmp_path).dispose()
    engine = open_database(database, tmp_path)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == "0001"
    engine.dispose()


def test_a_database_of_a_later_version_is_refused(database: str, tmp_path: Path) -> None:
    engine = open_database(database, tmp_path)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(InputError, match="a newer version made this database"):
        open_database(database, tmp_path)


def test_a_file_is_on_disk_at_each_commit_and_for_its_owner_alone(tmp_path: Path) -> None:
    engine = open_database(None, tmp_path)
    with engine.connect() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in asked]
    engine.dispose()
    assert found == ["wal", 2, 1]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_what_was_sent_twice_is_stored_once(database: str, tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    engine = open_database(database, tmp_path)
    with writing(engine) as connection:
        register(connection, study)
        register(connection, study)
        person = list_people(connection, "soup")[1]
        item = list_slots(connection, person.id)[0].item

        def send(sent: Submission, time: str = "t1") -> object:
            return submit(connection, find_slot(connection, person.id, item), sent, time)

        first = send(given("a", evidence=((1, 4),)))
        assert send(given("a", evidence=((1, 4),), seconds=9.0), "t2") == first
        with pytest.raises(ClashError):
            send(given("a", 1))
        with pytest.raises(StaleError) as stale:
            send(given("b", 1))
        assert stale.value.stored == first
        send(given("b", None, replaces="a"))
        assert send(given("a", evidence=((1, 4),))) == first
        rows = connection.execute(select(submissions).order_by(submissions.c.sequence)).all()
        assert [(row.id, row.replaces, row.time) for row in rows] == [
            ("a", None, "t1"),
            ("b", "a", "t1"),
        ]
        ratings = as_ratings(connection, study)
    engine.dispose()
    assert {(one.item, one.value, one.outcome) for one in ratings} == {(item, None, "cannot_judge")}
    assert len(ratings) == len(ASPECTS)


def test_work_that_fails_takes_no_other_with_it(database: str, tmp_path: Path) -> None:
    """Pieces of one commit: the second writes and then fails, the others stay."""
    study = make_study(tmp_path / "study")
    engine = open_database(database, tmp_path)
    with writing(engine) as connection:
        register(connection, study)
    writer, gate = Writer(engine), threading.Event()

    def give(connection: Connection, number: int) -> int:
        person = list_people(connection, "soup")[1].id
        slot = list_slots(connection, person)[number]
        stored = submit(connection, slot, given(f"s{number}"), "t")
        if number == 1:
            raise ArithmeticError
        return stored.sequence

    held = writer.do(lambda connection: gate.wait(20))
    futures = [writer.do(lambda c, n=n: give(c, n)) for n in range(4)]  # type: ignore[misc]
    gate.set()
    writer.close()
    with pytest.raises(ArithmeticError):
        futures[1].result(0)
    assert held.result(0)
    assert [futures[n].result(0) > 0 for n in (0, 2, 3)] == [True] * 3
    with engine.connect() as connection:
        assert set(connection.scalars(select(submissions.c.id))) == {"s0", "s2", "s3"}
    engine.dispose()


def test_who_writes_is_alone(database: str, tmp_path: Path) -> None:
    """Two programs at once: of eight corrections of one submission one is taken."""
    study = make_study(tmp_path / "study")
    engine = open_database(database, tmp_path)
    with writing(engine) as connection:
        register(connection, study)
        person = list_people(connection, "soup")[1].id
        item = list_slots(connection, person)[0].item

    def correct(number: int) -> bool:
        other = open_database(database, tmp_path)
        try:
            with writing(other) as connection:
                submit(connection, find_slot(connection, person, item), given(f"s{number}"), "t")
            return True
        except StaleError:
            return False
        finally:
            other.dispose()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(correct, range(8))) == [False] * 7 + [True]
    engine.dispose()


def test_who_leaves_hands_on_what_is_open_and_keeps_what_is_done(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", items=12, raters=4, overlap=2, calibration=2)
    engine = open_database(None, tmp_path)
    with writing(engine) as connection:
        register(connection, study)
        people = {person.name: person.id for person in list_people(connection, "soup")}
        before = list_slots(connection, people["rater-2"])
        submit(connection, before[0], given("a"), "t")
        added = drop(connection, study.about, "rater-2")
        assert {place.item for place in added} <= {slot.item for slot in before[1:]}
        assert [slot.item for slot in list_slots(connection, people["rater-2"])] == [before[0].item]
        for refused, line in (
            ("rater-2", "was dropped before"),
            ("lead", "cannot be dropped"),
            ("ratr-3", "nobody here is called 'ratr-3'. Did you mean 'rater-3'?"),
        ):
            with pytest.raises(InputError, match=line.replace("?", r"\?")):
                drop(connection, study.about, refused)
    engine.dispose()


def test_a_token_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    engine = open_database(None, tmp_path)
    with writing(engine) as connection:
        register(connection, study)
        made = invite(connection, "soup")
        assert list(made) == ["lead", "rater-1", "rater-2"]
        assert invite(connection, "soup") == {}
        assert invite(connection, "soup", ["rater-1"])["rater-1"] != made["rater-1"]
    engine.dispose()
    content = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    assert len(content) > 10_000
    assert not [token for token in made.values() if token.encode() in content]
    assert b"soup for" not in content
    assert b"kept me some soup" not in content


NOT_DATABASES = {
    "nothing": "not the URL of a database",
    "mysql://x/y": "mysql is not supported; use SQLite or PostgreSQL",
    "sqlite://": "ratings in memory would be lost",
    "postgresql://secretuser:secretword@127.0.0.1:1/x": "connection failed",
    "sqlite:////nowhere/at/all.sqlite": "cannot be written",
}


@pytest.mark.parametrize("url", NOT_DATABASES)
def test_what_is_no_database_is_said_in_a_line(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        open_database(url, tmp_path)
    assert NOT_DATABASES[url] in str(error.value)
    assert "secretword" not in str(error.value)
    assert "\n" not in str(error.value)


def test_another_file_is_not_taken_for_a_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_text("these are notes, and no database at all\n" * 200)
    with pytest.raises(InputError, match="--db: file is not a database"):
        open_database(f"sqlite:///{path}", tmp_path)
