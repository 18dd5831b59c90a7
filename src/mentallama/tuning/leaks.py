"""Training rows whose post also stands in an evaluation split: found, and dealt with as the recipe
says; what was done stands in the model card.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from mentallama.errors import CheckError
from mentallama.near import match_copies
from mentallama.tasks.posts import text_key
from mentallama.tuning.recipe import Recipe

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """Training rows whose post also stands in an evaluation split of the data folder."""

    rows: int
    of: int
    exact: int
    """Of ``rows``, those with the same text; the others are near-duplicates or excerpts."""
    evaluation_posts: int
    """Distinct posts of the evaluation splits that they were compared with."""
    action: Literal["none found", "dropped", "kept"]


def find_leaking(texts: Mapping[str, str], held: Mapping[str, str]) -> set[str]:
    """Return the keys of texts that stand in ``held``, or are copies of one; both are by key."""
    return set(held).union(*match_copies(texts, held).values())


def handle_leaks(
    train: Sequence[Item], texts: Sequence[str], held_out: Iterable[str], recipe: Recipe
) -> tuple[list[Item], Leaks]:
    """Find training rows whose text leaks into ``held_out`` and do as the recipe says.

    ``texts`` are the posts of ``train``, row by row. Copies are found as the audit finds them: the
    same letters, near-duplicates, excerpts. Raises CheckError where the recipe says refuse and
    there are any.
    """
    keys = [text_key(text) for text in texts]
    held = {text_key(text): text for text in held_out}
    leaking = find_leaking(dict(zip(keys, texts, strict=True)), held)
    exact = sum(key in held for key in keys)
    clean = [row for row, key in zip(train, keys, strict=True) if key not in leaking]
    found = len(train) - len(clean)
    if found and recipe.leaks == "refuse":
        raise CheckError(
            f"{found:,} of {len(train):,} training rows have a post that also stands in an "
            f"evaluation split ({exact:,} word for word); set leaks to drop (they are left out) "
            "or keep (the model card says so)"
        )
    drop = recipe.leaks == "drop"
    return list(clean if drop else train), Leaks(
        rows=found,
        of=len(train),
        exact=exact,
        evaluation_posts=len(held),
        action="none found" if not found else "dropped" if drop else "kept",
    )
