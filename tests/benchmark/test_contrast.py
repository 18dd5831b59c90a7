"""The contrast sets: shortcuts fail on them, and what the shares count."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mentallama.benchmark.contrast import Share, run_floors, score_contrast, score_tasks
from mentallama.corpus import Part, load_posts
from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.io import write_records
from mentallama.models.backend import GoldBackend
from mentallama.models.generate import as_released, generate
from mentallama.tasks import TASKS, get_label, get_task
from mentallama.types import Response
from tests.conftest import Run

PARTS: tuple[Part, ...] = ("plain", "pairs", "traps", "attributes")


@pytest.fixture(scope="module")
def floors() -> list[Response]:
    return run_floors()


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> list[Response]:
    samples = [s for s in load_samples(parts=PARTS) if s.post.split == "test"]
    path = tmp_path_factory.mktemp("gold") / "gold.jsonl"
    return generate(GoldBackend(samples), as_released(samples, "corpus"), path)


def shares(found: list[Share], model: str) -> dict[str, Share]:
    return {share.what: share for share in found if share.model == model}


def test_the_gold_answers_hold_on_every_part(gold: list[Response]) -> None:
    found = shares(score_contrast(gold), "gold")
    assert {share.percent for share in found.values()} == {100.0}
    assert found["pairs"].n == len(load_posts(part="pairs"))
    assert found["pairs, both right"].n == found["pairs"].n // 2
    assert found["attributes, one verdict"].n == len(
        {post.group for post in load_posts(part="attributes")}
    )


def test_words_of_the_condition_are_at_chance_on_pairs_and_below_on_traps(
    floors: list[Response],
) -> None:
    words = shares(score_contrast(floors), "keywords")
    assert 40 <= words["pairs"].percent <= 60
    assert words["pairs, both right"].percent <= 20
    for kind in ("condition without its words", "words without the condition"):
        assert words[f"traps, {kind}"].percent <= 10


def test_a_linear_model_learns_from_the_plain_posts(floors: list[Response]) -> None:
    found = score_tasks(floors)
    learnt, majority = shares(found, "TF-IDF + LR"), shares(found, "majority")
    assert set(learnt) == {task.key for task in TASKS}
    better = [task for task in learnt if learnt[task].percent >= majority[task].percent + 10]
    assert len(better) >= 6, better
    parts = score_contrast(floors)
    plain = shares(parts, "TF-IDF + LR")["plain test"]
    assert plain.interval[0] > shares(parts, "majority")["plain test"].percent


def test_a_pair_counts_only_where_both_are_right(gold: list[Response]) -> None:
    first, second = load_posts(part="pairs")[:2]
    asked = [r for r in gold if r.post_id in {post_key(first.text), post_key(second.text)}]
    assert len(asked) == 2
    wrong = replace(asked[0], text=other_phrase(asked[0]))
    found = shares(score_contrast([wrong, asked[1]]), "gold")
    assert (found["pairs"].right, found["pairs"].n) == (1, 2)
    assert (found["pairs, both right"].right, found["pairs, both right"].n) == (0, 1)
    half = shares(score_contrast(asked[:1]), "gold")
    assert half["pairs"].n == 1 and "pairs, both right" not in half
    silent = replace(asked[0], text="")
    assert shares(score_contrast([silent, asked[1]]), "gold")["pairs"].right == 1


def post_key(text: str) -> str:
    from mentallama.tasks.posts import post_id

    return post_id(text)


def other_phrase(response: Response) -> str:
    task = get_task(response.task)
    other = next(label.key for label in task.labels if label.key != response.gold)
    return get_label(task, other).phrase


def test_the_interval_is_wilsons() -> None:
    low, high = Share(model="x", what="y", right=8, n=20).interval
    # Worked out with statsmodels.stats.proportion.proportion_confint(8, 20, method="wilson").
    assert (low, high) == (pytest.approx(21.88065), pytest.approx(61.34185))
    assert Share(model="x", what="y", right=0, n=5).interval[0] == 0


def test_responses_to_other_posts_are_refused(gold: list[Response]) -> None:
    with pytest.raises(InputError, match="no response belongs"):
        score_contrast([replace(gold[0], post_id="p0")])
    with pytest.raises(InputError, match="names no post"):
        score_contrast([replace(gold[0], post_id=None)])


def test_a_model_stands_beside_the_floors(run: Run, tmp_path: Path, gold: list[Response]) -> None:
    write_records(tmp_path / "mine.jsonl", [replace(r, model="mine") for r in gold])
    done = run("corpus", "contrast", "mine.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    models = {share["model"] for share in json.loads(done.stdout)["shares"]}
    assert models == {"majority", "keywords", "TF-IDF + LR", "mine"}
    assert "left out" not in done.stderr
    write_records(tmp_path / "more.jsonl", [*gold, replace(gold[0], sample_id="x", post_id="p0")])
    done = run("corpus", "contrast", "more.jsonl", "--json")
    assert f"1 of {len(gold) + 1} responses are to other posts" in done.stderr.replace(",", "")
    table = run("corpus", "contrast").stdout
    assert "| pairs, both right" in table and "mine" not in table
