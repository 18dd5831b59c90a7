"""Examples are near, balanced, reproducible, and give nothing of an evaluation split away."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mentallama.corpus import load_posts
from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.models.examples import Choice, choose_examples, make_pool
from mentallama.models.prompts import Prompting, make_prompts
from mentallama.models.retrieval import choose_top, similarities
from mentallama.near import find_copies
from mentallama.tasks.posts import text_key
from mentallama.types import Form, Sample
from tests.conftest import sample

POSTS = {
    "rain": "rain on the roof all night and no sleep again",
    "roof": "the roof leaks and the landlord does not call back",
    "exam": "two exams on one day and nothing learnt for either",
    "tea": "tea with my sister, we laughed at the old photos",
}


def stress(text: str, label: str, split: Any = "train", form: Form = "instruction") -> Sample:
    return sample("dreaddit", label, text=text, split=split, form=form)


@pytest.fixture(scope="module")
def leaky() -> list[Sample]:
    return load_samples(parts=["plain", "planted"])


def planted() -> tuple[set[str], set[str]]:
    """Return the texts of the training posts that leak, and of those that only look alike."""
    marks = load_posts(part="planted")
    by_id = {post.id: post.text for post in load_posts()}
    leaks = {by_id[p.group or ""] for p in marks if (p.variant or "").startswith("leak")}
    misses = {by_id[p.group or ""] for p in marks if not (p.variant or "").startswith("leak")}
    return leaks, misses


@pytest.mark.parametrize("examples", ["fixed", "nearest"])
def test_no_planted_leak_is_ever_an_example(leaky: list[Sample], examples: Any) -> None:
    """Every post of the evaluation splits asked, all examples that the scarcest label allows."""
    asked = [one for one in leaky if one.post.split != "train"]
    leaks, misses = planted()
    assert (len(leaks), len(misses)) == (7, 20)
    pool = make_pool(asked, leaky)
    usable = {row.post.text for rows in pool.rows.values() for row in rows}
    train = [one for one in leaky if one.post.split == "train"]
    assert usable == {one.post.text for one in train} - leaks and misses <= usable
    assert pool.of == len(train)
    assert pool.excluded == sum(one.post.text in leaks for one in train) == 7
    fewest = min(
        min(Counter(row.post.label for row in rows).values()) for rows in pool.rows.values()
    )
    shown: set[str] = set()
    chosen = choose_examples(asked, pool, Choice(shots=fewest, examples=examples))
    for one, rounds in zip(asked, chosen, strict=True):
        for example in (example for found in rounds for example in found):
            assert example.post.split == "train" and example.post.task == one.post.task
            shown.add(example.post.text)
    held = {one.post.text for one in asked}
    assert shown and not shown & leaks and not {*map(text_key, shown)} & {*map(text_key, held)}
    together = [*sorted(held), *sorted(shown)]
    border = len(held)
    assert not [p for p in find_copies(together) if p.first < border <= p.second]


def test_leaks_are_planted_where_they_would_be_the_nearest_example(leaky: list[Sample]) -> None:
    """The proof above has teeth: called training posts, the planted copies come out on top."""
    asked = [one for one in leaky if one.post.split == "test"]
    pool = make_pool(asked, leaky)
    near = [post.text for post in load_posts(part="planted") if "near" in (post.variant or "")]
    origin = {p.text: p.group for p in load_posts(part="planted")}
    by_id = {post.id: post.text for post in load_posts()}
    chosen = choose_examples(asked, pool, Choice(shots=2, examples="nearest"))
    met = 0
    for one, rounds in zip(asked, chosen, strict=True):
        texts = {example.post.text for found in rounds for example in found}
        met += one.post.text in near and by_id[origin[one.post.text] or ""] in texts
    assert met >= 15
    leaking = [p for p in load_posts(part="planted") if "leak" in (p.variant or "")]
    same_task = [p for p in leaking if "another task" not in (p.variant or "")]
    rows = [one for one in leaky if one.post.split == "train"]
    for post in same_task:
        texts = [one.post.text for one in rows if one.post.task == post.task]
        (scores,) = similarities([post.text], texts)
        assert texts[int(np.argmax(scores))] == by_id[post.group or ""]


def test_leaks_of_the_given_folder_count_though_nobody_asks_about_them() -> None:
    """A training post that stands in another task's test set is out, whoever is asked about."""
    train = [stress(POSTS["rain"], "yes"), stress(POSTS["roof"], "yes"), stress(POSTS["tea"], "no")]
    other = sample("DR", "yes", text=POSTS["rain"].upper(), split="valid")
    pool = make_pool([stress("rain again", "yes", "test")], [*train, other])
    assert (pool.of, pool.excluded) == (3, 1)
    assert POSTS["rain"] not in {
        row.post.text for row in pool.rows[("dreaddit", "instruction", None)]
    }


