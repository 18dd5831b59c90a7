"""A user's own task and posts, described in YAML: no Python needed.

Example:

    key: exam-worry
    title: Worry about exams
    platform: forum
    labels:
      - {key: "no", phrase: "No, the poster does not worry about exams.", completion: "no"}
      - {key: "yes", phrase: "Yes, the poster worries about exams.", completion: "yes"}
    question: Does the poster worry about exams?
    completion_question: 'The answer to the question "Does the poster worry about exams?" is'
    files:
      - path: posts.csv
        split: train
        text: [title, body]
        author: user
        answers:
          - {column: worried, codes: {"1": "yes", "0": "no"}, evidence: passage}

A file without ``answers`` holds posts that nobody has annotated.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mentallama.config import load_config
from mentallama.errors import InputError
from mentallama.types import Label, RawAnswer, RawFile, ReferenceRule, Sizes, Source, Task


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _OwnLabel(_Strict):
    key: str = Field(min_length=1)
    phrase: str = Field(min_length=1)
    completion: str = Field(min_length=1)
    also: list[str] = []


class _OwnAnswer(_Strict):
    column: str
    codes: dict[str, str] = {}
    """Without codes, the column holds the label keys themselves."""
    aspect: str | None = None
    evidence: str | None = None


class _OwnFile(_Strict):
    path: str
    text: list[str] = Field(min_length=1)
    answers: list[_OwnAnswer] = []
    split: Literal["train", "valid", "test"] | None = None
    author: str | None = None


class OwnTask(_Strict):
    """What the YAML holds; every key is checked."""

    key: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    title: str
    platform: str
    annotation: Literal["human", "weak"] = "human"
    labels: list[_OwnLabel] = Field(min_length=2)
    question: str
    completion_question: str | None = None
    aspects: list[str] = []
    stems: list[str] = []
    agreement: bool = False
    """The posts may not be passed on."""
    files: list[_OwnFile] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> "OwnTask":
        keys = [label.key for label in self.labels]
        if len(set(keys)) < len(keys):
            raise ValueError("two labels have the same key")
        if bool(self.aspects) != ("{aspect}" in self.question):
            raise ValueError("aspects and an {aspect} in the question go together")
        for file in self.files:
            for answer in file.answers:
                wrong = set(answer.codes.values()) - set(keys)
                if wrong:
                    raise ValueError(f"codes of {file.path} name unknown labels: {sorted(wrong)}")
                asked: list[str | None] = [*self.aspects] or [None]
                if answer.aspect not in asked:
                    raise ValueError(f"{file.path}: answers need one of the aspects {self.aspects}")
        return self


def load_task(path: Path) -> Task:
    """Read a task and the layout of its files; their paths are relative to the YAML's folder.

    Raises InputError naming the key that is wrong.
    """
    own = load_config(path, OwnTask)
    labels = tuple(
        Label(key=x.key, phrase=x.phrase, completion=x.completion, also=tuple(x.also))
        for x in own.labels
    )
    _check_phrases(path, labels)
    return Task(
        key=own.key,
        title=own.title,
        platform=own.platform,
        annotation=own.annotation,
        labels=labels,
        question=own.question,
        completion_question=own.completion_question,
        aspects=tuple(own.aspects),
        stems=tuple(own.stems),
        sizes=Sizes(train=0, valid=0, test=0),
        source=Source(
            citation="", home=str(path.parent), access="your own", agreement=own.agreement
        ),
        reference=ReferenceRule(
            keywords=tuple((label.completion.lower(), label.key) for label in labels),
            default=labels[0].key,
        ),
        raw=tuple(_raw_file(file, labels) for file in own.files),
    )


def _check_phrases(path: Path, labels: tuple[Label, ...]) -> None:
    for index, label in enumerate(labels):
        for other in labels[index + 1 :]:
            if label.phrase == other.phrase or label.completion == other.completion:
                raise InputError(f"{path}: labels {label.key} and {other.key} are worded alike")


def _raw_file(file: _OwnFile, labels: tuple[Label, ...]) -> RawFile:
    same = {label.key: label.key for label in labels}
    answers = tuple(
        RawAnswer(
            column=answer.column,
            codes=tuple((answer.codes or same).items()),
            aspect=answer.aspect,
            evidence=answer.evidence,
        )
        for answer in file.answers
    )
    return RawFile(
        path=file.path,
        text=tuple(file.text),
        answers=answers,
        split=file.split,
        author=file.author,
    )
