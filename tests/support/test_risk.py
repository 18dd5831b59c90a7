"""What turns the panel on, measured on invented texts; and what may not turn it on.

``heldout.jsonl`` was written before the first phrase, but by the same hand: when it was first
measured, 81 of 83 texts with risk were found and 2 of 85 neutral ones were taken for it.
``developed.jsonl`` holds three later sets, each of oblique texts written against finished phrases
and each worked on once it had been measured. Their first figures were 16 of 60, 31 of 60 and 17 of
40 found, 7 of 65, 5 of 64 and 3 of 40 falsely: that is how far the phrases reach what nobody
thought of. What the tests pin below is the state after that work.
"""

import json
import time
from pathlib import Path

import pytest

from mentallama.corpus import load_posts
from mentallama.support import speaks_of_risk
from mentallama.support.phrases import PhraseBook, find_places, parse
from mentallama.support.risk import find_families, spell

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "src" / "mentallama" / "corpus" / "sets" / "risk.jsonl"


def measure(path: Path) -> tuple[int, int, int, int]:
    """Return found and all texts with risk, falsely found and all neutral ones."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    risk = [speaks_of_risk(row["text"]) for row in rows if row["risk"]]
    neutral = [speaks_of_risk(row["text"]) for row in rows if not row["risk"]]
    return sum(risk), len(risk), sum(neutral), len(neutral)


def test_the_corpus_is_found_whole() -> None:
    found, risk, false, neutral = measure(CORPUS)
    assert (found, risk, neutral) == (120, 120, 60)
    assert false <= 3


def test_heldout_stays_above_its_first_measurement_less_a_little() -> None:
    found, risk, false, neutral = measure(HERE / "heldout.jsonl")
    assert (risk, neutral) == (83, 85)
    assert found >= 79
    assert false <= 4


def test_later_sets_stay_where_they_were_brought() -> None:
    found, risk, false, neutral = measure(HERE / "developed.jsonl")
    assert (risk, neutral) == (160, 169)
    assert found >= 144
    assert false <= 5


@pytest.mark.parametrize(("task", "most"), [("SAD", 3), ("dreaddit", 3), ("loneliness", 3)])
def test_ordinary_posts_are_left_alone(task: str, most: int) -> None:
    assert sum(speaks_of_risk(post.text) for post in load_posts(task)) <= most


@pytest.mark.parametrize("task", ["swmh", "t-sid"])
def test_posts_of_the_class_suicide_are_found(task: str) -> None:
    posts = [p for p in load_posts(task) if p.answers[0].label == "suicide"]
    assert sum(speaks_of_risk(post.text) for post in posts) >= len(posts) - 1


@pytest.mark.parametrize(
    "text",
    [
        "I WANT TO DIE",
        "i wanna dieeeee",
        "s u i c i d e",
        "i want to d.i.e",
        "k i l l m y s e l f",
        "su1c1dal tonight",
        "$uic!de",
        "i think about su*cide",
        "i want to d*e",
        "k!ll myself",
        "i wanna unalive myself",
        "i don’t want to be here anymore",
        "i dont want to be here anymore",
        "i don't want to be here any more",
        "i\u200b want to d\u200bie",
        "\uff49 \uff57\uff41\uff4e\uff54 \uff54\uff4f \uff44\uff49\uff45",
        "I want\nto die",
        "sucidal thoughts again",
        "i want 2 die",
    ],
)
def test_spelling_does_not_hide_it(text: str) -> None:
    assert speaks_of_risk(text)


@pytest.mark.parametrize(
    "text",
    [
        "quiero morir",
        "je veux mourir",
        "ich möchte sterben",
        "quero morrer",
        "voglio morire",
        "chcę umrzeć",
        "ölmek istiyorum",
        "хочу умереть",
        "我不想活了",
        "死にたい",
        "죽고 싶어요",
        "أريد أن أموت",
        "मरना चाहता हूँ",
        "mujhe marna hai",
        "gusto ko nang mamatay",
        "aku ingin mati",
        "wil niet meer leven",
        "רוצה למות",
    ],
)
def test_other_languages(text: str) -> None:
    assert speaks_of_risk(text)


@pytest.mark.parametrize(
    ("idiom", "both"),
    [
        (
            "this essay is the death of me",
            "this essay is the death of me and honestly i want to die",
        ),
        ("i want to end my subscription", "i want to end my subscription. i want to end my life"),
        ("i'm dying to see it", "i'm dying to see it, if i'm not dead by then. i wish i was dead"),
        ("not suicidal, only sad", "not suicidal, only sad, but i don't want to wake up"),
        ("goodbye card for a colleague", "goodbye card for a colleague, goodbye letters for you"),
        (
            "i hurt myself at football",
            "i hurt myself at football. at night i hurt myself on purpose",
        ),
        ("vivir con mis suegros no quiero", "no quiero vivir con mis suegros, no quiero vivir"),
    ],
)
def test_an_idiom_excuses_only_what_it_covers(idiom: str, both: str) -> None:
    assert not speaks_of_risk(idiom)
    assert speaks_of_risk(both)


def test_long_past_is_excused_only_where_the_text_is_well() -> None:
    past = "I used to want to die. Eleven years ago."
    assert speaks_of_risk(past)
    assert not speaks_of_risk(f"{past} Today I held my grandson.")
    assert speaks_of_risk(f"{past} Today I held my grandson, and it is back again.")


def test_hints_need_each_other() -> None:
    assert not speaks_of_risk("thanks for everything, coach, it was the best season we ever had")
    assert not speaks_of_risk("I feel so empty since the move and the boxes are all still there")
    assert speaks_of_risk("I feel so empty. I love you all. It's nearly over.")


def test_a_bare_farewell_counts_in_a_short_text_only() -> None:
    assert speaks_of_risk("i love you guys. goodbye")
    story = "We spent the week at the lake, we swam and cooked and played cards until late. " * 3
    assert not speaks_of_risk(f"{story} I love you guys. Goodbye from the lake!")


@pytest.mark.parametrize("text", ["", " ", "\n\n", ".", "...", "🙂", "12345", "'", "*", "\u200b"])
def test_nothing_to_read_is_no_risk(text: str) -> None:
    assert not speaks_of_risk(text)


@pytest.mark.parametrize(
    "unit",
    [
        "i want so much really just ",
        "nobody would really care if i better without ",
        "dying to see it, i want to die. ",
        "not really really just wake never sleep want ",
        "a ",
        "d*e d1e ",
        "i'",
        "想",
        "x",
        ". ",
    ],
)
def test_long_texts_take_time_in_proportion(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    start = time.perf_counter()
    speaks_of_risk(text)
    assert time.perf_counter() - start < 20  # a guard; it takes well under a second


def test_a_sentence_is_found_far_inside_a_long_text() -> None:
    filler = "We went to the market and bought bread and apples. " * 1000
    assert not speaks_of_risk(filler)
    assert speaks_of_risk(f"{filler}I want to die. {filler}")


def test_an_ordinary_post_is_read_quickly() -> None:
    posts = [post.text for post in load_posts("dreaddit")]
    for text in posts:
        speaks_of_risk(text)  # compiles what is needed
    start = time.perf_counter()
    for text in posts:
        speaks_of_risk(text)
    assert (time.perf_counter() - start) / len(posts) < 0.05  # a guard; about half a millisecond


def test_families_are_named_without_words_of_the_text() -> None:
    families = find_families("zanzibar and i want to die")
    assert families == ("wish to be dead",)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("I can’t sleeeep", " ^ i can not sleep . $ "),
        ("Who's there?! I'd go.", " ^ who is there . i would go . $ "),
        ("d.i.e now", " ^ die now . $ "),
        ("a b2b call at 5pm", " ^ a b2b call at 5pm . $ "),
        ("Größe, déjà vu", " ^ grosse deja vu . $ "),
        ("bye bye", " ^ bye . $ "),
    ],
)
def test_spelling(text: str, spelled: str) -> None:
    assert spell(text) == spelled


def found(phrase: str, text: str) -> bool:
    book = PhraseBook([("it", [phrase])], {"fruit": "apple|blood orange"})
    spelled = f" {text} "
    return bool(list(book.find(spelled, find_places(spelled))))


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("eat ~2 {fruit}", "eat a ripe blood orange", True),
        ("eat ~2 {fruit}", "eat a very ripe blood orange", False),
        ("eat [a] {fruit}", "eat apple", True),
        ("eat [a] {fruit}", "eaten apple", False),
        ("app* pie", "apples pie", True),
        ("(eat|drink it) up", "drink it up", True),
        ("(eat|drink it) up", "drink up", False),
        ("eat .", "eat . now", True),
        ("eat ~3 now", "eat . now", False),
    ],
)
def test_phrases(phrase: str, text: str, expected: bool) -> None:
    assert found(phrase, text) is expected


@pytest.mark.parametrize("phrase", ["", "[a]", "(a", "a)", "a?", "~2", "(a|[b])"])
def test_a_phrase_that_is_not_one_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match=r"not a phrase|not a word|where one is due"):
        parse(phrase, {})