def test_a_training_post_that_is_asked_about_is_not_its_own_example() -> None:
    copy = POSTS["rain"] + " really"
    train = [stress(POSTS["rain"], "yes"), stress(copy, "yes"), stress(POSTS["roof"], "yes")]
    train.append(stress(POSTS["tea"], "no"))
    pool = make_pool(train[:3], train)
    assert (pool.of, pool.excluded) == (4, 0)
    for examples in ("fixed", "nearest"):
        chosen = choose_examples(train[:3], pool, Choice(shots=1, examples=examples))  # type: ignore[arg-type]
        texts = [{e.post.text for e in rounds[0]} for rounds in chosen]
        assert texts[0] == texts[1] == {POSTS["roof"], POSTS["tea"]}
        assert POSTS["roof"] not in texts[2]


def test_a_label_without_examples_is_named_and_no_post_is_shown() -> None:
    train = [stress(POSTS["rain"], "yes"), stress(POSTS["roof"], "yes"), stress(POSTS["tea"], "no")]
    few = Prompting(style="few-shot", shots=2)
    with pytest.raises(InputError, match=r"dreaddit: 1 instruction .* label 'no', 2 asked") as e:
        make_prompts([stress("rain again", "yes", "test")], few, train)
    assert "\n" not in str(e.value) and not any(text in str(e.value) for text in POSTS.values())
    with pytest.raises(InputError, match=r"dreaddit: 0 .* 'no', 1 asked for; 1 of 3 rows"):
        make_prompts(
            [stress(POSTS["tea"], "no", "test")], Prompting(style="few-shot", shots=1), train
        )
    with pytest.raises(InputError, match="0 completion training rows"):
        asked = stress("rain again", "yes", "test", "completion")
        make_prompts([asked], Prompting(style="few-shot", shots=1), train)


def test_rows_that_explain_nothing_or_the_contrary_and_doubles_are_no_examples() -> None:
    train = [stress(POSTS["rain"], "yes"), stress(POSTS["rain"].upper(), "yes")]
    train.append(sample("dreaddit", "no", text=POSTS["tea"], explanation=" ", split="train"))
    against = "No, the poster does not suffer from stress: the night was fine."
    train.append(sample("dreaddit", "yes", text=POSTS["roof"], explanation=against, split="train"))
    pool = make_pool([stress("other", "yes", "test")], train)
    assert (pool.of, pool.excluded) == (4, 0)
    assert [len(rows) for rows in pool.rows.values()] == [1]


@pytest.mark.parametrize("examples", ["fixed", "nearest"])
def test_rounds_are_balanced_and_the_order_of_the_pool_is_nothing(
    leaky: list[Sample], examples: Any
) -> None:
    asked = [one for one in leaky if one.post.split == "test" and one.post.task == "MultiWD"]
    choice = Choice(shots=2, examples=examples, seed=7)
    chosen = choose_examples(asked, make_pool(asked, leaky), choice)
    assert chosen == choose_examples(asked, make_pool(asked, leaky[::-1]), choice)
    for one, rounds in zip(asked, chosen, strict=True):
        assert [sorted(str(e.post.label) for e in found) for found in rounds] == [["no", "yes"]] * 2
        assert {e.post.aspect for found in rounds for e in found} == {one.post.aspect}


