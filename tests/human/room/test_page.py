"""The pages in a real browser, as a rater and a lead use them."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("krippendorff")
pytest.importorskip("sqlalchemy")

from mentallama import NOTICE
from mentallama.human.room.pages import load_files
from mentallama.human.room.settings import RoomSettings, parse_span
from tests.browser import CONTRAST
from tests.human.room.rooms import ASPECTS, POST, Room, Visitor, open_here

ITEMS, RATERS = 20, 16


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Return a room in which every rater has all items; each test takes a rater of its own."""
    folder = tmp_path_factory.mktemp("pages") / "study"
    with open_here(folder, items=ITEMS, raters=RATERS, overlap=RATERS) as opened_room:
        yield opened_room


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return (f"rater-{n + 1}" for n in range(RATERS))


@pytest.fixture
def rater(room: Room, names: Iterator[str]) -> str:
    """Return somebody who has not rated anything."""
    return next(names)


@contextmanager
def opened(browser: Any, room: Room, name: str, **options: Any) -> Iterator[Any]:
    """Open a link; at the end nothing may have been said on the console or asked elsewhere."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    asked: list[str] = []
    said: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda message: said.append(message.text))
    context.on("weberror", lambda error: said.append(str(error.error)))
    page = context.new_page()
    page.goto(f"{room.url}/enter#{room.tokens[name]}")
    page.wait_for_url("**/lead" if name == "lead" else "**/start")
    yield page
    assert [url for url in asked if not url.startswith(room.url)] == []
    # The browser itself reports answers that are errors, and a network that is not there.
    assert [line for line in said if not line.startswith("Failed to load resource")] == []
    context.close()


def begin(page: Any, room: Room, *, show: bool = True) -> None:
    page.goto(f"{room.url}/rate")
    ready(page)
    if show:
        page.keyboard.press("r")


def ready(page: Any) -> None:
    page.wait_for_selector("html[data-ready]", state="attached")


def wait_for(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds; the pages forbid what Playwright would wait with."""
    for _ in range(300):
        if holds():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it did not come about in time")


def save(page: Any) -> None:
    """Press Enter and wait for the next page."""
    page.evaluate("document.documentElement.dataset.old = 'yes'")
    page.keyboard.press("Enter")
    page.wait_for_selector("html:not([data-old])", state="attached")
    page.wait_for_selector("html[data-ready], h1:has-text('That was all')", state="attached")


def ratings_of(room: Room, name: str) -> list[dict[str, str]]:
    text = room.enter("lead").ask("/lead/ratings.csv").body.decode()
    return [row for row in csv.DictReader(StringIO(text, newline="")) if row["rater"] == name]


def test_the_link_leaves_the_address_and_no_script_reads_the_secret(
    browser: Any, room: Room, rater: str
) -> None:
    with opened(browser, room, rater) as page:
        assert page.url == f"{room.url}/start"
        assert page.evaluate("document.cookie") == ""
        assert page.evaluate("sessionStorage.length + localStorage.length") == 0
        assert page.inner_text("#notice") == NOTICE
        page.go_back()
        assert room.tokens[rater] not in page.url
        page.goto(f"{room.url}/start")
        page.click("#leave")
        page.wait_for_url("**/enter")
        page.goto(f"{room.url}/rate")
        assert "opens with a personal link" in page.inner_text("main")


def test_a_session_of_twenty_items_by_keyboard_alone(browser: Any, room: Room, rater: str) -> None:
    with opened(browser, room, rater) as page:
        keys = page.keyboard
        for _ in range(20):
            keys.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Begin":
                break
        keys.press("Enter")
        page.wait_for_url("**/rate")
        ready(page)
        keys.press("r")
        assert page.is_visible("#post")
        for number in range(1, ITEMS + 1):
            assert page.title() == f"Item {number} of {ITEMS} · Rating room"
            if number == 3:
                page.evaluate("document.documentElement.dataset.old = 'yes'")
                keys.press("s")
                page.wait_for_selector("html:not([data-old])[data-ready]", state="attached")
                continue
            keys.press(str(number % 4))
            keys.press("c" if number == 5 else "2")
            keys.press("1")
            assert page.inner_text("#status").endswith("All marked: Enter saves.")
            if number == 7:
                # Wrong: back up two aspects, and on the scale to the right.
                keys.press("ArrowUp")
                keys.press("ArrowUp")
                keys.press("0")
                keys.press("ArrowUp")
                keys.press("ArrowUp")
                keys.press("ArrowRight")
            save(page)
            if number == 9:
                keys.press("u")
                page.wait_for_url("**/items/*")
                ready(page)
                assert "You rated this item before" in page.inner_text("#given")
                assert page.get_by_role("radio", name="1 partly").first.is_checked()
                keys.press("3")
                save(page)
        assert "All 20 items are saved, 1 of them skipped." in page.inner_text("main")
    rows = ratings_of(room, rater)
    assert len(rows) == ITEMS * len(ASPECTS)
    found = {(int(row["position"]), row["aspect"]): row["value"] for row in rows}
    outcomes = {(int(row["position"]), row["outcome"]) for row in rows}
    assert (3, "skipped") in outcomes
    for number in set(range(1, ITEMS + 1)) - {3, 7, 9}:
        assert found[number, "fluency"] == str(number % 4)
        assert found[number, "support"] == ("" if number == 5 else "2")
        assert found[number, "overall"] == "1"
    assert (found[7, "fluency"], found[9, "fluency"]) == ("1", "3")


