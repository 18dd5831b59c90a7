"""The model card that a tuned model carries, in the hub's layout."""

from typing import Any

import yaml

from mentallama import NOTICE, __version__
from mentallama.tuning.recipe import Recipe


def model_card(recipe: Recipe, result: dict[str, Any], *, data_hash: str) -> str:
    """Write the README.md of a model folder; ``result`` are the values of ``TunedModel``."""
    head: dict[str, Any] = {
        "language": "en",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["mental-health", "interpretability", "imhi"],
    }
    if recipe.base:
        head["base_model"] = recipe.base
    train, valid = result["train"], result["valid"]
    tasks = "\n".join(f"| {task} | {rows:,} |" for task, rows in result["rows_by_task"].items())
    start = recipe.base or "a LLaMA with random weights and a tokenizer trained on the same text"
    settings = yaml.safe_dump(
        recipe.model_dump(mode="json", exclude_none=True), sort_keys=False
    ).strip()
    return f"""---
{yaml.safe_dump(head, sort_keys=False).strip()}
---

# {recipe.name}

**{NOTICE}**

Tuned with mentallama {__version__} on {recipe.form} data in the manner of the MentaLLaMA paper
(arXiv 2309.13567), starting from {start}.
{result["parameters"]:,} parameters; loss on the answer alone.

## Data

| Set | training rows |
|---|---|
{tasks}

Training: {train["rows"]:,} rows, {train["tokens"]:,} tokens, of which {train["answer_tokens"]:,}
bear loss; {train["shortened"]:,} posts were shortened in their middle, {train["dropped"]:,} rows
dropped because their answer alone was too long. Validation: {valid["rows"]:,} rows
({valid["shortened"]:,} shortened, {valid["dropped"]:,} dropped).
Data manifest SHA-256: `{data_hash}`. Leaks between these rows and any test set: not checked.

## Result

Best validation loss: {result["best_valid_loss"]:.4f} (mean over answer tokens). Task scores are not
part of this card; measure them with `mentallama generate` and `mentallama evaluate`.

## Recipe

```yaml
{settings}
```
"""
