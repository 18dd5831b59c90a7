"""The audit finds what is planted, and the figures known of the released files."""

import json
from pathlib import Path

import pytest

from mentallama.corpus import load_posts
from mentallama.corpus.samples import load_samples
from mentallama.data.audit import Finding, audit, spoils
from mentallama.data.clean import choose_clean
from mentallama.data.entries import Entry, as_entries, read_folder, read_raw_entries
from tests.conftest import Run, sample, shared


def test_planted_leaks_are_found_and_near_misses_are_not() -> None:
    planted = load_posts(part="planted")
    leaks = {post.text for post in planted if (post.variant or "").startswith("leak")}
    misses = {post.text for post in planted} - leaks
    assert (len(leaks), len(misses)) == (7, 20)
    entries = as_entries(load_samples(parts=["plain", "planted"]))
    found = spoils(audit(entries))
    assert sum(finding.rows for finding in found) == 7
    stays = choose_clean(load_samples(parts=["plain", "planted"]))
    lost = [e for e, stay in zip(entries, stays, strict=True) if not stay]
    origins = {post.group for post in planted if post.text in leaks}
    assert lost and {e.split for e in lost} == {"train"}
    assert {e.text for e in lost} == {p.text for p in load_posts() if p.id in origins}
    assert not spoils(audit([e for e, stay in zip(entries, stays, strict=True) if stay]))


def test_the_plain_corpus_has_no_leak() -> None:
    assert not spoils(audit(as_entries(load_samples())))


def entry(text: str, task: str, split: str, label: str = "yes", aspect: str | None = None) -> Entry:
    return as_entries(
        [sample(task, label, text=text, split=split, aspect=aspect)]  # type: ignore[arg-type]
    )[0]


def count(findings: list[Finding], kind: str, task: str, split: str) -> tuple[int, int]:
    return next(
        ((f.rows, f.of) for f in findings if (f.kind, f.task, f.split) == (kind, task, split)),
        (0, 0),
    )


def test_every_kind_by_hand() -> None:
    post = "I set two plates out of habit and then I put one of them back again"
    near = "I set two plates out of habit and then I put one of them back"
    other = "rent is due friday and the car died this morning on the way to work again"
    entries = [
        entry(post, "loneliness", "train"),
        entry(post, "loneliness", "train", "no"),
        entry(post.upper(), "DR", "test"),
        entry(near, "dreaddit", "test"),
        entry(other, "dreaddit", "valid"),
        entry(other, "dreaddit", "test", "no"),
        entry("wait, she didn\u201aÄôt mean it at all", "DR", "valid"),
        entry("no me gusta nada de esto y quiero irme a mi casa ahora", "DR", "valid", "no"),
    ]
    found = audit(entries)
    assert count(found, "cross_task_leak", "DR", "test") == (1, 1)
    assert count(found, "near_cross_task_leak", "dreaddit", "test") == (1, 2)
    assert count(found, "split_leak", "DR", "test") == (0, 1)
    assert count(found, "duplicate", "loneliness", "train") == (1, 2)
    assert count(found, "conflicting_label", "loneliness", "train") == (1, 1)
    assert count(found, "evaluation_overlap", "dreaddit", "test") == (1, 2)
    assert count(found, "mojibake", "DR", "valid") == (1, 2)
    assert count(found, "not_english", "DR", "valid") == (1, 2)
    assert count(found, "missing_label", "DR", "test") == (1, 2)


@pytest.fixture(scope="module")
def released() -> list[Finding]:
    raw, _ = read_raw_entries(shared("raw"))
    return audit(as_entries(read_folder(shared("imhi"))), raw)


@pytest.mark.parametrize(
    ("kind", "task", "aspect", "split", "rows", "of"),
    [
        ("gold_disagreement", "Irf", None, "test", 459, 2113),
        ("gold_disagreement", "MultiWD", None, "test", 329, 2441),
        ("gold_disagreement", "MultiWD", "spiritual", "test", 0, 407),
        ("gold_disagreement", "MultiWD", "intellectual", "test", 91, 407),
        ("gold_disagreement", "MultiWD", "emotional", "test", 44, 406),
        ("cross_task_leak", "Irf", None, "test", 1583, 2113),
        ("cross_task_leak", "MultiWD", None, "test", 1427, 2441),
        ("cross_task_leak", "SAD", None, "test", 0, 684),
        ("cross_task_leak", "dreaddit", None, "test", 0, 414),
        ("cross_task_leak", "DR", None, "test", 0, 405),
        ("split_leak", "dreaddit", None, "test", 2, 414),
        ("flipped_label", "dreaddit", None, "test", 2, 414),
        ("mojibake", "MultiWD", None, "valid", 444, 1500),
        ("mojibake", "MultiWD", None, "test", 684, 2441),
        ("mojibake", "Irf", None, "valid", 232, 985),
        ("mojibake", "Irf", None, "test", 488, 2113),
        ("empty_explanation", "Irf", None, "test", 1, 2113),
        ("conflicting_label", "dreaddit", None, "train", 4, 2818),
        ("expert_disagreement", "dreaddit", None, "expert", 10, 35),
        ("expert_disagreement", "SAD", None, "expert", 4, 35),
        ("expert_disagreement", "Irf", None, "expert", 2, 35),
        ("expert_disagreement", "DR", None, "expert", 1, 35),
    ],
)
def test_known_figures_of_the_release(
    released: list[Finding],
    kind: str,
    task: str,
    aspect: str | None,
    split: str,
    rows: int,
    of: int,
) -> None:
    found = [
        (f.rows, f.of)
        for f in released
        if (f.kind, f.task, f.aspect, f.split) == (kind, task, aspect, split)
    ]
    assert found == [(rows, of)]


def test_the_command_says_no(run: Run, tmp_path: Path) -> None:
    run("corpus", "export", "--out", "leaky", "--set", "plain", "--set", "planted")
    done = run("data", "audit", "leaky", "--json", "--clean", "clean")
    assert done.returncode == 1 and "kinds of leaks" in done.stderr
    found = json.loads(done.stdout)["findings"]
    assert {"kind", "task", "aspect", "rows", "of"} <= set(found[0])
    again = run("data", "audit", "clean")
    assert again.returncode == 0, again.stderr
    assert run("verify", "clean").returncode == 0
    posts = {post.text for post in load_posts()}
    assert not any(text in done.stdout + done.stderr + again.stdout for text in posts)
