"""The sample corpus: invented, complete, and what it says of itself."""

import itertools
import re
from collections import Counter

import pytest

from mentallama.corpus import CorpusPost, load_posts, load_samples
from mentallama.dataset import read_samples
from mentallama.tasks import TASKS, get_task
from mentallama.types import FORMS, Form, Task

POSTS = load_posts()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_every_label_of_every_question_stands_in_every_split(task: Task) -> None:
    posts = [post for post in POSTS if post.task == task.key]
    assert len(posts) >= 12
    aspects = task.aspects or (None,)
    wanted = set(
        itertools.product(("train", "valid", "test"), aspects, [x.key for x in task.labels])
    )
    found = {(post.split, a.aspect, a.label) for post in posts for a in post.answers}
    assert wanted == found
    assert all(tuple(a.aspect for a in post.answers) == aspects for post in posts)
    assert {post.platform for post in posts} == {task.platform}


@pytest.mark.parametrize("post", POSTS, ids=lambda post: post.id)
def test_evidence_stands_in_the_post_and_every_answer_is_explained(post: CorpusPost) -> None:
    for answer in post.answers:
        assert all(quote and quote in post.text for quote in answer.evidence)
        assert len(answer.evidence) <= 3
        assert answer.evidence or (answer.label == "no" and get_task(post.task).aspects)
        assert len(answer.explanation.split()) >= 6
        assert "Reasoning:" not in answer.explanation


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def test_no_two_posts_share_a_run_of_six_words() -> None:
    seen: Counter[tuple[str, ...]] = Counter()
    for post in POSTS:
        text = words(post.text)
        seen.update({tuple(text[i : i + 6]) for i in range(len(text) - 5)})
    assert [" ".join(run) for run, count in seen.items() if count > 1] == []


def test_ids_and_texts_are_unique_and_no_post_links_or_names_anyone() -> None:
    assert len({post.id for post in POSTS}) == len({post.text for post in POSTS}) == len(POSTS)
    assert len(POSTS) >= 120
    for post in POSTS:
        assert not re.search(r"https?://|www\.|@\w{2,}|\b(?:u|r)/\w", post.text), post.id


@pytest.mark.parametrize("form", FORMS)
def test_the_exported_folder_holds_the_same_samples(form: Form, corpus_folder: object) -> None:
    exported = read_samples(corpus_folder, form=form)  # type: ignore[arg-type]
    assert {s.id: s for s in exported} == {s.id: s for s in load_samples(form)}
    assert len({s.id for s in exported}) == len(exported)
