"""BERTScore F1 by bert-score, 0 to 100 (Zhang et al. 2020); any encoder folder or hub id."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mentallama.benchmark.metrics.metric import Metric, Models, Text, installed, version_of
from mentallama.errors import InputError


def _score(texts: Sequence[Text], models: Models) -> list[float]:
    scorer, _ = _load(str(models.bertscore))
    _, _, f1 = scorer.score([t.hypothesis for t in texts], [t.reference for t in texts])
    return [100 * float(value) for value in f1]


@lru_cache(maxsize=1)
def _load(model: str) -> tuple[Any, str]:
    """Return the scorer and its part of the signature."""
    from bert_score import BERTScorer

    from mentallama.pretrained import weights_hash

    layer = _layer(model)
    try:
        scorer = BERTScorer(model_type=model, num_layers=layer, batch_size=16)
    except (OSError, ValueError):
        raise InputError(f"{model}: no encoder can be loaded from there") from None
    return scorer, f"weights {weights_hash(scorer._model)}|layer {layer}"


def _layer(model: str) -> int:
    """Return the layer to compare: the last, where the library knows none for the model."""
    from bert_score.utils import model2layers
    from transformers import AutoConfig

    if model in model2layers:
        return int(model2layers[model])
    try:
        return int(AutoConfig.from_pretrained(model).num_hidden_layers)
    except (OSError, ValueError):
        raise InputError(f"{model}: no encoder can be loaded from there") from None


METRIC = Metric(
    name="BERTScore",
    needs_post=False,
    score=_score,
    signature=lambda models: (
        f"BERTScore F1|{_load(str(models.bertscore))[1]}|no idf, no rescaling|"
        f"{version_of('bert-score')}|{version_of('transformers')}"
    ),
    missing=lambda models: (
        installed("bert_score", "metrics")
        or (None if models.bertscore else "no weights given (--bertscore MODEL)")
    ),
)
