"""From wording to token ids: the one place that decides what a model sees and what it learns.

Tuning and generation both go through here, so that the prompt that a model is asked with is
token for token the prompt that it was tuned on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mentallama.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHORTEST_PROMPT = 48
"""Fewest prompt tokens worth asking with: the frame and the question of every task fit."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a prompt and of its answer (empty when only a prompt was encoded)."""

    prompt: list[int]
    answer: list[int]
    shortened: bool
    """The middle of the post was taken out to make the row fit."""


def encode_prompt(tokenizer: "PreTrainedTokenizerBase", prompt: str, limit: int) -> Encoded:
    """Encode a prompt, at most ``limit`` tokens long.

    The trailing space of the completion form is dropped: it belongs to the first answer token.
    """
    ids = list(tokenizer(prompt.rstrip(" "))["input_ids"])
    ids = _without_end(tokenizer, ids)
    short = shorten_middle(ids, limit)
    return Encoded(short, [], len(short) < len(ids))


def encode_pair(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, answer: str, limit: int
) -> Encoded | None:
    """Encode a prompt with its answer and the end token, at most ``limit`` tokens in all.

    An answer is never cut; the prompt gives way. Returns None where the answer alone leaves fewer
    than ``SHORTEST_PROMPT`` tokens for the prompt.
    """
    text = prompt.rstrip(" ")
    batch = tokenizer(f"{text} {answer.strip()}", return_offsets_mapping=True)
    ids = _without_end(tokenizer, list(batch["input_ids"]))
    border = next(
        index
        for index, (start, end) in enumerate(batch["offset_mapping"])
        if end > start and end > len(text)
    )
    answer_ids = [*ids[border:], _end_token(tokenizer)]
    room = limit - len(answer_ids)
    if room < SHORTEST_PROMPT:
        return None
    prompt_ids = shorten_middle(ids[:border], room)
    return Encoded(prompt_ids, answer_ids, len(prompt_ids) < border)


def shorten_middle(ids: list[int], limit: int) -> list[int]:
    """Take tokens out of the middle: the post's start and end and the question stay."""
    if len(ids) <= limit:
        return ids
    head = limit // 2
    return ids[:head] + ids[len(ids) - (limit - head) :]


def _without_end(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[int]:
    return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids


def _end_token(tokenizer: "PreTrainedTokenizerBase") -> int:
    end = tokenizer.eos_token_id
    if not isinstance(end, int):
        raise InputError("the tokenizer has no end-of-sequence token; a tuned model needs one")
    return end
