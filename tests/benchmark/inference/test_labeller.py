"""Trained labellers: what they learn, when they keep silent, and that a parrot fails its card."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mentallama.benchmark.inference.calibrate import calibrate
from mentallama.benchmark.inference.card import (
    calibration_error,
    card_table,
    judge,
    reasons_only,
    risk_curve,
)
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.heldout import Scored, parts_of
from mentallama.benchmark.inference.labeller import TaskLabeller
from mentallama.benchmark.inference.linear import fit_linear
from mentallama.benchmark.inference.measured import UNKNOWN, measure_labeller
from mentallama.benchmark.inference.store import load_labellers, save_labeller
from mentallama.benchmark.inference.train import Held, cross_fit, train_labeller
from mentallama.corpus import load_material
from mentallama.corpus.records import ResponseShape
from mentallama.errors import InputError
from mentallama.tasks import get_label, get_task
from mentallama.tasks.wording import render_answer
from mentallama.types import Response, Sample
from tests.conftest import Run, sample

TASK = get_task("SAD")
# Invented: how explanations of four causes speak, apart from the cause's name.
_SIGNS = {
    "family": ("the parents quarrel", "a brother moved out", "the mother calls every hour"),
    "work": ("the shift was doubled", "the manager shouts", "a deadline was brought forward"),
    "health": ("the back aches", "the pills cause a rash", "sleep does not come"),
    "school": ("the exam is near", "the teacher lost the essay", "a module was failed"),
}


def gold_answers(count: int = 240, *, seed: int = 1, shuffled: bool = False) -> list[Sample]:
    """Make gold answers whose explanations speak of their label, or of any label if shuffled."""
    rng = random.Random(seed)
    rows = []
    for row in range(count):
        label = rng.choice(sorted(_SIGNS))
        spoken = rng.choice(sorted(_SIGNS)) if shuffled else label
        signs = rng.sample(_SIGNS[spoken], 2)
        rows.append(
            sample(
                "SAD",
                label,
                text=f"invented post {seed} {row}",
                explanation=f"The poster mentions that {signs[0]}. They also say that {signs[1]}.",
                split="train",
                row=row + 1,
            )
        )
    return rows


@pytest.fixture(scope="module")
def labeller() -> TaskLabeller:
    return train_labeller(TASK, gold_answers(), fit_linear, trained_on="invented", beside={})


def response(text: str, *, reference: str = "", row: str = "1") -> Response:
    return Response(
        sample_id=row, task="SAD", text=text, model="m", gold="work", reference=reference
    )


REASONS = "The poster mentions that the manager shouts. They also say that the shift was doubled."


def test_it_reads_reasons_where_the_rules_find_nothing(labeller: TaskLabeller) -> None:
    (read,) = Cascade(labellers={"SAD": labeller})([response(f"Reasoning: {REASONS}")])
    assert (read.outcome, read.label, read.route) == ("verdict", "work", "labeller: linear")
    assert read.confidence is not None and 0.5 <= read.confidence <= 1


def test_rules_come_first_and_other_outcomes_stay(labeller: TaskLabeller) -> None:
    texts = {
        f"This post shows the stress cause related to family issues. {REASONS}": "verdict",
        "": "empty",
        "I'm sorry, but I cannot assess this.": "refusal",
        f"This post shows the stress cause related to noise. {REASONS}": "off_set",
        "work, school. Reasoning: both": "several",
        "Why or why not?": "undecided",
    }
    read = Cascade(labellers={"SAD": labeller})([response(text) for text in texts])
    assert [one.outcome for one in read] == list(texts.values())
    assert read[0].label == "family"
    assert all(one.route.startswith("rules: ") for one in read)


def test_it_keeps_silent_on_texts_unlike_its_own(labeller: TaskLabeller) -> None:
    text = "A grey kettle hums while seventeen pigeons discuss cricket above the bakery."
    (read,) = Cascade(labellers={"SAD": labeller})([response(text)])
    assert (read.outcome, read.route) == ("undecided", "labeller: linear, unlike its texts")


def test_it_is_not_asked_about_its_training_rows(labeller: TaskLabeller) -> None:
    own = gold_answers()[0]
    asked = response(own.explanation, reference=own.response)
    cascade = Cascade(labellers={"SAD": labeller})
    (read,) = cascade([asked])
    assert (read.outcome, cascade.withheld["SAD"]) == ("undecided", 1)
    (told,) = Cascade(labellers={"SAD": labeller}, allow_trained=True)([asked])
    assert told.outcome == "verdict"


def test_a_labeller_that_only_knows_the_phrases_fails_its_card() -> None:
    """Label sentences are right, explanations speak of any label: only phrases can be learnt."""
    parrot = train_labeller(
        TASK, gold_answers(shuffled=True), fit_linear, trained_on="x", beside={}, on="response"
    )
    assert parrot.card is not None and not parrot.card.passed
    views = {view.name: view for view in parrot.card.views}
    assert views["reasons only"].right < 0.5 * views["reasons only"].rows
    assert parrot.provisional


def restating(count: int = 200) -> list[Sample]:
    """Make gold answers whose explanations give their verdict again and no reason."""
    rows = []
    for row in gold_answers(count, seed=7):
        name = get_label(TASK, str(row.post.label)).completion
        said = f"The post shows the stress cause related to {name}."
        rows.append(replace(row, explanation=said, response=f"{said} Reasoning: {said}"))
    return rows


def test_one_that_only_ever_saw_the_verdict_restated_fails_its_card() -> None:
    """Nothing is left of such explanations without the verdict: the view counts, unanswered."""
    parrot = train_labeller(TASK, restating(), fit_linear, trained_on="x", beside={})
    assert parrot.card is not None and not parrot.card.passed
    assert "reasons only: 0 % right of 0 % answered" in parrot.card.why
    views = {view.name: view for view in parrot.card.views}
    assert (views["reasons only"].rows, views["reasons only"].answered) == (200, 0)
    assert views["explanation alone"].accuracy > 0.95


def test_a_deciding_view_that_is_missing_fails_the_card(labeller: TaskLabeller) -> None:
    assert labeller.card is not None
    views = [view for view in labeller.card.views if view.name != "reasons only"]
    card = judge("SAD", views)
    assert not card.passed and "reasons only: not measured, no text of it" in card.why


def test_a_text_too_short_to_read_is_no_answer() -> None:
    """A quarter of the reasons has three words; those rows stay in the denominator."""
    rows = [
        replace(row, explanation="They are tired.") if i % 4 == 0 else row
        for i, row in enumerate(gold_answers(400))
    ]
    made = train_labeller(TASK, rows, fit_linear, trained_on="x", beside={})
    assert made.card is not None and not made.card.passed
    view = next(v for v in made.card.views if v.name == "explanation alone")
    assert (view.rows, view.accuracy) == (400, 1.0) and 280 <= view.answered <= 300


def test_figures_come_from_floors_that_other_rows_set() -> None:
    """Part 0 is always right and part 1 always wrong, as sure as each other.

    Its own wrong rows would silence part 1; judged by part 0 it answers, and is wrong.
    """
    right = np.tile([[4.0, 0, 0, 0, 0, 0, 0, 0, 0]], (40, 1))
    scored = Scored(
        logits=right,
        familiar=np.ones(40),
        gold=np.repeat([0, 1], 20),
        read=np.ones(40, dtype=bool),
    )
    (view,) = cross_fit(TASK, Held({"explanation alone": scored}, np.repeat([0, 1], 20)), 0.05)
    assert (view.rows, view.answered, view.right) == (40, 20, 0)


def test_the_floor_lets_no_more_than_the_risk_through() -> None:
    """Of ten equally sure guesses two are wrong: at 10 % none may pass, at 20 % all."""
    logits, gold = np.tile([[2.0, 0.0]], (10, 1)), np.array([1, 1] + [0] * 8)
    assert calibrate(logits, np.ones(10), gold, 0.1).confidence_floor == 1.0
    assert calibrate(logits, np.ones(10), gold, 0.2).confidence_floor == pytest.approx(
        0.8, abs=0.01
    )


def test_posts_stay_in_one_part() -> None:
    rows = [row for row in gold_answers(30) for _ in range(3)]
    parts = parts_of(rows, 5)
    assert all(len(set(parts[i : i + 3])) == 1 for i in range(0, 90, 3))
    assert [int((parts == number).sum()) for number in range(5)] == [18] * 5


def test_the_calibration_error_by_hand() -> None:
    """Bin 0.9-1: 4 guesses at 0.95, 3 right (off 0.2); bin 0.5-0.6: one at 0.5, right (0.5)."""
    sure, right = np.array([0.95] * 4 + [0.5]), np.array([True, True, True, False, True])
    assert calibration_error(sure, right) == pytest.approx((4 * 0.2 + 0.5) / 5)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0
    assert calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) is None


def test_the_card_shows_the_calibration_error(labeller: TaskLabeller) -> None:
    assert labeller.card is not None
    table = card_table([labeller.card])
    column = table.header.index("confidence off by")
    for view, row in zip(labeller.card.views, table.rows, strict=True):
        shown = re.fullmatch(r"\d+\.\d %", str(row[column]))
        assert bool(shown) == (view.answered > 0), row
    assert "240 held-out rows in 5 parts" in labeller.card.calibrated


def test_equal_confidence_has_its_mean_risk_whatever_the_order() -> None:
    """Ten tied guesses, five right: half of the kept ones are wrong at every coverage."""
    for right in ([True] * 5 + [False] * 5, [False] * 5 + [True] * 5):
        points = risk_curve(np.full(10, 0.8), np.array(right))
        assert [point.risk for point in points] == pytest.approx([0.5] * 7)
    # Two sure and right; of the next eight, tied, four are wrong: at 50 %, 3 of these 8 are kept.
    sure = np.array([0.9, 0.9] + [0.7] * 8)
    points = risk_curve(sure, np.array([True, True] + [True, False] * 4))
    assert next(p.risk for p in points if p.coverage == 0.5) == pytest.approx(3 * 0.5 / 5)


def test_training_rows_are_known_in_both_forms(labeller: TaskLabeller) -> None:
    """The same row of the completion form opens with another label sentence."""
    own = gold_answers()[0]
    other = render_answer(get_label(TASK, str(own.post.label)), own.explanation, "completion")
    assert other != own.response
    cascade = Cascade(labellers={"SAD": labeller})
    (read,) = cascade([response(own.explanation, reference=other)])
    assert (read.outcome, cascade.withheld["SAD"]) == ("undecided", 1)
    assert read.route == "labeller: one of its training rows"


def elsewhere(labeller: TaskLabeller) -> TaskLabeller:
    """Return the labeller as if nothing were known of it but its weights."""
    settings = replace(
        labeller.settings, temperature=1.0, confidence_floor=0.5, familiarity_floor=0.0
    )
    return TaskLabeller(scorer=labeller.scorer, settings=replace(settings, trained_on="unknown"))


def test_one_from_elsewhere_gets_floors_and_a_card(labeller: TaskLabeller) -> None:
    rows = gold_answers(300, seed=11)
    made = measure_labeller(TASK, elsewhere(labeller), rows, source="invented", beside={})
    assert made.card is not None and made.card.passed, made.card
    assert made.settings.trained_on == UNKNOWN == "training rows: not known"
    assert made.card.calibrated == (
        "invented: temperature and floors from 150 held-out rows, the figures from 150 others"
    )
    assert {view.rows for view in made.card.views} == {150}
    assert made.settings.temperature != 1.0 and made.settings.familiarity_floor > 0
    (stray,) = made.guess(["A grey kettle hums while seventeen pigeons discuss cricket."])
    assert stray.label is None


def test_its_known_training_rows_are_left_out_of_its_card(labeller: TaskLabeller) -> None:
    """The rows differ in their posts alone, so that all explanations may be known already."""
    with pytest.raises(InputError, match="a card needs 20 in each"):
        measure_labeller(TASK, labeller, gold_answers(), source="x", beside={})


def test_one_of_ours_is_loaded_for_its_set(labeller: TaskLabeller, tmp_path: Path) -> None:
    save_labeller(labeller, tmp_path / "SAD")
    for place in (tmp_path / "SAD", tmp_path):
        loaded = load_labellers(f"SAD={place}")["SAD"]
        assert (loaded.card, loaded.settings) == (labeller.card, labeller.settings)
    with pytest.raises(InputError, match="a labeller of SAD, not of CAMS"):
        load_labellers(f"CAMS={tmp_path / 'SAD'}")
    (tmp_path / "SAD" / "labeller.json").unlink()
    with pytest.raises(InputError, match="was not written to its end"):
        load_labellers(f"SAD={tmp_path / 'SAD'}")


def test_an_honest_one_passes_and_its_card_adds_up(labeller: TaskLabeller) -> None:
    assert labeller.card is not None and labeller.card.passed, labeller.card
    for view in labeller.card.views:
        assert sum(one.rows for one in view.labels) == view.rows
        assert sum(one.right for one in view.labels) == view.right
        assert view.rows - sum(one.abstained for one in view.labels) == view.answered
        assert [point.coverage for point in view.curve] == sorted(
            (point.coverage for point in view.curve), reverse=True
        )


def test_confidence_is_the_share_of_right_guesses() -> None:
    """Half of the explanations speak of another label: a calibrated reader says about a half."""
    rng = random.Random(3)
    rows = [
        replace(row, post=replace(row.post, label=rng.choice(["work", "family"])))
        if rng.random() < 0.5
        else row
        for row in gold_answers(400, seed=5)
        if row.post.label in ("work", "family")
    ]
    noisy = train_labeller(TASK, rows, fit_linear, trained_on="x", beside={}, on="explanation")
    view = next(v for v in noisy.card.views if v.name == "explanation alone")  # type: ignore[union-attr]
    mean = sum(g.confidence for g in noisy.guess([row.explanation for row in rows])) / len(rows)
    right = 1 - view.curve[0].risk
    assert abs(mean - right) < 0.1, (mean, right)


def test_it_comes_back_from_disk_the_same(labeller: TaskLabeller, tmp_path: Path) -> None:
    save_labeller(labeller, tmp_path / "SAD")
    loaded = load_labellers(str(tmp_path))["SAD"]
    texts = [row.explanation for row in gold_answers(seed=9)]
    for before, after in zip(labeller.guess(texts), loaded.guess(texts), strict=True):
        assert before.label == after.label
        assert before.confidence == pytest.approx(after.confidence, abs=1e-4)
    assert (loaded.card, loaded.trained) == (labeller.card, labeller.trained)
    assert not any(b"manager" in file.read_bytes() for file in (tmp_path / "SAD").iterdir())


def test_without_a_card_scores_are_provisional(labeller: TaskLabeller, tmp_path: Path) -> None:
    save_labeller(labeller, tmp_path / "SAD")
    (tmp_path / "SAD" / "card.json").unlink()
    assert load_labellers(str(tmp_path))["SAD"].provisional == "it has no accuracy card"


def test_one_for_other_labels_is_refused(labeller: TaskLabeller, tmp_path: Path) -> None:
    save_labeller(labeller, tmp_path / "SAD")
    path = tmp_path / "SAD" / "labeller.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "labels": ["work", "play"]}))
    with pytest.raises(InputError, match="train it again"):
        load_labellers(str(tmp_path))


def test_too_little_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="needs 20 rows and 2 labels"):
        train_labeller(TASK, gold_answers(5), fit_linear, trained_on="x", beside={})


def test_explanations_too_short_to_learn_from_are_refused() -> None:
    rows = [replace(row, explanation="So tired.") for row in gold_answers(30)]
    with pytest.raises(InputError, match="0 of 30 training rows have an explanation of 4 words"):
        train_labeller(TASK, rows, fit_linear, trained_on="x", beside={})


def test_too_few_posts_are_refused() -> None:
    """Thirty rows on two posts: a fifth of the posts cannot be held out."""
    rows = [replace(r, post=replace(r.post, id=f"{i % 2}")) for i, r in enumerate(gold_answers(30))]
    with pytest.raises(InputError, match="stand on 2 posts; a labeller needs 10"):
        train_labeller(TASK, rows, fit_linear, trained_on="x", beside={}, folds=1)


def test_sentences_with_the_verdict_are_taken_out() -> None:
    text = "The manager shouts. Therefore the cause is related to work. The shift was doubled."
    assert reasons_only(TASK, text) == "The manager shouts. The shift was doubled."


def test_all_but_one_of_the_invented_shapes_are_read_rightly() -> None:
    """The one left names its label in Chinese."""
    wrong = []
    for shape in load_material(ResponseShape):
        (read,) = Cascade(labellers={})(
            [
                Response(
                    sample_id=shape.id,
                    task=shape.task,
                    text=shape.text,
                    model="m",
                    gold=get_task(shape.task).labels[0].key,
                    reference="",
                    aspect=shape.aspect,
                )
            ]
        )
        label = shape.labels[0] if shape.outcome == "verdict" else None
        if (read.outcome, read.label) != (shape.outcome, label):
            wrong.append(shape.id)
    assert wrong == ["response-30"]


def test_from_the_command_line(run: Run, tmp_path: Path, corpus_folder: Path) -> None:
    """The corpus is small and varied: its labellers are honest about failing."""
    done = run(
        "benchmark", "train-labeller", "--data", corpus_folder, "--task", "SAD", "--out", "x"
    )
    assert done.returncode == 1, done.stderr
    assert "reasons only" in done.stdout
    assert "failed the accuracy card" in done.stderr and "Traceback" not in done.stderr
    scored = run("generate", "--model", "gold", "--data", corpus_folder, "--out", "gold.jsonl")
    assert scored.returncode == 0
    read = run("evaluate", "gold.jsonl", "--labeller", "x", "--out", "scored")
    assert read.returncode == 0, read.stderr
    assert "provisional" in (tmp_path / "scored" / "report.html").read_text()
