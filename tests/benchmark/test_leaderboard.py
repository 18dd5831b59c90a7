"""The leaderboard on invented posts: two models, two golds, every format."""

import csv
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mentallama.benchmark.evidence import overlap, score_evidence, words_in
from mentallama.benchmark.golds import ask_people, count_joins, human_labels
from mentallama.benchmark.inference.card import risk_curve
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.rules import read_by_rules
from mentallama.benchmark.integrity import check_integrity, explanation_of
from mentallama.benchmark.leaderboard import Board, People, make_board
from mentallama.benchmark.responses import join_posts, read_responses
from mentallama.benchmark.slices import Known
from mentallama.corpus.samples import load_samples
from mentallama.io import write_csv
from mentallama.tasks import get_label, get_task
from mentallama.tasks.posts import text_key
from mentallama.types import Post, Response, Sample
from tests.conftest import Run, sample

SAMPLES = [s for s in load_samples() if s.form == "instruction" and s.post.split == "test"]


MOJIBAKE = "it\u2019s the manager\u2019s voice again".encode().decode("mac_roman")


def respond(rows: list[Sample], model: str, right: float, seed: int) -> list[Response]:
    """Answer like the gold, but with another label in a share of the rows."""
    rng = random.Random(seed)
    responses = []
    for row in rows:
        labels = get_task(row.post.task).labels
        said = get_label(get_task(row.post.task), str(row.post.label))
        if rng.random() >= right:
            said = rng.choice([label for label in labels if label != said])
        responses.append(
            Response(
                sample_id=row.id,
                task=row.post.task,
                text=f"{said.phrase} Reasoning: {row.explanation}",
                model=model,
                gold=str(row.post.label),
                reference=row.response,
                aspect=row.post.aspect,
                post_id=row.post.id,
            )
        )
    return responses


def people_of(posts: list[Post]) -> People:
    return People(labels=human_labels(posts), marked={})


@pytest.fixture(scope="module")
def board() -> Board:
    """Return a board of two models; people differ from the release on one MultiWD row."""
    rows = [s for s in SAMPLES if s.post.task in ("MultiWD", "SAD")]
    responses = respond(rows, "good", 0.95, 1) + respond(rows, "poor", 0.4, 2)
    posts = [replace(row.post, label=str(row.post.label)) for row in rows]
    first = next(i for i, post in enumerate(posts) if post.task == "MultiWD")
    posts[first] = replace(posts[first], label="no" if posts[first].label == "yes" else "yes")
    known = Known(texts={row.post.id: row.post.text for row in rows}, trained=set())
    return make_board(responses, Cascade(labellers={}), known, people_of(posts), resamples=200)


def test_every_model_set_and_gold_is_scored(board: Board) -> None:
    keys = {(s.model, s.task, s.gold) for s in board.evaluation.scores}
    assert len(keys) == 2 * 2 * 2
    assert board.ranks["MultiWD", "release", "good"] == 1
    assert board.ranks["MultiWD", "release", "poor"] == 2


def test_ranks_follow_from_the_comparisons(board: Board) -> None:
    for one in board.comparisons:
        assert one.p <= one.p_holm
        better = one.p_holm < 0.05 and one.difference > 0
        assert (board.ranks[one.task, one.gold, one.b] == 2) == better


def test_the_flipped_rows_are_all_listed(board: Board) -> None:
    for one in board.comparisons:
        flips = [f for f in board.flips if (f.task, f.gold) == (one.task, one.gold)]
        assert sum(f.right == one.a for f in flips) == one.a_right_only
        assert sum(f.right == one.b for f in flips) == one.b_right_only
        assert len(flips) == one.a_right_only + one.b_right_only


def test_the_join_with_people_is_counted(board: Board) -> None:
    joins = {join.task: join for join in board.joins}
    assert joins["MultiWD"].joined == joins["MultiWD"].rows
    assert joins["MultiWD"].same == joins["MultiWD"].rows - 1
    assert joins["SAD"].same == joins["SAD"].joined == joins["SAD"].rows


def test_risk_falls_where_the_surer_half_is_right() -> None:
    sure = np.linspace(1, 0.5, 40)
    points = {one.coverage: one for one in risk_curve(sure, np.arange(40) < 20)}
    assert (points[0.5].risk, points[0.8].risk, points[1.0].risk) == (0, 12 / 32, 0.5)
    assert points[0.5].confidence == sure[19]


def test_without_a_labeller_all_verdicts_are_alike(board: Board) -> None:
    assert board.curves == ()


def test_parts_add_up(board: Board) -> None:
    for model in ("good", "poor"):
        own = [
            s for s in board.slices if (s.model, s.task, s.gold) == (model, "MultiWD", "release")
        ]
        rows = sum(s.n for s in own if s.by == "label")
        assert rows == sum(s.n for s in own if s.by == "aspect")
        assert all(s.small == (s.n < 30) for s in own)


def test_broken_characters_do_not_hinder_the_join() -> None:
    row = sample("SAD", "work", text="it\u2019s the manager\u2019s voice again")
    (response,) = respond([row], "m", 1, 0)
    broken = replace(row.post, text=MOJIBAKE, label="family")
    (asked,) = ask_people([response], {row.post.id: row.post.text}, human_labels([broken]))
    assert (asked.gold, asked.gold_source) == ("family", "human")


def test_people_who_contradict_each_other_give_no_gold() -> None:
    row = sample("SAD", "work")
    said = human_labels([replace(row.post, label="work"), replace(row.post, label="family")])
    responses = respond([row], "m", 1, 0)
    texts = {row.post.id: row.post.text}
    assert ask_people(responses, texts, said) == []
    (join,) = count_joins(responses, texts, said)
    assert (join.joined, join.conflicting) == (0, 1)


