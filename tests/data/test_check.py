"""Checks of explanations: faults planted by hand, labels swapped, replies of every kind."""

import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from mentallama.chat import Reply
from mentallama.corpus import TeacherAnswer, load_material, load_posts
from mentallama.corpus.samples import load_samples
from mentallama.data.check import DOUBTED, SAID_TWICE, Checked, find_flags, measure_consistency
from mentallama.data.entries import as_checked, read_folder
from mentallama.data.expert import choose_examples, load_expert, make_question
from mentallama.data.faults import CONTENT, STYLE, Case, find_faults
from mentallama.data.reply import read_reply
from mentallama.tasks import TASKS, get_task
from mentallama.tasks.statements import names_other_label
from mentallama.types import Post
from tests.conftest import shared

GOOD = {
    "verdict": "yes",
    "explanation": "The poster speaks of weeks in the dark and of dishes that stay where they are. "
    "This lack of strength points to depression.",
    "quotes": ["weeks in the dark"],
}


def reply(**change: object) -> Reply:
    return Reply(text=json.dumps({**GOOD, **change}))


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (reply(), "explained"),
        (reply(verdict="Yes."), "explained"),
        (reply(quotes=None), "explained"),
        (Reply(text=f"```json\n{json.dumps(GOOD)}\n```"), "explained"),
        (reply(verdict="maybe"), "unreadable"),
        (reply(verdict=True), "unreadable"),
        (reply(explanation=["a"]), "unreadable"),
        (reply(quotes="all of it"), "unreadable"),
        (reply(explanation="  "), "empty"),
        (reply(explanation="I'm sorry, but I cannot explain this."), "refusal"),
        (Reply(text=json.dumps(GOOD)[:-5]), "unreadable"),
        (Reply(text="[1]"), "unreadable"),
        (Reply(text="Yes, the poster suffers from depression."), "unreadable"),
        (Reply(text=""), "empty"),
        (Reply(text="\n "), "empty"),
        (Reply(text=json.dumps(GOOD), finish="length"), "cut off"),
        (Reply(text="", finish="content_filter"), "filtered"),
        (Reply(text="", refusal="no"), "refusal"),
        (Reply(text="I can\u2019t help with that.".replace("\u2019", "'")), "refusal"),
        (Reply(text="As an AI, I do not judge people."), "refusal"),
    ],
)
def test_replies(given: Reply, outcome: str) -> None:
    answer = read_reply(get_task("DR"), given)
    assert answer.outcome == outcome
    assert (answer.verdict is not None) == (outcome == "explained") == bool(answer.explanation)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_experts_wrote_three_examples_of_each_answer(task: object) -> None:
    assert hasattr(task, "key")
    value = get_task(task.key)
    expert = load_expert(value)
    counts = Counter((example.aspect, example.label) for example in expert.examples)
    wanted = {(aspect, label.key) for aspect in value.aspects or (None,) for label in value.labels}
    assert set(counts) == wanted and set(counts.values()) == {3}
    assert len({example.post for example in expert.examples}) == len(expert.examples)
    assert len(expert.instruction.split()) > 30
    for example in expert.examples:
        case = Case(
            task=value,
            label=example.label,
            post=example.post,
            explanation=example.explanation,
            quotes=example.quotes,
            verdict=example.label,
        )
        assert find_faults(case) == [], example.id


def test_examples_are_drawn_by_seed_and_never_the_post_itself() -> None:
    task = get_task("SAD")
    expert = load_expert(task)
    posts = [
        Post(id=f"p{number}", text=f"post {number}", task="SAD", label="work")
        for number in range(20)
    ]
    draws = [choose_examples(task, post, expert, 2, 0) for post in posts]
    assert draws == [choose_examples(task, post, expert, 2, 0) for post in posts]
    assert draws != [choose_examples(task, post, expert, 2, 1) for post in posts]
    for draw in draws:
        assert Counter(example.label for example in draw) == {x.key: 2 for x in task.labels}
    from mentallama.data.expert import expert_posts

    for post in expert_posts(task, expert):
        draw = choose_examples(task, post, expert, 3, 0)
        assert post.text not in {example.post for example in draw}


def test_the_prompt_shows_the_label_only_where_it_should() -> None:
    post = Post(id="p", text="third week of cereal in the dark", task="DR", label="yes")
    expert = load_expert(get_task("DR"))
    told, blind, bare = (make_question(post, expert, m) for m in ("label", "no-label", "zero-shot"))
    assert told.messages[-1]["content"].endswith("Annotated answer: yes")
    assert all("Annotated answer" not in m["content"] for m in (*blind.messages, *bare.messages))
    assert (len(told.messages), len(blind.messages), len(bare.messages)) == (10, 10, 2)
    assert len({told.prompt_hash, blind.prompt_hash, bare.prompt_hash}) == 3
    other = make_question(post, replace(expert, version="2"), "label")
    assert other.prompt_hash != told.prompt_hash


