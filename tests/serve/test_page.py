"""The page in a real browser: every state, by keyboard too, in both schemes and on a phone."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from mentallama import NOTICE
from mentallama.web.static import load_static
from mentallama.web.tokens import hash_token
from tests.browser import CONTRAST
from tests.serve.servers import POST, QUOTED, Gated, Mixed, Moody, Served, serving, wait_for

TOKEN = "an-invented-token-of-some-length"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(Mixed(), max_bytes=5000, max_texts=4) as served:
        yield served


@pytest.fixture(scope="module")
def pair() -> Iterator[Served]:
    with serving(Mixed(), Mixed("other", "other", "written", shift=1)) as served:
        yield served


@contextmanager
def opened(browser: Any, served: Served, **options: Any) -> Iterator[Any]:
    """Open the page; at the end nothing may have been said on its console or asked elsewhere."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(served.url)
    page.wait_for_selector("html[data-ready]")
    yield page
    assert [url for url in asked if not url.startswith((served.url, "blob:"))] == []
    # The browser itself reports answers that are errors.
    assert [line for line in said if not line.startswith("Failed to load resource")] == []
    context.close()


def analyse(page: Any, text: str = POST) -> None:
    page.fill("#post", text)
    page.click("#analyse")
    page.wait_for_selector(".verdicts")


