"""Metrics of explanations. Another one is a file here and a line in ``METRICS``."""

from mentallama.benchmark.metrics import bartscore, bertscore, bleu, chrf, length, rouge
from mentallama.benchmark.metrics.metric import Metric

METRICS: tuple[Metric, ...] = (
    *rouge.METRICS,
    bleu.METRIC,
    chrf.METRIC,
    bertscore.METRIC,
    *bartscore.METRICS,
    length.METRIC,
)
