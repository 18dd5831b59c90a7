"""What an explanation's own wording says about the label."""

import re
from collections.abc import Iterator
from functools import lru_cache

from mentallama.tasks.answers import names_joined
from mentallama.types import Task

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+")
_CLAUSE_END = re.compile(r"[,;:]\s")
_SUBJECT = re.compile(
    r"^(?:the poster|the post|(?:this|the) .*wellness dimension(?: of \S+ aspect)?) "
)
_RELATED = re.compile(
    r"\b(?:related to|symptoms? of|caused? (?:of|by|is)|due to|shows?|category of"
    r"|label(?:led)? (?:of|as|is))"
    r"\s+(?:the |an? )?[\"']?",
    re.IGNORECASE,
)
_FITTING = re.compile(
    r"[\"'(]?(?=\w)(?=.{3,60}?(?:is|are|would be|seems? to be|appears? to be)\s+(?:the |a )?"
    r"(?:most |more |best )*(?:appropriate|correct|suitable|fitting|likely|accurate|label))",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:no|not|none|nothing|never|un(?:likely|clear)|cannot|neither|nor|without|lacks?|insufficient|absence|hardly"
    r"|fails?|difficult|hard|impossible)\b|n't\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:whether|if|could|might|may|possib\w+|rather than|instead of|such as|although|while"
    r"|despite|other than|any|typically)\b",
    re.IGNORECASE,
)


def last_sentence(text: str) -> str:
    """Return the last sentence of an explanation."""
    return _SENTENCE_END.split(text.strip())[-1]


def is_yes_no(task: Task) -> bool:
    """Say whether a task's answers are yes and no."""
    return {label.key for label in task.labels} == {"yes", "no"}


def labels_named(task: Task, sentence: str) -> set[str]:
    """Return the labels that a sentence gives as a verdict.

    Yes/no tasks: a statement such as "the poster suffers from stress"; behind "no evidence that" or
    "unlikely that" it means the other label, behind "whether" nothing. Named categories: a name
    behind "related to" and the like, or before "is the most appropriate"; not where the sentence
    denies it or leaves it open.
    """
    return set(_statements(task, sentence) if is_yes_no(task) else _names(task, sentence))


def names_other_label(task: Task, label: str, explanation: str) -> bool:
    """Say whether the last sentence gives another label than the row's, and not the row's."""
    named = labels_named(task, last_sentence(explanation))
    return bool(named) and label not in named


def _statements(task: Task, sentence: str) -> Iterator[str]:
    for label, pattern in _predicates(task):
        for match in pattern.finditer(sentence):
            before = _CLAUSE_END.split(sentence[: match.start()])[-1]
            if not _OPEN.search(before):
                # "No evidence that the poster suffers" means no; a denial is not denied again.
                yield "no" if _NOT.search(before) else label


@lru_cache(maxsize=64)
def _predicates(task: Task) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return what a yes/no task's statements say of their subject, by label."""
    found: dict[str, str] = {}
    for label in task.labels:
        for statement in (re.sub("^(?:Yes|No), ", "", label.phrase).rstrip("."), *label.also):
            for aspect in task.aspects or ("",):
                found[_SUBJECT.sub("", statement.replace("{aspect}", aspect))] = label.key
    return tuple(
        (label, re.compile(rf"\b{re.escape(text)}\b", re.IGNORECASE))
        for text, label in found.items()
    )


def _names(task: Task, sentence: str) -> Iterator[str]:
    for pattern in (_RELATED, _FITTING):
        for match in pattern.finditer(sentence):
            before = _CLAUSE_END.split(sentence[: match.start()])[-1]
            if _NOT.search(before) or _OPEN.search(before):
                continue
            yield from names_joined(task, sentence[match.end() :])
