"""chrF by sacrebleu: F2 of runs of characters, 0 to 100 (Popović 2015)."""

from collections.abc import Sequence

from mentallama.benchmark.metrics.metric import Metric, Models, Text, installed, version_of


def _score(texts: Sequence[Text], models: Models) -> list[float]:
    from sacrebleu import CHRF

    chrf = CHRF()
    return [float(chrf.sentence_score(t.hypothesis, [t.reference]).score) for t in texts]


METRIC = Metric(
    name="chrF",
    needs_post=False,
    score=_score,
    signature=lambda models: f"chrF2|sentence|{version_of('sacrebleu')}",
    missing=lambda models: installed("sacrebleu", "metrics"),
)
