"""What must hold before a step is taken: each gate refuses with a reason."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mentallama.encoding import encode_prompt
from mentallama.errors import CheckError
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import IGNORED, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PROBE = 'Consider this post: "I missed the bus twice." Question: Was the bus missed?'
_PASSED_ON = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""Chat template of a model tuned on bare queries: a chat server then asks as it was tuned."""


def need_loss(rows: Sequence[Row]) -> None:
    """Raise CheckError where a row bears no loss: it would train nothing and say nothing."""
    masked = [
        number
        for number, row in enumerate(rows, start=1)
        if not isinstance(row["labels"], int) and all(x == IGNORED for x in row["labels"])
    ]
    if masked:
        raise CheckError(
            f"{len(masked):,} of {len(rows):,} rows bear no loss (row {masked[0]} first): "
            "their answer is empty"
        )


def need_trainable(model: "PreTrainedModel") -> tuple[int, int]:
    """Return total and trainable parameters; raise CheckError where none would be trained."""
    total = count_parameters(model.parameters())
    trainable = count_parameters(p for p in model.parameters() if p.requires_grad)
    if not trainable:
        raise CheckError(f"none of {total:,} parameters would be trained")
    return total, trainable


def count_parameters(parameters: Iterable[Any]) -> int:
    """Count parameters; a 4-bit one stands for two in each of its bytes."""
    return sum(
        p.numel() * (2 if type(p).__name__ == "Params4bit" and p.dtype.itemsize == 1 else 1)
        for p in parameters
    )


def need_served_template(tokenizer: "PreTrainedTokenizerBase", recipe: Recipe) -> None:
    """Make sure that a chat server would ask the tuned model as it was tuned.

    A base with a chat template needs the recipe's word: ``raw`` replaces the template by one that
    passes the query through, ``chat`` tunes within it. Raises CheckError where the two differ.
    """
    if recipe.objective in ("seq2seq", "classifier"):
        return
    has_template = bool(getattr(tokenizer, "chat_template", None))
    if recipe.template == "chat" and not has_template:
        raise CheckError("template chat: the base's tokenizer has no chat template")
    if recipe.template is None and has_template and not _is_ours(tokenizer):
        raise CheckError(
            "the base has a chat template and would be served with it, but would be tuned without; "
            "set template to raw (the bare query, as the paper; the saved model passes queries "
            "through) or to chat"
        )
    if recipe.template != "chat":
        tokenizer.chat_template = _start(tokenizer) + _PASSED_ON
    turns = [{"role": "user", "content": _PROBE}]
    served = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
    tuned = encode_prompt(tokenizer, _PROBE, 10_000, chat=recipe.template == "chat").prompt
    if list(served["input_ids"]) != tuned:
        raise CheckError(
            f"a chat server would send {len(served['input_ids'])} tokens for a probe that tuning "
            f"encodes as {len(tuned)}: the template differs from the one the model would be "
            "served with"
        )


def _is_ours(tokenizer: "PreTrainedTokenizerBase") -> bool:
    return bool(tokenizer.chat_template.endswith(_PASSED_ON))


def _start(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return what opens a template: the start token, where the tokenizer adds one to a text."""
    ids = tokenizer("a")["input_ids"]
    return "{{ bos_token }}" if ids and ids[0] == tokenizer.bos_token_id else ""