def test_the_text_is_hidden_until_it_is_shown_and_that_is_remembered(
    browser: Any, room: Room, rater: str
) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room, show=False)
        assert not page.is_visible("#post")
        assert not page.is_visible(".answer")
        page.keyboard.press("2")
        assert page.locator("input:checked[type=radio]").count() == 0
        assert page.inner_text("#status") == "Show the text first (r)."
        page.click("text=Show the text")
        assert page.is_visible("#post")
        page.reload()
        ready(page)
        assert page.is_visible("#post")
        for mark in "123":
            page.keyboard.press(mark)
        save(page)
        assert page.is_visible("#post")
        page.keyboard.press("r")
        assert not page.is_visible("#post")
        page.reload()
        ready(page)
        assert not page.is_visible("#post")


def test_evidence_is_stored_where_it_stands_in_the_post(
    browser: Any, room: Room, rater: str
) -> None:
    """Behind an emoji and a line break of two characters, which browsers count otherwise."""
    with opened(browser, room, rater) as page:
        begin(page, room)
        post = json.loads(page.inner_text("#about") or page.locator("#about").text_content())[
            "post"
        ]
        assert "\r\n" in post
        # Selecting words by the mouse, from the middle of the post.
        page.evaluate(
            """() => {
              const node = document.querySelector("#post").firstChild;
              const start = node.data.indexOf("Nobody waved");
              getSelection().setBaseAndExtent(node, start, node, start + 13);
              document.dispatchEvent(new MouseEvent("mouseup"));
            }"""
        )
        wait_for(page, lambda: page.locator("#post mark").count() == 1)
        assert page.inner_text("#post mark") == "Nobody waved,"
        page.keyboard.press("e")
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        last = page.locator("#post mark").last.inner_text()
        assert last.startswith("That was item")
        assert page.locator("#marked button").count() == 2
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        assert page.locator("#marked button").count() == 3
        page.locator("#marked button").nth(1).click()
        assert page.locator("#post mark").all_inner_texts() == ["Nobody waved,", last]
        page.evaluate("document.activeElement.blur()")
        for mark in "123":
            page.keyboard.press(mark)
        save(page)
    [evidence] = {row["evidence"] for row in ratings_of(room, rater)}
    spans = [tuple(map(int, span.split("-"))) for span in evidence.split()]
    assert [post[start:end] for start, end in spans] == ["Nobody waved,", last]
    assert post.startswith(POST[:20])


def test_a_dropped_network_loses_nothing_and_stores_once(
    browser: Any, room: Room, rater: str
) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room)
        page.fill("#note", "a note that must not get lost")
        page.keyboard.press("Escape")
        for mark in "321":
            page.keyboard.press(mark)
        page.reload()
        ready(page)
        assert page.input_value("#note") == "a note that must not get lost"
        assert page.locator("input:checked[type=radio]").count() == 3
        page.context.set_offline(True)
        page.keyboard.press("Enter")
        wait_for(page, lambda: "Not saved yet." in page.inner_text("#problem"))
        assert page.locator("input:checked[type=radio]").count() == 3
        # Nothing more can be changed or sent twice meanwhile.
        page.keyboard.press("0")
        page.keyboard.press("s")
        page.keyboard.press("Enter")
        assert page.title().startswith("Item 1 ")
        page.context.set_offline(False)
        page.wait_for_selector("#item-title:has-text('Item 2 ')", state="attached")
    rows = ratings_of(room, rater)
    assert [row["value"] for row in rows] == ["3", "2", "1"]
    assert {row["note"] for row in rows} == {"a note that must not get lost"}


