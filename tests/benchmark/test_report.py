"""The report, opened in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mentallama.benchmark.baselines import run_baselines
from mentallama.benchmark.evaluate import Evaluation, evaluate
from mentallama.benchmark.output import write
from mentallama.benchmark.report import SAMPLES_PER_TASK, Beside, _choose_samples, write_report
from mentallama.tables import Table
from mentallama.types import Response
from tests.conftest import sample

QUOTED = "at half past four"
CANARY = f"{QUOTED} the canary sings <script>document.title='broken in'</script>"


def evaluation() -> Evaluation:
    rows = [sample("SAD", key, text=CANARY, row=n) for n, key in enumerate(("work", "family"))]
    answers = [
        Response(
            sample_id=row.id,
            task="SAD",
            text=f'{row.response} It says "{QUOTED}". {CANARY}',
            model="a-model",
            gold=str(row.post.label),
            reference=row.response,
            gold_source="corpus",
            post_id=row.post.id,
        )
        for row in rows
    ]
    silent = Response(
        sample_id="DR/1", task="DR", text="", model="a-model", gold="yes", reference="", post_id="x"
    )
    floors = run_baselines(rows, rows, "corpus")
    return evaluate([*answers, silent, *floors.responses])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = evaluation()
    posts = {row.post_id: CANARY for row in found.responses if row.post_id}
    write(found, tmp_path / "open", title="A run", run={"Seed": "7"}, posts=posts)
    write(found, tmp_path / "closed", title="A run", run={"Seed": "7"})
    return tmp_path


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page()
    yield page
    page.close()


def test_it_opens_alone_and_shows_what_was_measured(page: Any, folder: Path) -> None:
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((folder / "open" / "report.html").as_uri())
    assert [url for url in asked if not url.startswith("file:")] == []
    assert errors == []
    assert page.title() == "A run"
    text = page.inner_text("main")
    for part in (
        "not a diagnosis",
        "Stress cause (SAD)",
        "TF-IDF + LR",
        "majority",
        "reported, unverified (memory)",
        "not computed",
        "100.0",
        "Seed",
    ):
        assert part in text, part
    assert "the canary sings <script>" in page.inner_text("main")


def test_the_viewer_filters_and_marks_what_is_quoted(page: Any, folder: Path) -> None:
    page.goto((folder / "open" / "report.html").as_uri())
    assert page.inner_text(".filters output") == "3 of 3 rows"
    page.check("[data-flag=undecided]")
    assert page.inner_text(".filters output") == "1 of 3 rows"
    page.uncheck("[data-flag=undecided]")
    page.select_option(".filters select", "SAD")
    assert page.inner_text(".filters output") == "2 of 3 rows"
    assert page.locator("article:visible").count() == 2
    assert page.locator("article:visible mark").first.inner_text() == QUOTED


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_desk(page: Any, folder: Path, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto((folder / "open" / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_viewer_draws_the_rare_kinds_too() -> None:
    """Of 400 rows three contradict, three are undecided and three split the models."""
    rows = [sample("SAD", "work", text=f"a long day number {n}", row=n) for n in range(400)]
    answers = [
        Response(
            sample_id=row.id,
            task="SAD",
            text=row.response if model == "a" or number > 5 else "" if number < 3 else "Family.",
            model=model,
            gold="work",
            reference=row.response,
            post_id=row.post.id,
        )
        for model in ("a", "b")
        for number, row in enumerate(rows)
    ]
    contradicting = {("a", row.id) for row in rows[6:9]}
    posts = {row.post.id: row.post.text for row in rows}
    found = _choose_samples(evaluate(answers, resamples=100), posts, contradicting)
    assert len(found) == SAMPLES_PER_TASK
    counts = {
        flag: sum(flag in shown.flags for shown in found)
        for flag in ("undecided", "differ", "contradicts")
    }
    assert counts == {"undecided": 3, "differ": 6, "contradicts": 3}


def test_small_parts_are_grey_as_a_whole(tmp_path: Path, page: Any) -> None:
    table = Table(
        title="Parts", header=("part", "rows", "F1"), rows=(("a", "3 *", "1"), ("b", "90", "1"))
    )
    other = Table(title="Shares", header=("model", "share"), rows=(("a", "1 % of 3 *"),))
    beside = Beside(ranks={}, notes=[], contradicting=(), tables=[table, other])
    path = tmp_path / "report.html"
    write_report(evaluation(), path, title="A run", run={}, beside=beside)
    page.goto(path.as_uri())
    assert page.locator("tr.grey").all_inner_texts() == ["a\t3 *\t1"]
    assert page.locator("td.grey").all_inner_texts() == ["3 *", "1 % of 3 *"]
    colours = [
        page.locator(place).evaluate("cell => getComputedStyle(cell).color")
        for place in ("tr.grey td >> nth=2", "#more-1 + .wide tr:last-child td >> nth=2")
    ]
    assert colours[0] != colours[1]


def test_posts_and_responses_stay_out_unless_asked_for(folder: Path) -> None:
    closed = (folder / "closed" / "report.html").read_text()
    assert "canary" not in closed
    assert "--show-posts" in closed
    for name in ("scores.json", "predictions.jsonl"):
        assert "canary" not in (folder / "closed" / name).read_text()
