"""Checking explanations: row by row, and all of them together (paper, section 3).

The paper checks that the teacher's own verdict agrees with the annotation (correctness), that a
classifier can tell the label from the explanation (consistency) and that explanations are close to
those of experts (quality). Beyond it: faults of wording, quotes that do not stand in the post,
explanations said twice, and labels that the classifier does not believe.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mentallama.data.faults import CONTENT, Case, find_faults
from mentallama.near import find_near_duplicates
from mentallama.tables import Table
from mentallama.tasks import get_task

MARGIN = 0.05
"""How much better another label must fit than the given one for it to be doubted (scores of one
row add up to about 1)."""
GOOD_ENOUGH = 0.8
"""Share of rows that the classifier must read right, leaving each out, before its doubts count."""
FEWEST_ROWS = 30
"""Rows of a task below which a classifier learns nothing worth telling."""
_BLOCK = 3000
_RIDGE, _INTERCEPT = 1.0, 0.3
SAID_TWICE = "said of another post too"
DOUBTED = "label doubted by the classifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One explanation to check."""

    id: str
    task: str
    aspect: str | None
    label: str
    split: str
    post: str
    explanation: str
    verdict: str | None = None
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A fault of one row. A content fault makes it useless; the others are reasons to look."""

    id: str
    task: str
    label: str
    fault: str
    content: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """How well the label can be told from the explanation alone, on rows not learnt from."""

    task: str
    trained_on: str
    scored_on: str
    weighted_f1: float | None
    """0 to 100; None where there were too few rows to learn from."""
    trained: int
    scored: int


def find_flags(rows: Sequence[Checked]) -> list[Flag]:
    """Return every fault of every row, in the order of the rows."""
    found: dict[str, list[str]] = {row.id: find_faults(_case(row)) for row in rows}
    for name in _said_twice(rows):
        found[name].append(SAID_TWICE)
    for name in _doubted(rows):
        found[name].append(DOUBTED)
    return [
        Flag(id=row.id, task=row.task, label=row.label, fault=fault, content=fault in CONTENT)
        for row in rows
        for fault in found[row.id]
    ]


def _case(row: Checked) -> Case:
    return Case(
        task=get_task(row.task),
        label=row.label,
        post=row.post,
        explanation=row.explanation,
        verdict=row.verdict,
        quotes=row.quotes,
    )


def _said_twice(rows: Sequence[Checked]) -> list[str]:
    """Return rows whose explanation is nearly that of an earlier row about another post."""
    pairs = find_near_duplicates([row.explanation for row in rows])
    second = {p.second for p in pairs if rows[p.first].post != rows[p.second].post}
    return [rows[number].id for number in sorted(second)]


def _doubted(rows: Sequence[Checked]) -> list[str]:
    """Return rows whose label a classifier, trained on the others, finds less likely than another.

    The classifier reads explanations only; so a label that was swapped shows. Where it is right
    too seldom (few rows, explanations of many kinds), it doubts nothing.
    """
    doubted: list[str] = []
    for group in _by_task(rows).values():
        if len(group) >= FEWEST_ROWS:
            margins = _margins([row.explanation for row in group], [row.label for row in group])
            if sum(margin <= 0 for margin in margins) >= GOOD_ENOUGH * len(group):
                doubted += [
                    row.id for row, margin in zip(group, margins, strict=True) if margin > MARGIN
                ]
    return doubted


def _by_task(rows: Sequence[Checked]) -> dict[str, list[Checked]]:
    groups: dict[str, list[Checked]] = defaultdict(list)
    for row in rows:
        if row.explanation:
            groups[row.task].append(row)
    return groups


def _margins(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    """Return how much better another label than its own fits each text, learnt from the others.

    Kernel ridge regression on label indicators; leaving one row out has a closed form, so that
    each row is judged by a model of all others (of its block, where there are many).
    """
    import numpy as np

    names = sorted(set(labels))
    features = _features().fit_transform(texts)
    own = np.array([names.index(label) for label in labels])
    margins = np.zeros(len(texts))
    blocks = -(-len(texts) // _BLOCK)
    parts = np.array_split(np.random.default_rng(0).permutation(len(texts)), blocks)
    for part in parts:
        margins[part] = _leave_one_out(features[part], own[part], len(names))
    return [float(margin) for margin in margins]


def _leave_one_out(features: Any, own: Any, classes: int) -> Any:
    """Return the margins of one block; its rows weigh by how rare their label is."""
    import numpy as np

    rows = len(own)
    counts = np.bincount(own, minlength=classes)
    ridge = _RIDGE * (counts > 0).sum() * counts[own] / rows
    # The constant stands for an intercept.
    kernel = (features @ features.T).toarray() + _INTERCEPT
    inverse = np.linalg.inv(kernel + np.diag(ridge))
    targets = np.eye(classes)[own]
    scores = targets - (inverse @ targets) / np.diag(inverse)[:, None]
    return scores.max(axis=1) - scores[np.arange(rows), own]


def _features() -> Any:
    """Words and pieces of words, each half of a row's length of one."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    words = TfidfVectorizer(ngram_range=(1, 3), sublinear_tf=True, max_features=100_000)
    letters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=100_000
    )
    half = 0.5**0.5
    return FeatureUnion(
        [("words", words), ("letters", letters)],
        transformer_weights={"words": half, "letters": half},
    )


