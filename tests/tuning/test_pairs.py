"""Pairs of answers from invented ones: who wins, who ties, and that nothing is lost on the way."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mentallama.errors import InputError
from mentallama.tuning.pairs import (
    Found,
    Pair,
    count_pairs,
    join_found,
    pair_tables,
    post_text,
    read_pairs,
    split_pairs,
    write_pairs,
)
from mentallama.tuning.ranking import (
    Candidate,
    Comparison,
    Faulty,
    pairs_from_quality,
    pairs_from_ratings,
    rank_pairs,
    read_ratings,
)
from mentallama.types import Sample
from tests.conftest import sample

HOW = Comparison(source="responses", unit="reasons", least=0.2)
EVERY = replace(HOW, every=True)


def answer(
    model: str, right: bool | None, score: float | None = None, *faults: str, text: str = ""
) -> Candidate:
    text = text or f"answer of {model}"
    return Candidate(text=text, model=model, right=right, score=score, faults=faults)


def winners(found: Found) -> list[tuple[str, str, float]]:
    return [(pair.chosen_from, pair.rejected_from, pair.margin) for pair in found.pairs]


def reasons(found: Found) -> list[str]:
    return [gap.reason for gap in found.none]


def test_the_label_comes_first_then_the_score() -> None:
    row = sample()
    found = rank_pairs(
        row,
        [
            answer("a", False, 0.9),
            answer("b", True, 0.3),
            answer("c", True, 0.6),
            answer("d", None, 0.1, "no verdict"),
            answer("e", False, 0.4),
        ],
        HOW,
    )
    (pair,) = found.pairs
    assert (pair.chosen_from, pair.rejected_from, pair.margin) == ("c", "e", 1.0)
    assert (pair.prompt, pair.sample_id, pair.task) == (row.prompt, row.id, "SAD")
    assert (pair.source, pair.split) == ("responses", "test")
    assert pair.reason == "right label against a wrong one"


def test_every_ordered_pair_of_which_one_side_is_better() -> None:
    found = rank_pairs(
        sample(),
        [
            answer("a", True, 0.9),
            answer("b", True, 0.7),
            answer("c", True, 0.6),
            answer("d", False, 1.0),
            answer("e", None, 1.0, "no verdict: several"),
        ],
        EVERY,
    )
    # b and c differ by less than 0.2; a wrong or unread answer never wins.
    assert sorted(winners(found)) == [
        ("a", "b", 0.2), ("a", "c", 0.3), ("a", "d", 1.0), ("a", "e", 1.0), ("b", "d", 1.0),
        ("b", "e", 1.0), ("c", "d", 1.0), ("c", "e", 1.0),
    ]  # fmt: skip
    assert {p.reason for p in found.pairs if p.rejected_from == "e"} == {
        "right label against none (no verdict: several)"
    }
    assert len({pair.id for pair in found.pairs}) == 8


@pytest.mark.parametrize(
    ("candidates", "reason"),
    [
        ([], "fewer than two different answers"),
        ([answer("a", True, 1.0)], "fewer than two different answers"),
        ([answer("a", True, 1.0), answer("b", False, text="  ")], "fewer than two"),
        ([answer("a", True, text="x"), answer("b", True, text="x ")], "fewer than two"),
        ([answer("a", False, 1.0), answer("b", False, 0.0)], "no answer with the right label"),
        ([answer("a", None, 1.0, "refusal"), answer("b", False)], "no answer with the right"),
        ([answer("a", True, 1.0, "cut off"), answer("b", False)], "no right answer without a"),
        ([answer("a", True, 0.5), answer("b", True, 0.31)], "nothing tells them apart"),
        ([answer("a", True), answer("b", True)], "nothing tells them apart"),
        ([answer("a", None, 2.0), answer("b", None, 2.0)], "nothing tells them apart"),
    ],
)
def test_a_question_without_a_pair_says_why(candidates: list[Candidate], reason: str) -> None:
    for how in (HOW, EVERY):
        found = rank_pairs(sample(), candidates, how)
        assert not found.pairs
        (gap,) = found.none
        assert gap.reason.startswith(reason)
        assert (gap.sample_id, gap.task) == (sample().id, "SAD")


def write_ratings(path: Path, *rows: tuple[str, str, float, str], **change: object) -> Path:
    """Write marks: item, rater, value, sample."""
    lines = [
        {
            "item_id": item,
            "rater": rater,
            "aspect": "overall",
            "value": value,
            "response": f"response {item}",
            "sample_id": row,
            "model": f"model {item}",
            **change,
        }
        for item, rater, value, row in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_ratings_are_paired_by_their_means(tmp_path: Path) -> None:
    rows = {name: replace(sample(), id=name) for name in ("s1", "s2", "s3", "s4")}
    path = write_ratings(
        tmp_path / "room.jsonl",
        # Means 8/3 and 1.5: 1.1667 apart.
        ("1", "x", 3, "s1"), ("1", "y", 3, "s1"), ("1", "z", 2, "s1"),
        ("2", "x", 1, "s1"), ("2", "y", 2, "s1"),
        # Means 2.0 and 1.5: exactly the margin.
        ("3", "x", 2, "s2"), ("3", "y", 2, "s2"), ("4", "x", 1, "s2"), ("4", "y", 2, "s2"),
        # A tie.
        ("5", "x", 2, "s3"), ("5", "y", 1, "s3"), ("6", "x", 1, "s3"), ("6", "y", 2, "s3"),
        # One rater alone.
        ("7", "x", 3, "s4"), ("8", "x", 0, "s4"), ("8", "y", 0, "s4"),
        # Not in the data.
        ("9", "x", 3, "s5"),
    )  # fmt: skip
    found = pairs_from_ratings(read_ratings(path), rows, margin=0.5, raters=2)
    assert winners(found) == [("model 1", "model 2", 1.166667), ("model 3", "model 4", 0.5)]
    assert found.pairs[0].reason == "mean mark 'overall' 2.67 against 1.50"
    assert reasons(found) == [
        "nothing tells them apart",
        "fewer than two answers with 2 raters each",
        "no such sample in the data",
    ]
    assert not pairs_from_ratings(read_ratings(path), rows, aspect="consistency").pairs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": 4}, "row 1 is not a Rating record (value: Input should be less than or equal"),
        ({"value": "3"}, "value: Input should be a valid number"),
        ({"stars": 3}, "stars: Extra inputs are not permitted"),
        ({"rater": ""}, "rater: String should have at least 1 character"),
    ],
)
def test_a_wrong_export_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = write_ratings(tmp_path / "room.jsonl", ("1", "x", 3, "s1"), **change)
    with pytest.raises(InputError) as error:
        read_ratings(path)
    assert message in str(error.value)


def test_marks_given_twice_and_items_that_change_are_refused(tmp_path: Path) -> None:
    twice = write_ratings(tmp_path / "a.jsonl", ("1", "x", 3, "s1"), ("1", "x", 2, "s1"))
    with pytest.raises(InputError, match="rows 1 and 2 have the same id '1, x, overall'"):
        read_ratings(twice)
    moved = write_ratings(tmp_path / "b.jsonl", ("1", "x", 3, "s1"), ("1", "y", 2, "s2"))
    with pytest.raises(InputError, match="row 2: item 1 has another response, sample or model"):
        read_ratings(moved)


def faulty(row: Sample, response: str, *faults: str) -> Faulty:
    return Faulty(
        sample=row, response=response, faults=faults, chosen_from="gold", rejected_from="teacher"
    )


def test_a_good_explanation_beats_a_faulty_one() -> None:
    one, two = sample(), sample(text="the bus pass is gone", row=2)
    found = pairs_from_quality(
        [
            faulty(one, "It is family. Reasoning: family family", "too short", "repetition"),
            faulty(one, one.response, "cut off"),
            faulty(two, "Something else altogether."),
        ]
    )
    (pair,) = found.pairs
    assert (pair.chosen, pair.margin) == (one.response, 2.0)
    assert pair.reason == "no fault of content against too short, repetition"
    assert [(gap.sample_id, gap.reason) for gap in found.none] == [
        (two.id, "no answer with a fault of content")
    ]


def some_pairs() -> list[Pair]:
    """Return 40 pairs about 20 posts, each asked two questions."""
    aspects = ("thwarted belongingness", "perceived burdensomeness")
    rows = [
        sample("Irf", "yes", text=f"nobody rang, day {post}", aspect=aspect, row=2 * post + number)
        for post in range(20)
        for number, aspect in enumerate(aspects)
    ]
    both = [answer("a", True), answer("b", False)]
    return [pair for row in rows for pair in rank_pairs(row, both, HOW).pairs]


def test_the_pairs_of_a_post_stay_on_one_side() -> None:
    pairs = some_pairs()
    train, valid = split_pairs(pairs, 0.25, seed=1)
    assert (len(train), len(valid)) == (30, 10)
    assert sorted(pair.id for pair in train + valid) == sorted(pair.id for pair in pairs)
    assert not {post_text(pair) for pair in train} & {post_text(pair) for pair in valid}
    assert post_text(pairs[0]) == "nobody rang, day 0"
    again = split_pairs(pairs[::-1], 0.25, seed=1)[1]
    assert {pair.id for pair in again} == {pair.id for pair in valid}
    assert split_pairs(pairs, 0.25, seed=2)[1] != valid


def test_splits_at_the_edge() -> None:
    pairs = some_pairs()
    assert [len(side) for side in split_pairs(pairs, 0.001, seed=1)] == [38, 2]
    assert [len(side) for side in split_pairs(pairs, 0.999, seed=1)] == [2, 38]
    assert [len(side) for side in split_pairs(pairs, 0.0, seed=1)] == [40, 0]
    assert [len(side) for side in split_pairs(pairs[:2], 0.5, seed=1)] == [2, 0]
    assert split_pairs([], 0.5, seed=1) == ([], [])
    with pytest.raises(InputError, match="0 to below 1"):
        split_pairs(pairs, 1.0, seed=1)


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.parquet"])
def test_files_give_the_pairs_back(tmp_path: Path, name: str) -> None:
    pairs = some_pairs()
    write_pairs(tmp_path / name, pairs)
    assert read_pairs(tmp_path / name) == pairs


def test_broken_files_of_pairs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    first, second = some_pairs()[:2]
    write_pairs(path, [first, first])
    with pytest.raises(InputError, match="rows 1 and 2 have the same id"):
        read_pairs(path)
    write_pairs(path, [first, replace(second, rejected=second.chosen)])
    with pytest.raises(InputError, match="row 2: needs two answers that differ"):
        read_pairs(path)
    path.write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match="row 1 is not a Pair record"):
        read_pairs(path)


def test_counts_add_up_to_the_questions() -> None:
    candidates = [answer("a", True, 0.9, text="one two three"), answer("b", True, 0.5, text="one")]
    found = join_found(
        [
            rank_pairs(sample(), [*candidates, answer("c", False, text="one two")], EVERY),
            rank_pairs(sample(row=2), candidates[:1], HOW),
            rank_pairs(sample("DR", "yes"), [answer("a", False), answer("b", False)], HOW),
        ]
    )
    sad, dr = count_pairs(found)
    assert (sad.task, sad.questions, sad.paired, sad.pairs) == ("SAD", 2, 1, 3)
    # Chosen: three words twice (against b and c), one word once; rejected: one, two, two.
    assert (sad.chosen_words, sad.rejected_words) == (2.3, 1.7)
    assert sad.none == {"fewer than two different answers": 1}
    assert (dr.questions, dr.paired, dr.pairs, dr.chosen_words) == (1, 0, 0, None)
    assert Counter(gap.task for gap in found.none) == {"SAD": 1, "DR": 1}
    table, why = pair_tables([sad, dr])
    assert table.rows[1] == ("responses", "DR", "1", "0", "0", "none", "none")
    assert why.rows[1] == ("DR", "no answer with the right label", "1")
