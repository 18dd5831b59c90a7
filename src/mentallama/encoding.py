"""From wording to token ids: the one place that decides what a model sees and what it learns.

Tuning and generation both go through here, so that the prompt that a model is asked with is
token for token the prompt that it was tuned on.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mentallama.errors import InputError

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

SHORTEST_PROMPT = 48
"""Fewest prompt tokens worth asking with: the frame and the question of every task fit."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a prompt and of its answer (empty when only a prompt was encoded)."""

    prompt: list[int]
    answer: list[int]
    shortened: bool
    """The middle of the post was taken out to make the row fit."""


def encode_prompt(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, limit: int, *, chat: bool = False
) -> Encoded:
    """Encode a prompt for a decoder, at most ``limit`` tokens long.

    The trailing space of the completion form is dropped: it belongs to the first answer token.
    ``chat`` wraps the prompt in the tokenizer's chat template.
    """
    ids = list(_tokenize(tokenizer, _framed(tokenizer, prompt, chat), chat)["input_ids"])
    short = shorten_middle(ids, limit)
    return Encoded(short, [], len(short) < len(ids))


def encode_pair(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: str,
    answer: str,
    limit: int,
    *,
    chat: bool = False,
) -> Encoded | None:
    """Encode a prompt with its answer and the end token, at most ``limit`` tokens in all.

    An answer is never cut; the prompt gives way. Returns None where the answer alone leaves fewer
    than ``SHORTEST_PROMPT`` tokens for the prompt.
    """
    text = _framed(tokenizer, prompt, chat)
    between = "" if chat else " "
    batch = _tokenize(tokenizer, f"{text}{between}{answer.strip()}", chat, offsets=True)
    ids = list(batch["input_ids"])
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


def encode_source(tokenizer: "PreTrainedTokenizerBase", prompt: str, limit: int) -> Encoded:
    """Encode a prompt for an encoder-decoder, with the tokenizer's own special tokens."""
    text, shortened = fit_text(tokenizer, prompt.strip(), limit - _specials(tokenizer))
    return Encoded(list(tokenizer(text)["input_ids"]), [], shortened)


def encode_question(
    tokenizer: "PreTrainedTokenizerBase", question: str, text: str, limit: int
) -> Encoded:
    """Encode a question and the text it is asked about for an encoder, as a pair.

    An empty question gives the text alone. The text loses its middle where the pair is too long.
    """
    if not question:
        text, shortened = fit_text(tokenizer, text, limit - _specials(tokenizer))
        return Encoded(list(tokenizer(text)["input_ids"]), [], shortened)
    room = limit - len(tokenizer(question, "")["input_ids"])
    text, shortened = fit_text(tokenizer, text, room)
    return Encoded(list(tokenizer(question, text)["input_ids"]), [], shortened)


def shorten_middle(ids: list[int], limit: int) -> list[int]:
    """Take tokens out of the middle: the post's start and end and the question stay."""
    if len(ids) <= limit:
        return ids
    head = limit // 2
    return ids[:head] + ids[len(ids) - (limit - head) :]


def _framed(tokenizer: "PreTrainedTokenizerBase", prompt: str, chat: bool) -> str:
    if not chat:
        return prompt.rstrip(" ")
    turns = [{"role": "user", "content": prompt.rstrip(" ")}]
    return str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))


def _tokenize(
    tokenizer: "PreTrainedTokenizerBase", text: str, chat: bool, *, offsets: bool = False
) -> "BatchEncoding":
    # A chat template writes the special tokens itself.
    batch = tokenizer(text, add_special_tokens=not chat, return_offsets_mapping=offsets)
    ids = batch["input_ids"]
    if not chat and ids and ids[-1] == tokenizer.eos_token_id:
        batch["input_ids"] = ids[:-1]
    return batch


def fit_text(tokenizer: "PreTrainedTokenizerBase", text: str, room: int) -> tuple[str, bool]:
    """Take characters out of the middle of a text until it has at most ``room`` tokens."""
    batch = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = batch["offset_mapping"]
    if len(offsets) <= room:
        return text, False
    keep = max(room - 2, 2)  # two spare: the seam may be tokenised otherwise
    head, tail = offsets[keep // 2 - 1][1], offsets[len(offsets) - (keep - keep // 2)][0]
    return f"{text[:head]} {text[tail:].lstrip()}", True


def _specials(tokenizer: "PreTrainedTokenizerBase") -> int:
    return len(tokenizer("")["input_ids"])


def _end_token(tokenizer: "PreTrainedTokenizerBase") -> int:
    end = tokenizer.eos_token_id
    if not isinstance(end, int):
        raise InputError("the tokenizer has no end-of-sequence token; a tuned model needs one")
    return end
