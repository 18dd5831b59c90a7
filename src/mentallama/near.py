"""Near-duplicate posts by an exact join: Jaccard similarity of 5-word shingles, nothing missed.

Two posts are near-duplicates where the sets of their runs of five words overlap by at least 0.7
(|A and B| / |A or B|). Words are lower-cased runs of letters and digits. A post of fewer than five
words is one run, so it matches only a post of the same words.

Sampling methods (MinHash) miss some pairs. This join finds all of them and still avoids comparing
everything with everything, by two facts on sets:

- A set that shares fewer than 0.7 of its members with any other set has no partner. Most posts
  end here: nearly every run of five words occurs once in the world.
- Of two sets that overlap enough, the 30 % rarest members of one hold a member of the 30 % rarest
  of the other (prefix filter; Bayardo et al. 2007, Scaling Up All Pairs Similarity Search).

Runs of words are compared by 64-bit hashes: among 100 million runs, two different ones are taken
for equal with a chance below 0.001.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RUN, THRESHOLD = 5, 0.7
CONTAINED, FEWEST_RUNS = 0.9, 8
"""Share of the smaller post's runs for it to count as an excerpt, and the fewest it must have."""
SHORT, SHORT_RUN, SHORT_THRESHOLD = 40, 2, 0.45
"""In posts of at most 40 words one changed word spoils most runs of five: pairs of words count."""
_CHUNK = 20_000
_MULTIPLIER = 0x9E3779B97F4A7C15
_Hashes = NDArray[np.uint64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two texts by their positions, ``first`` below ``second``, and their Jaccard similarity."""

    first: int
    second: int
    similarity: float


@dataclass(slots=True)
class _Sets:
    """Sets of hashes one behind another: those of set ``i`` lie between two starts."""

    starts: _Ints
    hashes: _Hashes

    @property
    def sizes(self) -> _Ints:
        return np.asarray(np.diff(self.starts))

    @property
    def owners(self) -> _Ints:
        return np.repeat(np.arange(len(self.starts) - 1), self.sizes)

    def choose(self, keep: NDArray[np.bool_]) -> "_Sets":
        """Return the kept sets only."""
        sizes = self.sizes
        return _Sets(_to_starts(sizes[keep]), self.hashes[np.repeat(keep, sizes)])


def find_near_duplicates(
    texts: Sequence[str],
    *,
    threshold: float = THRESHOLD,
    run: int = RUN,
    progress: Callable[[int], None] = lambda done: None,
) -> list[NearPair]:
    """Return every pair of texts whose Jaccard similarity reaches ``threshold`` (0 < t <= 1).

    Texts without a word have no partner. Pairs come ordered by position. ``run`` is the number of
    words in a run; ``progress`` is called with the number of texts read.
    """
    if not 0 < threshold <= 1:
        raise ValueError("threshold must be above 0 and at most 1")
    whole, chunks = _hash_texts(texts, run, progress)
    sets, where = _drop_lonely(chunks, _first_of_equals(whole), threshold)
    equals = _group_equals(whole, np.concatenate([[0], *(chunk.sizes for chunk in chunks)])[1:])
    pairs = [
        NearPair(first, second, 1.0)
        for group in equals.values()
        for number, first in enumerate(group)
        for second in group[number + 1 :]
    ]
    for left, right, similarity in _join(sets, threshold):
        for a in equals.get(int(where[left]), [int(where[left])]):
            for b in equals.get(int(where[right]), [int(where[right])]):
                pairs.append(NearPair(min(a, b), max(a, b), similarity))
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def find_contained(
    texts: Sequence[str],
    *,
    threshold: float = CONTAINED,
    fewest: int = FEWEST_RUNS,
) -> list[NearPair]:
    """Return every pair of which one text stands in the other, as an excerpt or with few changes.

    The similarity is the share of the smaller set's runs that the other holds too, and reaches
    ``threshold``. Texts of fewer than ``fewest`` runs are no excerpts. Of texts with the same
    words only the first is looked at: ``find_near_duplicates`` pairs those.
    """
    whole, chunks = _hash_texts(texts, RUN, lambda done: None)
    first = _first_of_equals(whole)
    sets = _without_repeats(
        _concatenate([chunk.choose(part) for chunk, part in _each(chunks, first)])
    )
    where = np.flatnonzero(first)
    sizes = sets.sizes
    counts = _count_owners(sets.hashes)
    order = np.lexsort((sets.hashes, counts, sets.owners))
    held = np.bincount(sets.owners[counts > 1], minlength=len(sizes))
    needed = np.ceil(threshold * sizes - 1e-9).astype(np.int64)
    small = (sizes >= fewest) & (held >= needed)
    prefix = np.where(small, sizes - needed + 1, 0)
    members = order[_positions(sets.starts[:-1], prefix)]
    members = members[counts[members] > 1]
    by_hash = np.argsort(sets.hashes, kind="stable")
    ordered = sets.hashes[by_hash]
    low = np.searchsorted(ordered, sets.hashes[members], side="left")
    high = np.searchsorted(ordered, sets.hashes[members], side="right")
    inner = np.repeat(sets.owners[members], high - low)
    outer = sets.owners[by_hash[_positions(low, high - low)]]
    fits = (inner != outer) & (sizes[inner] <= sizes[outer])
    keys = np.unique(inner[fits] * len(sizes) + outer[fits])
    inner, outer = keys // len(sizes), keys % len(sizes)
    share = _overlaps(sets, inner, outer) / np.maximum(sizes[inner], 1)
    pairs = {
        tuple(sorted((int(where[a]), int(where[b])))): float(value)
        for a, b, value in zip(inner, outer, share, strict=True)
        if value >= threshold - 1e-12
    }
    return [NearPair(a, b, value) for (a, b), value in sorted(pairs.items())]


def _each(
    chunks: list[_Sets], marks: NDArray[np.bool_]
) -> Iterator[tuple[_Sets, NDArray[np.bool_]]]:
    """Pair each chunk with its part of the marks."""
    start = 0
    for chunk in chunks:
        yield chunk, marks[start : start + len(chunk.sizes)]
        start += len(chunk.sizes)


def _concatenate(parts: list[_Sets]) -> _Sets:
    sizes = np.concatenate([np.empty(0, np.int64), *(part.sizes for part in parts)])
    hashes = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)])
    return _Sets(_to_starts(sizes), hashes)


def find_copies(texts: Sequence[str]) -> list[NearPair]:
    """Return pairs that are one post for an audit: near-duplicates, excerpts, short rewordings."""
    short = [number for number, text in enumerate(texts) if 2 <= count_words(text) <= SHORT]
    reworded = find_near_duplicates(
        [texts[number] for number in short], threshold=SHORT_THRESHOLD, run=SHORT_RUN
    )
    pairs = {(pair.first, pair.second): pair for pair in find_contained(texts)}
    for pair in reworded:
        first, second = short[pair.first], short[pair.second]
        pairs[first, second] = NearPair(first, second, pair.similarity)
    pairs |= {(pair.first, pair.second): pair for pair in find_near_duplicates(texts)}
    return [pairs[key] for key in sorted(pairs)]


def match_copies(texts: Mapping[str, str], others: Mapping[str, str]) -> dict[str, set[str]]:
    """Return, for each of ``others`` that has copies among ``texts``, their keys.

    Both are texts by a key that equal texts share. A copy is what ``find_copies`` pairs; a text of
    the same key is none.
    """
    together = {**texts, **others}
    keys = list(together)
    found: dict[str, set[str]] = {}
    for pair in find_copies(list(together.values())):
        first, second = keys[pair.first], keys[pair.second]
        for copy, other in ((first, second), (second, first)):
            if copy in texts and other in others:
                found.setdefault(other, set()).add(copy)
    return found


def count_words(text: str) -> int:
    """Count the words of a text as the join sees them."""
    return len(re.findall(r"[^\W_]+", text))


def _hash_texts(
    texts: Sequence[str], run: int, progress: Callable[[int], None]
) -> tuple[_Hashes, list[_Sets]]:
    """Hash every text as a whole, and every run of words, chunk by chunk."""
    words: dict[str, int] = {}
    chunks, wholes = [], [np.empty(0, np.uint64)]
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        starts, ids = _split(chunk, words)
        chunks.append(_hash_runs(starts, ids, run))
        wholes.append(_hash_whole(starts, ids))
        progress(start + len(chunk))
    return np.concatenate(wholes), chunks


def _split(texts: Sequence[str], words: dict[str, int]) -> tuple[_Ints, _Hashes]:
    """Split texts into words; return where each text starts and a 64-bit number for each word."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pc.utf8_lower(pa.array(texts, pa.large_string()))
    column = pc.replace_substring_regex(column, r"[^\p{L}\p{M}\p{N}]+", " ")
    lists = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(column))
    tokens = lists.flatten()
    empty = pc.equal(tokens, "").to_numpy(zero_copy_only=False)
    starts = np.asarray(lists.offsets).astype(np.int64)
    coded = tokens.dictionary_encode()
    known = [words.setdefault(word, len(words) + 1) for word in coded.dictionary.to_pylist()]
    numbers = _mix(np.array(known or [0], np.uint64))
    ids = numbers[coded.indices.to_numpy(zero_copy_only=False)] if len(tokens) else numbers[:0]
    if empty.any():
        # A text without a word splits into one empty token.
        before = np.concatenate([[0], np.cumsum(empty)])
        starts, ids = starts - before[starts], ids[~empty]
    return starts, ids


