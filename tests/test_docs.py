"""The commands that the README shows are run as they stand, in its order."""

import html
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mentallama import __version__
from mentallama.corpus import load_posts
from mentallama.io import read_records
from mentallama.types import Sample
from tests.conftest import ROOT, Run


def commands_of(page: str) -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [[x for x in block.splitlines() if x.startswith("mentallama ")] for block in blocks]


COMMANDS = commands_of("README.md")


def run_all(run: Run, commands: list[str], *, may_say_no: str = "never") -> list[str]:
    """Run commands in order; return what each printed."""
    assert commands
    printed = []
    for command in commands:
        done = run(*shlex.split(command)[1:])
        allowed = (0, 1) if may_say_no in command else (0,)
        assert done.returncode in allowed, f"{command}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


def test_the_blocks_on_the_sample_corpus_in_their_order(run: Run, tmp_path: Path) -> None:
    """In one folder, as a reader would: what one block leaves must not trip the next."""
    for part in ("tune tiny", "corpus list", "leaderboard", "rate new"):
        run_all(run, next(b for b in COMMANDS if any(part in c and "imhi" not in c for c in b)))
    assert (tmp_path / "raw" / "Irf" / "train_data.csv").exists()
    assert (tmp_path / "board" / "leaderboard.html").exists()
    assert (tmp_path / "study-key.jsonl").exists()
    report = (tmp_path / "report" / "report.html").read_text()
    shown = [post for post in load_posts("t-sid") if html.escape(post.text[:30]) in report]
    assert {post.split for post in shown} == {"test"}


def test_the_records_that_the_formats_page_shows_are_read_and_scored(
    run: Run, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    sample, response, scores = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    (tmp_path / "samples.jsonl").write_text(json.dumps(sample))
    assert read_records(tmp_path / "samples.jsonl", Sample)
    required = ("sample_id", "task", "text", "model", "gold", "reference")
    for record in (response, {key: response[key] for key in required}):
        (tmp_path / "responses.jsonl").write_text(json.dumps(record))
        done = run("evaluate", "responses.jsonl", "--json")
        assert done.returncode == 0, done.stderr
        assert scores["scores"][0] in json.loads(done.stdout)["scores"]


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
    + [str(page.relative_to(ROOT)) for page in sorted((ROOT / "docs").glob("*.md"))],
)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    required = {"cff-version", "message", "title", "authors", "version", "license"}
    assert required <= set(cited)
    assert str(cited["version"]) == __version__
    assert cited["preferred-citation"]["url"].endswith("2309.13567")


def test_the_tree_names_what_is_there() -> None:
    tree = re.search(r"## The tree\n\n```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert tree
    for name in re.findall(r"[\w.]+(?:/|\.\w+)", tree[1]):
        plain = name.rstrip("/")
        folders = (ROOT, ROOT / "src", ROOT / "src" / "mentallama", ROOT / ".ci")
        assert any((folder / plain).exists() for folder in folders), name
    modules = {p.name for p in (ROOT / "src" / "mentallama").glob("[a-z]*") if p.name != "py.typed"}
    missing = {name for name in modules if name not in tree[1]} - {"recipes"}
    assert not missing
