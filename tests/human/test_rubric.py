"""Rubrics: what ships is whole, a broken one is one line, and the guideline shows all of it."""

from pathlib import Path

import pytest
import yaml

from mentallama.errors import InputError
from mentallama.human.rubric import SHIPPED, as_guide, load_rubric


@pytest.mark.parametrize("name", SHIPPED)
def test_every_score_of_every_aspect_has_its_own_text_and_example(name: str) -> None:
    rubric = load_rubric(name)
    assert [aspect.scores for aspect in rubric.aspects] == [(0, 1, 2, 3)] * 4
    anchors = [anchor for aspect in rubric.aspects for anchor in aspect.anchors]
    examples = [anchor.example for anchor in anchors]
    assert len(set(examples)) == len(examples)
    assert all(example.startswith(rubric.example.label) for example in examples)
    for aspect in rubric.aspects:
        for what in ("name", "text"):
            texts = [getattr(anchor, what) for anchor in aspect.anchors]
            assert len(set(texts)) == 4


def test_the_aspects_are_those_of_the_two_papers() -> None:
    aspects = {name: [aspect.key for aspect in load_rubric(name).aspects] for name in SHIPPED}
    assert aspects == {
        "mentallama": ["consistency", "reliability", "professionality", "overall"],
        "evaluation": ["fluency", "completeness", "reliability", "overall"],
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_quotations_in_examples_of_the_best_answers_stand_in_the_post(name: str) -> None:
    rubric = load_rubric(name)
    best = [aspect.anchors[-1].example for aspect in rubric.aspects]
    quotes = [quote for example in best for quote in example.split('"')[1::2]]
    assert quotes
    assert all(quote in rubric.example.post for quote in quotes)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_guideline_shows_every_anchor_and_says_what_it_is_not(name: str) -> None:
    rubric = load_rubric(name)
    guide = as_guide(rubric)
    for aspect in rubric.aspects:
        for anchor in aspect.anchors:
            assert (
                f"**{anchor.score}, {anchor.name}.** {anchor.text}\n\n> {anchor.example}" in guide
            )
    assert rubric.stamp in guide
    assert "not a diagnosis" in guide


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rubric: rubric.update(verson=2), "unknown key 'verson'. Did you mean 'version'?"),
        (lambda rubric: rubric.update(version=0), "version: "),
        (lambda rubric: rubric.update(aspects=[]), "aspects: "),
        (lambda rubric: rubric["aspects"].append(rubric["aspects"][0]), "the same key"),
        (lambda rubric: rubric["aspects"][0]["anchors"].pop(1), "must rise by one"),
        (lambda rubric: rubric["aspects"][0]["anchors"][0].pop("example"), "example: "),
        (lambda rubric: rubric["aspects"][0].update(key="Is it good?"), "aspects.0.key: "),
    ],
)
def test_a_broken_rubric_is_refused_in_one_line(tmp_path: Path, change: object, said: str) -> None:
    values = load_rubric("mentallama").model_dump(mode="json")
    change(values)  # type: ignore[operator]
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError) as error:
        load_rubric(str(path))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))


def test_an_own_rubric_may_have_other_aspects_and_another_scale(tmp_path: Path) -> None:
    values = load_rubric("evaluation").model_dump(mode="json")
    values["name"] = "own"
    aspect = {**values["aspects"][0], "key": "empathy"}
    aspect["anchors"] = [{**anchor, "score": anchor["score"] + 1} for anchor in aspect["anchors"]]
    values["aspects"] = [aspect]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(values))
    rubric = load_rubric(str(tmp_path / "own.yaml"))
    assert rubric.stamp == "own@1"
    assert rubric.aspects[0].scores == (1, 2, 3, 4)