def test_an_answer_that_gets_lost_is_asked_for_again(browser: Any, room: Room, rater: str) -> None:
    """The room has stored the marks, but its answer does not arrive; then the tab is reloaded."""
    with opened(browser, room, rater) as page:
        begin(page, room)
        lost: list[Any] = []

        def lose(route: Any) -> None:
            lost.append(json.loads(route.request.post_data)["id"])
            route.fetch()
            route.abort()

        page.route("**/v1/submissions", lose)
        for key in ("3", "2", "1", "Enter"):
            page.keyboard.press(key)
        wait_for(page, lambda: "Not saved yet." in page.inner_text("#problem"))
        page.unroute("**/v1/submissions")
        page.wait_for_selector("#item-title:has-text('Item 2 ')", state="attached")
        assert page.inner_text("#problem") == ""
    assert len(set(lost)) == 1
    assert [row["value"] for row in ratings_of(room, rater)] == ["3", "2", "1"]


def test_two_tabs_do_not_overwrite_each_other(browser: Any, room: Room, rater: str) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room)
        other = page.context.new_page()
        begin(other, room)
        for tab, marks in ((page, "333"), (other, "110")):
            for mark in marks:
                tab.keyboard.press(mark)
        save(page)
        other.keyboard.press("Enter")
        other.wait_for_selector("#problem button")
        line = other.inner_text("#problem p")
        assert line == (
            "This item has other marks by now, from another tab: Fluency 3, Support 3, Overall 3."
        )
        assert [row["value"] for row in ratings_of(room, rater)] == ["3", "3", "3"]
        other.click("text=Replace it by these marks")
        other.wait_for_selector("#item-title:has-text('Item 2 ')", state="attached")
    assert [row["value"] for row in ratings_of(room, rater)] == ["1", "1", "0"]


def test_a_link_that_ends_while_rating_keeps_the_marks(
    browser: Any, room: Room, rater: str
) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room)
        cookies = page.context.cookies()
        page.context.clear_cookies()
        for key in ("3", "2", "1", "Enter"):
            page.keyboard.press(key)
        wait_for(page, lambda: "Open your personal link" in page.inner_text("#problem"))
        assert page.locator("input:checked[type=radio]").count() == 3
        page.context.add_cookies(cookies)
        page.reload()
        ready(page)
        assert page.locator("input:checked[type=radio]").count() == 3
        save(page)
    assert [row["value"] for row in ratings_of(room, rater)] == ["3", "2", "1"]


def test_keys_are_letters_while_a_note_is_written_and_can_be_turned_off(
    browser: Any, room: Room, rater: str
) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room)
        keys = page.keyboard
        keys.press("n")
        keys.type("scuer? 0123")
        assert page.input_value("#note") == "scuer? 0123"
        assert page.locator("input:checked[type=radio]").count() == 0
        keys.press("Escape")
        keys.press("?")
        assert page.is_visible("#keys")
        page.uncheck("#keys-on")
        keys.press("Escape")
        assert not page.is_visible("#keys")
        keys.press("2")
        keys.press("s")
        assert page.locator("input:checked[type=radio]").count() == 0
        assert page.title().startswith("Item 1 ")
        page.evaluate("localStorage.clear()")


def test_what_is_incomplete_is_named(browser: Any, room: Room, rater: str) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room)
        page.keyboard.press("2")
        page.click("#save")
        assert page.inner_text("#status") == "Still without a mark: Support, Overall."
        assert page.evaluate("document.activeElement.name") == "support"
        assert page.inner_text("#open-aspects") == "1 of 3 marked"


def test_breaks_and_the_end_of_a_session_are_gentle(browser: Any, tmp_path: Path) -> None:
    settings = RoomSettings(break_after=parse_span("2"), session_limit=parse_span("3"))
    with (
        open_here(tmp_path / "study", settings=settings, items=6) as room,
        opened(browser, room, "rater-1") as page,
    ):
        begin(page, room)
        seen = []
        for _ in range(4):
            assert not page.is_visible("#pause")
            for mark in "123":
                page.keyboard.press(mark)
            save(page)
            if page.is_visible("#pause"):
                seen.append(page.inner_text("#pause-title"))
                # No key reaches the item, but help is there.
                page.keyboard.press("2")
                assert page.locator("input:checked[type=radio]").count() == 0
                page.click("header >> text=Help for you")
                assert page.is_visible("#help")
                page.keyboard.press("Escape")
                page.click("#pause-on")
        assert seen == ["Time for a short break", "That is enough for one session"]
        for mark in "123":
            page.keyboard.press(mark)
        save(page)
        page.click("#pause-leave")
        page.wait_for_url("**/enter")
        assert page.evaluate("sessionStorage.length") == 0
        visitor = Visitor(room.url)
        assert visitor.enter(room.tokens["rater-1"]).json == {"next": "/rate"}
        assert visitor.ask("/v1/next").json["done"] == 5


