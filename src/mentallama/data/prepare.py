"""From raw rows to the posts that are asked about: identifiers out, doubles out, splits set.

Every row read ends as a post or as a drop with its reason; the two add up.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mentallama.data.clean import RANKS, lowest_ranks
from mentallama.data.deidentify import Deidentified, Names, deidentify
from mentallama.tasks.posts import post_id, text_key
from mentallama.tasks.raw import Drop, RawRow
from mentallama.types import Split

TRAIN_SHARE, VALID_SHARE = 0.8, 0.1
"""Shares of a source that says nothing on splits; one that lacks validation gives a tenth of its
training posts to it. The choice falls by the post's text, so that a post lands in the same split
in every such source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """Where identifiers stood in a post's raw text: offsets alone, no text."""

    post: str
    spans: tuple[tuple[str, int, int, int, int], ...]
    """Kind, start and end in the raw text, start and end of the placeholder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Posts to ask about, and what became of the other rows."""

    posts: list[RawRow]
    drops: list[Drop]
    identifiers: dict[str, int]
    """Identifiers replaced, by kind."""
    offsets: list[Offsets]

    @property
    def read(self) -> int:
        """Rows read."""
        return len(self.posts) + len(self.drops)


def prepare(
    rows: Iterable[RawRow | Drop],
    *,
    splits: dict[tuple[str, str], Split] | None = None,
    keep_identifiers: bool = False,
    names: Names | None = None,
    keep_leaks: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> Prepared:
    """Make posts ready: de-identify, drop doubles and contradictions, set splits, drop leaks.

    ``splits`` gives the split of a post by task and ``text_key``, such as the release's own.
    """
    drops: list[Drop] = []
    posts: list[RawRow] = []
    for row in rows:
        (posts if isinstance(row, RawRow) else drops).append(row)  # type: ignore[arg-type]
    progress("identifiers")
    keys = [text_key(row.post.text) for row in posts]
    posts, identifiers, offsets = (posts, {}, []) if keep_identifiers else _deidentify(posts, names)
    progress("splits")
    split = _choose_splits(posts, keys, splits or {})
    progress("doubles")
    posts, keys, doubles = _drop_doubles(split, keys)
    drops += doubles
    if not keep_leaks:
        progress("leaks")
        posts, leaks = _drop_leaks(posts, keys)
        drops += leaks
    return Prepared(posts=posts, drops=drops, identifiers=identifiers, offsets=offsets)


def as_drop(row: RawRow, reason: str) -> Drop:
    """Account for a post that is left out."""
    post = row.post
    return Drop(
        task=post.task,
        file=row.file,
        row=row.row,
        reason=reason,
        aspect=post.aspect,
        post=post.id,
        label=post.label,
    )


def _deidentify(
    rows: Sequence[RawRow], names: Names | None
) -> tuple[list[RawRow], dict[str, int], list[Offsets]]:
    counts: dict[str, int] = defaultdict(int)
    offsets: dict[str, Offsets] = {}
    authors: dict[str, str] = {}
    result = []
    for row in rows:
        done = deidentify(row.post.text, names=names)
        post = replace(
            row.post,
            text=done.text,
            id=post_id(done.text),
            evidence=tuple(_hide(done, text, names) for text in row.post.evidence),
            author=authors.setdefault(row.post.author, f"author-{len(authors) + 1}")
            if row.post.author
            else None,
        )
        result.append(replace(row, post=post))
        if done.spans and post.id not in offsets:
            spans = tuple((s.kind, s.start, s.end, s.new_start, s.new_end) for s in done.spans)
            offsets[post.id] = Offsets(post=post.id, spans=spans)
            for span in done.spans:
                counts[span.kind] += 1
    return result, dict(counts), list(offsets.values())


def _hide(post: Deidentified, evidence: str, names: Names | None) -> str:
    """Give identifiers in a passage the placeholders that they have in its post."""
    known = dict(zip(post.originals, (span.placeholder for span in post.spans), strict=True))
    for original in sorted(known, key=len, reverse=True):
        evidence = evidence.replace(original, known[original])
    return deidentify(evidence, names=names).text


def _choose_splits(
    rows: Sequence[RawRow], keys: Sequence[str], given: dict[tuple[str, str], Split]
) -> list[RawRow]:
    known = {task for task, _ in given}
    without_valid = {row.post.task for row in rows if row.post.split == "train"} - {
        row.post.task for row in rows if row.post.split == "valid"
    }
    chosen = []
    for row, key in zip(rows, keys, strict=True):
        split = row.post.split
        if row.post.task in known:
            split = given.get((row.post.task, key))
        elif split is None:
            split = _by_hash(key)
        elif split == "train" and row.post.task in without_valid:
            split = "valid" if _fraction(key) < VALID_SHARE else "train"
        chosen.append(replace(row, post=replace(row.post, split=split)))
    return chosen


def _by_hash(key: str) -> Split:
    place = _fraction(key)
    if place < VALID_SHARE:
        return "valid"
    return "train" if place < VALID_SHARE + TRAIN_SHARE else "test"


def _fraction(key: str) -> float:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _drop_doubles(
    rows: Sequence[RawRow], keys: Sequence[str]
) -> tuple[list[RawRow], list[str], list[Drop]]:
    """Keep one row of each post and question, that of an evaluation split before training's."""
    groups: dict[tuple[str, str | None, str], list[int]] = defaultdict(list)
    drops = []
    for number, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if row.post.split is None:
            drops.append(as_drop(row, "in no split of the release"))
        else:
            groups[row.post.task, row.post.aspect, key].append(number)
    kept = []
    for group in groups.values():
        best = min(group, key=lambda number: (RANKS[str(rows[number].post.split)], number))
        if len({rows[number].post.label for number in group}) > 1:
            drops += [as_drop(rows[number], "one post with two labels") for number in group]
            continue
        kept.append(best)
        drops += [as_drop(rows[n], "the same post once more") for n in group if n != best]
    kept.sort()
    return [rows[number] for number in kept], [keys[number] for number in kept], drops


def _drop_leaks(rows: Sequence[RawRow], keys: Sequence[str]) -> tuple[list[RawRow], list[Drop]]:
    """Drop rows whose post, or one like it, stands in a split of any task that evaluates them.

    Training gives way to validation and test, validation to test.
    """
    ranks = [RANKS[str(row.post.split)] for row in rows]
    lowest = lowest_ranks(keys, ranks, [row.post.text for row in rows])
    kept, drops = [], []
    for row, key, rank in zip(rows, keys, ranks, strict=True):
        if lowest[key] < rank:
            drops.append(as_drop(row, "the post, or one like it, stands in an evaluation split"))
        else:
            kept.append(row)
    return kept, drops