def test_rows_in_the_order_of_a_split_find_their_question(tmp_path: Path) -> None:
    """Two aspects of a post may have one and the same answer: only the order tells them apart."""
    rows = [
        sample("MultiWD", "no", aspect=aspect, text=text, explanation="Nothing in it.", row=n)
        for n, (text, aspect) in enumerate(
            [("one", "social"), ("one", "physical"), ("two", "social")], 1
        )
    ]
    (tmp_path / "m").mkdir()
    write_csv(
        tmp_path / "m" / "MultiWD.csv",
        ["goldens", "generated_text"],
        [[row.response, "No."] for row in rows[:2]],
    )
    joined = join_posts(read_responses(tmp_path), rows)
    assert [(r.post_id, r.aspect) for r in joined] == [
        (row.post.id, row.post.aspect) for row in rows[:2]
    ]


def test_evidence_by_hand() -> None:
    """Six words; people marked the first four, the model quotes the third to fifth."""
    row = sample(
        "Irf", "yes", aspect="perceived burdensomeness", text="one two three four five six"
    )
    response = Response(
        sample_id="1", task="Irf", model="m", gold="yes", reference="", post_id=row.post.id,
        aspect=row.post.aspect, text='Yes. Reasoning: They write "three four five" there.',
    )  # fmt: skip
    marked = {("Irf", row.post.aspect, text_key(row.post.text)): ("one two three four",)}
    found = score_evidence([response], {row.post.id: row.post.text}, marked, seed=0)
    assert found is not None and (found.marked, found.quoted) == (1, 1)
    assert found.token_f1 == pytest.approx(100 * 2 * 2 / 7)
    assert found.iou == pytest.approx(100 * 2 / 5)
    # Three of six words at one of four places: the overlaps are 3, 3, 2 and 1 words.
    assert found.random_f1 == pytest.approx(100 * 2 * 2.25 / 7, abs=12)
    assert overlap({1}, set()) == (0, 0)
    assert words_in("one two", [(2, 5)]) == {0, 1}


def test_integrity_counts_quotes_and_copies() -> None:
    row = sample("SAD", "work", text="the manager shouts at all of us every single morning")
    verdict = "This post shows the stress cause related to work. Reasoning:"
    texts = [
        f'{verdict} It says "manager shouts" and "the dog barks" and that is all.',
        f"{verdict} {row.post.text}",
    ]
    responses = [
        Response(sample_id=str(n), task="SAD", text=text, model="m", gold="work", reference="",
                 post_id=row.post.id)
        for n, text in enumerate(texts)
    ]  # fmt: skip
    pairs = list(zip(responses, read_by_rules(responses), strict=True))
    found = check_integrity(pairs, None, {row.post.id: row.post.text})
    assert (found.quotes, found.grounded, found.copied, found.with_post) == (2, 1, 1, 2)
    assert (found.explained, found.compared) == (2, 0)
    assert (
        explanation_of(get_task("SAD"), "Work. It is loud. It is late.")
        == "It is loud. It is late."
    )


@pytest.fixture
def model_folders(tmp_path: Path) -> Path:
    rows = [s for s in SAMPLES if s.post.task in ("Irf", "SAD")]
    for model, right in (("good", 0.9), ("poor", 0.5)):
        (tmp_path / "outputs" / model).mkdir(parents=True)
        for task in ("Irf", "SAD"):
            answers = respond([r for r in rows if r.post.task == task], model, right, 3)
            write_csv(
                tmp_path / "outputs" / model / f"{task}.csv",
                ["goldens", "generated_text"],
                [[answer.reference, answer.text] for answer in answers],
            )
    return tmp_path / "outputs"


def test_from_the_command_line(
    run: Run, tmp_path: Path, model_folders: Path, corpus_folder: Path
) -> None:
    run("corpus", "export", "--format", "raw", "--out", "raw")
    arguments = ["leaderboard", model_folders, "--data", corpus_folder, "--raw", "raw"]
    done = run(*arguments, "--labeller", "none", "--out", "board")
    assert done.returncode == 0, done.stderr
    assert "not known" in done.stdout or "reported, unverified" in done.stdout
    board = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert {(s["model"], s["gold"]) for s in board["scores"]} == {
        (model, gold) for model in ("good", "poor") for gold in ("release", "human")
    }
    assert board["evidence"] == [] or board["evidence"][0]["task"] == "Irf"
    rows = list(csv.DictReader((tmp_path / "board" / "leaderboard.csv").open()))
    assert len(rows) == 2 * 2 * 2
    for name in ("leaderboard.md", "leaderboard.tex", "leaderboard.html", "flips.jsonl"):
        assert (tmp_path / "board" / name).stat().st_size > 500
    text = SAMPLES[0].post.text[:40]
    page = (tmp_path / "board" / "leaderboard.html").read_text()
    assert text not in page and "slope" in page and "http" not in page.split("<body>")[1]


def test_bad_requests_get_one_line(run: Run, tmp_path: Path, model_folders: Path) -> None:
    for extra, said in (
        (["--raw", "raw"], "need --raw and"),
        (["--gold", "human"], "need --raw and"),
        (["--labeller", "nowhere"], "no labeller in it"),
        (["--show-posts"], "needs --out"),
    ):
        done = run("leaderboard", model_folders, *extra)
        assert done.returncode == 2 and said in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
