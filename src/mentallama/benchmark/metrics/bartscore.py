"""BARTScore in its directions (Yuan et al. 2021) by one BART-like model; higher is closer.

Faithfulness goes from the post to the hypothesis, precision from the reference, recall to it, and F
is their mean. The paper's own figure is recall with the label sentence in both texts.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from mentallama.bartscore import BartScorer, load_bart_scorer
from mentallama.benchmark.metrics.metric import Metric, Models, Text, installed

Pick = Callable[[Text], str]
Strings = tuple[str, ...]


def _hypothesis(text: Text) -> str:
    return text.hypothesis


def _reference(text: Text) -> str:
    return text.reference


def _post(text: Text) -> str:
    return text.post


@lru_cache(maxsize=2)
def _scorer(models: Models) -> BartScorer:
    weights = Path(models.bartscore_weights) if models.bartscore_weights else None
    return load_bart_scorer(
        str(models.bartscore), weights=weights, engine=models.engine, int8=models.int8
    )


@lru_cache(maxsize=4)
def _scores(models: Models, sources: Strings, targets: Strings) -> list[float]:
    """Score pairs once, however many of the metrics ask: F is made of two others."""
    return _scorer(models).score(sources, targets)


def _direct(source: Pick, target: Pick) -> Callable[[Sequence[Text], Models], list[float]]:
    def score(texts: Sequence[Text], models: Models) -> list[float]:
        return list(_scores(models, tuple(map(source, texts)), tuple(map(target, texts))))

    return score


def _f(texts: Sequence[Text], models: Models) -> list[float]:
    precision = _direct(_reference, _hypothesis)(texts, models)
    recall = _direct(_hypothesis, _reference)(texts, models)
    return [(p + r) / 2 for p, r in zip(precision, recall, strict=True)]


def _missing(models: Models) -> str | None:
    return installed("torch", "train") or (
        None if models.bartscore else "no weights given (--bartscore MODEL)"
    )


def _metric(
    direction: str,
    score: Callable[[Sequence[Text], Models], list[float]],
    *,
    needs_post: bool = False,
    label: str = "out",
) -> Metric:
    return Metric(
        name=f"BARTScore {direction}" + (", label in" if label == "in" else ""),
        needs_post=needs_post,
        score=score,
        signature=lambda models: f"{_scorer(models).signature}|{direction}|label sentence {label}",
        missing=_missing,
    )


METRICS = (
    _metric("post->hyp", _direct(_post, _hypothesis), needs_post=True),
    _metric("ref->hyp", _direct(_reference, _hypothesis)),
    _metric("hyp->ref", _direct(_hypothesis, _reference)),
    _metric("F", _f),
    _metric(
        "hyp->ref",
        _direct(lambda text: text.hypothesis_in_full, lambda text: text.reference_in_full),
        label="in",
    ),
)
