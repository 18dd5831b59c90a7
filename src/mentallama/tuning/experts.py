"""How a mixture of experts shares its work."""

from collections.abc import Sequence
from typing import Any

from mentallama.tuning.rows import Row

ROWS = 64
"""Most rows on which the load is measured."""


def expert_load(model: Any, rows: Sequence[Row]) -> list[list[float]]:
    """Return each expert's share of the tokens it was chosen for, by layer (1.0 in all).

    For mixtures of experts; up to ``ROWS`` rows are read.
    """
    import torch

    chosen: list[Any] = []
    active = model.config.num_experts_per_tok
    with torch.inference_mode():
        for row in rows[:ROWS]:
            ids = torch.tensor([row["input_ids"]], device=model.device)
            logits = model(input_ids=ids, output_router_logits=True).router_logits
            found = [torch.topk(layer, active, dim=-1).indices.flatten() for layer in logits]
            chosen.append(torch.stack(found, dim=1))
            experts = logits[0].shape[-1]
    layers = torch.cat(chosen).T
    counts = [torch.bincount(layer, minlength=experts) for layer in layers]
    return [[round(float(share), 4) for share in layer / layer.sum()] for layer in counts]
