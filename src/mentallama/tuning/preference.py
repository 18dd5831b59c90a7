"""The preference stage: pairs and prompts as rows, and how far a model moved from its base."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mentallama.encoding import encode_pair, encode_prompt
from mentallama.errors import InputError
from mentallama.tuning.load import load_model
from mentallama.tuning.pairs import Pair
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.rows import IGNORED, Row, RowCounts, encode_rows
from mentallama.types import Sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from mentallama.tuning.build import Job

KL_ROWS = 64
"""Most rows on which the divergence from the base is measured."""


def encode_pairs(
    pairs: Sequence[Pair], tokenizer: "PreTrainedTokenizerBase", recipe: Recipe
) -> tuple[list[Row], RowCounts]:
    """Encode pairs; both answers stand behind the same prompt, shortened for the longer one.

    Rows hold ``prompt_ids``, ``chosen_ids``, ``rejected_ids``; for a reward model the latter two
    begin with the prompt. Raises InputError where no pair is left.
    """
    rows: list[Row] = []
    shortened = 0
    for pair in pairs:
        row, short = _encode(pair, tokenizer, recipe)
        if row is None:
            continue
        rows.append(row)
        shortened += short
    if not rows:
        raise InputError(f"no pair is left: all {len(pairs)} have answers longer than max_length")
    answers = sum(len(row[key]) for row in rows for key in ("chosen_ids", "rejected_ids"))
    return [_reward_row(row) if recipe.objective == "reward" else row for row in rows], RowCounts(
        rows=len(rows),
        shortened=shortened,
        dropped=len(pairs) - len(rows),
        tokens=answers + sum(2 * len(row["prompt_ids"]) for row in rows),
        answer_tokens=answers,
    )


def _encode(
    pair: Pair, tokenizer: "PreTrainedTokenizerBase", recipe: Recipe
) -> tuple[Row | None, bool]:
    chat = recipe.template == "chat"
    both = [
        encode_pair(tokenizer, pair.prompt, answer, recipe.max_length, chat=chat)
        for answer in (pair.chosen, pair.rejected)
    ]
    if both[0] is None or both[1] is None:
        return None, False
    prompt = min((one.prompt for one in both if one), key=len)
    row = {
        "prompt_ids": prompt,
        "chosen_ids": both[0].answer,
        "rejected_ids": both[1].answer,
    }
    return row, both[0].shortened or both[1].shortened


def _reward_row(row: Row) -> Row:
    return {key: row["prompt_ids"] + row[key] for key in ("chosen_ids", "rejected_ids")}


def encode_prompts(
    samples: Sequence[Sample], tokenizer: "PreTrainedTokenizerBase", recipe: Recipe
) -> tuple[list[Row], RowCounts]:
    """Encode samples for GRPO: the text of each prompt, shortened to fit, and its number."""
    assert recipe.preference and recipe.preference.max_new_tokens
    room = recipe.max_length - recipe.preference.max_new_tokens
    rows: list[Row] = []
    shortened = tokens = 0
    for number, sample in enumerate(samples):
        encoded = encode_prompt(tokenizer, sample.prompt, room)
        text = sample.prompt.rstrip(" ")
        if encoded.shortened:
            text = tokenizer.decode(encoded.prompt, skip_special_tokens=True)
        rows.append({"prompt": text, "number": number})
        shortened += encoded.shortened
        tokens += len(encoded.prompt)
    return rows, RowCounts(
        rows=len(rows), shortened=shortened, dropped=0, tokens=tokens, answer_tokens=0
    )


def kl_to_base(model: Any, base: Any, rows: Sequence[Row]) -> float:
    """Return the mean divergence KL(model || base) per answer token, in nats.

    Rows have ``input_ids`` and ``labels``; the whole vocabulary counts, not the token drawn.
    """
    import torch

    total = count = 0.0
    with torch.inference_mode():
        for row in rows[:KL_ROWS]:
            ids = torch.tensor([row["input_ids"]], device=model.device)
            bears = torch.tensor(row["labels"], device=model.device)[1:] != IGNORED
            ours, theirs = (
                torch.log_softmax(one(input_ids=ids).logits[0, :-1][bears].float(), dim=-1)
                for one in (model, base)
            )
            total += float((ours.exp() * (ours - theirs)).sum())
            count += int(bears.sum())
    return total / count


def measure_kl(job: "Job", model: Any) -> float:
    """Measure how far the tuned model moved from the one it started from, on validation rows."""
    rows = _kl_rows(job)
    if job.recipe.lora:
        return _kl_to_own_base(model, rows)
    base = load_model(job.recipe, job.tokenizer).to(model.device).eval()
    return kl_to_base(model, base, rows)


def _kl_to_own_base(model: Any, rows: Sequence[Row]) -> float:
    """An adapted model is its own base with the adapters switched off."""

    def base(**inputs: Any) -> Any:
        with model.disable_adapter():
            return model(**inputs)

    return kl_to_base(model, base, rows)


def _kl_rows(job: "Job") -> list[Row]:
    if job.recipe.objective == "grpo":
        samples = [job.answered[row["number"]] for row in job.valid[:KL_ROWS]]
        return encode_rows(samples, job.tokenizer, job.recipe)[0]
    return [
        {
            "input_ids": row["prompt_ids"] + row["chosen_ids"],
            "labels": [IGNORED] * len(row["prompt_ids"]) + row["chosen_ids"],
        }
        for row in job.valid[:KL_ROWS]
    ]