def _mix(values: _Hashes) -> _Hashes:
    """Spread numbers over 64 bits (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        z = values * np.uint64(_MULTIPLIER)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _hash_runs(starts: _Ints, ids: _Hashes, run: int) -> _Sets:
    """Hash the runs of ``run`` words inside each text; a shorter text is one run."""
    lengths = np.diff(starts)
    sizes = np.where(lengths >= run, lengths - run + 1, (lengths > 0).astype(np.int64))
    total = np.zeros(max(len(ids), 1), np.uint64)
    if len(ids) >= run:
        rolled = np.zeros(len(ids) - run + 1, np.uint64)
        for offset in range(run):
            rolled = rolled * np.uint64(_MULTIPLIER) + ids[offset : len(ids) - run + 1 + offset]
        total[: len(rolled)] = rolled
    for text in np.flatnonzero((lengths > 0) & (lengths < run)):
        value = int(lengths[text])
        for number in ids[starts[text] : starts[text + 1]]:
            value = (value * _MULTIPLIER + int(number)) % 2**64
        total[starts[text]] = value
    return _Sets(_to_starts(sizes), _mix(total[_positions(starts[:-1], sizes)]))


def _hash_whole(starts: _Ints, ids: _Hashes) -> _Hashes:
    """Hash each text's whole sequence of words."""
    lengths = np.diff(starts)
    place = (np.arange(len(ids)) - np.repeat(starts[:-1], lengths)).astype(np.uint64)
    terms = np.concatenate(
        [[np.uint64(0)], np.cumsum(_mix(ids + place * np.uint64(2) + np.uint64(1)))]
    )
    return np.asarray(terms[starts[1:]] - terms[starts[:-1]], np.uint64)


