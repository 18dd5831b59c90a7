"""BLEU of single sentences by sacrebleu, without smoothing, 0 to 100 (Papineni et al. 2002)."""

from collections.abc import Sequence

from mentallama.benchmark.metrics.metric import Metric, Models, Text, installed, version_of


def _score(texts: Sequence[Text], models: Models) -> list[float]:
    from sacrebleu import BLEU

    bleu = BLEU(smooth_method="none", effective_order=True)
    return [float(bleu.sentence_score(t.hypothesis, [t.reference]).score) for t in texts]


METRIC = Metric(
    name="BLEU",
    needs_post=False,
    score=_score,
    signature=lambda models: f"BLEU|sentence, no smoothing|{version_of('sacrebleu')}",
    missing=lambda models: installed("sacrebleu", "metrics"),
)
