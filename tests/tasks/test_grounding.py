"""Quotes and their places; every text is invented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentallama.tasks import get_task
from mentallama.tasks.grounding import copied_share, find_quotes, locate

POST = "So I said: “Nobody’s   here”, and left. The KETTLE was cold… again."


@pytest.mark.parametrize(
    ("passage", "found"),
    [
        ("nobody's here", "Nobody’s   here"),
        ("The kettle was cold", "The KETTLE was cold"),
        ("cold again", "cold… again"),
        ("the lamp", None),
        ("...", None),
    ],
)
def test_a_passage_is_found_by_letters_and_digits(passage: str, found: str | None) -> None:
    place = locate(POST, passage)
    assert (POST[slice(*place)] if place else None) == found


def test_other_scripts_are_found_too() -> None:
    assert locate("她说没有人在这里 ok", "没有人") == (2, 5)


@given(st.text(alphabet="abc é\n'’.", min_size=1, max_size=40), st.data())
def test_every_part_of_a_post_is_found_in_it(post: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(post) - 1))
    part = post[start : data.draw(st.integers(start + 1, len(post)))]
    place = locate(post, part)
    if any(c.isascii() and c.isalnum() for c in part):
        assert place is not None and 0 <= place[0] < place[1] <= len(post)


def test_quotes_labels_and_emphasis() -> None:
    said = (
        'The post says "nobody\'s here" and "the kettle ... again", with "despair" and '
        '"two invented words"; the label is "family issues".'
    )
    quotes = find_quotes(get_task("SAD"), said, POST)
    assert [(quote.text, quote.start is not None) for quote in quotes] == [
        ("nobody's here", True),
        ("the kettle", True),
        ("again", True),
        ("two invented words", False),
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("They say 'the kettle was cold' at the end.", ["the kettle was cold"]),
        ("They say \u2018I can\u2019t leave\u2019 there.", ["I can\u2019t leave"]),
        ("They say \u00abnobody's here\u00bb there.", ["nobody's here"]),
        ("They say \u00ab the kettle \u00bb there.", ["the kettle"]),
        ("They say \u201enobody's here\u201c there.", ["nobody's here"]),
        ("It says 'we don't talk about it anymore'.", ["we don't talk about it anymore"]),
        # Apostrophes are no marks, and one or two words in single marks are emphasis.
        ("It's the boss's fault and the kids' fault, isn't it, or the boys' own?", []),
        ("Gone 'cause of the brothers' quarrel, and 'til the sisters' visit.", []),
        ("A 'low mood' and a \u2018mood\u2019 in the '90s were the parents' word.", []),
        ("Dogs' and cats' bowls, rock 'n' roll, o'clock.", []),
        ('He writes "she \'left me here now\' again".', ["she 'left me here now' again"]),
    ],
)  # fmt: skip
def test_every_kind_of_mark(said: str, found: list[str]) -> None:
    assert [quote.text for quote in find_quotes(get_task("SAD"), said, POST)] == found


def test_how_much_is_copied() -> None:
    post = "one two three four five six seven eight"
    assert copied_share("one two three four five six", post) == 1
    assert copied_share("one two three four five nine", post) == 0.5
    assert copied_share('"one two three four five six" stands there', post) is None
