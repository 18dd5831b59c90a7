"""ROUGE-1, -2 and -L: F-measure by rouge-score, without stemming, 0 to 100 (Lin 2004)."""

from collections.abc import Callable, Sequence

from mentallama.benchmark.metrics.metric import Metric, Models, Text, installed, version_of


def _scorer(kind: str) -> Callable[[Sequence[Text], Models], list[float]]:
    def score(texts: Sequence[Text], models: Models) -> list[float]:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer([kind])
        return [
            100 * float(scorer.score(text.reference, text.hypothesis)[kind].fmeasure)
            for text in texts
        ]

    return score


def _metric(name: str, kind: str) -> Metric:
    return Metric(
        name=name,
        needs_post=False,
        score=_scorer(kind),
        signature=lambda models: f"{name}|F|no stemming|{version_of('rouge-score')}",
        missing=lambda models: installed("rouge_score", "metrics"),
    )


METRICS = (
    _metric("ROUGE-1", "rouge1"),
    _metric("ROUGE-2", "rouge2"),
    _metric("ROUGE-L", "rougeL"),
)
