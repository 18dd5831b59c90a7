"""What must hold before a step is taken: each gate refuses with a reason.

Leaks may be dropped or kept where the recipe says so; what was done stands in the model card.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mentallama.encoding import encode_prompt
from mentallama.errors import CheckError
from mentallama.near import match_copies
from mentallama.tasks.posts import text_key
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import IGNORED, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PROBE = 'Consider this post: "I missed the bus twice." Question: Was the bus missed?'
_PASSED_ON = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""Chat template of a model tuned on bare queries: a chat server then asks as it was tuned."""


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """Training rows whose post also stands in an evaluation split of the data folder."""

    rows: int
    of: int
    exact: int
    """Of ``rows``, those with the same text; the others are near-duplicates or excerpts."""
    evaluation_posts: int
    """Distinct posts of the evaluation splits that they were compared with."""
    action: Literal["none found", "dropped", "kept"]


def handle_leaks(
    train: Sequence[Item], texts: Sequence[str], held_out: Iterable[str], recipe: Recipe
) -> tuple[list[Item], Leaks]:
    """Find training rows whose text leaks into ``held_out`` and do as the recipe says.

    ``texts`` are the posts of ``train``, row by row. Copies are found as the audit finds them: the
    same letters, near-duplicates, excerpts. Raises CheckError where the recipe says refuse and
    there are any.
    """
    keys = [text_key(text) for text in texts]
    held = {text_key(text): text for text in held_out}
    copies = match_copies(dict(zip(keys, texts, strict=True)), held)
    leaking = set(held).union(*copies.values())
    exact = sum(key in held for key in keys)
    clean = [row for row, key in zip(train, keys, strict=True) if key not in leaking]
    found = len(train) - len(clean)
    if found and recipe.leaks == "refuse":
        raise CheckError(
            f"{found:,} of {len(train):,} training rows have a post that also stands in an "
            f"evaluation split ({exact:,} word for word); set leaks to drop (they are left out) "
            "or keep (the model card says so)"
        )
    drop = recipe.leaks == "drop"
    return list(clean if drop else train), Leaks(
        rows=found,
        of=len(train),
        exact=exact,
        evaluation_posts=len(held),
        action="none found" if not found else "dropped" if drop else "kept",
    )


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
