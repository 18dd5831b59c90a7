"""What merging and exporting share: proof that two models answer alike, and a folder written whole.

Answers are greedy and plain (no penalties, no forced tokens), in float32, one prompt at a time.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mentallama.encoding import encode_prompt, encode_question, encode_source
from mentallama.errors import CheckError, InputError
from mentallama.io import make_folder, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Kind = Literal["CausalLM", "Seq2SeqLM", "SequenceClassification"]
"""What stands behind ``AutoModelFor``."""

ANSWER_TOKENS = 32
TOLERANCE = 3e-4
"""Largest difference of two logits, as a share of the largest logit. On small models of seven kinds
rounding in float32 gave 2e-7 to 3e-5, and weights rounded to fp16 or bf16 8e-4 to 1e-2."""
_GREEDY: dict[str, Any] = {
    "do_sample": False,
    "num_beams": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    **dict.fromkeys(("temperature", "top_p", "top_k", "forced_bos_token_id")),
    "forced_eos_token_id": None,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A greedy answer with its end token, or the class that a classifier gives."""

    ids: list[int]
    logits: NDArray[np.float32]
    """Shape (tokens, vocabulary); of a classifier (1, classes)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two models answered one prompt."""

    difference: float
    """Largest difference of two logits as a share of the largest, while the texts are equal."""
    same: bool
    """The answers are equal, token for token."""


def ask(
    model: Any,
    tokenizer: "PreTrainedTokenizerBase",
    prompts: Sequence[str],
    kind: Kind,
    *,
    chat: bool = False,
) -> list[Answer]:
    """Let a model answer prompts, at most ``ANSWER_TOKENS`` tokens each."""
    encoded = [
        encode(tokenizer, prompt, kind, room(model, tokenizer), chat=chat) for prompt in prompts
    ]
    answer = _classify if kind == "SequenceClassification" else _write
    return [answer(model.eval(), ids) for ids in encoded]


def room(model: Any, tokenizer: "PreTrainedTokenizerBase") -> int:
    """Return the most tokens of a prompt that leave room for an answer."""
    stated = getattr(model.config, "max_position_embeddings", None) or 512
    return int(min(stated, tokenizer.model_max_length)) - ANSWER_TOKENS


def encode(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, kind: Kind, limit: int, *, chat: bool
) -> list[int]:
    """Encode a prompt as generation does for this kind of model."""
    match kind:
        case "CausalLM":
            return encode_prompt(tokenizer, prompt, limit, chat=chat).prompt
        case "Seq2SeqLM":
            return encode_source(tokenizer, prompt, limit).prompt
        case _:
            return encode_question(tokenizer, "", prompt, limit).prompt


def _write(model: Any, ids: list[int]) -> Answer:
    import torch

    # A mixture of experts that adds up its router's loss fails at it while generating.
    router = hasattr(model.config, "output_router_logits")
    prompt = torch.tensor([ids])
    with torch.inference_mode():
        output = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=ANSWER_TOKENS,
            output_logits=True,
            return_dict_in_generate=True,
            **_GREEDY,
            **({"output_router_logits": False} if router else {}),
        )
    logits = torch.cat(output.logits).float().numpy()
    # The answer stands at the end, behind a decoder's prompt or an encoder-decoder's start token.
    return Answer(output.sequences[0, -len(logits) :].tolist(), logits)


def _classify(model: Any, ids: list[int]) -> Answer:
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits.float().numpy()
    return Answer([int(logits[0].argmax())], logits)


def compare(wanted: Sequence[Answer], found: Sequence[Answer]) -> list[Comparison]:
    """Compare the answers of two models to the same prompts."""
    return [_compare(a, b) for a, b in zip(wanted, found, strict=True)]


def _compare(wanted: Answer, found: Answer) -> Comparison:
    pairs = list(zip(wanted.ids, found.ids, strict=False))
    parting = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    # Where the texts part, both still read the same tokens; behind that they do not.
    known, seen = wanted.logits[: parting + 1], found.logits[: parting + 1]
    steps = min(len(known), len(seen))
    largest = np.abs(known[:steps] - seen[:steps]).max()
    return Comparison(float(largest / np.abs(known).max()), wanted.ids == found.ids)


def need_agreement(comparisons: Sequence[Comparison], what: str) -> None:
    """Raise CheckError naming the first prompt on which two models do not agree."""
    for number, row in enumerate(comparisons, 1):
        where = f"{what}: prompt {number} of {len(comparisons)}"
        # Written so that NaN fails.
        if not row.difference <= TOLERANCE:
            raise CheckError(
                f"{where}: logits differ by {row.difference:.1e} of their scale, more than "
                f"{TOLERANCE:.0e}; nothing was kept"
            )
        if not row.same:
            raise CheckError(f"{where}: the greedy answers differ; nothing was kept")


def show(comparisons: Sequence[Comparison]) -> list[str]:
    """Return a line per prompt, and one that sums them up."""
    rows = [
        f"prompt {number}: largest logit difference {row.difference:.1e} of the scale, "
        f"{'same answer' if row.same else 'ANOTHER ANSWER'}"
        for number, row in enumerate(comparisons, 1)
    ]
    return [*rows, summary(comparisons)]


def summary(comparisons: Sequence[Comparison]) -> str:
    """Say in one line how far two models agree."""
    same = sum(row.same for row in comparisons)
    return (
        f"{same} of {len(comparisons)} greedy answers the same, token for token (at most "
        f"{ANSWER_TOKENS} tokens, float32); largest logit difference "
        f"{max(row.difference for row in comparisons):.1e} of the scale, {TOLERANCE:.0e} allowed"
    )


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder that becomes ``out`` when the block ends well, and is removed otherwise."""
    need_new(out)
    temporary = out.with_name(f"{out.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    make_folder(temporary)
    try:
        yield temporary
        temporary.replace(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def need_new(out: Path) -> None:
    """Raise InputError where ``out`` exists."""
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out")


def read_result(folder: Path) -> dict[str, Any]:
    """Return what a tuned model's ``mentallama.json`` holds; nothing for other models."""
    path = folder / "mentallama.json"
    return dict(read_json(path)) if path.is_file() else {}


def asks_in_chat(result: dict[str, Any]) -> bool:
    """Say whether a model was tuned within its chat template."""
    return bool(result.get("recipe", {}).get("template") == "chat")
