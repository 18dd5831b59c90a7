"""A classifier that reads the post alone: which labels meet on which posts, and what it learns."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mentallama import feedback
from mentallama.config import load_config
from mentallama.dataset import Manifest, write_manifest, write_samples
from mentallama.models.backend import Decoding
from mentallama.models.classifier import is_classifier, load_classifier
from mentallama.tuning.material import read_material
from mentallama.tuning.readings import list_outputs, read_readings, weigh_questions
from mentallama.tuning.recipe import Recipe, find_recipe
from mentallama.tuning.run import tune
from mentallama.types import Sample
from tests.conftest import Run, sample

BELONG, BURDEN = "thwarted belongingness", "perceived burdensomeness"


def recipe(*changes: str) -> Recipe:
    return load_config(find_recipe("tiny-mini"), Recipe, ["report_to=[]", *changes])


def write(folder: Path, samples: list[Sample]) -> Path:
    groups: dict[tuple[str, str], list[Sample]] = {}
    for one in samples:
        groups.setdefault((one.post.task, str(one.post.split)), []).append(one)
    files = tuple(write_samples(folder, rows) for rows in groups.values())
    write_manifest(folder, Manifest(source="test", gold_source="release", version="0", files=files))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Irf has validation rows only; one post of SAD is also one of DR; one leaks into the test."""
    made = [
        sample("DR", "yes", text="the flat is quiet and so am i", split="train", row=1),
        sample("SAD", "family", text="The flat is quiet, and so am I!", split="train", row=1),
        sample("SAD", "work", text="the rota changed again on sunday", split="train", row=2),
        sample("SAD", "work", text="my shift moved, i will be asked why", split="test", row=1),
        sample("SAD", "work", text="My shift moved. I will be asked why", split="train", row=3),
        sample(
            "SAD", "school", text="the essay is due and the page is white", split="valid", row=1
        ),
        sample("DR", "no", text="made soup for the whole street", split="valid", row=1),
    ]
    made += [
        sample(
            "Irf",
            "no",
            text=f"post number {n} of the choir",
            aspect=a,
            split="valid",
            row=2 * n + i,
        )
        for n in range(1, 21)
        for i, a in enumerate((BELONG, BURDEN))
    ]
    return write(tmp_path / "data", made)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """People say yes where the release said no; one post validates, one is not in the release."""
    folder = tmp_path / "raw" / "irf"
    folder.mkdir(parents=True)
    for name, texts in {
        "train_data.csv": ["a post that only people labelled", "post number 3 of the choir"],
        "test_data.csv": ["a post of the source's own test"],
        "val_data.csv": ["another one that only people labelled"],
    }.items():
        with (folder / name).open("w", newline="") as handle:
            rows = csv.writer(handle)
            rows.writerow(["text", "belong", "belong_exp", "burden", "burden_exp"])
            rows.writerows([text, 1, "a post", 0, ""] for text in texts)
    return tmp_path / "raw"


def test_labels_meet_on_a_post_and_validation_lends_some(data: Path) -> None:
    train, valid, leaks = read_readings(recipe("leaks=drop", "train_on_validation=0.5"), data, None)
    by_text = {one.text: one.outputs for one in train}
    assert by_text["the flat is quiet and so am i"] == ("DR/yes", "SAD/family")
    assert "My shift moved. I will be asked why" not in by_text and leaks.rows == 1
    lent = {text for text in by_text if "choir" in text}
    kept = {one.text for one in valid if "choir" in one.text}
    assert 4 <= len(lent) <= 16 and len(lent) + len(kept) == 20 and not lent & kept
    assert by_text[next(iter(lent))] == (f"Irf[{BELONG}]/no", f"Irf[{BURDEN}]/no")
    again = read_readings(recipe("leaks=drop", "train_on_validation=0.5"), data, None)
    assert again == (train, valid, leaks)


def test_peoples_labels_are_questions_of_their_own(data: Path, raw: Path) -> None:
    train, valid, _ = read_readings(recipe("leaks=keep"), data, raw)
    human = (f"Irf[{BELONG}]@human/yes", f"Irf[{BURDEN}]@human/no")
    by_text = {one.text: one.outputs for one in train}
    assert by_text["a post that only people labelled"] == human
    assert not any("own test" in one.text for one in train)
    # The release does not test Irf here, so the source's own test is neither trained nor met.
    both = next(one for one in valid if one.text == "post number 3 of the choir")
    assert both.outputs == (f"Irf[{BELONG}]/no", f"Irf[{BURDEN}]/no", *human)
    names = list_outputs(train)
    assert names[:2] == ["DR/no", "DR/yes"] and f"Irf[{BURDEN}]@human/yes" in names
    assert not any(name.startswith(f"Irf[{BURDEN}]/") for name in names)


