"""What asking a teacher costs: measured from its answers, or forecast before the first call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mentallama.data.expert import Question

CHARACTERS_PER_TOKEN = 4.0
"""Rule of thumb for English text; chat templates add a few tokens per message."""
TOKENS_PER_MESSAGE = 4
ANSWER_TOKENS = 160
"""About two to five sentences, quotes and JSON."""
TOKENS_PER_SECOND = 40.0
"""Assumed speed of one answer."""


class _Used(Protocol):
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def answer_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Money per million tokens, in any currency."""

    prompt: float
    answer: float

    def cost(self, used: _Used) -> float:
        """Return what an answer cost."""
        return (used.prompt_tokens * self.prompt + used.answer_tokens * self.answer) / 1e6

    def bound(self, question: Question, max_tokens: int) -> float:
        """Return the most that asking can cost, taking two characters for a token."""
        prompt = sum(len(message["content"]) / 2 + 8 for message in question.messages)
        return (prompt * self.prompt + max_tokens * self.answer) / 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run will take, before it begins."""

    questions: int
    prompt_tokens: int
    answer_tokens: int
    cost: float | None
    seconds: float


def forecast(questions: Sequence[Question], prices: Prices | None, concurrency: int) -> Forecast:
    """Estimate tokens, money and time from the texts alone; nothing is asked."""
    prompt = sum(
        int(len(message["content"]) / CHARACTERS_PER_TOKEN) + TOKENS_PER_MESSAGE
        for question in questions
        for message in question.messages
    )
    answer = ANSWER_TOKENS * len(questions)
    cost = (prompt * prices.prompt + answer * prices.answer) / 1e6 if prices else None
    seconds = len(questions) * ANSWER_TOKENS / TOKENS_PER_SECOND / max(concurrency, 1)
    return Forecast(
        questions=len(questions),
        prompt_tokens=prompt,
        answer_tokens=answer,
        cost=cost,
        seconds=seconds,
    )
