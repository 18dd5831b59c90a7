"""Masks and swaps touch listed words alone; shares by tag, of pairs and between close posts."""

import hashlib
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from mentallama.corpus import load_posts
from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.studies.changes.mask import MASK, PATTERNS
from mentallama.studies.changes.swap import AGE, GENDER, PRONOUNS, REGION, swap
from mentallama.studies.embeddings import ENCODER, TOKENS, embed
from mentallama.studies.steps.alter import alter
from mentallama.studies.steps.close import count_between_close
from mentallama.studies.steps.shares import measure_shares
from mentallama.tasks import get_task
from mentallama.tasks.keywords import find_keywords, list_keywords
from mentallama.tasks.posts import post_id
from mentallama.types import Prediction, Response, Sample
from tests.conftest import sample

PLAIN = [one for one in load_samples() if one.post.split == "test"]
TEXTS = {one.post.id: one.post.text for one in PLAIN}


def only_changes(old: str, new: str, words: re.Pattern[str]) -> bool:
    """Say whether two texts are equal once the listed words are taken out of both."""
    return words.sub("", old).split() == words.sub("", new).split()


@pytest.mark.parametrize("what", PATTERNS)
def test_masking_leaves_no_listed_word_and_every_other(what: str) -> None:
    for one in alter(PLAIN, [f"mask:{what}"]):
        assert not PATTERNS[what].search(one.post.text)
        old = PATTERNS[what].sub(MASK, TEXTS[one.post.id])
        assert old == one.post.text and MASK in one.post.text


def test_masking_keywords_leaves_nothing_that_the_keyword_baseline_counts() -> None:
    changed = alter(PLAIN, ["mask:keywords"])
    assert len(changed) > 100
    for one in changed:
        assert not find_keywords(get_task(one.post.task), one.post.aspect, one.post.text)


def test_masking_by_chance_masks_as_many_words_and_no_listed_one() -> None:
    masked = {(s.post.id, s.post.aspect): s for s in alter(PLAIN, ["mask:keywords"])}
    by_chance = alter(PLAIN, ["chance:keywords"])
    assert len(by_chance) == len(masked)
    for one in by_chance:
        words = list_keywords(get_task(one.post.task), one.post.aspect)
        text = masked[one.post.id, one.post.aspect].post.text
        assert one.post.text.count(MASK) == text.count(MASK)
        assert words.findall(one.post.text) == words.findall(TEXTS[one.post.id])


@pytest.mark.parametrize(
    ("attribute", "text", "wanted"),
    [
        ("gender", "Her dog bit him. He left her.", "His dog bit her. She left him."),
        ("gender", "It is hers, not his. HIS wife", "It is his, not hers. HER husband"),
        ("gender", "I (25F) and my ex [M27]", "I (25M) and my ex [F27]"),
        ("gender", "Mum told her to go", "Dad told him to go"),
        ("gender", "a history of others", "a history of others"),
        ("age", "I'm 19, he is 62 years old", "I'm 44, he is 37 years old"),
        ("age", "[F17] in her twenties", "[F42] in her fifties"),
        ("age", "I'm 20 minutes late, $50, 10/10", "I'm 20 minutes late, $50, 10/10"),
        ("region", "From Texas, an American", "From Punjab, an Nigerian"),
    ],
)  # fmt: skip
def test_a_swap_by_hand(attribute: str, text: str, wanted: str) -> None:
    assert swap(text, attribute) == wanted


def test_swaps_change_listed_words_alone_and_one_of_regions_undoes_itself() -> None:
    def pattern(words: object) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{'|'.join([*words])})\b", re.IGNORECASE)  # type: ignore[misc]

    listed = {
        "gender": re.compile(pattern([*GENDER, *PRONOUNS]).pattern + r"|\b\d\d[MF]\b", re.I),
        "age": re.compile(pattern(AGE).pattern + r"|\b\d\d", re.IGNORECASE),
        "region": pattern(REGION),
    }
    for attribute, words in listed.items():
        changed = alter(PLAIN, [f"swap:{attribute}"])
        assert changed
        for one in changed:
            assert only_changes(TEXTS[one.post.id], one.post.text, words)
    for one in alter(PLAIN, ["swap:region"]):
        assert swap(one.post.text, "region") == TEXTS[one.post.id]


def test_the_corpus_written_versions_are_swaps_where_lists_reach() -> None:
    texts = {post.text for post in load_posts(part="attributes")}
    assert sum(swap(text, "gender") in texts - {text} for text in texts) >= 10