def test_fixed_examples_are_the_same_for_all_and_change_with_the_seed(leaky: list[Sample]) -> None:
    asked = [one for one in leaky if one.post.split == "test" and one.post.task == "SAD"]
    pool = make_pool(asked, leaky)
    drawn = []
    for seed in range(4):
        rounds = choose_examples(asked, pool, Choice(shots=2, seed=seed))
        assert all(found == rounds[0] for found in rounds)
        drawn.append(tuple(e.id for found in rounds[0] for e in found))
    assert len(set(drawn)) == 4


def test_the_nearest_comes_last_and_the_farthest_first() -> None:
    texts = ["rain rain roof", "rain cellar", "quiet day", "rain in may", "a door", "old photos"]
    train = [
        stress(t, y) for t, y in zip(texts, ["yes", "yes", "yes", "no", "no", "no"], strict=True)
    ]
    asked = [stress("rain on the roof", "yes", "test")]
    rounds = choose_examples(asked, make_pool(asked, train), Choice(shots=2, examples="nearest"))[0]
    order = [e.post.text for found in rounds for e in found]
    assert order[-2:] == ["rain in may", "rain rain roof"]
    assert order[1] == "rain cellar" and order[0] in ("a door", "old photos")


def test_vectors_may_be_passed_in() -> None:
    """Nearness by length of the text: nothing that TF-IDF would find."""

    def embed(texts: Any) -> NDArray[np.float64]:
        return np.array([[1.0, len(text) / 10] for text in texts])

    texts = ["aa", "b" * 20, "c" * 40]
    scores = list(similarities(["d" * 19, "e"], texts, embed))
    assert [int(np.argmax(row)) for row in scores] == [1, 0]
    np.testing.assert_allclose(scores[1][0], (1 + 0.02) / np.sqrt(1.01 * 1.04), rtol=1e-6)
    train = [stress("b" * 20, "yes"), stress("f" * 60, "yes"), stress("g" * 90, "no")]
    asked = [stress("d" * 70, "yes", "test")]
    near = Prompting(style="few-shot", shots=1, examples="nearest")
    (text,) = make_prompts(asked, near, train, embed=embed).texts
    assert "f" * 60 in text and "b" * 20 not in text


def test_similarities_by_hand_in_chunks_and_for_texts_without_words() -> None:
    """One word in common of two, idf 1 + ln(3/2) for words of one text in two."""
    (row,) = similarities(["rain"], ["rain", "snow"])
    np.testing.assert_allclose(row, [1, 0], atol=1e-6)
    rare = 1 + np.log(3 / 2)
    (row,) = similarities(["rain"], ["rain sun", "sun"])
    # "rain" and "rain sun" occur in one text of two, "sun" in both: idf 1.
    np.testing.assert_allclose(row, [rare / np.sqrt(2 * rare**2 + 1), 0], rtol=1e-6)
    queries = [f"word{n % 7} and more" for n in range(300)]
    texts = [f"word{n}" for n in range(7)]
    rows = list(similarities(queries, texts))
    assert [int(np.argmax(row)) for row in rows] == [n % 7 for n in range(300)]
    assert [row.tolist() for row in similarities(["rain"], ["", " "])] == [[0, 0]]
    (row,) = similarities(["\U0001f327"], ["\U0001f327", "\U0001f31e"])
    np.testing.assert_allclose(row, [1, 0], atol=1e-6)


def test_choose_top_prefers_the_first_of_equals_and_leaves_out_the_barred() -> None:
    scores = np.array([0.5, 0.9, 0.5, -np.inf, 0.5, 0.1], np.float32)
    places = np.array([0, 2, 3, 4, 5])
    assert choose_top(scores, places, 2) == [0, 2]
    assert choose_top(scores, places, 9) == [0, 2, 4, 5]
    assert choose_top(scores, np.array([3]), 1) == []
