"""Scores on parts of a test set, each with its rows counted; small parts are marked, not hidden."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from mentallama.benchmark.attributes import Version
from mentallama.benchmark.evaluate import as_rows, cluster_of
from mentallama.benchmark.scores import SMALL, Estimate, describe, estimate_all, mean_share, starred
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.posts import text_key
from mentallama.types import GoldSource, Prediction, Response

_SHORT, _LONG = 50, 150
Pair = tuple[Response, Prediction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One model on one part of one set."""

    model: str
    task: str
    """Several, with commas, where the part lies across sets."""
    gold: GoldSource
    by: str
    part: str
    n: int
    f1: Estimate
    """Weighted F1 over all rows of the part; not computed across sets, whose labels differ."""
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
    versions: Mapping[str, Version] = field(default_factory=dict)
    """Counterfactual versions by post id (sample corpus)."""
    authors: Mapping[str, str] = field(default_factory=dict)
    """Author by post id."""


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
            as_rows(task, chosen, known.authors),
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


def platform_slices(
    groups: Iterable[Sequence[Pair]], known: Known, *, resamples: int, seed: int
) -> list[Slice]:
    """Score each model on all sets of a platform; nothing where all sets are of one platform.

    Only accuracy is computed: sets of a platform differ in their labels.
    """
    parts: dict[tuple[str, GoldSource, str], list[Pair]] = {}
    for pairs in groups:
        first = pairs[0][0]
        key = (first.model, first.gold_source, get_task(first.task).platform)
        parts.setdefault(key, []).extend(pairs)
    if len({platform for _, _, platform in parts}) < 2:
        return []
    return [
        Slice(
            model=model,
            task=", ".join(dict.fromkeys(response.task for response, _ in pairs)),
            gold=gold,
            by="platform",
            part=platform,
            n=len(pairs),
            f1=Estimate(None, None, None),
            accuracy=mean_share(
                [float(read.label == response.gold) for response, read in pairs],
                [cluster_of(response, known.authors) for response, _ in pairs],
                resamples=resamples,
                seed=seed,
            ),
        )
        for (model, gold, platform), pairs in parts.items()
    ]


_ORDER = ("label", "aspect", "length", "language", "training", "nuance", "attribute")


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
    if (version := known.versions.get(response.post_id or "")) is not None:
        parts.append(("attribute", version[1]))
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
                starred(f"{one.n:,}", one.n),
                describe(one.f1),
                describe(one.accuracy),
            )
            for one in slices
        ),
    )