def test_it_opens_empty_with_the_notice_and_all_questions(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        assert page.title() == "mentallama: read a post"
        assert page.inner_text("#notice") == NOTICE
        assert page.inner_text("#asked") == "16 questions"
        assert page.locator("input.set:checked").count() == 10
        assert "Results will stand here" in page.inner_text("#results")
        assert page.locator("#model").count() == 0
        page.mouse.wheel(0, 2000)
        # The notice stays in view.
        wait_for(lambda: page.locator("#notice").bounding_box()["y"] == 0)


def test_a_verdict_shows_its_evidence_where_it_stands(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        analyse(page)
        assert page.inner_text("#read-post") == POST
        assert page.inner_text("#read-post mark") == QUOTED
        assert page.inner_text("#status") == "14 of 16 questions labelled by mixed."
        first = page.inner_text("#why-0-0")
        assert "Labelled as \u201cno\u201d by mixed." in first
        assert '<script>document.title="in"</script>' in first
        assert "quotes grounded" in first
        assert "explanation composed" in first
        assert page.title() == "mentallama: read a post"
        assert page.inner_text("#verdict-0-0 .sure").split() == ["confidence", "0.75"]


def test_the_other_kinds_of_verdict_say_what_they_are(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        analyse(page)
        said = {}
        for number in range(1, 6):
            page.click(f"#verdict-{number}-0")
            verdict, why = f"#verdict-{number}-0", f"#why-{number}-0"
            said[number] = page.inner_text(verdict), page.inner_text(why)
        assert said[1][0].split("\n") == ["No label", "abstained"]
        assert "Too unsure: two labels are close." in said[1][1]
        assert said[2][0].split("\n") == ["No label", "not covered"]
        assert "1 quote not in the post" in said[3][1]
        assert "confidence not measured" in said[4][0]
        assert "its middle was not read" in said[5][1]
        assert "you have" not in page.inner_text("body").lower()


def test_evidence_follows_the_focus(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        analyse(page)
        page.focus("#verdict-1-0")
        assert page.locator("#read-post mark").count() == 0
        assert "names no passage" in page.inner_text("#read-hint")
        page.focus("#verdict-4-0")
        assert page.inner_text("#read-post mark") == QUOTED


def test_help_is_shown_beside_the_labels(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        analyse(page)
        page.wait_for_selector(".help")
        assert page.get_by_role("complementary", name="If this is about you").count() == 1
        assert "Invented, 2025" in page.inner_text(".help")
        links = page.locator(".help a")
        assert [one.get_attribute("href") for one in links.all()] == ["https://help.example"]
        analyse(page, "a quiet day")
        wait_for(lambda: page.locator(".help").count() == 0)


def test_nothing_to_read_is_said(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        page.fill("#post", "  \n ")
        page.click("#analyse")
        assert "nothing to read" in page.inner_text("#problem")
        page.fill("#post", "\u200b\u200b")
        page.click("#analyse")
        page.wait_for_selector("#results .card.empty")
        assert page.inner_text("#results") == "There is nothing to read in this post."


def test_half_a_character_is_replaced_and_a_sample_is_taken(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        page.evaluate("document.getElementById('post').value = 'half \\ud83d of one'")
        page.click("#analyse")
        page.wait_for_selector(".verdicts")
        assert page.inner_text("#read-post") == "half \ufffd of one"
        for chip in page.locator(".chip").all():
            chip.click()
            assert len(page.input_value("#post")) > 50


def test_questions_are_chosen(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        page.click("#none")
        page.fill("#post", POST)
        page.click("#analyse")
        assert "No question is chosen" in page.inner_text("#problem")
        page.check("input[value=Irf]")
        assert page.inner_text("#asked") == "2 questions"
        analyse(page)
        assert page.locator(".verdicts > li").count() == 2
        assert "thwarted belongingness" in page.inner_text("#question-0")


def test_what_is_too_long_is_said(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        page.fill("#post", "long " * 1200)
        page.click("#analyse")
        page.wait_for_selector(".problem")
        assert "longer than this server takes (5,000 bytes)" in page.inner_text("#problem")
        assert page.get_by_role("alert").inner_text() != ""


def test_loading_stopping_and_a_busy_server(browser: Any) -> None:
    gated = Gated()
    with (
        serving(gated, queue=0) as served,
        opened(browser, served) as page,
        ThreadPoolExecutor() as pool,
    ):
        page.fill("#post", f"wait {POST}")
        page.press("#post", "Control+Enter")
        page.wait_for_selector(".loading")
        assert page.inner_text("#status") == "Reading with gated\u2026"
        assert page.get_attribute("#composer", "aria-busy") == "true"
        assert page.evaluate("document.activeElement.id") == "post"
        page.click("#stop")
        wait_for(lambda: page.inner_text("#status") == "Stopped.")
        gated.gate.set()
        wait_for(lambda: served.ask("/v1/analyse", {"text": "x"}).status == 200)
        gated.gate.clear()
        held = pool.submit(served.ask, "/v1/analyse", {"text": "wait"})
        wait_for(lambda: gated.held)
        page.click("#analyse")
        page.wait_for_selector(".problem")
        assert "every place is taken. Try again in 2 seconds." in page.inner_text("#problem")
        gated.gate.set()
        assert held.result().status == 200
        page.get_by_role("button", name="Try again").click()
        page.wait_for_selector(".verdicts")
        assert page.inner_text("#problem") == ""


def test_a_failing_model_and_a_server_that_is_gone(browser: Any) -> None:
    moody = Moody(broken=lambda post: "rain" in post)
    with serving(moody) as served, opened(browser, served) as page:
        page.fill("#post", POST)
        page.click("#analyse")
        page.wait_for_selector(".problem")
        assert "The server answered: the model failed" in page.inner_text("#problem")
        served.stop()
        page.click("#analyse")
        wait_for(lambda: "cannot be reached" in page.inner_text("#problem"))


def test_the_token_is_asked_for_and_kept_for_the_tab_alone(browser: Any) -> None:
    with (
        serving(Mixed(), token_hash=hash_token(TOKEN)) as served,
        opened(browser, served) as page,
    ):
        assert page.is_visible("#token")
        for token in (TOKEN[::-1], TOKEN):
            page.fill("#token-field", token)
            page.press("#token-field", "Enter")
            page.fill("#post", POST)
            page.click("#analyse")
            page.wait_for_selector("#token-error:not(:empty)" if token != TOKEN else ".verdicts")
            assert page.is_visible("#token") == (token != TOKEN)
        page.wait_for_selector(".help")
        assert TOKEN not in page.url
        assert page.evaluate("localStorage.length + document.cookie.length") == 0
        page.reload()
        page.wait_for_selector("html[data-ready]")
        assert not page.is_visible("#token")
        analyse(page)


def test_two_models_stand_side_by_side(browser: Any, pair: Served) -> None:
    with opened(browser, pair) as page:
        analyse(page)
        assert page.locator("#verdict-0-0").bounding_box()["y"] == pytest.approx(
            page.locator("#verdict-0-1").bounding_box()["y"]
        )
        assert page.locator(".heads span").all_inner_texts() == ["mixed", "other"]
        assert "other says the same on 2 of 16" in page.inner_text("#status")
        assert page.locator(".badge:has-text('models differ')").count() == 14
        page.click("#verdict-0-1")
        assert "explanation written" in page.inner_text("#why-0-1")
        assert "of other for" in page.inner_text("#read-hint")
        page.select_option("#beside", "")
        analyse(page)
        wait_for(lambda: page.locator("#verdict-0-1").count() == 0)


FILES = {
    "posts.csv": (
        'id,body,lang\n1,"a ""quoted"", long enough post\nof two lines",en\n2,another,en\n3,,en\n',
        ["id", "body", "lang"],
        3,
    ),
    "posts.tsv": ("n\ttext\n1\tone, two\n2\tthree; four\n", ["n", "text"], 2),
    "posts.jsonl": ('{"text": "one", "n": 1}\n\n{"text": "two", "who": "x"}\n', ["text", "who"], 2),
    "posts.txt": ("one\r\ntwo\n\nthree\n", ["text"], 3),
}


KEPT = {
    "posts.csv": [{"id": number, "lang": "en"} for number in "123"],
    "posts.tsv": [{"n": "1"}, {"n": "2"}],
    "posts.jsonl": [{"n": 1}, {"who": "x"}],
    "posts.txt": [None, None, None],
}
"""The other cells of each row."""


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_summed_up_and_given_back(
    browser: Any, server: Served, tmp_path: Path, name: str
) -> None:
    content, columns, rows = FILES[name]
    path = tmp_path / name
    path.write_bytes(content.encode())
    with opened(browser, server) as page:
        page.click("#tab-many")
        page.set_input_files("#file", path)
        page.wait_for_selector("#start:not([disabled])")
        assert page.locator("#column option").all_inner_texts() == columns
        page.click("#start")
        page.wait_for_selector("#summary .plot")
        assert page.inner_text("#status") == f"{rows} rows done."
        table = page.locator(".plot", has_text="Stress cause (SAD)")
        numbers = [int(cell) for cell in table.locator("td:last-child").all_inner_texts()]
        assert sum(numbers) == rows
        assert table.locator("svg").count() == len(numbers) == 10
        with page.expect_download() as download:
            page.click(".download")
        lines = Path(download.value.path()).read_text().splitlines()
    replies = [json.loads(line) for line in lines]
    assert [reply["row"] for reply in replies] == list(range(1, rows + 1))
    assert {len(reply["analyses"]) for reply in replies} == {16}
    assert {reply["notice"] for reply in replies} == {NOTICE}
    assert [reply.get("columns") for reply in replies] == KEPT[name]


def test_an_expert_s_example_stands_beside_a_label(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        analyse(page)
        page.click("#verdict-0-0 >> visible=true")
        beside = page.locator(".example").first
        if page.locator("#why-0-0").is_hidden():
            page.click("#verdict-0-0")
        beside.locator("summary").click()
        assert "an <i>invented</i> one" in beside.inner_text()
        assert page.locator(".example").count() == 1


def test_a_row_that_is_too_long_fails_alone(browser: Any, server: Served) -> None:
    texts = "\n".join(["short", "long " * 2000, *["one more"] * 9])
    with opened(browser, server) as page:
        page.click("#tab-many")
        content = {"name": "a.txt", "mimeType": "text/plain", "buffer": texts.encode()}
        page.set_input_files("#file", content)
        page.click("#start:not([disabled])")
        page.wait_for_selector("#summary .plot")
        assert "10 posts analysed, 1 not." in page.inner_text("#summary")


NO_FILES = [
    ("a.jsonl", b"{", "Line 1 is not JSON."),
    ("a.jsonl", b"[1]", "Line 1 is no JSON object."),
    ("a.csv", b'text\n"open', "has no end"),
    ("a.csv", b"text\n", "no rows"),
    ("a.txt", b"caf\xe9", "not UTF-8"),
]


def test_a_file_that_is_none_is_named(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        page.click("#tab-many")
        for name, content, line in NO_FILES:
            file = {"name": name, "mimeType": "text/plain", "buffer": content}
            page.set_input_files("#file", file)
            page.wait_for_selector(f".problem:has-text('{line}')")
            assert page.is_disabled("#start")


def test_the_keyboard_is_enough(browser: Any, server: Served) -> None:
    with opened(browser, server) as page:
        keys = page.keyboard

        def focused() -> str:
            here = "document.activeElement"
            return str(page.evaluate(f"{here}.id || {here}.className"))

        def tab_to(name: str) -> None:
            for _ in range(60):
                if focused() == name:
                    return
                keys.press("Tab")
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", focused()
            raise AssertionError(f"{name} is not reached")

        keys.press("Tab")
        assert focused() == "skip"
        keys.press("Enter")
        tab_to("post")
        keys.type("nobody waved, the bus was late and nobody waved")
        keys.press("Control+Enter")
        page.wait_for_selector(".verdicts")
        tab_to("verdict-0-0")
        assert page.get_attribute("#verdict-0-0", "aria-expanded") == "true"
        keys.press("Enter")
        assert page.is_hidden("#why-0-0")
        keys.press("Tab")
        keys.press("Enter")
        assert "Too unsure" in page.inner_text("#why-1-0")
        page.focus("#tab-one")
        keys.press("ArrowRight")
        assert focused() == "tab-many"
        assert page.is_visible("#file")
        assert page.is_hidden("#post")


def test_a_screen_reader_finds_names_for_everything(browser: Any, pair: Served) -> None:
    with opened(browser, pair) as page:
        analyse(page)
        page.click("#tab-many")
        page.click("#tab-one")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, textarea, a")]
              .filter((one) => !(one.labels?.length || one.textContent.trim()))
              .map((one) => one.outerHTML)"""
        )
        assert nameless == []
        for role in ("main", "status", "alert", "note", "tablist"):
            assert page.get_by_role(role, include_hidden=True).count() >= 1
        assert page.get_by_role("button", name="other: labelled as").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Any, pair: Served, scheme: str) -> None:
    with opened(browser, pair, color_scheme=scheme) as page:
        found = page.evaluate(CONTRAST)
        analyse(page)
        page.wait_for_selector(".help")
        for number in range(6):
            page.click(f"#verdict-{number}-1")
        found += page.evaluate(CONTRAST)
        page.fill("#post", " ")
        page.click("#analyse")
        page.click("#tab-many")
        page.set_input_files(
            "#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"one\ntwo"}
        )
        page.click("#start:not([disabled])")
        page.wait_for_selector(".plot")
        found += page.evaluate(CONTRAST)
    assert len(found) > 200
    assert [one for one in found if one[0] < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, pair: Served, scheme: str) -> None:
    size = {"width": 360, "height": 740}
    with opened(browser, pair, viewport=size, color_scheme=scheme) as page:
        analyse(page, f"{POST} {'w' * 300}")
        page.wait_for_selector(".help")
        page.click("#verdict-1-0")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.click("#questions summary")
        page.click("#tab-many")
        name = "n" * 200
        content = f"{name},text\n{'x' * 400},{'y' * 400}\n".encode()
        page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": content})
        page.click("#start:not([disabled])")
        page.wait_for_selector(".plot")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_scripts_write_text_and_nothing_else() -> None:
    for name, (content, _) in load_static("mentallama.serve").items():
        if name.endswith(".js"):
            code = content.decode()
            for part in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
                assert part not in code, name
