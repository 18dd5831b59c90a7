"""What identifies people goes, everything else stays, and the way back is exact."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentallama.corpus import PARTS, PrivatePost, load_material, load_posts
from mentallama.data.deidentify import deidentify, names_from, restore, restore_offset
from mentallama.errors import InputError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ask u/blue_kettle or /u/Blue_Kettle", "ask [USER_1] or [USER_1]"),
        ("@anna_k told @bo, not @anna_k.", "[USER_1] told [USER_2], not [USER_1]."),
        ("on r/tea and /r/coffee", "on [SUBREDDIT_1] and [SUBREDDIT_2]"),
        ("see https://example.org/a?b=1, ok", "see [URL_1], ok"),
        ("see (www.example.org/r/tea).", "see ([URL_1])."),
        ("it's on bit.ly/abc now", "it's on [URL_1] now"),
        ("write b.kettle+x@mail.example.org!", "write [EMAIL_1]!"),
        ("call 07700 900461 or +44 7700 900461", "call [PHONE_1] or [PHONE_2]"),
        ("(555) 555-0187, 1-800-555-0119", "[PHONE_1], [PHONE_2]"),
        ("discord is mothlamp#4410", "discord is [USER_1]"),
        ("born 1987-04-02, in 2019-2021", "born 1987-04-02, in 2019-2021"),
        ("paid $1200.50, slept 3 hours, 3/10, 10:30", "paid $1200.50, slept 3 hours, 3/10, 10:30"),
        ("and/or either u or r, 24/7, w/o him", "and/or either u or r, 24/7, w/o him"),
        ("I'm at 100.5 kg etc. and so on", "I'm at 100.5 kg etc. and so on"),
        ("[USER_1] met @new_one", "[USER_1] met [USER_2]"),
    ],
)
def test_by_hand(text: str, wanted: str) -> None:
    assert deidentify(text).text == wanted


def test_the_planted_identifiers() -> None:
    found: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for post in load_material(PrivatePost):
        names = [(span.start, span.end) for span in post.spans if span.kind == "name"]
        result = deidentify(post.text, names=lambda _, names=names: names)  # type: ignore[misc]
        for span in post.spans:
            total[span.kind] += 1
            found[span.kind] += any(
                got.start <= span.start and span.end <= got.end for got in result.spans
            )
    assert total == {"name": 19, "phone": 10, "handle": 9, "email": 5, "url": 5}
    # One handle is given in words ("discord: ...") with its platform, which stays.
    assert found == {**total, "handle": 8}


def test_no_false_alarm_in_the_corpus() -> None:
    for part in PARTS:
        for post in load_posts(part=part):
            assert not deidentify(post.text).spans, post.id


PIECES = st.lists(
    st.sampled_from(
        [
            *("@ann", "u/bob_1", "r/tea", " ", "a.b@c.org", "http://x.org/y", "07700 900461", "é"),
            *("\n", "word", "[USER_1]", "[URL_2]", ".", "(", "Ann Lee"),
        ]
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_there_and_back(text: str) -> None:
    result = deidentify(text, names=lambda t: [(t.find("Ann Lee"), t.find("Ann Lee") + 7)])
    position = new = 0
    for span in result.spans:
        assert text[position : span.start] == result.text[new : span.new_start]
        assert result.text[span.new_start : span.new_end] == span.placeholder
        assert restore_offset(result, span.new_start) == span.start
        assert restore_offset(result, span.new_end) == span.end
        position, new = span.end, span.new_end
    assert text[position:] == result.text[new:]
    assert restore(result, result.text).casefold() == text.casefold()
    assert deidentify(result.text).text == result.text


def test_nothing_private_is_shown_by_accident() -> None:
    result = deidentify("call 07700 900461")
    assert "900461" not in repr(result)
    assert restore(result, "They said [PHONE_1] twice.") == "They said 07700 900461 twice."


@pytest.mark.parametrize("piece", ["1 ", "a.", "@", "(", "0", "a-", "+1-", "u/", "x@", "a.b@"])
def test_long_rubbish_ends(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    assert deidentify(deidentify(text).text).text == deidentify(text).text


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
