"""Drawing items: paired, spread over tasks and labels, seeded, and blind."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mentallama.dataset import read_samples
from mentallama.errors import InputError
from mentallama.human.items import Candidate, draw, draw_table, names_model
from mentallama.human.study import key_path, read_keys, read_study
from mentallama.io import write_records
from mentallama.types import Response
from tests.conftest import Run

MODELS = ("model-a", "model-b")


def make_candidates(
    sizes: dict[tuple[str, str], int], models: Sequence[str] = MODELS
) -> list[Candidate]:
    """Make the answers of models to so many rows of each task and label."""
    return [
        Candidate(
            row=f"{task}/{label}/{number}",
            sample_id=f"{model}'s name of {task}/{label}/{number}",
            model=model,
            task=task,
            aspect=None,
            gold=label,
            post=f"post {number} of {task} {label}",
            answer=f"answer {number} to {task} {label}, differing by {len(model)} {model[-1]}",
        )
        for model in models
        for (task, label), size in sizes.items()
        for number in range(size)
    ]


def test_every_model_answers_the_same_rows_and_ids_tell_nothing() -> None:
    candidates = make_candidates({("DR", "yes"): 8, ("DR", "no"): 8})
    first, again = draw(candidates, 6, 0, seed=3), draw(candidates, 6, 0, seed=3)
    rows: dict[str, set[str]] = defaultdict(set)
    for key in first.keys:
        rows[key.model].add(key.sample_id)
    assert rows["model-a"] == rows["model-b"]
    assert len(rows["model-a"]) == 6
    # The draw and its order follow from the seed, the ids do not.
    assert [(i.post, i.answer) for i in first.items] == [(i.post, i.answer) for i in again.items]
    assert not {i.id for i in first.items} & {i.id for i in again.items}
    assert [item.id for item in first.items] == [key.item for key in first.keys]
    other = draw(candidates, 6, 0, seed=4)
    assert [item.answer for item in other.items] != [item.answer for item in first.items]
    # Models are mixed in the file, not one behind the other.
    order = [key.model for key in first.keys]
    assert order not in (sorted(order), sorted(order, reverse=True))


def test_tasks_get_equal_shares_and_labels_equal_shares_of_them() -> None:
    sizes = {("DR", "yes"): 30, ("DR", "no"): 30} | {
        ("SAD", label): 30 for label in ("school", "work", "family", "health")
    }
    drawn = draw(make_candidates(sizes), 32, 0, seed=0)
    assert {(one.task, one.label): one.drawn for one in drawn.strata} == {
        key: (8 if key[0] == "DR" else 4) for key in sizes
    }


def test_a_stratum_that_is_used_up_is_called_short() -> None:
    sizes = {("DR", "yes"): 2, ("DR", "no"): 40, ("SAD", "work"): 40}
    strata = draw(make_candidates(sizes), 30, 0, seed=0).strata
    rows = {row[:2]: row[2:] for row in draw_table(strata).rows}
    assert rows["DR", "yes"] == (2, 2, 0, "short")
    assert rows["DR", "no"] == (40, 13, 0, "")
    assert rows["SAD", "work"] == (40, 15, 0, "")


def test_calibration_items_are_further_rows_with_the_models_in_turn() -> None:
    drawn = draw(make_candidates({("DR", "yes"): 20}), 10, 4, seed=1)
    first = {item.id for item in drawn.items if item.calibration}
    keys = {key.item: key for key in drawn.keys}
    assert Counter(keys[item].model for item in first) == {"model-a": 2, "model-b": 2}
    main = {keys[item.id].sample_id for item in drawn.items if not item.calibration}
    assert not main & {keys[item].sample_id for item in first}
    assert (len(main), len(first), len(drawn.items)) == (10, 4, 24)


def test_rows_that_a_model_left_empty_or_out_are_not_drawn_and_counted() -> None:
    candidates = [
        one
        for one in make_candidates({("DR", "yes"): 10})
        if not (one.model == "model-b" and one.row.endswith(("/0", "/1")))
    ]
    candidates.append(replace(candidates[0], row="DR/yes/0", model="model-b", answer="  \n"))
    drawn = draw(candidates, 8, 0, seed=0)
    assert drawn.left_out == 2
    with pytest.raises(
        InputError, match="8 rows were answered by all of model-a, model-b; too few"
    ):
        draw(candidates, 8, 1, seed=0)


def test_the_aspects_of_one_post_come_after_other_posts() -> None:
    candidates = [
        Candidate(
            row=f"{post}/{aspect}", sample_id=f"{post}/{aspect}", model="m", task="MultiWD",
            aspect=aspect, gold="yes", post=f"post {post}", answer="answer",
        )
        for post in range(5)
        for aspect in ("social", "physical", "emotional")
    ]  # fmt: skip
    for seed in range(10):
        drawn = draw(candidates, 5, 0, seed)
        assert len({item.post for item in drawn.items}) == 5
    questions = {item.question for item in draw(candidates, 15, 0, 0).items}
    assert "Does the social wellness dimension exist in the post?" in questions


def test_answers_that_give_the_model_away_or_are_the_same_are_counted() -> None:
    candidates = [
        Candidate(
            row=str(row), sample_id=str(row), model=model, task="DR", aspect=None, gold="yes",
            post=f"post {row}", answer=answer,
        )
        for row, answers in enumerate([("the same", "the same"), ("I am Tiny-7B.", "other")])
        for model, answer in zip(("lab/tiny-7b", "b"), answers, strict=True)
    ]  # fmt: skip
    drawn = draw(candidates, 2, 0, seed=0)
    assert (drawn.telling, drawn.doubled) == (1, 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [("written by GOLD", True), ("golden", False), ("a marigold", False), ("gold.", True)],
)
def test_a_name_is_found_as_a_word(text: str, found: bool) -> None:
    assert names_model(text, ["gold"]) is found


def make_responses(corpus_folder: Path, path: Path, model: str, *, keep: slice) -> None:
    samples = read_samples(corpus_folder, splits=["test"], tasks=["SAD", "Irf"])[keep]
    write_records(
        path,
        [
            Response(
                # Another numbering for every model: rows are told by their posts.
                sample_id=f"{sample.post.task}/{model}/{number}",
                task=sample.post.task,
                text=f"{sample.response} ({len(model)})",
                model=model,
                gold=str(sample.post.label),
                reference=sample.response,
                gold_source="corpus",
                aspect=sample.post.aspect,
                post_id=sample.post.id,
            )
            for number, sample in enumerate(samples)
        ],
    )


def test_a_study_of_two_models_is_blind_and_its_key_lies_beside(
    run: Run, tmp_path: Path, corpus_folder: Path
) -> None:
    for model, keep in (("secretive-7b", slice(None)), ("other-model", slice(None, None, -1))):
        make_responses(corpus_folder, tmp_path / f"{model}.jsonl", model, keep=keep)
    command = ["rate", "new", "secretive-7b.jsonl", "other-model.jsonl", "--data", corpus_folder]
    command += ["--items", 12, "--calibration", 2, "--raters", 4, "--out", "study"]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "26 items: 12 rows with an answer of each of 2 models, and 2 for calibration" in (
        done.stdout
    )
    assert "raters: 4, 3 an item, 20 to 20 items each, of these 2 for calibration" in done.stdout
    for file in (tmp_path / "study").iterdir():
        assert b"secretive" not in file.read_bytes()
        assert b"other-model" not in file.read_bytes()
    assert (tmp_path / "study-key.jsonl").stat().st_mode & 0o077 == 0
    study, keys = read_study(tmp_path / "study"), read_keys(key_path(tmp_path / "study"))
    texts = {s.id: s for s in read_samples(corpus_folder, splits=["test"])}
    assert {item.post for item in study.items} <= {s.post.text for s in texts.values()}
    pairs: dict[str, set[str]] = defaultdict(set)
    posts: dict[str, set[str]] = defaultdict(set)
    for item in study.items:
        if not item.calibration:
            pairs[keys[item.id].sample_id].add(keys[item.id].model)
            posts[keys[item.id].sample_id].add(item.post)
        assert item.answer.endswith(f"({len(keys[item.id].model)})")
    assert all(len(pair) == 2 for pair in pairs.values())
    assert all(len(post) == 1 for post in posts.values())
    again = run(*command)
    assert again.returncode == 2
    assert "there is a study here already" in again.stderr


def test_the_answers_of_a_data_set_are_rated_as_its_teachers(
    run: Run, tmp_path: Path, corpus_folder: Path
) -> None:
    command = ["rate", "new", "--data", corpus_folder, "--out", "study", "--items", 9]
    done = run(*command, "--task", "t-sid", "--rater", "ann", "--rater", "bo", "--overlap", 2)
    assert done.returncode == 0, done.stderr
    assert "posts of t-sid are under agreement" in done.stdout
    keys = read_keys(key_path(tmp_path / "study")).values()
    assert {(key.model, key.task) for key in keys} == {("teacher", "t-sid")}
    assert read_study(tmp_path / "study").about.raters == ("ann", "bo")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--items", "9000"], "too few for 9,000 items"),
        (["--items", "5", "--overlap", "6"], "6 raters an item, of 5 raters"),
        (["--items", "5", "--rater", "a", "--raters", "3"], "not both"),
        (["--items", "5", "--rater", "../x", "--overlap", "1"], "--rater '../x'"),
        (["--items", "5", "--rubric", "none.yaml"], "none.yaml: no such file"),
        (["--items", "5", "--task", "DRR"], "no task is called 'DRR'. Did you mean 'DR'?"),
    ],
)
def test_a_study_that_cannot_be_made_is_refused_and_nothing_is_left(
    run: Run, tmp_path: Path, corpus_folder: Path, options: list[str], said: str
) -> None:
    done = run("rate", "new", "--data", corpus_folder, "--out", "study", *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_named_after_a_model_is_refused(
    run: Run, tmp_path: Path, corpus_folder: Path
) -> None:
    make_responses(corpus_folder, tmp_path / "r.jsonl", "tiny", keep=slice(None))
    command = ["rate", "new", "r.jsonl", "--data", corpus_folder, "--items", 5]
    done = run(*command, "--out", "how-good-is-tiny")
    assert done.returncode == 2
    assert "holds a model's" in done.stderr


def test_the_guideline_of_a_study_is_printed_and_written(
    run: Run, tmp_path: Path, corpus_folder: Path
) -> None:
    command = ["rate", "new", "--data", corpus_folder, "--out", "study", "--items", 3]
    assert run(*command, "--rubric", "evaluation").returncode == 0
    printed = run("rate", "guide", "study")
    assert "evaluation@1" in printed.stdout
    assert run("rate", "guide", "evaluation", "--out", "guide.md").returncode == 0
    assert (tmp_path / "guide.md").read_text() == printed.stdout
    about = json.loads((tmp_path / "study" / "study.json").read_text())
    assert about["rubric"] == "evaluation@1"
