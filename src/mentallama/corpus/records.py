"""The records of the sample corpus: posts with their answers, and material that tests the tools."""

from dataclasses import dataclass

from mentallama.types import Outcome, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the corpus says about a post, for one question."""

    aspect: str | None
    label: str
    explanation: str
    evidence: tuple[str, ...]
    """Quotes that stand in the post word for word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPost:
    """One invented post with its answers."""

    id: str
    task: str
    platform: str
    split: Split
    text: str
    tags: tuple[str, ...]
    answers: tuple[Answer, ...]
    group: str | None = None
    """What a version belongs to: its pair, its trap, or the post that it was made from."""
    variant: str | None = None
    """What sets a version apart in its group, such as "age: 44" or "leak: exact"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where something private stands in a text: characters ``start`` to ``end``, end excluded."""

    start: int
    end: int
    kind: str
    """One of name, handle, email, phone, url."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatePost:
    """A post with invented names and contacts, and where they stand."""

    id: str
    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherAnswer:
    """A malformed answer of a teacher to a post of the corpus and its label."""

    id: str
    post: str
    aspect: str | None
    label: str
    """The label that the teacher was given."""
    fault: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseShape:
    """A model's response in one of the shapes that models write, with its right reading."""

    id: str
    shape: str
    task: str
    aspect: str | None
    text: str
    outcome: Outcome
    labels: tuple[str, ...]
    """The verdict; several where the response gives several; empty without one."""
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPrompt:
    """A short message to an assistant, with or without risk of self-harm in it."""

    id: str
    text: str
    risk: bool
