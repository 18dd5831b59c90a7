"""What identifies people goes, everything else stays, and the way back is exact."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentallama.corpus import PARTS, PrivatePost, load_material, load_posts
from mentallama.data.deidentify import deidentify, names_from, restore, restore_offset
from mentallama.errors import InputError

REPLACED = [
    ("ask u/blue_kettle or /u/Blue_Kettle", "ask [USER_1] or [USER_1]"),
    ("@anna_k told @bo, not @Anna_K.", "[USER_1] told [USER_2], not [USER_1]."),
    ("u/anna_k is @anna_k there", "[USER_1] is [USER_1] there"),
    ("follow @anna@tea.example now", "follow [USER_1] now"),
    ("discord: mothlamp#4410 or insta: tea_pot9", "[USER_1] or [USER_2]"),
    ("on r/tea and /r/coffee/r/Tea", "on [SUBREDDIT_1] and [SUBREDDIT_2][SUBREDDIT_1]"),
    ("r/tea/comments/1ab2c/the_pot/ says", "[URL_1] says"),
    ("see https://example.org/a_(b)?c=1, ok", "see [URL_1], ok"),
    ("[text](https://example.org/a) (www.example.org/r/tea).", "[text]([URL_1]) ([URL_2])."),
    ("bit.ly/aB and bit.ly/ab, t.me/x", "[URL_1] and [URL_2], [URL_3]"),
    ("lookhttps://example.org", "look[URL_1]"),
    ("b.kettle+x@mail.example.org! B.Kettle+x@mail.example.org", "[EMAIL_1]! [EMAIL_1]"),
    ("or blue.kettle@gmail", "or [EMAIL_1]"),
    ("call 07700 900461 or +44 7700 900461", "call [PHONE_1] or [PHONE_2]"),
    ("(202) 555-0187, 202-555-0187, 1-800-555-0119", "[PHONE_1], [PHONE_1], [PHONE_2]"),
    ("tel:2025550187; 555-0187; +33 6 00 12 34 56", "tel:[PHONE_1]; [PHONE_2]; [PHONE_3]"),
    ("+1 416 555 0175 07700 900461", "[PHONE_1] [PHONE_2]"),
    ("[USER_1] met @new_one", "[USER_1] met [USER_2]"),
]
LEFT = [
    "born 1987-04-02 or 02.04.1987, in 2019-2021, 2010 - 2015, 1990 1995",
    "paid $1200.50, $500-1000, £ 07700 900461, slept 3 hours, 3/10, 10:30, 24/7",
    "500-1000 calories, 120 130 140 lbs, 1 234 567 people, 9000000000 stars, 555.0187 m",
    "and/or either u or r, w/o him, r/o, u/s, 24f, 5'4, 100.5 kg etc. and so on",
    "tired.in fact it.me too, anymore.and/or so, awww.cute, wait...what",
    "@ 9pm i was fine, @10 too, @ home, lol@me",
]


@pytest.mark.parametrize(("text", "wanted"), REPLACED)
def test_replaced(text: str, wanted: str) -> None:
    result = deidentify(text)
    assert result.text == wanted
    assert restore(result, wanted) == text


@pytest.mark.parametrize("text", LEFT)
def test_left_alone(text: str) -> None:
    assert deidentify(text).text == text


def test_the_planted_identifiers_exactly() -> None:
    """Start and end of each span of the 40 posts; names only by a recogniser."""
    total: Counter[str] = Counter()
    beside: list[tuple[str, int, int]] = []
    for post in load_material(PrivatePost):
        total.update(span.kind for span in post.spans)
        planted = {(s.start, s.end, s.kind.replace("handle", "user")) for s in post.spans}
        names = [(start, end) for start, end, kind in planted if kind == "name"]
        with_names = deidentify(post.text, names=lambda _, names=names: names)  # type: ignore[misc]
        found = {(s.start, s.end, s.kind) for s in with_names.spans}
        assert planted <= found, post.id
        beside += [(post.id, start, end) for start, end, _ in found - planted]
        alone = {(s.start, s.end, s.kind) for s in deidentify(post.text).spans}
        assert alone == {span for span in found if span[2] != "name"}, post.id
    assert total == {"name": 19, "phone": 10, "handle": 9, "email": 5, "url": 5}
    # The number stands twice in that post and is marked once.
    assert beside == [("private-20", 7, 15)]


def test_no_false_alarm_in_the_corpus() -> None:
    """The other posts hold nothing of the kind (read by eye), so nothing may be found."""
    for part in PARTS:
        for post in load_posts(part=part):
            assert not deidentify(post.text).spans, post.id


def test_overlaps_go_to_the_longest_and_leave_nothing_over() -> None:
    text = "Ann Lee u/ann_lee_of_tea example.org/Ann"
    at = text.index("u/ann")
    inside = [(0, 7), (4, 7), (at + 2, at + 5), (len(text) - 3, len(text))]
    assert deidentify(text, names=lambda _: inside).text == "[NAME_1] [USER_1] [URL_1]"
    # A name that reaches into a handle: one span, nothing of either is left.
    assert deidentify(text, names=lambda _: [(4, at + 4)]).text == "Ann [USER_1] [URL_1]"
    # What a name hid by standing against it is found once the name is gone.
    assert deidentify("Ann07700 900461", names=lambda _: [(0, 3)]).text == "[NAME_1][PHONE_1]"


def test_placeholders_of_the_text_itself() -> None:
    text = "[USER_1] and [USER_999999999999999999999] wrote to [PHONE_1], @ann and @bo"
    result = deidentify(text, names=lambda t: [(1, 5), (t.index("wrote"), t.index("wrote") + 5)])
    assert result.text == (
        "[USER_1] and [USER_999999999999999999999] [NAME_1] to [PHONE_1], [USER_2] and [USER_3]"
    )
    assert restore(result, result.text) == text
    assert restore(result, "[USER_1], [USER_2], [USER_9]") == "[USER_1], @ann, [USER_9]"


def test_restore_spells_a_quote_as_it_stood() -> None:
    result = deidentify("u/Ann sat; then @ann left")
    assert restore(result, "then [USER_1] left") == "then @ann left"
    assert restore(result, "The poster names [USER_1].") == "The poster names u/Ann."
    assert restore(result, "") == ""


def test_offsets_by_hand() -> None:
    result = deidentify("hi @ann, ok")  # hi [USER_1], ok
    assert [restore_offset(result, n) for n in (0, 3, 4, 10, 11, 15)] == [0, 3, 3, 3, 7, 11]


PIECES = st.lists(
    st.sampled_from(
        [
            *("@ann", "@Ann", "u/bob_1", "/u/Bob_1", "r/tea", "a.b@c.org", "me@gmail", "x.com"),
            *("https://", "www.", "bit.ly/a", "07700 900461", "555-0187", "+44 ", "(202)", "#1234"),
            *("discord: ", "[USER_1]", "[URL_2]", "[", "]", "(", ")", "@", "/", ".", ",", "-", "'"),
            *(" ", "\n", "é", "word", "Ann Lee", "9", "2019", "$", "_"),
        ]
    ),
    max_size=12,
).map("".join)
PLACES = st.lists(st.tuples(st.integers(-2, 40), st.integers(-2, 60)), max_size=3)


@settings(max_examples=500, deadline=None)
@given(PIECES | st.text(max_size=40), PLACES)
def test_there_and_back(text: str, names: list[tuple[int, int]]) -> None:
    result = deidentify(text, names=lambda _: names)
    position = new = 0
    for span, original in zip(result.spans, result.originals, strict=True):
        assert original == text[span.start : span.end]
        assert text[position : span.start] == result.text[new : span.new_start]
        assert result.text[span.new_start : span.new_end] == span.placeholder
        assert restore_offset(result, span.new_start) == span.start
        assert restore_offset(result, span.new_end - 1) == span.start
        assert restore_offset(result, span.new_end) == span.end
        position, new = span.end, span.new_end
    assert text[position:] == result.text[new:]
    assert restore(result, result.text) == text
    assert deidentify(result.text).text == result.text


def test_nothing_private_is_shown_by_accident() -> None:
    result = deidentify("call 07700 900461")
    assert "900461" not in repr(result)
    assert restore(result, "They said [PHONE_1] twice.") == "They said 07700 900461 twice."


RUBBISH = ["1 ", "a.", "@", "@a", "(", "0", "a-", "+1-", "u/", "r/a/", "x@", "a.b@", "http://("]


@pytest.mark.parametrize("piece", [*RUBBISH, "x+.555-0187+.", "07700 900461 ", "[USER_1]"])
def test_long_rubbish_ends(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    result = deidentify(text)
    assert restore(result, result.text) == text


def test_many_different_handles_end() -> None:
    result = deidentify(" ".join(f"@user{number}" for number in range(20_000)))
    assert result.spans[-1].placeholder == "[USER_20000]"


def test_a_list_of_names(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("Ann\nAnn Lee\n\nJürgen\n")
    names = names_from(path)
    text = "Ann Lee and Ann met Jürgen; Annie did not."
    assert (
        deidentify(text, names=names).text == "[NAME_1] and [NAME_2] met [NAME_3]; Annie did not."
    )
    path.write_text("\n")
    with pytest.raises(InputError, match="no names"):
        names_from(path)
