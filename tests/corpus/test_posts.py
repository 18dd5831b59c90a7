"""The plain posts: invented, complete, varied, and what the corpus says of them."""

import itertools
import re
from collections import Counter

import pytest

from mentallama.corpus import CorpusPost, load_posts
from mentallama.corpus.diversity import find_runs
from mentallama.corpus.samples import load_samples
from mentallama.dataset import read_samples
from mentallama.tasks import TASKS, get_task
from mentallama.tasks.keywords import find_keywords
from mentallama.types import FORMS, Form, Task

POSTS = load_posts()
TAGS = (
    *("sarcasm", "metaphor", "implicit", "negation", "third_person"),
    *("past", "quotation", "hypothetical", "mixed", "venting"),
)
SENTENCE_END = re.compile(r"[.!?][\"”’')]*(?:\s|$)")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_every_label_of_every_question_stands_in_every_split(task: Task) -> None:
    posts = [post for post in POSTS if post.task == task.key]
    assert len(posts) >= 60
    aspects = task.aspects or (None,)
    wanted = set(
        itertools.product(("train", "valid", "test"), aspects, [x.key for x in task.labels])
    )
    found = {(post.split, a.aspect, a.label) for post in posts for a in post.answers}
    assert wanted == found
    assert all(tuple(a.aspect for a in post.answers) == aspects for post in posts)
    assert {post.platform for post in posts} == {task.platform}


def test_evidence_stands_in_the_post_and_every_answer_is_explained() -> None:
    for post in POSTS:
        for answer in post.answers:
            assert all(quote.strip() and quote in post.text for quote in answer.evidence), post.id
            assert len(answer.evidence) <= 3
            assert answer.evidence or (answer.label == "no" and get_task(post.task).aspects)
            assert 2 <= len(SENTENCE_END.findall(answer.explanation)) <= 5, post.id
            assert "Reasoning:" not in answer.explanation


def test_every_nuance_stands_on_at_least_twenty_posts() -> None:
    counts = Counter(tag for post in POSTS for tag in post.tags)
    assert set(counts) == set(TAGS)
    assert min(counts.values()) >= 20


def test_an_implicit_post_has_the_condition_and_none_of_its_words() -> None:
    for post in (post for post in POSTS if "implicit" in post.tags):
        task = get_task(post.task)
        shown = [a for a in post.answers if a.label not in ("no", "none")]
        assert shown, post.id
        assert not any(a.label in find_keywords(task, a.aspect, post.text) for a in shown), post.id


def test_no_two_posts_share_a_run_of_six_words() -> None:
    seen = Counter(run for post in POSTS for run in find_runs(post.text, 6))
    assert [" ".join(run) for run, count in seen.items() if count > 1] == []


def test_no_two_explanations_share_a_run_of_eight_words() -> None:
    answers = [answer for post in POSTS for answer in post.answers]
    seen = Counter(run for answer in answers for run in find_runs(answer.explanation, 8))
    assert [" ".join(run) for run, count in seen.items() if count > 1] == []


def test_ids_and_texts_are_unique_and_no_post_links_or_names_anyone() -> None:
    assert len({post.id for post in POSTS}) == len({post.text for post in POSTS}) == len(POSTS)
    assert len(POSTS) >= 600
    for post in POSTS:
        assert not re.search(r"https?://|www\.|@\w{2,}|\b(?:u|r)/\w", post.text), post.id
        assert post.platform != "Twitter" or len(post.text) <= 280, post.id


@pytest.mark.parametrize("form", FORMS)
def test_the_exported_folder_holds_the_same_samples(form: Form, corpus_folder: object) -> None:
    exported = read_samples(corpus_folder, form=form)  # type: ignore[arg-type]
    assert {s.id: s for s in exported} == {s.id: s for s in load_samples(form)}
    assert len({s.id for s in exported}) == len(exported)


def posts_of_split(split: str) -> list[CorpusPost]:
    return [post for post in POSTS if post.split == split]


def test_no_post_stands_in_two_splits_under_small_changes() -> None:
    """Letters and digits alone, lower-cased: a copy with other marks or spaces is found too."""
    bare = {post.id: re.sub(r"\W+", "", post.text).lower() for post in POSTS}
    assert len(set(bare.values())) == len(bare)
