"""Rubrics: what raters judge, with a text and an invented example for every score.

A rubric is a YAML file. Its version is stamped on every rating; ratings of two versions are never
mixed. Two ship: ``mentallama`` (consistency, reliability, professionality, overall; Yang et al.
2024, section 3.3) and ``evaluation`` (fluency, completeness, reliability, overall; Yang et al.
2023, section 4), both 0 to 3. The texts of the scale are ours.
"""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mentallama import NOTICE
from mentallama.config import load_config

SHIPPED = ("mentallama", "evaluation")
_Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Anchor(_Strict):
    """What one score means, and an invented answer that would get it."""

    score: int
    name: _Text
    """A word or two, such as "mostly"."""
    text: _Text
    example: _Text


class RatedAspect(_Strict):
    """One aspect, its question to the rater, and its scale from the lowest score up."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: _Text
    question: _Text
    anchors: tuple[Anchor, ...]

    @model_validator(mode="after")
    def _rising(self) -> "RatedAspect":
        scores = [anchor.score for anchor in self.anchors]
        if len(scores) < 2 or scores != list(range(scores[0], scores[0] + len(scores))):
            raise ValueError(f"the scores of '{self.key}' must rise by one, two or more of them")
        return self

    @property
    def scores(self) -> tuple[int, ...]:
        """The scores that may be given."""
        return tuple(anchor.score for anchor in self.anchors)


class Example(_Strict):
    """The invented post, question and label that the examples of the anchors are answers to."""

    post: _Text
    question: _Text
    label: _Text


class Rubric(_Strict):
    """A named, versioned rubric."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    version: Annotated[int, Field(ge=1)]
    title: _Text
    instructions: _Text
    example: Example
    aspects: Annotated[tuple[RatedAspect, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _distinct(self) -> "Rubric":
        keys = [aspect.key for aspect in self.aspects]
        if len(set(keys)) != len(keys):
            raise ValueError("two aspects have the same key")
        return self

    @property
    def stamp(self) -> str:
        """Name and version, as they stand on every rating."""
        return f"{self.name}@{self.version}"


def load_rubric(name: str) -> Rubric:
    """Return a rubric that ships, or read one from a YAML file; raise InputError."""
    if name in SHIPPED:
        return load_config(
            Path(str(files("mentallama.human") / "rubrics" / f"{name}.yaml")), Rubric
        )
    return load_config(Path(name), Rubric)


def as_guide(rubric: Rubric) -> str:
    """Render a rubric as the guideline for raters, in Markdown."""
    example = rubric.example
    parts = [
        f"# {rubric.title}",
        f"Guideline for raters, {rubric.stamp}. {NOTICE}",
        rubric.instructions.strip(),
        "## The example",
        "The post and all answers below are invented. Each answer would get the score beside it on "
        "that aspect; on others it may do better or worse.",
        f"> {example.post}",
        f"Question: {example.question}",
        f"Label: {example.label}",
    ]
    for aspect in rubric.aspects:
        parts += [f"## {aspect.title}", aspect.question]
        for anchor in aspect.anchors:
            parts += [f"**{anchor.score}, {anchor.name}.** {anchor.text}", f"> {anchor.example}"]
    return "\n\n".join(parts) + "\n"
