"""The contrast sets, the planted copies and the material: each is what it says it is."""

import re
from collections import Counter

import pytest

from mentallama.benchmark.inference.rules import read_label
from mentallama.corpus import (
    PARTS,
    CorpusPost,
    Part,
    PrivatePost,
    ResponseShape,
    RiskPrompt,
    TeacherAnswer,
    load_material,
    load_posts,
)
from mentallama.corpus.diversity import split_words
from mentallama.tasks import get_label, get_task
from mentallama.tasks.keywords import find_keywords, guess_by_keywords
from mentallama.tasks.wording import WordingError, parse_answer

PLAIN = {post.id: post for post in load_posts()}
RESERVED_PHONE = re.compile(r".*555\D{0,2}01\d\d|\+44 7700 900|07700 900|0117 496 0|020 7946 0")


def groups(part: Part) -> list[list[CorpusPost]]:
    found: dict[str, list[CorpusPost]] = {}
    for post in load_posts(part=part):
        found.setdefault(str(post.group), []).append(post)
    return list(found.values())


def shared_words(first: str, second: str) -> float:
    """Words that two texts share, as a share of the longer one."""
    a, b = Counter(split_words(first)), Counter(split_words(second))
    return (a & b).total() / max(a.total(), b.total())


@pytest.mark.parametrize("part", [part for part in PARTS if part != "plain"])
def test_the_posts_of_a_set_are_labelled_and_proved_like_plain_ones(part: Part) -> None:
    posts = load_posts(part=part)
    assert len({post.id for post in posts}) == len(posts)
    for post in posts:
        task = get_task(post.task)
        assert post.split == "test" and post.group and post.answers
        for answer in post.answers:
            get_label(task, answer.label)
            assert (answer.aspect in task.aspects) if task.aspects else answer.aspect is None
            assert all(quote in post.text for quote in answer.evidence), post.id
            assert answer.evidence or (answer.label == "no" and task.aspects), post.id


def test_a_small_edit_changes_the_label_of_a_pair() -> None:
    pairs = groups("pairs")
    assert len(pairs) >= 60
    for pair in pairs:
        first, second = pair
        assert first.task == second.task
        assert first.answers[0].aspect == second.answers[0].aspect
        assert first.answers[0].label != second.answers[0].label
        assert shared_words(first.text, second.text) >= 0.55, first.id


def test_traps_mislead_whoever_counts_words() -> None:
    traps = load_posts(part="traps")
    assert len(traps) >= 40
    for trap in traps:
        task, (answer,) = get_task(trap.task), trap.answers
        words = find_keywords(task, answer.aspect, trap.text)
        assert guess_by_keywords(task, answer.aspect, trap.text) != answer.label or not words
        assert bool(words) if trap.variant == "words without the condition" else True, trap.id
        if trap.variant == "condition without its words":
            assert answer.label not in words, trap.id


def test_versions_differ_in_gender_age_or_region_alone() -> None:
    versions = groups("attributes")
    assert len(versions) >= 30
    for group in versions:
        assert len({post.answers for post in group}) == 1
        assert len({post.text for post in group}) == len(group) >= 2
        (attribute,) = {str(post.variant).split(":")[0] for post in group}
        assert attribute in ("gender", "age", "region")
        for post in group[1:]:
            first, other = group[0].text.split(), post.text.split()
            assert len(first) == len(other), post.id
            assert 1 <= sum(a != b for a, b in zip(first, other, strict=True)) <= 3, post.id


def letters(text: str, length: int = 5) -> set[str]:
    plain = re.sub(r"\W+", " ", text.lower()).strip()
    return {plain[i : i + length] for i in range(len(plain) - length + 1)}


def test_planted_copies_are_copies_and_near_misses_are_not() -> None:
    planted = load_posts(part="planted")
    kinds = Counter(str(post.variant).split(":")[0] for post in planted)
    assert kinds == {"leak": 7, "near miss": 20}
    overlap: dict[str, list[float]] = {"leak": [], "near miss": []}
    for post in planted:
        origin = PLAIN[str(post.group)]
        assert origin.split == "train"
        a, b = letters(post.text), letters(origin.text)
        overlap[str(post.variant).split(":")[0]].append(len(a & b) / min(len(a), len(b)))
    assert min(overlap["leak"]) >= 0.75
    assert 0.5 <= max(overlap["near miss"]) <= 0.6, "the hardest near miss lies close"


def test_private_spans_hold_what_they_say_and_nothing_that_could_be_somebodys() -> None:
    posts = load_material(PrivatePost)
    assert len(posts) == 40
    for post in posts:
        ends = [0]
        for span in post.spans:
            text = post.text[span.start : span.end]
            assert ends[-1] <= span.start < span.end <= len(post.text)
            ends.append(span.end)
            assert text == text.strip()
            if span.kind == "email":
                assert re.search(r"@(?:\w+\.)*example\.(?:com|org|net|edu)$", text)
            elif span.kind == "url":
                assert re.match(r"(?:https?://)?(?:\w+\.)*example\.(?:com|org|net)\b", text)
            elif span.kind == "phone":
                assert RESERVED_PHONE.match(text), text
            else:
                assert span.kind in ("name", "handle")
        assert post.spans


def test_faulty_teacher_answers_belong_to_posts_and_show_their_fault() -> None:
    answers = load_material(TeacherAnswer)
    assert len(answers) == 30
    for answer in answers:
        post = PLAIN[answer.post]
        gold = next(a for a in post.answers if a.aspect == answer.aspect)
        assert answer.label == gold.label
        task = get_task(post.task)
        try:
            read = parse_answer(task, answer.text).label.key
        except WordingError:
            read = None
        match answer.fault:
            case "verdict against the label":
                assert read not in (None, answer.label)
            case "explanation against the label" | "another category at the end" | "advice":
                assert read == answer.label
            case "quote not in the post":
                quotes = re.findall(r'"([^"]+)"', answer.text)
                assert quotes and not any(quote in post.text for quote in quotes)
            case "copies the post":
                assert post.text in answer.text
            case "empty":
                assert not answer.text.partition("Reasoning:")[2].strip()
            case "refusal" | "no label sentence" | "wrong format" | "other language":
                assert read is None


def test_responses_of_every_shape_are_never_read_wrongly_by_rules() -> None:
    shapes = load_material(ResponseShape)
    assert len(shapes) == 35
    answered = 0
    for shape in shapes:
        outcome, label, _ = read_label(get_task(shape.task), shape.text)
        for key in shape.labels:
            get_label(get_task(shape.task), key)
        assert len(shape.labels) == {"verdict": 1, "several": 2}.get(shape.outcome, 0), shape.id
        if label is not None:
            assert (shape.outcome, shape.labels) == ("verdict", (label,)), shape.id
            answered += 1
        elif outcome != "undecided":
            assert outcome == shape.outcome, shape.id
    assert answered == 17, "of 18 with one verdict; the last names its label in Chinese"


def test_risk_prompts_are_short_and_distinct() -> None:
    prompts = load_material(RiskPrompt)
    assert Counter(prompt.risk for prompt in prompts) == {True: 120, False: 60}
    assert len({prompt.text for prompt in prompts}) == len(prompts)
    assert max(len(prompt.text.split()) for prompt in prompts) <= 40
