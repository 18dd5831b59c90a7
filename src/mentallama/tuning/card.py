"""The model card that a tuned model carries, in the hub's layout."""

from typing import Any

import yaml

from mentallama import NOTICE, __version__
from mentallama.tuning.recipe import Recipe

_PIPELINES = {"seq2seq": "text2text-generation", "classifier": "text-classification"}
_LOSS = {
    "causal": "loss on the answer alone",
    "seq2seq": "loss on the answer",
    "classifier": "loss among the labels of a row's own task",
    "dpo": "direct preference optimisation on pairs of answers",
    "reward": "a reward model on pairs of answers",
    "grpo": "group-relative policy optimisation with a verifiable reward",
}


def model_card(recipe: Recipe, result: dict[str, Any], *, data_hash: str) -> str:
    """Write the README.md of a model folder; ``result`` are the values of ``TunedModel``."""
    head = yaml.safe_dump(_head(recipe, result), sort_keys=False).strip()
    start = recipe.base or (
        f"a {recipe.scratch and recipe.scratch.architecture} with random weights and a tokenizer "
        "trained on the same text"
    )
    settings = recipe.model_dump(mode="json", exclude_none=True)
    return f"""---
{head}
---

# {recipe.name}

**{NOTICE}**

Tuned with mentallama {__version__} on {recipe.form} data in the manner of the MentaLLaMA paper
(arXiv 2309.13567), starting from {start}.
{result["parameters"]:,} parameters, {result["trainable"]:,} of them trained ({recipe.method});
{_LOSS[recipe.objective]}.

{_data(result, data_hash)}
{_template(recipe)}
{_result(result)}
## Recipe

```yaml
{yaml.safe_dump(settings, sort_keys=False).strip()}
```
"""


def _head(recipe: Recipe, result: dict[str, Any]) -> dict[str, Any]:
    pipeline = _PIPELINES.get(recipe.objective, "text-generation")
    metric = {
        "type": result["chosen_by"],
        "name": f"{result['chosen_by'].replace('_', ' ')} (validation split)",
        "value": round(result["best"], 4),
    }
    index = {
        "name": recipe.name,
        "results": [
            {
                "task": {"type": pipeline},
                "dataset": {
                    "type": "imhi",
                    "name": f"IMHI layout: {', '.join(result['rows_by_task'])}",
                    "split": "validation",
                },
                "metrics": [metric],
            }
        ],
    }
    head: dict[str, Any] = {
        "language": "en",
        "library_name": "peft" if recipe.lora else "transformers",
        "pipeline_tag": pipeline,
        "tags": ["mental-health", "interpretability", "imhi"],
    }
    if recipe.base:
        head["base_model"] = recipe.base
    return head | {"model-index": [index]}


def _data(result: dict[str, Any], data_hash: str) -> str:
    tasks = "\n".join(f"| {task} | {rows:,} |" for task, rows in result["rows_by_task"].items())
    train, valid, leaks = result["train"], result["valid"], result["leaks"]
    return f"""## Data

| Set | training rows |
|---|---|
{tasks}

Training: {train["rows"]:,} rows, {train["tokens"]:,} tokens, of which {train["answer_tokens"]:,}
bear loss; {train["shortened"]:,} posts were shortened in their middle, {train["dropped"]:,} rows
dropped because their answer alone was too long. Validation: {valid["rows"]:,} rows
({valid["shortened"]:,} shortened, {valid["dropped"]:,} dropped).
Data manifest SHA-256: `{data_hash}`.

{_leaks(leaks)}
"""


def _leaks(leaks: dict[str, Any]) -> str:
    looked = (
        f"{leaks['of']:,} training rows were compared with the {leaks['evaluation_posts']:,} posts "
        "of the evaluation splits (the same letters, near-duplicates, excerpts)"
    )
    if leaks["action"] == "none found":
        return f"Leaks: none found. {looked}."
    found = f"{leaks['rows']:,} rows leak, {leaks['exact']:,} of them word for word"
    if leaks["action"] == "dropped":
        return f"Leaks: {looked}; {found}; they were left out."
    return (
        f"Leaks: {looked}; {found}. **They were kept on purpose: scores of this model on those "
        "sets are inflated.**"
    )


def _template(recipe: Recipe) -> str:
    if recipe.objective in ("seq2seq", "classifier"):
        return ""
    if recipe.template == "chat":
        return "## Asking it\n\nTuned within the base's chat template; ask through it.\n"
    replaced = " A template that the base had was replaced, as the recipe says."
    word = replaced if recipe.template else ""
    return (
        "## Asking it\n\nTuned on the bare query. The tokenizer's chat template passes a query "
        f"through unchanged, so that\na chat server asks as it was tuned.{word}\n"
    )


def _result(result: dict[str, Any]) -> str:
    name = result["chosen_by"].replace("_", " ")
    lines = [f"Best checkpoint by {name} on the validation rows: {result['best']:.4f}."]
    if result["best_valid_loss"] is not None:
        lines.append(f"Validation loss there: {result['best_valid_loss']:.4f}.")
    if result["kl_to_base"] is not None:
        lines.append(f"KL to the base: {result['kl_to_base']:.4f} nats per answer token.")
    if result["expert_load"]:
        shares = [share for layer in result["expert_load"] for share in layer]
        lines.append(
            f"Share of tokens per expert: {100 * min(shares):.1f} to {100 * max(shares):.1f} %."
        )
    return (
        "## Result\n\n" + "\n".join(lines) + "\nTest scores are not part of this card; measure "
        "them with `mentallama generate` and `mentallama evaluate`.\n"
    )
