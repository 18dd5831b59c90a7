"""Trained labellers: what they learn, when they keep silent, and that a parrot fails its card."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from mentallama.benchmark.inference.card import reasons_only
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.labeller import TaskLabeller
from mentallama.benchmark.inference.linear import fit_linear
from mentallama.benchmark.inference.store import load_labellers, save_labeller
from mentallama.benchmark.inference.train import train_labeller
from mentallama.corpus import load_material
from mentallama.corpus.records import ResponseShape
from mentallama.errors import InputError
from mentallama.tasks import get_task
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
