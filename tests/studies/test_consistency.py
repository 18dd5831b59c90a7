"""Changes of posts do what they say and no more; flips are counted on hand-made answers."""

import re
from random import Random

import pytest

from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.studies.changes.perturb import AMERICAN, BRITISH, NEUTRAL, PERTURBATIONS, perturb
from mentallama.studies.results import Ran
from mentallama.studies.steps.alter import alter
from mentallama.studies.steps.flips import count_flips
from mentallama.tasks import get_task
from mentallama.tasks.wording import parse_prompt
from mentallama.types import Prediction, Response, Sample

PLAIN = [sample for sample in load_samples() if sample.post.split == "test"]
BY_ROW = {(s.post.task, s.post.id, s.post.aspect): s for s in PLAIN}


def before(sample: Sample) -> Sample:
    return BY_ROW[sample.post.task, sample.post.id, sample.post.aspect]


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_change_is_the_same_each_time_and_touches_nothing_but_the_text(name: str) -> None:
    changed = alter(PLAIN, [name])
    assert changed == alter(list(reversed(PLAIN)), [name])[::-1]
    assert 0 < len(changed) <= len(PLAIN)
    for sample in changed:
        old = before(sample)
        assert sample.post.text != old.post.text
        assert (sample.post.label, sample.response) == (old.post.label, old.response)
        asked = parse_prompt(get_task(sample.post.task), sample.prompt, sample.form)
        assert (asked.text, asked.aspect) == (sample.post.text, sample.post.aspect)


def test_all_questions_about_a_post_see_one_changed_text() -> None:
    texts: dict[str, set[str]] = {}
    for sample in alter(PLAIN, ["typos:0.2"]):
        texts.setdefault(sample.post.id, set()).add(sample.post.text)
    assert all(len(own) == 1 for own in texts.values())


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("casing", "Not a BAD day.", "not a bad day."),
        ("casing:upper", "Not a bad day.", "NOT A BAD DAY."),
        (
            "punctuation",
            "No. It's 3.5 km, well-known; really?!",
            "No It's 3.5 km well-known really",
        ),
        ("contractions", "I can't, won't; they're", "I cannot, will not; they are"),
        (
            "contractions",
            "He\N{RIGHT SINGLE QUOTATION MARK}s here, I\N{RIGHT SINGLE QUOTATION MARK}M not",
            "He\N{RIGHT SINGLE QUOTATION MARK}s here, I AM not",
        ),
        ("contractions", "DON'T. She'd. It's.", "DO NOT. She'd. It's."),
        ("spelling", "Mum says the Color is GREY", "Mom says the Colour is GRAY"),
        ("spelling", "a story about practice", "a story about practice"),
        ("elongation:1", "so very hmmm sad", "so veeeery hmmm sad"),
        ("elongation:1", "this helps", "thiiiis heeeelps"),
    ],
)
def test_a_change_by_hand(name: str, text: str, wanted: str) -> None:
    key, _, value = name.partition(":")
    assert perturb(key, text, value, Random(0)) == wanted


def test_typos_keep_first_and_last_letters_and_the_number_of_words() -> None:
    word = re.compile(r"[A-Za-z]+")
    for sample in alter(PLAIN, ["typos"]):
        old, new = (word.findall(one.post.text) for one in (before(sample), sample))
        assert len(old) == len(new)
        wrong = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        longer = sum(len(one) >= 4 for one in old)
        assert 1 <= len(wrong) <= max(1, round(0.05 * longer))
        assert all(a[0] == b[0] and a[-1] == b[-1] and len(a) >= 4 for a, b in wrong)


def test_a_neutral_sentence_an_emoji_and_white_space_only_add() -> None:
    for sample in alter(PLAIN, ["neutral-sentence"]):
        assert sample.post.text.startswith(before(sample).post.text.rstrip())
        assert sample.post.text.endswith(NEUTRAL)
    for sample in alter(PLAIN, ["emoji"]):
        assert sample.post.text[:-2] == before(sample).post.text.rstrip()
    for sample in alter(PLAIN, ["spaces"]):
        assert sample.post.text.split() == before(sample).post.text.split()


def test_spellings_are_each_others_and_never_make_another_word() -> None:
    for american, british in BRITISH.items():
        assert AMERICAN[british] == american
    assert not set(AMERICAN) & set(BRITISH)


@pytest.mark.parametrize("name", ["typos:2", "elongation:x", "casing:odd", "typo", "words:few"])
def test_a_wrong_value_or_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="alter: "):
        alter(PLAIN[:5], [name])


def answers(labels: str, gold: str = "yes", task: str = "DR") -> list[tuple[Response, Prediction]]:
    """Make rows, two a post: y and n are verdicts, - none, a blank leaves the row out."""
    told = []
    for number, letter in enumerate(labels):
        if letter != " ":
            label = {"y": "yes", "n": "no"}.get(letter)
            response = Response(
                sample_id=f"{task}/{number}",
                task=task,
                text="",
                model="m",
                gold=gold,
                reference="",
                post_id=f"p{number // 2}",
            )
            read = Prediction(
                sample_id=response.sample_id,
                outcome="verdict" if label else "undecided",
                label=label,
                route="",
            )
            told.append((response, read))
    return told


def test_flips_are_counted_on_changed_rows_alone_with_what_they_do_to_accuracy() -> None:
    plain, changed = answers("yyynnny-"), answers("ynyn ny ")
    (one,) = count_flips({"m": plain}, [(("m", "typos"), Ran(name=""), changed)])
    assert (one.n, one.posts, one.undecided) == (6, 4, 0)
    assert one.flipped.value == pytest.approx(100 / 6)
    assert one.change.value == pytest.approx(-100 / 6)
    (lost,) = count_flips({"m": plain}, [(("m", "typos"), Ran(name=""), answers("-      y"))])
    assert (lost.n, lost.undecided, lost.flipped.value, lost.change.value) == (2, 2, 100.0, 0.0)


def test_each_of_several_sets_is_counted_by_itself_after_all_together() -> None:
    plain = [*answers("yy"), *answers("yyyy", task="dreaddit")]
    changed = [*answers("yn"), *answers("yyyy", task="dreaddit")]
    found = count_flips({"m": plain}, [(("m", "typos"), Ran(name=""), changed)])
    assert [(one.task, one.n) for one in found] == [(None, 6), ("DR", 2), ("dreaddit", 4)]
    assert [one.flipped.value for one in found] == [pytest.approx(100 / 6), 50.0, 0.0]


def test_no_flip_at_all_has_an_interval_that_hangs_on_the_posts() -> None:
    rows = answers("y" * 40)
    (one,) = count_flips({"m": rows}, [(("m", "typos"), Ran(name=""), rows)])
    # Wilson's for 0 of 20: z2 / (n + z2) with z2 = 3.8415.
    assert (one.flipped.value, one.flipped.low) == (0.0, 0.0)
    assert one.flipped.high == pytest.approx(100 * 3.8415 / 23.8415, abs=0.01)
    assert (one.change.low, one.change.high) == (-one.flipped.high, one.flipped.high)
    (lost,) = count_flips({"m": rows}, [(("m", "typos"), Ran(name=""), answers("n" * 40))])
    assert (lost.change.value, lost.change.low) == (-100.0, -100.0)
    assert lost.change.high == pytest.approx(-100 * 20 / 23.8415, abs=0.01)


def test_a_variant_without_answers_says_why() -> None:
    rows = answers("yy")
    (one,) = count_flips({"m": rows}, [(("m", "emoji"), Ran(name="", why_not="needs a GPU"), [])])
    assert (one.why_not, one.n) == ("needs a GPU", 0)
