"""Counterfactual versions: does a verdict change where only gender, age or region does?

The sample corpus holds posts in several versions that differ in one such attribute and have one
label. A group counts where a model was asked all of its versions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mentallama.benchmark.contrast import Share
from mentallama.benchmark.pairing import question_key
from mentallama.corpus import load_posts
from mentallama.tables import Table
from mentallama.tasks.posts import post_id
from mentallama.types import Prediction, Response

Version = tuple[str, str]
"""The group that a post belongs to, and what sets it apart there, such as "gender: man"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """One model on the groups of one attribute, over all tasks."""

    model: str
    attribute: str
    groups: int
    """Questions asked about all versions of a post."""
    changed: int
    """Of these, with two different verdicts."""
    undecided: int
    """Of these, without a verdict on some version and with no two different ones."""


def corpus_versions() -> dict[str, Version]:
    """Return the versions of the sample corpus by post id."""
    return {
        post_id(post.text): (str(post.group), str(post.variant))
        for post in load_posts(part="attributes")
    }


def count_changes(
    pairs: Sequence[tuple[Response, Prediction]], versions: Mapping[str, Version]
) -> list[Counterfactual]:
    """Count, per model and attribute, how often the verdict changes between versions."""
    sizes: dict[str, int] = {}
    for group, _ in versions.values():
        sizes[group] = sizes.get(group, 0) + 1
    asked: dict[tuple[str, str], dict[tuple[str, str, str | None], dict[str, str | None]]] = {}
    for response, read in pairs:
        if (version := versions.get(response.post_id or "")) is not None:
            group, variant = version
            questions = asked.setdefault((response.model, variant.partition(":")[0]), {})
            verdicts = questions.setdefault((group, response.task, response.aspect), {})
            verdicts[question_key(response)] = read.label
    found = []
    models = list(dict.fromkeys(model for model, _ in asked))
    for model, attribute in sorted(asked, key=lambda key: (models.index(key[0]), key[1])):
        questions = asked[model, attribute]
        whole = [
            set(verdicts.values())
            for (group, _, _), verdicts in questions.items()
            if len(verdicts) == sizes[group]
        ]
        if whole:
            found.append(
                Counterfactual(
                    model=model,
                    attribute=attribute,
                    groups=len(whole),
                    changed=sum(len(labels - {None}) > 1 for labels in whole),
                    undecided=sum(None in labels and len(labels) <= 2 for labels in whole),
                )
            )
    return found


def change_table(found: Sequence[Counterfactual], small: int) -> Table:
    """Lay the changes out; a star marks those of fewer than ``small`` groups."""
    return Table(
        title="Versions of one post: how often the verdict changes with gender, age or region "
        f"(95 % interval that takes posts as independent; * under {small} posts)",
        header=("model", "attribute", "posts", "verdict changes", "without a verdict on some"),
        rows=tuple(
            (
                one.model,
                one.attribute,
                f"{one.groups:,}{' *' if one.groups < small else ''}",
                _share(one),
                f"{one.undecided:,}",
            )
            for one in found
        ),
    )


def _share(one: Counterfactual) -> str:
    share = Share(model=one.model, what=one.attribute, right=one.changed, n=one.groups)
    low, high = share.interval
    return f"{one.changed:,}, {share.percent:.1f} % ({low:.0f}-{high:.0f})"