def _positions(starts: _Ints, sizes: _Ints) -> _Ints:
    """Return start, start + 1, ... for each of many stretches, one behind another."""
    ends = np.cumsum(sizes)
    offsets = np.repeat(starts - (ends - sizes), sizes)
    return np.asarray(np.arange(len(offsets)) + offsets, np.int64)


def _to_starts(sizes: _Ints) -> _Ints:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _first_of_equals(whole: _Hashes) -> NDArray[np.bool_]:
    """Mark the first of the texts that have the same words."""
    first = np.zeros(len(whole), bool)
    first[np.unique(whole, return_index=True)[1]] = True
    return first


def _group_equals(whole: _Hashes, sizes: _Ints) -> dict[int, list[int]]:
    """Put texts of the same words together under the first; texts without a word are left out."""
    order = np.argsort(whole, kind="stable")
    ordered = whole[order]
    starts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, [len(order)]])
    groups: dict[int, list[int]] = {}
    for number in np.flatnonzero(np.diff(starts) > 1):
        group = order[starts[number] : starts[number + 1]].tolist()
        if sizes[group[0]]:
            groups[group[0]] = group
    return groups


def _drop_lonely(
    chunks: list[_Sets], wanted: NDArray[np.bool_], threshold: float
) -> tuple[_Sets, _Ints]:
    """Drop sets that share too little with all others together to have a partner.

    Returns the sets left, without repeated members, and which of the sets given they are.
    """
    shared = _find_shared(chunks)
    keeps = [
        _worth_a_look(chunk, shared, threshold) & part for chunk, part in _each(chunks, wanted)
    ]
    where = np.flatnonzero(np.concatenate([np.empty(0, bool), *keeps]))
    left = [chunk.choose(keep) for chunk, keep in zip(chunks, keeps, strict=True)]
    sets = _without_repeats(_concatenate(left))
    while len(where):
        counts = _count_owners(sets.hashes)
        once = np.bincount(sets.owners[counts == 1], minlength=len(where))
        keep = sets.sizes - once >= threshold * sets.sizes - 1e-9
        if keep.all():
            break
        where, sets = where[keep], sets.choose(keep)
    return sets, where


def _find_shared(chunks: list[_Sets]) -> NDArray[np.bool_]:
    """Return a table of hash buckets that says which were met more than once.

    Two hashes in one bucket can only keep a set too many: nothing is dropped wrongly.
    """
    total = sum(len(chunk.hashes) for chunk in chunks)
    size = 1 << min(29, max(16, (2 * total).bit_length()))
    once, often = np.zeros(size, bool), np.zeros(size, bool)
    for chunk in chunks:
        if len(chunk.hashes):
            buckets = np.sort(_to_buckets(chunk.hashes, size))
            again = buckets[1:] == buckets[:-1]
            often[buckets[1:][again]] = True
            firsts = buckets[np.concatenate([[True], ~again])]
            often[firsts[once[firsts]]] = True
            once[firsts] = True
    return often


