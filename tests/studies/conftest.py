"""What the tests of studies share: an invented release with raw corpora and stored answers."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mentallama.corpus import CorpusPost, load_posts
from mentallama.corpus.raw import export_raw
from mentallama.corpus.samples import export
from mentallama.data.transfer import export_release
from mentallama.dataset import read_samples
from mentallama.models.backend import GoldBackend
from mentallama.models.generate import as_released, generate
from mentallama.models.reference import write_reference
from mentallama.studies.sources import Sources, open_sources

WORDS = """
name: words
title: Words against the majority
question: Do words help?
train: {tasks: [DR, SAD, Irf]}
runs:
  - {name: majority, model: majority}
  - {name: words, model: linear}
comparisons:
  - {a: words, b: majority}
"""


KEPT = {"DR", "SAD", "Irf"}
"""Sets of the invented release; fewer are faster."""


@dataclass(frozen=True)
class Invented:
    """Folders in the layouts of the real files, made of the sample corpus."""

    imhi: Path
    raw: Path
    outputs: Path

    @property
    def sources(self) -> Sources:
        return open_sources(self.imhi, self.raw, self.outputs)

    @property
    def options(self) -> list[object]:
        return ["--imhi", self.imhi, "--raw", self.raw, "--outputs", self.outputs]


@pytest.fixture(scope="package")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Invented:
    """Write an invented release with planted leaks; people say no to every third Irf post."""
    home = tmp_path_factory.mktemp("invented")
    export(home / "samples", parts=["plain", "planted"])
    export_release(home / "samples", home / "imhi")
    for path in [p for p in (home / "imhi").rglob("*.csv") if not {p.stem, p.parent.name} & KEPT]:
        path.unlink()
    posts = [p for p in [*load_posts(), *load_posts(part="planted")] if p.task in {*KEPT, "CLP"}]
    whole = [p for p in posts if p.task != "Irf" or len(p.answers) == 2]
    export_raw(home / "raw", [_doubt(p, n) for n, p in enumerate(whole)])
    samples = read_samples(home / "samples", splits=["test"], tasks=["DR", "Irf"])
    asked = as_released(samples)
    for model, wrong in (("Mentallama-13B", 0), ("llama2-chat-13B", 2)):
        found = generate(GoldBackend(samples), asked, home / f"{model}.jsonl")
        told = [
            replace(one, text="I cannot say." if wrong and number % wrong == 0 else one.text)
            for number, one in enumerate(found)
        ]
        write_reference(told, home / "outputs" / model)
    return Invented(home / "imhi", home / "raw", home / "outputs")


def _doubt(post: CorpusPost, number: int) -> CorpusPost:
    if post.task != "Irf" or number % 3:
        return post
    return replace(post, answers=tuple(replace(a, label="no", evidence=()) for a in post.answers))


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of studies that the tests of this package share, steps and embeddings."""
    return tmp_path_factory.mktemp("studies")
