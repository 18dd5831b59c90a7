"""The number of words: no measure of quality, and so the baseline of all of them."""

from collections.abc import Sequence

from mentallama.benchmark.metrics.metric import Metric, Models, Text


def _score(texts: Sequence[Text], models: Models) -> list[float]:
    return [float(len(text.hypothesis.split())) for text in texts]


METRIC = Metric(
    name="length in words",
    needs_post=False,
    score=_score,
    signature=lambda models: "length|words between white space",
)