def test_rare_questions_weigh_more_and_aspects_share(data: Path, raw: Path) -> None:
    train, _, _ = read_readings(recipe("leaks=keep"), data, raw)
    weights = weigh_questions(train)
    # By hand: DR has 1 post, SAD 3, each question of Irf 2; the mean of 1, 3, 2, 2 is 2.
    assert weights["DR"] == pytest.approx(2**0.5) and weights["SAD"] == pytest.approx(
        (2 / 3) ** 0.5
    )
    assert weights[f"Irf[{BURDEN}]@human"] == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["risk=null"], "risk belongs to reads post_alone"),
        (["reads=post"], "risk belongs to reads post_alone"),
        (["reads=post", "risk=null", "train_on_validation=0.5"], "train_on_validation is for"),
    ],
)
def test_what_does_not_go_together_is_one_line(changes: list[str], said: str) -> None:
    with pytest.raises(Exception, match=said):
        recipe(*changes)


def test_raw_labels_are_refused_by_other_recipes(run: Run, raw: Path, data: Path) -> None:
    done = run("tune", "tiny", "--data", data, "--raw", raw, "--out", "out")
    assert done.returncode == 2 and "--raw is for classifiers" in done.stderr.splitlines()[-1]


def test_it_learns_every_question_at_once_and_says_what_it_is_sure_of(
    corpus_folder: Path, tmp_path: Path
) -> None:
    """Words that name the label, so that a small model can learn them."""
    words = {"yes": "grey heavy slow", "no": "bright light quick"}
    made = [
        sample(task, label, text=f"{words[label]} day {row} {task}", split=split, row=row)
        for split, rows in (
            ("train", range(60)),
            ("valid", range(60, 100)),
            ("test", range(100, 110)),
        )
        for row in rows
        for task in ("DR", "dreaddit")
        for label in [("no", "yes")[(row + (task == "DR")) % 2]]
    ]
    folder = write(tmp_path / "data", made)
    tuned = tune(
        recipe("epochs=6", "scratch.vocabulary=400"), folder, tmp_path / "run", feedback=feedback
    )
    assert tuned.classes == ["DR/no", "DR/yes", "dreaddit/no", "dreaddit/yes"]
    assert tuned.calibration and set(tuned.calibration) == {"DR", "dreaddit"}
    assert tuned.calibration["DR"]["n"] == 40 and tuned.calibration["DR"]["floor"] >= 0.5
    assert tuned.best > 95
    assert is_classifier(str(tuned.folder))
    asked = [one for one in made if one.post.split == "test"]
    backend = load_classifier(str(tuned.folder), asked, batch_size=4)
    answers = backend.complete([one.prompt for one in asked], Decoding())
    right = [done.text.startswith(one.response.split(" Reasoning")[0])
             for done, one in zip(answers, asked, strict=True)]  # fmt: skip
    assert np.mean(right) > 0.9


def test_the_plan_counts_posts(data: Path, run: Run) -> None:
    done = run("tune", "tiny-mini", "--data", data, "--dry-run", "--set", "leaks=keep")
    assert done.returncode == 0, done.stderr
    assert "validation rows" in done.stdout and "| SAD" in done.stdout
    material = read_material(recipe("leaks=keep"), data)
    assert material.rows_by_task == {"DR": 1, "SAD": 3}


def test_the_plan_does_not_count_frozen_layers_as_trained(data: Path, run: Run) -> None:
    changes = ("leaks=keep", "frozen_layers=1", "scratch.vocabulary=300")
    options = [part for change in changes for part in ("--set", change)]
    done = run("tune", "tiny-mini", "--data", data, "--dry-run", *options)
    assert done.returncode == 0, done.stderr
    # By hand: the second layer (attention, feed-forward, two norms) and outputs for 11 labels.
    layer = 4 * (64 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64) + 4 * 64
    assert f"{layer + 64 * 11 + 11:,} trained (full)" in done.stdout
