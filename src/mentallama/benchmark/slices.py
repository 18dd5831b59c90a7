"""Scores on parts of a test set, each with its rows counted; small parts are marked, not hidden."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mentallama.benchmark.evaluate import as_rows
from mentallama.benchmark.scores import Estimate, estimate_all
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.posts import text_key
from mentallama.types import GoldSource, Prediction, Response

SMALL = 30
"""Rows below which a part says too little."""
_SHORT, _LONG = 50, 150
Pair = tuple[Response, Prediction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One model on one part of one set."""

    model: str
    task: str
    gold: GoldSource
    by: str
    part: str
    n: int
    f1: Estimate
    """Weighted F1 over all rows of the part; the rest as in the whole set."""
    accuracy: Estimate

    @property
    def small(self) -> bool:
        """Say whether the part is too small to lean on."""
        return self.n < SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the posts that were asked about."""

    texts: Mapping[str, str]
    """Text by post id."""
    trained: Collection[str] = ()
    """Keys (``text_key``) of posts that stand in some task's training split."""
    tags: Mapping[str, Sequence[str]] | None = None
    """Nuance tags by post id (sample corpus)."""


def slice_scores(pairs: Sequence[Pair], known: Known, *, resamples: int, seed: int) -> list[Slice]:
    """Score one model on one task and gold, part by part."""
    first = pairs[0][0]
    task = get_task(first.task)
    parts: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        for by, name in _parts(pair[0], known):
            parts.setdefault((by, name), []).append(pair)
    slices = []
    for (by, name), chosen in parts.items():
        if len(chosen) == len(pairs) and by != "training":
            continue
        found = estimate_all(
            as_rows(task, chosen),
            len(task.labels),
            ["weighted_f1", "accuracy"],
            resamples=resamples,
            seed=seed,
        )
        slices.append(
            Slice(
                model=first.model,
                task=task.key,
                gold=first.gold_source,
                by=by,
                part=name,
                n=len(chosen),
                f1=found["weighted_f1"],
                accuracy=found["accuracy"],
            )
        )
    return sorted(slices, key=lambda one: (_ORDER.index(one.by), one.part))


_ORDER = ("label", "aspect", "length", "language", "training", "nuance")


def _parts(response: Response, known: Known) -> list[tuple[str, str]]:
    parts = [("label", response.gold)]
    if response.aspect:
        parts.append(("aspect", response.aspect))
    text = known.texts.get(response.post_id or "")
    if text is not None:
        parts.append(("length", _length(text)))
        parts.append(("language", _language(text)))
        if known.trained:
            seen = text_key(text) in known.trained
            parts.append(("training", "stands in a training split" if seen else "clean"))
    for tag in (known.tags or {}).get(response.post_id or "", ()):
        parts.append(("nuance", tag))
    return parts


def _length(text: str) -> str:
    words = len(text.split())
    if words < _SHORT:
        return f"under {_SHORT} words"
    return f"{_SHORT} to {_LONG} words" if words <= _LONG else f"over {_LONG} words"


@lru_cache(maxsize=65536)
def _language(text: str) -> str:
    import py3langid

    english = len(text.split()) < 8 or py3langid.classify(text)[0] in ("en", "pcm")
    return "English" if english else "another language"


def slice_table(slices: Sequence[Slice]) -> Table:
    """Lay slices out; a star marks those too small to lean on."""
    return Table(
        title=f"Parts of the sets: weighted F1 over all rows (* under {SMALL} rows)",
        header=("task", "model", "gold", "by", "part", "rows", "F1", "accuracy"),
        rows=tuple(
            (
                one.task,
                one.model,
                one.gold,
                one.by,
                one.part,
                f"{one.n:,}{' *' if one.small else ''}",
                describe(one.f1),
                describe(one.accuracy),
            )
            for one in slices
        ),
    )


def describe(estimate: Estimate) -> str:
    """Write a value with its interval."""
    if estimate.value is None:
        return "not computed"
    return f"{estimate.value:.1f} ({estimate.low:.1f}-{estimate.high:.1f})"
