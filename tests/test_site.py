"""The documentation as a site: built strictly, whole, and with nothing loaded from elsewhere."""

import functools
import html
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from mentallama import NOTICE
from tests.browser import CONTRAST
from tests.conftest import ROOT

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself, by tag."""


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if LOADED.get(tag) in values:
            self.loads.append(values[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built site."""
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Return the pages by their path; that of a missing page is linked from the root alone."""
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site on this machine."""
    handler = functools.partial(_Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A log of requests is no news."""


def test_every_guide_and_the_pages_of_the_root_are_in_it(site: Path) -> None:
    names = {page.stem for page in (ROOT / "docs").glob("*.md")}
    names |= {"overview", "architecture", "contributing", "changelog", "corpus", "mini"}
    assert names <= {page.stem for page in site.glob("*.html")}
    for kind in ("model", "dataset"):
        template = ROOT / "docs" / "templates" / f"{kind}-card.md"
        assert (site / "cards" / f"{kind}-card.txt").read_text() == template.read_text()


def test_every_link_of_the_site_and_its_anchor_is_there(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            known = pages[target].ids if target in pages else set()
            if not target.is_file() or (url.fragment and unquote(url.fragment) not in known):
                broken.append(f"{path.name}: {link}")
    assert not broken
    assert sum(len(page.links) for page in pages.values()) > 500


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loads = [load for page in pages.values() for load in page.loads]
    assert loads
    assert [load for load in loads if urlsplit(load).scheme or load.startswith("//")] == []
    for style in site.rglob("*.css"):
        found = re.findall(r"url\(['\"]?(?:https?:)?//|@import", style.read_text())
        assert not found, style.name


def test_the_notice_stands_on_every_page(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert NOTICE in html.unescape(path.read_text()), path.name


def test_links_out_of_the_documentation_became_paths(site: Path) -> None:
    data = (site / "data.html").read_text()
    assert "<code>src/mentallama/tasks/own.py</code>" in data
    assert "../src/" not in data
    overview = (site / "overview.html").read_text()
    assert 'href="corpus.html"' in overview
    assert 'src="report.png"' in overview


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_on_a_phone_and_asks_no_other_machine(
    browser: Any, address: str, scheme: Any
) -> None:
    view = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    asked: list[str] = []
    view.on("request", lambda request: asked.append(request.url))
    for name in ("index", "results", "tuning", "rating"):
        view.goto(f"{address}/{name}.html")
        assert view.evaluate("document.documentElement.scrollWidth") <= 360, name
        assert view.evaluate(HIDDEN) == [], name
        weak = [found for found in view.evaluate(READ) if found[0] < 4.5]
        assert not weak, name
    view.close()
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


_TEXT = "article :not(nav, nav *), .md-banner *, .notice *, .md-footer *"
READ = CONTRAST.replace("body *", _TEXT)
"""Contrast of what is read; the half-transparent button over code is left out."""

HIDDEN = """() => [...document.querySelectorAll("article table, article pre > code")]
  .filter((wide) => {
    for (let at = wide; at && at.tagName !== "ARTICLE"; at = at.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(at).overflowX)) return false;
    }
    return wide.getBoundingClientRect().right > innerWidth;
  })
  .map((wide) => wide.outerHTML.slice(0, 80))"""
"""Tables and code that run out of the page without a way to scroll there."""


def test_a_search_finds_a_guide(browser: Any, address: str) -> None:
    view = browser.new_page(viewport={"width": 1280, "height": 800})
    view.goto(f"{address}/index.html")
    view.locator("input[name=query]").click()
    view.locator("input[name=query]").type("krippendorff")
    view.locator(".md-search-result__link, [class*=search] a[href*='rating.html']").first.wait_for()
    assert view.locator("a[href*='rating.html']").count() > 1
    view.close()
