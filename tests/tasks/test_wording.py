import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentallama.tasks import TASKS, get_task
from mentallama.tasks.wording import (
    WordingError,
    parse_answer,
    parse_prompt,
    render_answer,
    render_prompt,
)
from mentallama.types import FORMS, Form, Label, Task

ASKED = [
    (task, aspect, form)
    for task in TASKS
    for aspect in task.aspects or (None,)
    for form in FORMS
    if form == "instruction" or task.completion_question
]


@given(asked=st.sampled_from(ASKED), text=st.text())
def test_a_prompt_comes_apart_into_what_it_was_made_of(
    asked: tuple[Task, str | None, Form], text: str
) -> None:
    task, aspect, form = asked
    parsed = parse_prompt(task, render_prompt(task, text, aspect, form), form)
    assert (parsed.text, parsed.aspect) == (text, aspect)


@given(
    label=st.sampled_from([(task, label) for task in TASKS for label in task.labels]),
    explanation=st.text(),
    form=st.sampled_from(FORMS),
)
def test_an_answer_comes_apart_into_what_it_was_made_of(
    label: tuple[Task, Label], explanation: str, form: Form
) -> None:
    task, expected = label
    answer = parse_answer(task, render_answer(expected, explanation, form))
    assert (answer.label, answer.explanation) == (expected, explanation.strip())


@pytest.mark.parametrize(
    ("task", "answer", "label"),
    [
        ("dreaddit", " no. Reasoning: calm", "no"),
        ("Irf", " yes.. Reasoning: alone", "yes"),
        ("Irf", " yes. Reasoning:\nalone", "yes"),
        (
            "Irf",
            " yes, the post does show a risk of thwarted belongingness. \n\nReasoning: x",
            "yes",
        ),
        ("DR", " no. \nReasoning: fine", "no"),
        ("SAD", "Emotional turmoil. Reasoning: x", "emotional"),
        (
            "SAD",
            "This post shows the stress cause related to emotion turmoil. Reasoning: x",
            "emotional",
        ),
        ("SAD", "other causes. Reasoning: x", "other"),
        ("CAMS", "This post shows no causes of depression. Reasoning: x", "none"),
        ("t-sid", "ptsd. Reasoning: x", "ptsd"),
        ("swmh", "no mental disorders. Reasoning: x", "none"),
    ],
)
def test_odd_gold_answers_are_read(task: str, answer: str, label: str) -> None:
    assert parse_answer(get_task(task), answer).label.key == label


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("DR", "Nobody knows. Reasoning: x"),
        ("DR", "Yesterday. Reasoning: x"),
        ("DR", "Yes, the poster suffers from depression."),
        ("SAD", "work and school. Reasoning: x"),
        ("SAD", "homework. Reasoning: x"),
        ("t-sid", "depression and anxiety. Reasoning: x"),
    ],
)
def test_gold_answers_that_no_task_words_like_this_are_refused(task: str, answer: str) -> None:
    with pytest.raises(WordingError):
        parse_answer(get_task(task), answer)


def test_an_error_never_quotes_the_post() -> None:
    prompt = 'Consider this post: "my secret canary" Question: Is it raining?'
    with pytest.raises(WordingError) as error:
        parse_prompt(get_task("DR"), prompt, "instruction")
    assert "canary" not in str(error.value)


def test_a_post_that_holds_a_question_of_its_own_stays_whole() -> None:
    task = get_task("DR")
    text = 'he said " Question: Does the poster suffer from depression? and left'
    prompt = render_prompt(task, text, None, "instruction")
    assert parse_prompt(task, prompt, "instruction").text == text


def test_an_unseen_completion_question_is_taken_as_the_file_words_it() -> None:
    prompt = "Post: heart racing again Question: This post shows the symptoms of "
    assert parse_prompt(get_task("swmh"), prompt, "completion").text == "heart racing again"
