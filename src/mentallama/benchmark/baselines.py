"""The floors a model must clear: the majority label, a list of words, TF-IDF with regression.

The majority and the regression learn one rule per task and aspect from the training split; the
words come from ``tasks/keywords.py``. All answer with a bare label, worded as the release words
it, so that they are scored exactly as a model is.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mentallama.tasks import get_label, get_task
from mentallama.tasks.keywords import guess_by_keywords, has_keywords
from mentallama.types import GoldSource, Response, Sample

Predictor = Callable[[Sequence[Sample]], list[str]]
"""Predicts a label key for each sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """Responses of the baselines, and the tasks that had no training rows to learn from."""

    responses: tuple[Response, ...]
    not_trained: tuple[str, ...]


def run_baselines(
    train: Sequence[Sample], test: Sequence[Sample], gold_source: GoldSource
) -> Baselines:
    """Train the baselines on ``train`` and answer ``test``."""
    learners = {"majority": _majority, "keywords": _keywords, "TF-IDF + LR": _tfidf}
    responses: list[Response] = []
    not_trained: dict[str, None] = {}
    known = _group(train)
    for key, samples in _group(test).items():
        if key not in known:
            not_trained[key[0]] = None
        for name, learn in learners.items():
            if learn is _keywords and not has_keywords(get_task(key[0])):
                continue
            if key not in known and learn is not _keywords:
                continue
            labels = learn(known.get(key, []))(samples)
            responses += [
                _response(sample, label, name, gold_source)
                for sample, label in zip(samples, labels, strict=True)
            ]
    return Baselines(responses=tuple(responses), not_trained=tuple(not_trained))


def _group(samples: Sequence[Sample]) -> dict[tuple[str, str | None], list[Sample]]:
    groups: dict[tuple[str, str | None], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.post.task, sample.post.aspect), []).append(sample)
    return groups


def _labels(samples: Sequence[Sample]) -> list[str]:
    return [str(sample.post.label) for sample in samples]


def _majority(train: Sequence[Sample]) -> Predictor:
    label = Counter(_labels(train)).most_common(1)[0][0]
    return lambda samples: [label] * len(samples)


def _keywords(train: Sequence[Sample]) -> Predictor:
    return lambda samples: [
        guess_by_keywords(get_task(s.post.task), s.post.aspect, s.post.text) for s in samples
    ]


def _tfidf(train: Sequence[Sample]) -> Predictor:
    if len(set(_labels(train))) == 1:
        return _majority(train)
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=50_000),
        LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000),
    )
    model.fit([sample.post.text for sample in train], _labels(train))
    return lambda samples: [str(x) for x in model.predict([s.post.text for s in samples])]


def _response(sample: Sample, label: str, model: str, gold_source: GoldSource) -> Response:
    return Response(
        sample_id=sample.id,
        task=sample.post.task,
        text=get_label(get_task(sample.post.task), label).phrase,
        model=model,
        gold=str(sample.post.label),
        reference=sample.response,
        gold_source=gold_source,
        aspect=sample.post.aspect,
        post_id=sample.post.id,
    )
