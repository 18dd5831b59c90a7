"""Rows of several models meet by what was asked, whatever their order; every text is invented."""

import random
from dataclasses import replace

import pytest

from mentallama.benchmark.evaluate import evaluate
from mentallama.benchmark.explanations import draw
from mentallama.benchmark.golds import count_joins, human_labels
from mentallama.benchmark.paired import Paired, pair_models
from mentallama.benchmark.pairing import row_keys
from mentallama.benchmark.report import _choose_samples
from mentallama.types import Response, Sample
from tests.conftest import sample

ROWS = [
    sample("SAD", label, text=f"the {label} day number {n}", explanation=f"Day {n}.", row=n)
    for n, label in enumerate(["work", "family", "school", "work", "family", "school"] * 5)
]


def answer(row: Sample, number: int, model: str, text: str, known: bool = True) -> Response:
    """Return a response as the reference layout has it: its id is its place in the file."""
    return Response(
        sample_id=f"SAD/{number:05d}",
        task="SAD",
        text=text,
        model=model,
        gold=str(row.post.label),
        reference=row.response,
        post_id=row.post.id if known else None,
    )


def answers(rows: list[Sample], model: str, known: bool = True) -> list[Response]:
    return [answer(row, n, model, row.response, known) for n, row in enumerate(rows, 1)]


def shuffled(rows: list[Sample]) -> list[Sample]:
    return random.Random(3).sample(rows, len(rows))


def pair(responses: list[Response]) -> Paired:
    return pair_models(evaluate(responses, resamples=100), {}, resamples=200, seed=0)


@pytest.mark.parametrize("known", [True, False])
def test_rows_in_another_order_meet(known: bool) -> None:
    """Both models are right everywhere; by row number most golds would not agree."""
    paired = pair(answers(ROWS, "a", known) + answers(shuffled(ROWS), "b", known))
    (one,) = paired.comparisons
    assert (one.n, one.disagreeing, one.difference) == (30, 0, 0)
    assert paired.flips == ()
    assert not any("different rows" in note for note in paired.notes)


def test_only_shared_rows_are_compared_and_that_is_said() -> None:
    wrong = [replace(row, text="Poetry.") for row in answers(ROWS[15:], "b")]
    paired = pair(answers(ROWS[:20], "a") + wrong)
    (one,) = paired.comparisons
    assert (one.n, one.a_right_only) == (5, 5)
    assert {flip.post_id for flip in paired.flips} == {row.post.id for row in ROWS[15:20]}
    assert {(flip.sample_id, flip.wrong_sample_id) for flip in paired.flips} >= {
        ("SAD/00016", "SAD/00001")
    }
    (note,) = [note for note in paired.notes if "different rows" in note]
    assert "SAD (15 or 20, 5 common to all)" in note


def test_models_without_a_common_row_have_no_rank() -> None:
    paired = pair(answers(ROWS[:15], "a") + answers(ROWS[15:], "b"))
    assert paired.comparisons == ()
    assert set(paired.ranks.values()) == {None}
    assert any("not compared: a and b" in note for note in paired.notes)


def test_rows_under_other_gold_labels_are_left_out_and_said() -> None:
    other = [replace(answers(ROWS, "b")[0], gold="health"), *answers(ROWS, "b")[1:]]
    paired = pair(answers(ROWS, "a") + other)
    (one,) = paired.comparisons
    assert (one.n, one.disagreeing) == (29, 1)
    assert any("different gold labels for 1 rows" in note for note in paired.notes)


def test_a_model_that_names_no_posts_meets_one_that_does() -> None:
    (one,) = pair(answers(ROWS, "a") + answers(shuffled(ROWS), "b", known=False)).comparisons
    assert (one.n, one.difference) == (30, 0)


def test_what_was_asked_twice_is_told_apart_by_its_gold_answer() -> None:
    twice = [sample("SAD", "work", explanation=f"Reason {n}.", row=n) for n in range(2)]
    keys = row_keys(answers(twice, "a") + answers(twice[::-1], "b") + answers(twice[1:], "c"))
    assert keys[0] == keys[3] and keys[1] == keys[2] == keys[4]
    assert len(set(keys)) == 2


def test_the_two_forms_of_a_question_are_two_rows() -> None:
    both = [sample("SAD", "work", form="instruction"), sample("SAD", "work", form="completion")]
    assert len(set(row_keys([answer(row, n, "a", "") for n, row in enumerate(both)]))) == 2


def test_models_are_drawn_the_same_rows() -> None:
    drawn = [
        {row.post_id for row in draw(answers(rows, "m"), 7, 0)} for rows in (ROWS, shuffled(ROWS))
    ]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 7


def test_the_viewer_shows_one_post_with_all_answers_to_it() -> None:
    found = evaluate(answers(ROWS, "a") + answers(shuffled(ROWS), "b"), resamples=100)
    for shown in _choose_samples(found, {row.post.id: row.post.text for row in ROWS}, ()):
        assert [answer.response.model for answer in shown.answers] == ["a", "b"]
        assert len({answer.response.post_id for answer in shown.answers}) == 1


def test_a_join_counts_each_row_once_whatever_the_order() -> None:
    said = human_labels([row.post for row in ROWS])
    texts = {row.post.id: row.post.text for row in ROWS}
    (join,) = count_joins(answers(ROWS[:20], "a") + answers(ROWS[10:], "b"), texts, said)
    assert (join.rows, join.joined, join.same) == (30, 30, 30)