def _to_buckets(hashes: _Hashes, size: int) -> NDArray[np.uint32]:
    return (hashes & np.uint64(size - 1)).astype(np.uint32)


def _worth_a_look(sets: _Sets, shared: NDArray[np.bool_], threshold: float) -> NDArray[np.bool_]:
    alone = np.concatenate([[0], np.cumsum(~shared[_to_buckets(sets.hashes, len(shared))])])
    unshared = alone[sets.starts[1:]] - alone[sets.starts[:-1]]
    return np.asarray((sets.sizes > 0) & (unshared <= (1 - threshold) * sets.sizes + 1e-9))


def _without_repeats(sets: _Sets) -> _Sets:
    owners = sets.owners
    order = np.lexsort((sets.hashes, owners))
    hashes, owners = sets.hashes[order], owners[order]
    new = np.ones(len(hashes), bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    sizes = np.bincount(owners[new], minlength=len(sets.starts) - 1)
    return _Sets(_to_starts(sizes), hashes[new])


def _count_owners(hashes: _Hashes) -> _Ints:
    """Return, for each member, in how many sets it occurs."""
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse], np.int64)


def _join(sets: _Sets, threshold: float) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs of sets that overlap enough, by the prefix filter and an exact check."""
    sizes = sets.sizes
    if not len(sizes):
        return
    order = np.lexsort((sets.hashes, _count_owners(sets.hashes), sets.owners))
    needed = np.ceil(threshold * sizes - 1e-9).astype(np.int64)
    prefix = sizes - np.maximum(needed, 1) + 1
    members = order[_positions(sets.starts[:-1], prefix)]
    tokens, owners = sets.hashes[members], np.repeat(np.arange(len(sizes)), prefix)
    # Small sets first inside a group, so that partners too large are cut off at once.
    by_token = np.lexsort((owners, sizes[owners], tokens))
    tokens, owners = tokens[by_token], owners[by_token]
    for left, right in _candidates(tokens, owners, sizes, threshold):
        overlap = _overlaps(sets, left, right)
        similarity = overlap / (sizes[left] + sizes[right] - overlap)
        for a, b, value in zip(left, right, similarity, strict=True):
            if value >= threshold - 1e-12:
                yield int(a), int(b), float(value)


def _candidates(
    tokens: _Hashes, owners: _Ints, sizes: _Ints, threshold: float
) -> Iterator[tuple[_Ints, _Ints]]:
    """Yield pairs of owners that share a token and differ little enough in size, each pair once."""
    ends = np.searchsorted(tokens, tokens, side="right")
    limit = np.floor(sizes[owners] / threshold + 1e-9).astype(np.int64)
    counts = np.array(
        [
            np.searchsorted(sizes[owners[i + 1 : end]], most, side="right") if end - i > 1 else 0
            for i, (end, most) in enumerate(zip(ends.tolist(), limit.tolist(), strict=True))
        ],
        dtype=np.int64,
    )
    total = len(sizes)
    found: Any = np.empty(0, np.int64)
    start = 0
    while start < len(counts):
        # So many tokens at a time that the pairs fit in memory.
        stop = start + max(1, int(np.searchsorted(np.cumsum(counts[start:]), 4_000_000)))
        left = np.repeat(owners[start:stop], counts[start:stop])
        right = owners[_positions(np.arange(start + 1, stop + 1), counts[start:stop])]
        keys = np.minimum(left, right) * total + np.maximum(left, right)
        found = np.unique(np.concatenate([found, keys]))
        start = stop
    for begin in range(0, len(found), 200_000):
        part = found[begin : begin + 200_000]
        yield part // total, part % total


def _overlaps(sets: _Sets, left: _Ints, right: _Ints) -> _Ints:
    """Count the members that two sets have in common, for many pairs at once."""
    sizes = sets.sizes
    pairs = np.concatenate(
        [
            np.repeat(np.arange(len(left)), sizes[left]),
            np.repeat(np.arange(len(right)), sizes[right]),
        ]
    )
    members = np.concatenate(
        [
            sets.hashes[_positions(sets.starts[left], sizes[left])],
            sets.hashes[_positions(sets.starts[right], sizes[right])],
        ]
    )
    order = np.lexsort((members, pairs))
    members, pairs = members[order], pairs[order]
    same = (members[1:] == members[:-1]) & (pairs[1:] == pairs[:-1])
    return np.bincount(pairs[1:][same], minlength=len(left))
