"""What the tests share: the command line as a user runs it, invented data, real files if any."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mentallama import tasks
from mentallama.corpus.samples import export
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import make_sample, post_id
from mentallama.types import Form, Post, Sample, Split
from tests.processes import run_warm

# Run in the background, a suite ignores interrupts, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


_LONGEST = ("test_guides.py", "test_demo.py", "test_teach.py", "test_launch.py", "test_docs.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest, so that no process waits for one at the end."""
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(autouse=True)
def known_tasks() -> Iterator[None]:
    """Forget the tasks that a test made known, so that the next one meets the ten alone."""
    before = dict(tasks._BY_KEY)
    yield
    tasks._BY_KEY.clear()
    tasks._BY_KEY.update(before)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command line in a process of its own, in an empty folder."""

    def call(*arguments: object, input: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        # The timeout is a guard: two tests share two cores with all that they start.
        return run_warm([*map(str, arguments)], tmp_path, environment, input, timeout=1200)

    return call


def shared(name: str) -> Path:
    """Return a folder of real files beside the project, or skip the test."""
    base = Path(os.environ.get("MENTALLAMA_SHARED", ROOT.parent / "shared" / "data"))
    folder = base / name
    if not folder.is_dir():
        pytest.skip(f"the real files {folder.name}/ are not on this machine")
    return folder


@pytest.fixture(scope="session")
def imhi() -> Path:
    """Return a checkout of the public IMHI release."""
    return shared("imhi")


@pytest.fixture(scope="session")
def outputs() -> Path:
    """Return responses of released models in the reference layout."""
    return shared("outputs")


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample corpus as a folder of samples."""
    folder = tmp_path_factory.mktemp("corpus")
    export(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium.

    One for each file: while it is there, the thread has a running loop, which other tests do not
    expect.
    """
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def sample(
    task: str = "SAD",
    label: str = "family",
    *,
    text: str = "mum and dad are not speaking again",
    explanation: str = "The poster says that the parents are not speaking.",
    aspect: str | None = None,
    form: Form = "instruction",
    split: Split = "test",
    row: int = 1,
) -> Sample:
    """Make one sample from an invented post."""
    value = get_task(task)
    post = Post(id=post_id(text), text=text, task=task, aspect=aspect, label=label, split=split)
    return make_sample(value, post, get_label(value, label), explanation, form, row)
