"""The pages in a real browser: readable in light and dark, whole on a phone, nothing loaded."""

from pathlib import Path
from typing import Any

import pytest

from mentallama.studies.build import plan_study
from mentallama.studies.paper.cells import Cell
from mentallama.studies.paper.page import write_paper
from mentallama.studies.plan import load_study
from mentallama.studies.publish import publish
from mentallama.studies.run import run_steps
from mentallama.studies.sources import open_sources
from tests.browser import CONTRAST
from tests.studies.conftest import WORDS


@pytest.fixture(scope="module")
def pages(root: Path) -> list[Path]:
    (root / "words.yaml").write_text(WORDS)
    plan = plan_study(load_study(str(root / "words.yaml")), open_sources(None))
    run_steps([plan.result], root)
    told: dict[str, Any] = {"table": "Correctness", "row": "BERT", "unit": "F1"}
    cells = [
        Cell(
            **told,
            column="DR",
            reported=80.0,
            known_from="notes",
            ours=82.0,
            low=79.0,
            high=85.0,
            n=9,
        ),
        Cell(
            **told,
            column="SAD",
            reported=80.0,
            known_from="memory",
            ours=70.0,
            low=69.0,
            high=71.0,
            n=9,
        ),
        Cell(**told, column="CLP", not_run="needs the weights of some/base and a GPU"),
    ]
    paper = write_paper(cells, root / "page", data="invented", command="mentallama reproduce")
    return [publish(plan, root)[0], paper]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_readable_and_whole_on_a_phone(
    pages: list[Path], browser: Any, scheme: str
) -> None:
    for path in pages:
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        low = [(ratio, start) for ratio, start in page.evaluate(CONTRAST) if ratio < 4.5]
        assert not low, low
        assert asked == [path.as_uri()]
        page.close()


def test_a_mark_of_the_plot_says_its_value_interval_and_rows(
    pages: list[Path], browser: Any
) -> None:
    page = browser.new_page()
    page.goto(pages[0].as_uri())
    titles = page.locator("svg g title").all_text_contents()
    assert "majority: 33.3 (" in "".join(titles) and "n = 20" in "".join(titles)
    assert page.locator("svg circle.mark").count() == 9  # 3 differences, 2 runs on 3 sets
    page.close()
