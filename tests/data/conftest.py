"""Raw files of invented posts, and what a teacher knows about them."""

from pathlib import Path

import pytest

from mentallama.corpus import load_posts
from mentallama.corpus.raw import export_raw
from mentallama.corpus.samples import load_samples
from mentallama.data.scripted import Line
from mentallama.data.sources import acknowledge
from mentallama.tasks import get_task
from tests.teacher_server import Script


@pytest.fixture(scope="session")
def raw_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sample corpus in the raw layouts, the agreements acknowledged."""
    folder = tmp_path_factory.mktemp("raw")
    export_raw(folder, load_posts())
    acknowledge(folder, ["CLP", "swmh", "t-sid"])
    return folder


@pytest.fixture(scope="session")
def script() -> Script:
    """Return what the sample corpus says about each of its posts and questions."""
    return known_answers()


def known_answers() -> Script:
    """Collect what the sample corpus says about each of its posts and questions."""
    known = {}
    for sample in load_samples():
        post = sample.post
        task = get_task(post.task)
        question = task.question.replace("{aspect}", post.aspect or "")
        line = Line(label=str(post.label), explanation=sample.explanation, quotes=post.evidence)
        known[post.text, question] = (post.task, line)
    return known
