"""A frozen sentence encoder under logistic regression, one per question: seconds on a CPU.

Inputs: training rows, test rows. Its answers are bare label sentences, as a classifier's are.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mentallama.dataset import read_samples
from mentallama.io import write_records
from mentallama.models.backend import Completion
from mentallama.models.generate import Asked, to_response
from mentallama.studies.embeddings import Floats, embed
from mentallama.studies.step import RESPONSES, Lacking, Work
from mentallama.studies.steps.test import read_test
from mentallama.tasks import get_label, get_task
from mentallama.tasks.questions import question_name
from mentallama.types import FORMS, GoldSource, Response, Sample

NAME = "frozen MiniLM + LR"
_STRENGTH = 10.0
"""Inverse of the penalty, for embeddings of length 1; 1 to 30 were within a point of it."""


def make(work: Work) -> None:
    """Train on each question that is both taught and asked, and answer it."""
    train = [s for form in FORMS for s in read_samples(work.inputs[0], form=form, splits=["train"])]
    asked, gold = read_test(work.inputs[1])
    taught = _by_question(train)
    vectors = embed([sample.post.text for sample in [*train, *asked]], work.shared)
    answers = [
        response
        for question, samples in _by_question(asked).items()
        if question in taught
        for response in _answer(taught[question], samples, gold, vectors)
    ]
    if not answers:
        raise Lacking("needs training rows of the sets that are asked")
    write_records(work.out / RESPONSES, answers)


def _by_question(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(question_name(sample.post.task, sample.post.aspect), []).append(sample)
    return groups


def _answer(
    train: Sequence[Sample],
    asked: Sequence[Sample],
    gold: GoldSource,
    vectors: Mapping[str, Floats],
) -> list[Response]:
    labels = [str(sample.post.label) for sample in train]
    known, new = (np.stack([vectors[s.post.text] for s in rows]) for rows in (train, asked))
    task = get_task(asked[0].post.task)
    framed = Asked(samples=asked, prompts=[s.prompt for s in asked], gold_source=gold)
    return [
        to_response(
            sample, sample.prompt, Completion(text=get_label(task, label).phrase), NAME, framed
        )
        for sample, label in zip(asked, _predict(known, labels, new), strict=True)
    ]


def _predict(train: Floats, labels: Sequence[str], asked: Floats) -> list[str]:
    if len(set(labels)) == 1:
        return [labels[0]] * len(asked)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=2000)
    model.fit(train, list(labels))
    return [str(label) for label in model.predict(asked)]
