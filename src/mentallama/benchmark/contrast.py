"""The contrast sets of the sample corpus: where shortcuts fail and a reader does not.

A pair counts only where both of its posts are read rightly (Gardner et al. 2020, contrast
consistency); versions of one post that differ in gender, age or region should get one verdict.
A row without one verdict counts as wrong.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mentallama.benchmark.baselines import run_baselines
from mentallama.benchmark.inference.rules import read_by_rules
from mentallama.corpus import CorpusPost, Part, load_posts
from mentallama.corpus.samples import load_samples, word_posts
from mentallama.errors import InputError
from mentallama.tables import Table
from mentallama.tasks.posts import post_id
from mentallama.types import Response

CONTRAST: tuple[Part, ...] = ("pairs", "traps", "attributes")
Key = tuple[str, str | None, str]
"""Task, aspect and post id of a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of ``n`` a system got right, in one part of the corpus."""

    model: str
    what: str
    right: int
    n: int

    @property
    def percent(self) -> float:
        """The share from 0 to 100."""
        return 100 * self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share (Wilson 1927)."""
        z, p, n = 1.959964, self.right / self.n, self.n
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def run_floors() -> list[Response]:
    """Answer the plain test split and the contrast sets with the baselines.

    They are trained on the plain training posts.
    """
    asked = [post for post in load_posts() if post.split == "test"]
    asked += [post for part in CONTRAST for post in load_posts(part=part)]
    train = [sample for sample in load_samples() if sample.post.split == "train"]
    return list(run_baselines(train, word_posts(asked, "instruction"), "corpus").responses)


def score_contrast(responses: Sequence[Response]) -> list[Share]:
    """Score responses to posts of the corpus, model by model, part by part.

    A part counts only as far as it was asked; a pair or a group must have been asked whole.
    Raises InputError where a response names no post, or where no post is of the corpus.
    """
    if any(response.post_id is None for response in responses):
        raise InputError("a response names no post (post_id); generate them with 'generate'")
    models: dict[str, dict[Key, tuple[str, str | None]]] = {}
    for response, prediction in zip(responses, read_by_rules(responses), strict=True):
        key = (response.task, response.aspect, str(response.post_id))
        models.setdefault(response.model, {})[key] = (response.gold, prediction.label)
    shares = [s for model, found in models.items() for s in _score_model(model, found)]
    if not shares:
        raise InputError(
            "no response belongs to the test posts or contrast sets of the sample corpus; "
            "make them with 'mentallama corpus export --set pairs --set traps --set attributes'"
        )
    return shares


def count_others(responses: Sequence[Response]) -> int:
    """Count the responses to posts that are neither plain test posts nor of a contrast set."""
    posts = [post for post in load_posts() if post.split == "test"]
    posts += [post for part in CONTRAST for post in load_posts(part=part)]
    keys = {key for post in posts for key in _keys(post)}
    return sum((r.task, r.aspect, r.post_id) not in keys for r in responses)


def score_tasks(responses: Sequence[Response]) -> list[Share]:
    """Return the accuracy on the plain test split, task by task."""
    keys = {key for post in load_posts() if post.split == "test" for key in _keys(post)}
    counts: dict[tuple[str, str], list[bool]] = {}
    for response, prediction in zip(responses, read_by_rules(responses), strict=True):
        if (response.task, response.aspect, response.post_id) in keys:
            right = counts.setdefault((response.task, response.model), [])
            right.append(prediction.label == response.gold)
    return [
        Share(model=model, what=task, right=sum(right), n=len(right))
        for (task, model), right in counts.items()
    ]


def as_table(title: str, shares: Sequence[Share]) -> Table:
    """Lay shares out, a column per model and a line per part or task and number of rows."""
    models = list(dict.fromkeys(share.model for share in shares))
    cells = {(share.what, share.n, share.model): _cell(share) for share in shares}
    lines = dict.fromkeys((share.what, share.n) for share in shares)
    return Table(
        title=f"{title}, % (95 % interval that takes rows as independent)",
        header=("", "n", *models),
        rows=tuple((*line, *(cells.get((*line, model), "") for model in models)) for line in lines),
    )


def _cell(share: Share) -> str:
    low, high = share.interval
    return f"{share.percent:.1f} ({low:.0f}-{high:.0f})"


def _score_model(model: str, found: dict[Key, tuple[str, str | None]]) -> list[Share]:
    def ask(posts: Iterable[CorpusPost]) -> list[bool]:
        asked = [found[key] for post in posts for key in _keys(post) if key in found]
        return [gold == label for gold, label in asked]

    plain = [post for post in load_posts() if post.split == "test"]
    traps = load_posts(part="traps")
    kinds = sorted({str(trap.variant) for trap in traps})
    whole = [right for group in _groups("pairs") if len(right := ask(group)) == len(group)]
    verdicts = [_verdicts(found, group) for group in _groups("attributes")]
    counts = {
        "plain test": ask(plain),
        "pairs": ask(load_posts(part="pairs")),
        "pairs, both right": [all(right) for right in whole],
        **{f"traps, {kind}": ask(t for t in traps if t.variant == kind) for kind in kinds},
        "attributes": ask(load_posts(part="attributes")),
        "attributes, one verdict": [len(v) == 1 and None not in v for v in verdicts if v],
    }
    return [
        Share(model=model, what=what, right=sum(right), n=len(right))
        for what, right in counts.items()
        if right
    ]


def _verdicts(found: dict[Key, tuple[str, str | None]], group: list[CorpusPost]) -> set[str | None]:
    """Return the verdicts that a group's versions got; none where a version was not asked."""
    keys = [key for post in group for key in _keys(post)]
    return {found[key][1] for key in keys} if all(key in found for key in keys) else set()


def _groups(part: Part) -> list[list[CorpusPost]]:
    groups: dict[str, list[CorpusPost]] = {}
    for post in load_posts(part=part):
        groups.setdefault(str(post.group), []).append(post)
    return list(groups.values())


def _keys(post: CorpusPost) -> list[Key]:
    return [(post.task, answer.aspect, post_id(post.text)) for answer in post.answers]
