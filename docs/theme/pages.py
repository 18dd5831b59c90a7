"""What the site shows beside ``docs/``, and links that lead there or out of the documentation.

The pages are written to be read in the repository: a link is the path of a file. Here a link to a
file that is a page of the site becomes a link to that page; one to any other file of the repository
becomes its path, since the site does not hold it.
"""

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from mentallama import NOTICE

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {
    "README.md": "overview.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "src/mentallama/corpus/DATASHEET.md": "corpus.md",
    "src/mentallama/mini/README.md": "mini.md",
    "docs/templates/model-card.md": "cards/model-card.txt",
    "docs/templates/dataset-card.md": "cards/dataset-card.txt",
}
"""File of the repository -> its place in the site."""

_SOURCES = {place: source for source, place in OUTSIDE.items()}
_CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_log = logging.getLogger("mkdocs.plugins.pages")


def on_env(env: Any, **_: Any) -> Any:
    """Give the templates the notice that stands on every page."""
    env.globals["notice"] = NOTICE
    return env


def on_files(files: Files, *, config: Any) -> Files:
    """Add the files that lie elsewhere."""
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Turn links between files into links between pages; code blocks stay as they are."""
    place = page.file.src_uri
    source = _SOURCES.get(place, f"docs/{place}")
    parts = _CODE.split(markdown)
    parts[::2] = [_LINK.sub(lambda m: _relink(m, source, place), part) for part in parts[::2]]
    return "".join(parts)


def _relink(link: re.Match[str], source: str, place: str) -> str:
    image, words, target = link.groups()
    path, _, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", target):
        return link[0]
    file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if not (ROOT / file).exists():
        _log.warning("%s links to %s, which is not there", source, target)
    if file not in OUTSIDE and not file.startswith("docs/"):
        return f"`{file}`" if file.endswith(words.strip("`")) else f"{words} (`{file}`)"
    uri = OUTSIDE.get(file, file.removeprefix("docs/"))
    there = posixpath.relpath(uri, posixpath.dirname(place) or ".")
    return f"{image}[{words}]({there}{anchor and '#'}{anchor})"
