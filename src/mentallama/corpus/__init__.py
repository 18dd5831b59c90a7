"""The sample corpus that ships with the package: invented texts, nobody's real words.

Posts come in parts: ``plain`` (ten tasks, three splits), the contrast parts ``pairs``, ``traps``
and ``attributes``, and ``planted`` (copies of training posts, and posts that only look like it).
Beside them stands material to try tools on: private spans, malformed teacher answers, response
shapes, risk prompts. All of it is JSON Lines; ``DATASHEET.md`` says what is in it.
"""

import json
from importlib.resources import files
from typing import Literal, TypeVar

from mentallama.corpus.records import (
    Answer,
    CorpusPost,
    PrivatePost,
    ResponseShape,
    RiskPrompt,
    Span,
    TeacherAnswer,
)
from mentallama.tasks import TASKS, get_task

__all__ = [
    "MATERIAL",
    "PARTS",
    "Answer",
    "CorpusPost",
    "Material",
    "Part",
    "PrivatePost",
    "ResponseShape",
    "RiskPrompt",
    "Span",
    "TeacherAnswer",
    "load_material",
    "load_posts",
]

Part = Literal["plain", "pairs", "traps", "attributes", "planted"]
PARTS: dict[Part, str] = {
    "plain": "posts of the ten tasks in train, valid and test",
    "pairs": "minimal pairs: a small edit that changes the label",
    "traps": "words of the condition without it, and the condition without its words",
    "attributes": "versions that differ in gender, age or region alone, one label",
    "planted": "test posts that are copies of training posts, and near misses that are not",
}
Material = PrivatePost | TeacherAnswer | ResponseShape | RiskPrompt
MATERIAL: dict[str, tuple[type[Material], str]] = {
    "private": (PrivatePost, "posts with invented names and contacts, and where they stand"),
    "teacher": (TeacherAnswer, "malformed answers of a teacher, and what is wrong with each"),
    "responses": (ResponseShape, "model responses of every shape, and how to read each"),
    "risk": (RiskPrompt, "short messages with and without risk of self-harm"),
}
Record = TypeVar("Record")


def load_posts(task: str | None = None, *, part: Part = "plain") -> list[CorpusPost]:
    """Return the posts of one part, of one task or of all ten in their usual order."""
    if part == "plain":
        keys = [get_task(task).key] if task else [task.key for task in TASKS]
        return [post for key in keys for post in _read(f"posts/{key}", CorpusPost)]
    found = _read(f"sets/{part}", CorpusPost)
    return [post for post in found if post.task == get_task(task).key] if task else found


def load_material(kind: type[Record]) -> list[Record]:
    """Return the records of one kind, such as ``RiskPrompt``."""
    name = next(name for name, (record, _) in MATERIAL.items() if record is kind)
    return _read(f"sets/{name}", kind)


def _read(name: str, kind: type[Record]) -> list[Record]:
    from pydantic import TypeAdapter

    text = (files("mentallama.corpus") / f"{name}.jsonl").read_text(encoding="utf-8")
    adapter = TypeAdapter(kind)
    return [adapter.validate_python(json.loads(line)) for line in text.split("\n") if line.strip()]