CAUGHT = {
    "teacher-09": "names another label",
    "teacher-08": "names another label",
    "teacher-10": "names another label",
    "teacher-13": "too short",
    "teacher-14": "cut off",
    "teacher-15": "repetition",
    "teacher-17": "echoes the prompt",
    "teacher-19": "not in English",
    "teacher-21": "copies the post",
    "teacher-22": "quote not in the post",
    "teacher-23": "quote not in the post",
    "teacher-25": "speaks of the label",
    "teacher-26": "advice",
    "teacher-27": "diagnosis language",
    "teacher-28": "addresses the poster",
    "teacher-29": "broken characters",
}


def test_malformed_answers_are_caught() -> None:
    posts = {post.id: post for post in load_posts()}
    for answer in load_material(TeacherAnswer):
        if answer.id in CAUGHT:
            post = posts[answer.post]
            case = Case(
                task=get_task(post.task),
                label=answer.label,
                post=post.text,
                explanation=answer.text.partition("Reasoning:")[2].strip() or answer.text,
            )
            assert CAUGHT[answer.id] in find_faults(case), answer.id


def test_good_explanations_are_left_alone() -> None:
    """False alarms over the corpus, whose explanations were read by people, are few."""
    flagged = [
        fault
        for sample in load_samples()
        for fault in find_faults(
            Case(
                task=get_task(sample.post.task),
                label=str(sample.post.label),
                post=sample.post.text,
                explanation=sample.explanation,
                quotes=sample.post.evidence,
                verdict=sample.post.label,
            )
        )
    ]
    assert sum(fault in CONTENT for fault in flagged) <= 2
    assert sum(fault in STYLE for fault in flagged) <= 10


@pytest.mark.parametrize(
    ("task", "label", "sentence", "other"),
    [
        ("DR", "yes", "Therefore, it is unlikely that the poster suffers from depression.", True),
        ("DR", "no", "Therefore, it is unlikely that the poster suffers from depression.", False),
        ("DR", "no", "It is hard to say whether the poster suffers from depression.", False),
        ("DR", "no", "Overall, the poster suffers from depression.", True),
        ("Irf", "no", "So the post shows risk of thwarted belongingness.", True),
        ("Irf", "no", "There is no evidence that the post shows this risk.", False),
        ("SAD", "work", "The stress is therefore related to family issues.", True),
        ("SAD", "work", "The stress is related to work rather than family issues.", False),
        ("SAD", "work", "It could also be related to family issues.", False),
        ("SAD", "work", '"Other causes" would be the most appropriate label.', True),
        ("CAMS", "job", "The low mood is caused by alienation.", True),
        ("CAMS", "job", "Nothing here is related to a relationship.", False),
    ],
)
def test_verdicts_in_the_last_sentence(task: str, label: str, sentence: str, other: bool) -> None:
    assert names_other_label(get_task(task), label, f"The poster is tired. {sentence}") is other


def test_said_twice_and_swapped() -> None:
    tired = "The poster lies awake and dreads each morning, which wears on everything they do."
    rows = [
        Checked(
            id=str(number),
            task="DR",
            aspect=None,
            label="yes" if number % 2 else "no",
            split="train",
            post=f"post {number}",
            explanation=(
                f"{'Hopeless nights and emptiness' if number % 2 else 'Cheerful plans and friends'}"
                f" fill the text, as line {number} with its words {number * 7} and so on shows."
            ),
        )
        for number in range(60)
    ]
    rows[3] = replace(rows[3], label="no")
    rows += [replace(rows[0], id=f"t{n}", post=f"twin {n}", explanation=tired) for n in range(2)]
    flags = {(flag.id, flag.fault) for flag in find_flags(rows)}
    assert ("t1", SAID_TWICE) in flags and ("t0", SAID_TWICE) not in flags
    assert {name for name, fault in flags if fault == DOUBTED} == {"3"}


@pytest.mark.parametrize("task", ["DR", "dreaddit", "SAD", "Irf", "MultiWD"])
def test_swaps_in_released_explanations(task: str) -> None:
    """Twenty swapped labels among 400 real rows, from explanations alone."""
    pool = [r for r in as_checked(read_folder(shared("imhi"))) if r.task == task]
    pool = [row for row in pool if row.split != "expert"]
    chance = random.Random(1)
    rows = chance.sample(pool, 400)
    keys = [label.key for label in get_task(task).labels]
    swapped = set(chance.sample(range(400), 20))
    rows = [
        replace(row, label=chance.choice([k for k in keys if k != row.label]))
        if number in swapped
        else row
        for number, row in enumerate(rows)
    ]
    doubted = {f.id for f in find_flags(rows) if f.fault in (DOUBTED, "names another label")}
    caught = sum(rows[number].id in doubted for number in swapped)
    alarms = len(doubted) - caught
    # The release's own labels contradict its explanations more often in the last two.
    most = 0.05 if task in ("DR", "dreaddit", "SAD") else 0.11
    assert caught >= 17 and alarms <= most * 380


def test_labels_can_be_told_from_released_explanations() -> None:
    results = measure_consistency(as_checked(read_folder(shared("imhi"))))
    scores = {(r.task, r.scored_on): r.weighted_f1 for r in results}
    assert all((scores[task, "test"] or 0) > 90 for task in ("DR", "dreaddit", "SAD"))