def test_help_is_always_there_dated_and_sourced(browser: Any, room: Room, rater: str) -> None:
    with opened(browser, room, rater) as page:
        for path in ("/start", "/rate", "/enter", "/lead"):
            page.goto(f"{room.url}{path}")
            page.click("header >> text=Help for you")
            text = page.inner_text("#help")
            assert "Befrienders Worldwide" in text
            assert "Written on 20" in text
            assert "Sources: https://" in text


def test_a_screen_reader_finds_names_for_everything(browser: Any, room: Room, rater: str) -> None:
    with opened(browser, room, rater) as page:
        begin(page, room)
        page.keyboard.press("e")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, textarea, a, progress")]
              .filter((one) => !(one.labels?.length || one.textContent.trim() || one.ariaLabel))
              .map((one) => one.outerHTML)"""
        )
        assert nameless == []
        for title in ("Fluency", "Support", "Overall"):
            group = page.get_by_role("group", name=title, exact=True)
            assert group.get_by_role("radio").count() == 5
            radio = group.get_by_role("radio", name="2 mostly", exact=True)
            described = radio.get_attribute("aria-describedby")
            assert page.inner_text(f"#{described}") == "It is mostly there."
        for role in ("main", "status", "alert", "note", "navigation", "heading"):
            assert page.get_by_role(role, include_hidden=True).count() >= 1
        assert page.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_and_fits_a_phone(
    browser: Any, room: Room, rater: str, scheme: str
) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}

    def look(page: Any) -> None:
        found.extend(page.evaluate(CONTRAST))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    found: list[tuple[float, str]] = []
    with opened(browser, room, rater, **phone) as page:
        look(page)
        begin(page, room, show=False)
        page.wait_for_selector(".when-closed")
        look(page)
        page.click("text=Show the text")
        page.click("#sentences summary")
        page.locator("#sentence-list input").first.check()
        page.locator("input[value='2']").first.check()
        page.locator("input[value='none']").last.check()
        look(page)
        for panel in ("help", "keys", "examples-fluency"):
            page.locator(f"[popovertarget={panel}]").first.evaluate("one => one.click()")
            look(page)
            page.keyboard.press("Escape")
        page.context.set_offline(True)
        page.locator("input[value='1']").nth(1).check()
        page.click("#save")
        page.wait_for_selector("#problem p")
        look(page)
        page.context.set_offline(False)
        page.wait_for_selector("#item-title:has-text('Item 2 ')", state="attached")
        page.click("#back")
        page.wait_for_selector("#given")
        look(page)
    with opened(browser, room, "lead", **phone) as page:
        ready(page)
        look(page)
        page.locator("[data-drop]").first.click()
        look(page)
    assert len(found) > 300
    assert [one for one in found if one[0] < 4.5] == []


def test_the_lead_follows_and_lets_a_rater_go(browser: Any, tmp_path: Path) -> None:
    sizes = {"items": 10, "raters": 3, "overlap": 2, "calibration": 0}
    with open_here(tmp_path / "study", **sizes) as room, opened(browser, room, "lead") as page:
        ready(page)
        visitor = room.enter("rater-1")
        visitor.give(visitor.next()["id"], note="said in private")
        page.click("[data-drop='rater-2']")
        assert "What rater-2 rated stays." in page.inner_text("#sure-text")
        page.click("#sure-no")
        page.click("[data-drop='rater-2']")
        page.click("#sure-yes")
        wait_for(page, lambda: "rater-2 has left" in page.inner_text("#status"))
        rows = page.locator("#numbers tbody tr").all_inner_texts()
        assert "rater-2 dropped out" in rows[1]
        # The others got what was open: they have ten items each by now.
        assert [row.split()[1] for row in rows[:3]] == ["10", "dropped", "10"]
        assert page.locator("[data-drop='rater-2']").count() == 0
        with page.expect_download() as download:
            page.click("text=CSV")
        text = Path(download.value.path()).read_text()
        assert len(text.splitlines()) == 1 + len(ASPECTS)
        assert "said in private" not in page.content()


def test_the_scripts_write_text_and_nothing_else() -> None:
    _, files = load_files()
    scripts = {name: content.decode() for name, (content, _) in files.items() if ".js" in name}
    assert len(scripts) > 5
    for name, code in scripts.items():
        for part in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
            assert part not in code, name
