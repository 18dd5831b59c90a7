"""The leaderboard on invented posts: two models, two golds, every format."""

import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mentallama.benchmark.attributes import corpus_versions, count_changes
from mentallama.benchmark.board_output import board_tables, part_tables, standings, write_board
from mentallama.benchmark.evaluate import Reader
from mentallama.benchmark.evidence import evidence_table, overlap, score_evidence, words_in
from mentallama.benchmark.golds import ask_people, count_joins, human_labels
from mentallama.benchmark.inference.card import risk_curve
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.rules import read_by_rules
from mentallama.benchmark.integrity import (
    GOLD,
    check_gold,
    check_integrity,
    explanation_of,
    integrity_table,
)
from mentallama.benchmark.leaderboard import Board, People, make_board
from mentallama.benchmark.responses import join_posts, read_responses
from mentallama.benchmark.slices import Known
from mentallama.cli.scoring import _authors
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
    assert found.token_f1.value == pytest.approx(100 * 2 * 2 / 7)
    assert found.iou.value == pytest.approx(100 * 2 / 5)
    # Three of six words at one of four places: the overlaps are 3, 3, 2 and 1 words.
    assert found.random_f1.value == pytest.approx(100 * 2 * 2.25 / 7, abs=12)
    # A second response quotes nothing: it counts as nothing found, where all rows count.
    silent = replace(response, sample_id="2", text="Yes. Reasoning: They write something there.")
    both = score_evidence([response, silent], {row.post.id: row.post.text}, marked, seed=0)
    assert both is not None and (both.marked, both.quoted) == (2, 1)
    assert both.token_f1 == found.token_f1
    assert both.token_f1_all.value == pytest.approx(100 * 2 / 7)
    assert both.iou_all.value == pytest.approx(100 * 1 / 5)
    (line,) = evidence_table([both]).rows
    assert line[4] == "57.1 (57.1-57.1) *"
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
    # The first explanation copies nothing, the second all: half on the mean.
    assert found.copying.value == pytest.approx(50)
    assert found.grounding.value == pytest.approx(50)
    (line,) = integrity_table([found]).rows
    assert line[3:] == (
        "none to look at",
        "50.0 % (50-50) of 2 *",
        "50.0 % (50.0-50.0) of 2 *",
        "50.0 % of 2 *",
    )
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
    assert sum(row["source"] == "measured" for row in rows) == 2 * 2 * 2
    told = [row for row in rows if row["source"] != "measured"]
    assert {row["task"] for row in told} == {"Irf", "SAD"}
    assert all(row["source"].startswith("reported, unverified (") for row in told)
    assert all(row["F1 reported"] and not row["F1 all"] for row in told)
    assert [(c["model"], c["task"], c["status"]) for c in board["reported"]] == [
        (row["model"], row["task"], row["source"]) for row in told
    ]
    assert {row["labels read by"] for row in rows} == {"anchored phrases", ""}
    for name in ("leaderboard.md", "leaderboard.tex"):
        text = (tmp_path / "board" / name).read_text()
        assert "read by anchored phrases" in text and "intervals and tests draw posts" in text
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


def test_the_board_says_which_golds_are_missing(
    run: Run, tmp_path: Path, model_folders: Path, corpus_folder: Path
) -> None:
    done = run("leaderboard", model_folders, "--labeller", "none")
    assert done.returncode == 0 and "no human labels: no raw corpora were given" in done.stdout
    # Raw files of SAD alone: Irf has no second gold.
    run("corpus", "export", "--format", "raw", "--out", "raw")
    for folder in (tmp_path / "raw").iterdir():
        if folder.is_dir() and folder.name.casefold() != "sad":
            shutil.rmtree(folder)
    arguments = ("--data", corpus_folder, "--raw", "raw", "--labeller", "none")
    done = run("leaderboard", model_folders, *arguments, "--gold", "human")
    assert done.returncode == 0, done.stderr
    assert "gold: human" in done.stdout and "gold: release" not in done.stdout
    (note,) = [line for line in done.stdout.splitlines() if "no human label for any row" in line]
    assert note.endswith(": Irf")
    assert "are not printed (--out)" in done.stdout


def test_a_human_gold_that_joins_nothing_is_one_line(
    run: Run, tmp_path: Path, model_folders: Path, corpus_folder: Path
) -> None:
    run("corpus", "export", "--format", "raw", "--out", "raw")
    for folder in (tmp_path / "raw").iterdir():
        if folder.is_dir() and folder.name.casefold() != "cams":
            shutil.rmtree(folder)
    arguments = ("--data", corpus_folder, "--raw", "raw", "--labeller", "none")
    done = run("leaderboard", model_folders, *arguments, "--gold", "human")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert done.returncode == 2 and done.stdout == ""
    assert len(lines) == 1 and "has a label of the gold human" in lines[0]


def test_no_table_is_dropped_where_there_are_no_parts(board: Board) -> None:
    bare = replace(board, slices=())
    assert part_tables(bare) == []
    assert board_tables(bare) == board_tables(board)
    assert [table.title for table in board_tables(board)][: len(standings(board))] == [
        table.title for table in standings(board)
    ]


def test_a_platform_is_a_part_where_there_are_several(board: Board) -> None:
    parts = [s for s in board.slices if s.by == "platform" and s.gold == "release"]
    assert {(s.model, s.part, s.task) for s in parts} == {
        (model, platform, task)
        for model in ("good", "poor")
        for platform, task in (("SMS", "SAD"), ("Reddit", "MultiWD"))
    }
    accuracy = {
        (s.model, s.task): (s.value, s.n)
        for s in board.evaluation.scores
        if (s.metric, s.variant, s.gold) == ("accuracy", "all", "release")
    }
    for one in parts:
        assert (one.accuracy.value, one.n) == pytest.approx(accuracy[one.model, one.task])
        assert one.f1.value is None


