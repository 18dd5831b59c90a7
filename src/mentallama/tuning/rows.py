"""Samples as training rows: token ids with loss on the answer alone, every loss of text counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mentallama.encoding import encode_pair
from mentallama.errors import InputError
from mentallama.types import Sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""Label of tokens that bear no loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """What became of the samples of one split."""

    rows: int
    """Rows to train on."""
    shortened: int
    """Of these, rows whose post lost its middle."""
    dropped: int
    """Samples whose answer alone is too long; they are not among the rows."""
    tokens: int
    answer_tokens: int
    """Tokens that bear loss."""


def encode_rows(
    samples: Sequence[Sample], tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> tuple[list[dict[str, Any]], RowCounts]:
    """Encode samples into rows ``input_ids``, ``labels``; raise InputError where none is left."""
    rows = []
    shortened = answer_tokens = 0
    for sample in samples:
        encoded = encode_pair(tokenizer, sample.prompt, sample.response, max_length)
        if encoded is None:
            continue
        shortened += encoded.shortened
        answer_tokens += len(encoded.answer)
        rows.append(
            {
                "input_ids": encoded.prompt + encoded.answer,
                "labels": [IGNORED] * len(encoded.prompt) + encoded.answer,
            }
        )
    if not rows:
        raise InputError(f"no row is left: all {len(samples)} answers are longer than max_length")
    counts = RowCounts(
        rows=len(rows),
        shortened=shortened,
        dropped=len(samples) - len(rows),
        tokens=sum(len(row["input_ids"]) for row in rows),
        answer_tokens=answer_tokens,
    )
    return rows, counts