@pytest.mark.parametrize("name", ["mask:word", "swap:race", "as:stress", "aspect:none"])
def test_an_unknown_value_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"^alter: .*[.] ?(Known|Did|$)"):
        alter(PLAIN[:20], [name])


def rows(samples: list[Sample], wrong: set[str]) -> list[tuple[Response, Prediction]]:
    """Answer rightly but for some posts, whose answer is another label."""
    told = []
    for one in samples:
        labels = [label.key for label in get_task(one.post.task).labels]
        gold = str(one.post.label)
        label = gold if one.post.id not in wrong else next(x for x in labels if x != gold)
        text = next(x.phrase for x in get_task(one.post.task).labels if x.key == label)
        told.append((
            Response(sample_id=one.id, task=one.post.task, text=text, model="m", gold=gold,
                     reference="", aspect=one.post.aspect, post_id=one.post.id),
            Prediction(sample_id=one.id, outcome="verdict", label=label, route=""),
        ))  # fmt: skip
    return told


def test_tags_are_set_against_untagged_posts_of_the_same_questions(tmp_path: Path) -> None:
    posts = [p for p in load_posts("loneliness") if p.split == "test"]
    sarcastic = {post_id(p.text) for p in posts if "sarcasm" in p.tags}
    assert sarcastic
    asked = [one for one in PLAIN if one.post.task == "loneliness"]
    found = measure_shares(["nuance"], {"m": rows(asked, sarcastic)}, tmp_path, tmp_path)
    shown = {one.what: one for one in found}
    assert shown["untagged posts"].share.value == 100.0
    assert (shown["sarcasm"].share.value, shown["sarcasm"].n) == (0.0, len(sarcastic))
    assert (shown["sarcasm"].expected, shown["sarcasm"].gap.value) == (100.0, -100.0)


def test_a_pair_counts_only_where_both_are_right_and_versions_where_one_differs(
    tmp_path: Path,
) -> None:
    asked = load_samples(parts=["pairs", "attributes"])
    first = next(p for p in load_posts(part="pairs") if len(p.answers) == 1)
    version = next(p for p in load_posts(part="attributes") if len(p.answers) == 1)
    wrong = {post_id(first.text), post_id(version.text)}
    found = measure_shares(
        ["contrast", "attributes"], {"m": rows(asked, wrong)}, tmp_path, tmp_path
    )
    shown = {one.what: one for one in found}
    both = shown["pairs, both right"]
    assert both.share.value == pytest.approx(100 * (both.n - 1) / both.n)
    kind = str(version.variant).partition(":")[0]
    assert shown[kind].share.value == pytest.approx(100 / shown[kind].n)
    assert not any(one.what.startswith("attributes") for one in found)


def test_close_posts_of_one_label_are_compared_with_any_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mentallama.dataset import DataFile, Manifest, start_folder, write_manifest, write_samples

    samples = [sample("DR", "yes", text=f"a day at work {n}", row=n) for n in range(1, 6)]
    start_folder(tmp_path / "data")
    written: DataFile = write_samples(tmp_path / "data", samples)
    manifest = Manifest(source="invented", gold_source="corpus", version="0", files=(written,))
    write_manifest(tmp_path / "data", manifest)
    # Two close pairs and one post far from all.
    angles = [0.0, 0.1, 1.5, 1.6, 4.0]
    vectors = {
        one.post.text: np.array([np.cos(a), np.sin(a)], np.float32)
        for one, a in zip(samples, angles, strict=True)
    }
    store_vectors(tmp_path / "shared", vectors)
    # The second post's verdict differs from its neighbour's and from all others'.
    answered = rows(samples, {samples[1].post.id})
    (one,) = count_between_close("m", answered, tmp_path / "data", tmp_path / "shared")
    assert (one.what, one.n, one.share.value) == ("DR", 4, 50.0)
    # Three posts differ from one of four others, the second from all four.
    assert one.expected == pytest.approx(100 * (3 * 0.25 + 1) / 4)
    assert one.gap.value == pytest.approx(50 - 43.75)


def store_vectors(folder: Path, vectors: dict[str, np.typing.NDArray[np.float32]]) -> None:
    """Put vectors where embeddings are kept, so that no encoder is asked."""
    embed([], folder)
    with sqlite3.connect(folder / "embeddings.sqlite") as store:
        for text, vector in vectors.items():
            key = hashlib.sha256(f"{ENCODER} {TOKENS} {text}".encode()).hexdigest()
            store.execute("INSERT INTO vectors VALUES (?, ?)", (key, vector.tobytes()))