def test_versions_of_a_post_are_set_side_by_side() -> None:
    """One model answers alike everywhere, one says something else to the first of each group."""
    rows = [s for s in load_samples(parts=["attributes"]) if s.post.task == "DR"]
    versions = corpus_versions()
    groups: dict[str, list[Sample]] = {}
    for row in rows:
        groups.setdefault(versions[row.post.id][0], []).append(row)
    assert len(groups) > 2
    firsts = {own[0].id for own in groups.values()}
    even = respond(rows, "even", 1, 0)
    uneven = [replace(one, model="uneven") for one in respond(rows, "other", 0, 0)]
    uneven = [
        other if one.sample_id in firsts else replace(one, model="uneven")
        for one, other in zip(even, uneven, strict=True)
    ]
    silent = [
        replace(one, model="silent", text="" if one.sample_id in firsts else one.text)
        for one in even
    ]
    partly = [replace(one, model="partly") for one in even if one.sample_id not in firsts]
    asked = [*even, *uneven, *silent, *partly]
    found = count_changes(list(zip(asked, read_by_rules(asked), strict=True)), versions)
    counts = {
        model: [sum(getattr(one, name) for one in found if one.model == model) for name in names]
        for model in ("even", "uneven", "silent", "partly")
        if (names := ("groups", "changed", "undecided"))
    }
    n = len(groups)
    assert counts == {
        "even": [n, 0, 0],
        "uneven": [n, n, 0],
        "silent": [n, 0, n],
        "partly": [0, 0, 0],
    }
    known = Known(texts={r.post.id: r.post.text for r in rows}, versions=versions)
    board = make_board(even, Cascade(labellers={}), known, None, resamples=100)
    parts = [s for s in board.slices if s.by == "attribute"]
    assert sum(s.n for s in parts) == len(rows)
    assert {s.part.partition(":")[0] for s in parts} <= {"gender", "age", "region"}
    assert board.counterfactuals and any("Versions of one" in t.title for t in board_tables(board))


def test_the_gold_answers_are_the_ceiling_of_integrity(board: Board) -> None:
    ceilings = [one for one in board.integrity if one.model == GOLD]
    assert [one.task for one in ceilings] == ["SAD", "MultiWD"]
    rows = {s.task: s.n for s in board.evaluation.scores if s.model == "good"}
    assert all(one.responses == rows[one.task] for one in ceilings)
    assert check_gold([replace(respond(SAMPLES[:1], "m", 1, 0)[0], reference="")], None, {}) is None


def test_quotes_are_listed_with_places_and_without_words(tmp_path: Path) -> None:
    row = sample("SAD", "work", text="the manager shouts at all of us every single morning")
    text = (
        'This post shows the stress cause related to work. Reasoning: It says "manager shouts" '
        "and 'the dog barks again' and that is all."
    )
    response = replace(respond([row], "m", 1, 0)[0], text=text)
    texts = {row.post.id: row.post.text}
    board = make_board([response], Cascade(labellers={}), Known(texts=texts), None, resamples=100)
    for name, posts in (("closed", None), ("open", texts)):
        write_board(board, tmp_path / name, run={}, posts=posts)
    closed, shown = (
        [json.loads(line) for line in (tmp_path / name / "quotes.jsonl").read_text().splitlines()]
        for name in ("closed", "open")
    )
    assert [(q["start"], q["end"]) for q in closed] == [(4, 18), (None, None)]
    assert [q["text"] for q in closed] == [None, None]
    assert [q["text"] for q in shown] == ["manager shouts", "the dog barks again"]
    assert "manager" not in (tmp_path / "closed" / "leaderboard.json").read_text()


def test_provisional_stands_in_every_format(tmp_path: Path, board: Board) -> None:
    reader = Reader(name="a reader (of nothing)", provisional="it failed its accuracy card")
    guessed = tuple(
        replace(read, route="labeller: a reader") for read in board.evaluation.predictions
    )
    doubtful = replace(
        board,
        evaluation=replace(board.evaluation, readers={"SAD": reader}, predictions=guessed),
    )
    write_board(doubtful, tmp_path, run={}, posts=None)
    for ending in ("md", "csv", "tex", "html"):
        text = (tmp_path / f"leaderboard.{ending}").read_text()
        assert "provisional" in text, ending
    scores = json.loads((tmp_path / "leaderboard.json").read_text())["scores"]
    assert {s["provisional"] for s in scores if s["task"] == "SAD"} == {reader.provisional}
    assert {s["provisional"] for s in scores if s["task"] == "MultiWD"} == {None}


def test_the_author_of_a_post_is_taken_from_the_sample_or_the_raw_corpus() -> None:
    """The three rows are by two people: the raw corpus knows one post under broken characters."""
    rows = [
        sample("SAD", "work", text=text, row=n)
        for n, text in enumerate(["it\u2019s the manager\u2019s voice again", "one", "two"])
    ]
    own = replace(rows[1], post=replace(rows[1].post, author="ann"))
    raw = replace(rows[0].post, text=MOJIBAKE, author="bob")
    authors = _authors([rows[0], own, rows[2]], [raw])
    assert authors == {rows[0].post.id: "bob", own.post.id: "ann"}
    known = Known(texts={row.post.id: row.post.text for row in rows}, authors=authors)
    asked = respond([rows[0], own, rows[2]], "m", 1, 0)
    board = make_board(asked, Cascade(labellers={}), known, None, resamples=100)
    assert board.evaluation.clusters == "authors (2 rows), posts (1 rows)"
    assert "intervals and tests draw authors (2 rows), posts (1 rows)" in board.notes
