"""The exact join, beside comparing everything with everything."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mentallama.corpus import load_posts
from mentallama.near import (
    NearPair,
    find_contained,
    find_copies,
    find_near_duplicates,
)


def runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.lower())
    if len(words) < 5:
        return {tuple(words)} if words else set()
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def compare_all(texts: list[str], threshold: float) -> list[tuple[int, int, float]]:
    sets = [runs(text) for text in texts]
    found = []
    for i, one in enumerate(sets):
        for j in range(i + 1, len(sets)):
            shared = len(one & sets[j])
            if shared and shared / (len(one) + len(sets[j]) - shared) >= threshold - 1e-12:
                found.append((i, j, shared / (len(one) + len(sets[j]) - shared)))
    return found


def as_tuples(pairs: list[NearPair]) -> list[tuple[int, int, float]]:
    return [(pair.first, pair.second, pair.similarity) for pair in pairs]


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), max_size=14).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=25), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_nothing_is_missed_and_nothing_is_made_up(texts: list[str], threshold: float) -> None:
    assert as_tuples(find_near_duplicates(texts, threshold=threshold)) == compare_all(
        texts, threshold
    )


def test_the_corpus_with_edits() -> None:
    texts = [post.text for post in load_posts()][:200]
    edited = [re.sub(r"\b(\w+)$", "changed", text.strip(".!? ")) for text in texts[::4]]
    texts += edited + texts[:10] + ["", "...", "Hello", "hello!"]
    assert as_tuples(find_near_duplicates(texts)) == compare_all(texts, 0.7)


def test_case_punctuation_and_apostrophes_of_words() -> None:
    one = "Nobody came to the table, and nobody asked why I sat there."
    two = "nobody came to the TABLE and nobody asked why i sat there"
    assert as_tuples(find_near_duplicates([one, "something else", two])) == [(0, 2, 1.0)]


def test_just_above_and_just_below() -> None:
    # 21 words give 17 runs; one changed last word leaves 16 shared: 16 / 18 = 0.889.
    words = [f"w{number}" for number in range(21)]
    last, fourth = [*words[:-1], "x"], [*words[:3], "x", *words[4:]]
    texts = [" ".join(part) for part in (words, last, fourth)]
    found = {(a, b): round(s, 4) for a, b, s in as_tuples(find_near_duplicates(texts))}
    assert found == {(0, 1): round(16 / 18, 4)}
    # A word inside spoils four or five runs: 13 / 21 = 0.619.
    assert round(13 / 21, 4) in [
        round(s, 4) for _, _, s in as_tuples(find_near_duplicates(texts, threshold=0.6))
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=20), st.sampled_from([0.5, 0.9, 1.0]))
def test_excerpts_are_all_found(texts: list[str], threshold: float) -> None:
    texts = list(dict.fromkeys(texts))
    sets = [runs(text) for text in texts]
    wanted = {
        (min(i, j), max(i, j))
        for i, one in enumerate(sets)
        for j, other in enumerate(sets)
        if i != j and 2 <= len(one) <= len(other) and len(one & other) >= threshold * len(one)
    }
    found = find_contained(texts, threshold=threshold, fewest=2)
    assert {(pair.first, pair.second) for pair in found} == wanted


def test_copies_are_the_planted_leaks_and_nothing_else() -> None:
    plain = load_posts()
    planted = load_posts(part="planted")
    texts = [post.text for post in (*plain, *planted)]
    names = [post.id for post in (*plain, *planted)]
    found = {(names[pair.first], names[pair.second]) for pair in find_copies(texts)}
    assert found == {
        (str(post.group), post.id) for post in planted if (post.variant or "").startswith("leak")
    }
    assert len(found) == 7
