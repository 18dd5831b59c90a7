"""Measures of variety, worked out by hand on invented lines, and against real posts."""

from pathlib import Path

import pytest

from mentallama.corpus.diversity import compare, find_runs, measure
from mentallama.data.transfer import import_release
from tests.conftest import Run

LINES = [
    "the boat left at noon and nobody waved",
    "the boat left at noon and we swam after it",
    "rice again",
]


def test_measures_are_those_worked_out_by_hand() -> None:
    found = measure("lines", "SAD", LINES, 3, seed=1)
    # 20 words in all; distinct: the boat left at noon and nobody waved we swam after it rice again
    assert found.type_token == pytest.approx(14 / 20)
    # The first two share "the boat left at noon"; the third is too short to share any.
    assert found.repeated_runs == pytest.approx(2 / 3)
    assert 0 < found.nearest < 2 / 3
    assert (found.pool, found.posts, found.words) == (3, 3, 8)


def test_copies_are_nearest_to_each_other() -> None:
    assert measure("lines", "SAD", [LINES[0], LINES[0]], 2, seed=1).nearest == pytest.approx(1)


def test_a_text_shorter_than_a_run_has_none() -> None:
    assert find_runs("rice again") == set()
    assert find_runs("One two THREE, four five six") == {
        ("one", "two", "three", "four", "five"),
        ("two", "three", "four", "five", "six"),
    }


def test_the_corpus_is_at_least_as_varied_as_real_posts(imhi: Path, tmp_path: Path) -> None:
    import_release(imhi, tmp_path)
    rows = compare(tmp_path)
    for own, real in zip(rows[::2], rows[1::2], strict=True):
        assert (own.source, own.task, own.posts) == ("corpus", real.task, real.posts)
        assert own.type_token >= real.type_token
        assert own.nearest <= real.nearest
        assert own.repeated_runs <= real.repeated_runs


def test_a_folder_with_too_few_posts_is_refused(run: Run) -> None:
    run("corpus", "export", "--out", "few", "--set", "traps")
    done = run("corpus", "compare", "few")
    assert done.returncode == 2
    assert "no task has as many" in done.stderr