def _classifier() -> Any:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        _features(), RidgeClassifier(alpha=_RIDGE, class_weight="balanced", solver="sparse_cg")
    )


def measure_consistency(rows: Sequence[Checked]) -> list[Consistency]:
    """Train on the training split, score on test and on the expert set, task by task.

    Where the training split is not there, the validation split is learnt from instead.
    """
    results: list[Consistency] = []
    for task, group in _by_task(rows).items():
        train = [row for row in group if row.split == "train"]
        parts = {
            split: [row for row in group if row.split == split]
            for split in ("valid", "test", "expert")
        }
        source = "train"
        if len(train) < FEWEST_ROWS:
            train, source = parts.pop("valid"), "valid"
        else:
            parts.pop("valid")
        for name, scored in parts.items():
            if scored:
                results.append(_score(task, source, train, name, scored))
    return results


def _score(
    task: str, source: str, train: Sequence[Checked], name: str, scored: Sequence[Checked]
) -> Consistency:
    known = {row.post for row in scored}
    train = [row for row in train if row.post not in known]
    value = None
    if len(train) >= FEWEST_ROWS and len({row.label for row in train}) > 1:
        from sklearn.metrics import f1_score

        model = _classifier()
        model.fit([row.explanation for row in train], [row.label for row in train])
        guesses = model.predict([row.explanation for row in scored])
        golds = [row.label for row in scored]
        value = 100 * float(f1_score(golds, guesses, average="weighted", zero_division=0))
    return Consistency(
        task=task,
        trained_on=source,
        scored_on=name,
        weighted_f1=value,
        trained=len(train),
        scored=len(scored),
    )


def flag_table(totals: Mapping[str, int], flags: Sequence[Flag]) -> Table:
    """Count flags by fault and task; ``totals`` are the rows checked of each task."""
    counts = Counter((flag.fault, flag.task, flag.content) for flag in flags)
    return Table(
        title="Faults of explanations",
        header=("fault", "task", "rows", "of", "share", "kind"),
        rows=tuple(
            (
                fault,
                task,
                count,
                totals[task],
                f"{100 * count / totals[task]:.1f} %",
                "content" if content else "look at it",
            )
            for (fault, task, content), count in sorted(counts.items(), key=lambda x: x[0])
        ),
    )


def consistency_table(results: Sequence[Consistency]) -> Table:
    """Lay out how well the label can be told from the explanation."""
    return Table(
        title="Consistency: the label told from the explanation alone (TF-IDF, ridge)",
        header=("task", "trained on", "rows", "scored on", "rows scored", "weighted F1"),
        rows=tuple(
            (
                result.task,
                result.trained_on,
                result.trained,
                result.scored_on,
                result.scored,
                "too few rows" if result.weighted_f1 is None else f"{result.weighted_f1:.1f}",
            )
            for result in results
        ),
    )
