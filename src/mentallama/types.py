"""The records that every stage speaks: plain, frozen, without behaviour of their own.

Stages meet only through files of these records (JSON Lines or Parquet). This module imports
nothing of ours.
"""

from dataclasses import dataclass
from typing import Literal

Form = Literal["instruction", "completion"]
Split = Literal["train", "valid", "test", "expert"]
GoldSource = Literal["release", "human", "corpus"]
"""Whose label a score is measured against: the release's (the teacher's), the human annotation
of the raw corpus, or the authors of the shipped sample corpus."""

Outcome = Literal["verdict", "several", "off_set", "refusal", "empty", "undecided"]
"""What was found in a response. Only "verdict" carries a label; the others are values of their
own and are never turned into a class. "off_set" names a label that the task does not have."""

FORMS: tuple[Form, ...] = ("instruction", "completion")
SPLITS: tuple[Split, ...] = ("train", "valid", "test", "expert")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One answer that a task allows."""

    key: str
    """Short name in our files, such as ``family``."""
    phrase: str
    """Answer sentence of the instruction form, such as
    "This post shows the stress cause related to family issues."."""
    completion: str
    """Answer of the completion form, such as "family issues"."""
    also: tuple[str, ...] = ()
    """Other wordings that mean this label and no other; ``{aspect}`` stands for any aspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Published number of rows per split (README of the release)."""

    train: int
    valid: int
    test: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a corpus comes from and on which terms it can be had."""

    citation: str
    home: str
    access: str
    agreement: bool = False
    """Whether its posts may be had only under an agreement, and so may not be passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """Where a raw file keeps the answer to one question."""

    column: str
    codes: tuple[tuple[str, str], ...]
    """What stands in the column, and the label key that it means."""
    aspect: str | None = None
    evidence: str | None = None
    """Column with a passage that people marked or wrote as the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """One file of a raw corpus and which of its columns mean what."""

    path: str
    """Relative to the corpus's folder; the ending says the format."""
    text: tuple[str, ...]
    """Column of the post; several are joined by a line break."""
    answers: tuple[RawAnswer, ...] = ()
    """Empty where the file holds posts without annotation."""
    split: Split | None = None
    """None where the source says nothing on splits."""
    author: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRule:
    """How the reference script (``src/IMHI.py`` of the release) forces a response into a class.

    The first keyword, in this order, found as a substring of the lower-cased first 70 characters
    decides; without any, the response counts as ``default``.
    """

    keywords: tuple[tuple[str, str], ...]
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One corpus of the IMHI benchmark as a value: its question, its answers, its origin."""

    key: str
    """Name of the set in the release, such as ``SAD``; file names use it."""
    title: str
    platform: str
    annotation: Literal["human", "weak"]
    labels: tuple[Label, ...]
    question: str
    """Question of the instruction form; may hold ``{aspect}``."""
    completion_question: str | None
    """Question of the completion form; None where its wording has not been seen."""
    aspects: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()
    """Openings that may stand before a label's short name in an answer."""
    sizes: Sizes
    source: Source
    reference: ReferenceRule
    released_order: tuple[str, ...] = ()
    """Order of the labels in the authors' released classifier; empty where it is that of
    ``labels``."""
    raw: tuple[RawFile, ...] = ()
    """Files in which the source's authors keep the annotated posts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post asked one question. A post with several aspects yields one record for each."""

    id: str
    """Hash of the text, so that one text has one id in every task, aspect and split."""
    text: str
    task: str
    aspect: str | None = None
    label: str | None = None
    split: Split | None = None
    author: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A post as a training or test row: what the model is asked and what it should answer."""

    id: str
    form: Form
    post: Post
    prompt: str
    response: str
    """Answer phrase + " Reasoning: " + explanation, exactly as in the file it came from."""
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a model wrote for one sample."""

    sample_id: str
    task: str
    text: str
    model: str
    gold: str
    """Key of the gold label."""
    reference: str
    """The gold answer in full, label sentence included."""
    gold_source: GoldSource = "release"
    aspect: str | None = None
    post_id: str | None = None
    """None where the file does not say which post a row belongs to."""
    prompt_truncated: bool = False
    """The prompt was too long for the model and was shortened."""
    cut_off: bool = False
    """The model ran out of new tokens before it ended its answer."""
    prompted_as: str | None = None
    """How the sample was worded and framed: style, examples, version of the wording, template."""
    prompt_sha256: str | None = None
    """First 16 hex digits of the hash of the prompt, before any template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The label read from a response, or the reason why there is none."""

    sample_id: str
    outcome: Outcome
    label: str | None
    route: str
    """The rule or model that decided."""
    confidence: float | None = None
    """Calibrated probability, 0 to 1, that the label is what the response says; None where nothing
    was measured that could tell, or where there is no label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number of the benchmark with its denominators; values and bounds are 0 to 100."""

    model: str
    task: str
    metric: Literal["weighted_f1", "macro_f1", "accuracy", "coverage"]
    variant: Literal["answered", "all", "forced"]
    gold: GoldSource
    value: float | None
    """None where it cannot be computed (no row was answered)."""
    low: float | None
    high: float | None
    n: int
    """Rows in the file."""
    answered: int
    """Rows with one verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A passage of a post that a verdict rests on."""

    start: int
    """First character in the post as it was given."""
    end: int
    """Behind the last one."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A post of the same label that an expert explained, to read beside a verdict."""

    post: str
    explanation: str
    closeness: float
    """Cosine of the two posts' sentence vectors, -1 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a post is taken to show for one question. A research label, never a diagnosis."""

    task: str
    aspect: str | None = None
    label: str | None = None
    """None where there is no verdict; the explanation says why."""
    confidence: float | None = None
    """Calibrated probability, 0 to 1, that annotators gave this label; None where nothing was
    measured that could tell, or where the question is not covered."""
    abstained: bool = False
    """There is no label: too unsure, not covered, or nothing to read."""
    explanation: str
    evidence: tuple[Evidence, ...] = ()
    model: str
    truncated: bool = False
    """The post was too long for the model and lost its middle."""
    example: Explained | None = None
    """Only where examples were asked for, and there is one of the label."""


RatingOutcome = Literal["scored", "cannot_judge", "skipped"]
"""Only "scored" carries a value; the others are missing, never a score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One answer to be rated by people, as they see it: nothing in it says who wrote it."""

    id: str
    """Made from a secret of the study, so that it cannot be computed from the content."""
    task: str
    question: str
    post: str
    answer: str
    calibration: bool = False
    """Every rater gets it, among the first; its marks show how raters use the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One mark that one rater gave one item on one aspect."""

    study: str
    item: str
    rater: str
    """A pseudonym."""
    aspect: str
    value: int | None = None
    """On the rubric's scale; None unless the outcome is "scored"."""
    outcome: RatingOutcome = "scored"
    note: str = ""
    evidence: tuple[tuple[int, int], ...] = ()
    """Passages of the post that the rater marked, [start, end); the same for all aspects."""
    position: int
    """The item's place in the rater's own order, from 1."""
    time: str
    """When it reached the server: UTC, ISO 8601, milliseconds."""
    rubric: str
    """Name and version of the rubric, such as "mentallama@1"."""
