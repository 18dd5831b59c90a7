"""From prompts to batches of token ids, the same for every engine that runs here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mentallama.encoding import SHORTEST_PROMPT, Encoded, encode_prompt, encode_source
from mentallama.errors import InputError
from mentallama.models.backend import Decoding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_TOKENS = 16_384
"""Tokens of one batch: its rows times the longest prompt with all the new tokens."""
WAITING_TOKENS = 4_096
"""The same for transformers on a CPU, where rows that have ended are computed with the others until
the last one ends: 4,096 was faster than 2,048 and 16,384 (``benchmarks/generation.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """How one model reads prompts."""

    tokenizer: "PreTrainedTokenizerBase"
    name: str
    """Of the model, for errors."""
    context: int
    """Most tokens of prompt and answer together; of an encoder-decoder, of the prompt alone."""
    two_sided: bool
    chat: bool

    def encode(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Encoded]:
        """Yield each prompt's ids, shortened in the middle where the answer needs the room.

        Raises InputError where the new tokens leave too little room for any prompt.
        """
        room = self.context if self.two_sided else self.context - decoding.max_new_tokens
        if room < SHORTEST_PROMPT:
            raise InputError(
                f"{self.name}: {decoding.max_new_tokens} new tokens leave {max(room, 0)} of its "
                f"{self.context} for the prompt; ask for fewer"
            )
        for prompt in prompts:
            if self.two_sided:
                yield encode_source(self.tokenizer, prompt, room)
            else:
                yield encode_prompt(self.tokenizer, prompt, room, chat=self.chat)

    def fits(self, prompt: str, decoding: Decoding) -> bool:
        """Say whether a prompt leaves room for the new tokens without being shortened."""
        [row] = self.encode([prompt], decoding)
        return not row.shortened


def cut(
    rows: Iterable[Encoded], new_tokens: int, budget: int, *, near: float = 0.0
) -> Iterator[list[Encoded]]:
    """Cut rows, sorted by length, into batches of at most ``budget`` tokens and at least one row.

    No prompt of a batch is shorter than ``near`` times its longest one.
    """
    batch: list[Encoded] = []
    for row in rows:
        lengths = [len(one.prompt) for one in (*batch, row)]
        full = len(lengths) * (max(lengths) + new_tokens) > budget
        if batch and (full or min(lengths) < near * max(lengths)):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
