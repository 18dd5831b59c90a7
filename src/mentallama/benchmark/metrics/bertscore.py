"""BERTScore F1 by bert-score, 0 to 100 (Zhang et al. 2020); any encoder folder or hub id."""

from collections.abc import Sequence

from mentallama.benchmark.metrics.metric import Metric, Models, Text, installed, version_of
from mentallama.errors import InputError


def _score(texts: Sequence[Text], models: Models) -> list[float]:
    from bert_score import BERTScorer

    scorer = BERTScorer(model_type=str(models.bertscore), num_layers=_layers(models), batch_size=16)
    _, _, f1 = scorer.score([t.hypothesis for t in texts], [t.reference for t in texts])
    return [100 * float(value) for value in f1]


def _layers(models: Models) -> int:
    """Return the layer to compare: the last, where the library knows none for the model."""
    from bert_score.utils import model2layers
    from transformers import AutoConfig

    if models.bertscore in model2layers:
        return int(model2layers[models.bertscore])
    try:
        return int(AutoConfig.from_pretrained(models.bertscore).num_hidden_layers)
    except (OSError, ValueError):
        raise InputError(f"{models.bertscore}: no encoder can be loaded from there") from None


METRIC = Metric(
    name="BERTScore",
    needs_post=False,
    score=_score,
    signature=lambda models: (
        f"BERTScore F1|{models.bertscore}|layer {_layers(models)}|no idf, no rescaling|"
        f"{version_of('bert-score')}"
    ),
    missing=lambda models: (
        installed("bert_score", "metrics")
        or (None if models.bertscore else "no weights given (--bertscore MODEL)")
    ),
)
