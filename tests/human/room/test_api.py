"""The room over HTTP: who may see what, what is refused, and that nothing is stored twice."""

import json
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("krippendorff")
pytest.importorskip("sqlalchemy")


from tests.human.room.rooms import (
    MODELS,
    POST,
    Room,
    Visitor,
    invite,
    make_study,
    open_here,
    opened,
    serving,
    submission,
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Return a room of 30 items for three raters, two for each."""
    folder = tmp_path_factory.mktemp("room") / "study"
    with open_here(folder, items=30, raters=3, overlap=2) as opened_room:
        yield opened_room


def test_only_a_link_opens_the_room(room: Room) -> None:
    stranger = Visitor(room.url)
    for path in ("/", "/start", "/rate", "/lead", "/lead/ratings.csv", "/v1/next", "/items/x"):
        assert stranger.ask(path).status == 401, path
    assert stranger.give("x").status == 401
    assert stranger.ask("/v1/drop", {"name": "rater-1"}).status == 401
    for token in ("", "no such token", "é", "x" * 200, room.tokens["lead"][:-1]):
        assert stranger.enter(token).status == 401
    stranger.cookie = "mentallama-room=" + "x" * 43
    assert stranger.ask("/rate").status == 401
    assert "personal link" in stranger.ask("/rate").text


def test_the_secret_is_kept_from_scripts_other_sites_and_addresses(room: Room) -> None:
    visitor = Visitor(room.url)
    answer = visitor.enter(room.tokens["rater-1"])
    [cookie] = [value for name, value in answer.headers if name == "set-cookie"]
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=strict")
    behind = visitor.ask(
        "/v1/enter", {"token": room.tokens["rater-1"]}, headers={"X-Forwarded-Proto": "https"}
    )
    assert any(value.endswith("; Secure") for _, value in behind.headers)
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert visitor.ask("/v1/submissions", submission("x"), headers=cross).status == 403
    assert visitor.ask("/rate", headers={"Host": "evil.example"}).status == 400
    left = visitor.ask("/v1/leave", {})
    assert any("Max-Age=0" in value for _, value in left.headers)


def test_raters_see_their_items_only_and_the_lead_none(room: Room) -> None:
    rater, lead = room.enter("rater-1"), room.enter("lead")
    items = [
        json.loads(line)["item"]
        for line in (room.folder / "assignment.jsonl").read_text().splitlines()
        if json.loads(line)["rater"] == "rater-1"
    ]
    everything = [
        json.loads(line)["id"] for line in (room.folder / "items.jsonl").read_text().splitlines()
    ]
    others = sorted(set(everything) - set(items))
    assert len(others) > 5
    assert {rater.ask(f"/items/{item}").status for item in items} == {200}
    assert {rater.ask(f"/items/{item}").status for item in others} == {403}
    assert {rater.give(item).status for item in others} == {403}
    assert rater.ask("/items/nothing").status == 404
    assert rater.give("nothing").status == 404
    for path in ("/lead", "/lead/ratings.csv", "/lead/ratings.jsonl"):
        assert rater.ask(path).status == 403
    assert rater.ask("/v1/drop", {"name": "rater-2"}).status == 403
    for path in ("/rate", "/start", "/v1/next", f"/items/{items[0]}"):
        assert lead.ask(path).status == 403
    assert lead.give(items[0]).status == 403


def test_the_first_answer_holds_the_item(room: Room) -> None:
    page = room.enter("rater-1").ask("/rate").text
    assert "so I walked home &lt;b&gt;in the rain&lt;/b&gt;!" in page
    assert "Does the poster suffer from stress?" in page
    assert "It is mostly there." in page


def test_a_submission_sent_again_is_answered_again(room: Room) -> None:
    rater = room.enter("rater-1")
    item = rater.next()["id"]
    sent = submission(item, evidence=[[4, 9], [0, 3]], note="two\nlines", seconds=12.5)
    first = rater.ask("/v1/submissions", sent)
    assert first.status == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: rater.ask("/v1/submissions", sent).body, range(24)))
    assert set(answers) == {first.body}
    other = rater.ask("/v1/submissions", {**sent, "note": "another"})
    assert (other.status, other.json["error"][:17]) == (409, "this id was used ")
    assert rater.next()["id"] != item


def test_a_stale_tab_is_told_what_is_stored(room: Room) -> None:
    """Two tabs: the second is refused, and may then correct what it was shown."""
    rater = room.enter("rater-2")
    item = rater.next()["id"]
    first = rater.give(item, note="mine").json
    stale = rater.give(item, 1)
    assert stale.status == 409
    assert stale.json["error"] == ("this item has other marks by now, from another tab or window")
    assert stale.json["stored"] == {
        "id": first["id"],
        "kind": "rated",
        "marks": {"fluency": 2, "support": 2, "overall": 2},
        "note": "mine",
        "evidence": [],
    }
    assert rater.give(item, 1, replaces=str(uuid.uuid4())).status == 409
    second = rater.give(item, 1, replaces=first["id"]).json
    assert second["sequence"] > first["sequence"]
    assert rater.give(item, 0, replaces=first["id"]).status == 409
    skipped = rater.give(item, kind="skipped", marks={}, replaces=second["id"])
    assert skipped.status == 200
    lines = room.enter("lead").ask("/lead/ratings.jsonl").text.splitlines()
    own = [
        one for one in map(json.loads, lines) if (one["item"], one["rater"]) == (item, "rater-2")
    ]
    assert [(one["value"], one["outcome"]) for one in own] == [(None, "skipped")] * 3


MARKS = {"fluency": 2, "support": 2, "overall": 2}
UNFIT = [
    ({"marks": {**MARKS, "overall": 4}}, "marks.overall: not on the scale, 0 to 3"),
    ({"marks": {**MARKS, "overall": -1}}, "marks.overall: not on the scale, 0 to 3"),
    ({"marks": {**MARKS, "overall": 2.5}}, "marks.overall: Input should be a valid integer"),
    ({"marks": {**MARKS, "overall": True}}, "marks.overall: Input should be a valid integer"),
    ({"marks": {"fluency": 2}}, "marks.support: missing; send null for 'cannot judge'"),
    ({"marks": {}}, "marks.fluency: missing; send null for 'cannot judge'"),
    ({"marks": {**MARKS, "secret": 1}}, "marks: no such aspect; the rubric has fluency, support,"),
    ({"kind": "skipped"}, "marks: an item that is skipped has none"),
    ({"kind": "liked"}, "kind: Input should be 'rated' or 'skipped'"),
    ({"evidence": [[3, 3]]}, "evidence.0: not a passage of the post"),
    ({"evidence": [[0, 2], [-1, 4]]}, "evidence.1: not a passage of the post"),
    ({"evidence": [[0, len(POST) + 9]]}, "evidence.0: not a passage of the post"),
    ({"note": "x" * 4001}, "note: String should have at most 4000 characters"),
    ({"note": "a\0b"}, "note: holds a character that cannot be stored"),
    ({"id": "1"}, "id: Input should be a valid UUID"),
    ({"seconds": -1}, "seconds: Input should be greater than or equal to 0"),
    ({"position": 3}, "the body has a field that is not known; see /openapi.json"),
]


@pytest.mark.parametrize(("changes", "line"), UNFIT)
def test_what_does_not_fit_is_one_line(room: Room, changes: dict[str, Any], line: str) -> None:
    rater = room.enter("rater-3")
    item = rater.next()["id"]
    answer = rater.give(item, **changes)
    assert answer.status == 422
    assert answer.json["error"].startswith(line)
    assert list(answer.json) == ["error"]
    assert rater.next()["id"] == item


def test_bodies_are_bounded_and_the_rubric_is_the_one_shown(room: Room) -> None:
    rater = room.enter("rater-3")
    item = rater.next()["id"]
    large = rater.ask("/v1/submissions", body=b"x" * 70_000)
    assert (large.status, large.json["error"][:24]) == (413, "the body is longer than ")
    for body in (b"{", b"[]", b"\xff", b"null"):
        answer = rater.ask("/v1/submissions", body=body)
        assert answer.status in (400, 422)
        assert "\n" not in answer.json["error"]
    old = rater.give(item, rubric="invented@1")
    assert (old.status, old.json["error"]) == (
        409,
        "the rubric is invented@2 by now; load the page again",
    )


def test_clocks_may_go_back(tmp_path: Path) -> None:
    """The last submission counts, not the one with the latest time."""
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    ticks = count()

    def clock() -> datetime:
        return noon - timedelta(hours=next(ticks), milliseconds=7)

    with open_here(tmp_path / "study", clock) as room:
        rater, before = room.enter("rater-1"), None
        item = rater.next()["id"]
        for mark in (3, 1, 0):
            before = rater.give(item, mark, replaces=before).json["id"]
        lines = room.enter("lead").ask("/lead/ratings.csv").text.splitlines()
        second = rater.give(rater.next()["id"]).json
        back = re.search(r'id="back" href="([^"]+)"', rater.ask("/rate").text)
    assert {line.split(",")[4] for line in lines[1:]} == {"0"}
    assert {line.split(",")[9] for line in lines[1:]} == {"2025-03-30T09:59:59.993Z"}
    assert second["sequence"] == 4
    assert back
    assert back[1] == f"/items/{second['item']}"


def test_no_byte_tells_a_rater_more_than_they_may_know(tmp_path: Path) -> None:
    """Every answer with its headers, of every address, in every state."""
    folder = tmp_path / "study"
    make_study(folder, items=8)
    about = folder / "study.json"
    about.write_text(about.read_text().replace('"soup"', '"wombat-chat-or-narwhal-xl"'))
    tokens = invite(folder)
    with serving(folder) as (url, process), opened(url, tokens["rater-1"]) as rater:
        other = Visitor(url)
        other.enter(tokens["rater-2"])
        for n in range(8):
            other.give(other.next()["id"], n % 4, note="a peer's note")
        pages = ["/", "/start", "/enter", "/health", "/openapi.json", "/lead", "/nothing", "/v1/x"]
        pages += ["/lead/ratings.csv", "/static/x/room.css", "/items/x", "/study-key.jsonl"]
        home = rater.ask("/rate").text
        static = re.findall(r'(?:src|href)="(/static/[^"]+)"', home)
        static += [f"{static[0].rpartition('/')[0]}/{name}.js" for name in _scripts()]
        while item := rater.next():
            for path in (*pages, "/rate", f"/items/{item['id']}", *static):
                rater.ask(path)
            for body in (b"{", json.dumps(submission("x")).encode()):
                rater.ask("/v1/submissions", body=body)
            kept = rater.give(item["id"]).json["id"]
            rater.give(item["id"], 1)
            rater.give(item["id"], 3, replaces=kept)
            rater.ask(f"/items/{item['id']}")
        rater.ask("/rate")
        process.terminate()
        _, log = process.communicate()
    seen = b"\n".join(rater.seen).lower()
    assert len(rater.seen) > 200
    assert b"soup was kept for them" in seen
    hidden = (
        *MODELS,
        "calibration",
        "rater-2",
        "a peer's note",
        "-key.jsonl",
        "i want to die",
        "dreaddit",
    )
    assert [word for word in hidden if word.encode() in seen] == []
    secrets = [value for name, value in tokens.items() if name != "rater-1"]
    assert [token for token in secrets if token.encode().lower() in seen] == []
    for word in (*MODELS, *tokens.values(), "soup was kept"):
        assert word not in log


def _scripts() -> list[str]:
    from importlib.resources import files

    folder = files("mentallama.human.room") / "page"
    names = [item.name for item in folder.iterdir() if item.name.endswith(".js")]
    assert len(names) > 5
    return [name.removesuffix(".js") for name in names]


def test_the_lead_sees_how_it_stands_and_no_model(tmp_path: Path) -> None:
    with open_here(tmp_path / "study", items=6, raters=2, overlap=2) as room:
        lead, one, two = room.enter("lead"), room.enter("rater-1"), room.enter("rater-2")
        assert "No ratings yet." in lead.ask("/lead").text
        ratings = lead.ask("/lead/ratings.csv").text.splitlines()
        assert len(ratings) == 1
        for n in range(6):
            marks = {"fluency": n % 4, "support": 2, "overall": 1}
            one.give(one.next()["id"], marks=marks, seconds=10 + n)
        while item := two.next():
            marks = {**_marks_of(one, item["id"]), "overall": None}
            two.give(item["id"], marks=marks, seconds=20)
        text = re.sub(r"<[^>]+>|\s+", " ", lead.ask("/lead").text)
        text = re.sub(r"\s+", " ", text)
        assert "rater-1 6 6 100 % 0 0 0 of 18 12 Drop out" in text
        assert "rater-2 6 6 100 % 0 0 6 of 18 20 Drop out" in text
        assert "2 6 100 %" in text
        # By hand: equal marks on fluency agree wholly; overall was never marked by two.
        assert re.search(r"Fluency 1\.00 1\.00 to 1\.00 6 2 0", text)
        assert "Support undefined: no variation 6 2 0" in text
        assert "Overall fewer than two items to go by 0 0 6" in text
        for model in MODELS:
            assert model.encode() not in b"".join(lead.seen).lower()


def _marks_of(rater: Visitor, item: str) -> Any:
    found = re.search(r'id="about">(.*?)</script>', rater.ask(f"/items/{item}").text)
    assert found
    return json.loads(found[1])["stored"]["marks"]


def test_five_raters_of_whom_one_leaves_rate_a_hundred_items(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    make_study(folder, items=100, raters=5, overlap=3, calibration=0)
    tokens = invite(folder)
    with serving(folder) as (url, _):

        def rate(name: str, most: int = 1000) -> None:
            with opened(url, tokens[name]) as rater:
                while most and (item := rater.next()):
                    assert rater.give(item["id"], len(item["id"] + name) % 4).status == 200
                    most -= 1

        with opened(url, tokens["lead"]) as lead, ThreadPoolExecutor(5) as pool:
            list(pool.map(rate, tokens.keys() - {"lead"}, [20] * 5))
            answer = lead.ask("/v1/drop", {"name": "rater-4"})
            assert (answer.status, answer.json["reassigned"]) == (200, 40)
            assert lead.ask("/v1/drop", {"name": "rater-4"}).status == 409
            list(pool.map(rate, tokens.keys() - {"lead", "rater-4"}))
            gone = Visitor(url)
            assert gone.enter(tokens["rater-4"]).status == 403
            lines = lead.ask("/lead/ratings.jsonl").text.splitlines()
    pairs = {(one["item"], one["rater"]) for one in map(json.loads, lines)}
    assert len(lines) == 3 * len(pairs) == 900
    items = [item for item, _ in pairs]
    assert {items.count(item) for item in items} == {3}
    assert len(set(items)) == 100
    raters = [rater for _, rater in pairs]
    loads = [raters.count(f"rater-{n}") for n in (1, 2, 3, 5)]
    assert raters.count("rater-4") == 20
    assert sum(loads) == 280
    assert max(loads) - min(loads) <= 2
