"""Shapes of responses, all invented, with the reading a person would give them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentallama.benchmark.inference.rules import read_by_rules, read_label
from mentallama.tasks import TASKS, get_task
from mentallama.tasks.wording import render_answer
from mentallama.types import FORMS, Form, Label, Response, Task

VERDICTS = [
    ("DR", "Yes, the poster suffers from depression. Reasoning: The post ...", "yes"),
    ("DR", "  no. Reasoning: nothing points to it", "no"),
    ("DR", "NO, THE POSTER DOES NOT SUFFER FROM DEPRESSION.", "no"),
    ("DR", "Answer: Yes. The post speaks of empty weeks.", "yes"),
    ("DR", "**Answer:** No, the poster is describing a film.", "no"),
    ("DR", "The answer is yes.", "yes"),
    ("DR", "I would say no, the poster does not suffer from depression.", "no"),
    ("DR", "Why or why not?\n\nYes, the poster likely suffers from depression.", "yes"),
    ("DR", "(Yes/No)\n\nNo, the poster is only tired.", "no"),
    ("DR", "A) Yes\nB) No\n\nCorrect answer: B) No", "no"),
    ("DR", "A. Yes, the poster suffers from depression.", "yes"),
    ("DR", '{"label": "yes", "reasoning": "the weeks are empty"}', "yes"),
    ("DR", "Reasoning: Yes, the poster suffers from depression. The post ...", "yes"),
    ("DR", "Reasoning: the weeks are empty. Answer: yes", "yes"),
    ("DR", "The poster does not suffer from depression because the post is about a film.", "no"),
    (
        "DR",
        'No, the poster is fine. Consider this post: "other" Question: x Yes, the poster suffers '
        "from depression.",
        "no",
    ),
    ("DR", "Yes, it does. Here's why:\n1. No sleep.\n2. No joy.", "yes"),
    ("DR", "Reasoning: the post shows that the poster suffers from depression.", "yes"),
    (
        "DR",
        "Reasoning: It is grey. There is no sign that the poster suffers from depression.",
        "no",
    ),
    ("Irf", "Yes, the post shows risk of thwarted belongingness.", "yes"),
    ("Irf", "Please explain your answer.\n\nNo, the post does not show this risk.", "no"),
    ("MultiWD", "No. Nothing in it is about the body.", "no"),
    ("SAD", "This post shows the stress cause related to work. Reasoning: the shift", "work"),
    ("SAD", "This post shows the stress cause related to Financial Problems.", "financial"),
    ("SAD", "A) Work\nReasoning: the shift", "work"),
    ("SAD", "A. School\nB. Work\n\nCorrect answer: A. School.\n\nReasoning: exams", "school"),
    ("SAD", "The stress cause of this post is school.", "school"),
    ("SAD", "This falls under the category of work.", "work"),
    ("SAD", "A. School\nB. Work\n\nReasoning: exams. The appropriate label is School.", "school"),
    ("SAD", "Answer: A. Work-related stress", "work"),
    ("SAD", "Everyday decision-making. Reasoning: which bus", "everyday"),
    ("CAMS", "This post shows no causes of depression.", "none"),
    ("t-sid", "This post shows suicide or self-harm tendency. Reasoning: ...", "suicide"),
    ("swmh", "This post shows mental disorder symptoms related to bipolar disorder.", "bipolar"),
]

WITHOUT = [
    ("DR", "", "empty"),
    ("DR", "  \n", "empty"),
    ("DR", "nan", "empty"),
    ("DR", "I know nothing about the poster.", "undecided"),
    ("DR", "Nobody can tell from this.", "undecided"),
    ("DR", "Yesterday was hard for the poster, and the eyes hurt.", "undecided"),
    ("DR", "No one can say.", "undecided"),
    ("DR", "Yes or no? Hard to say.", "undecided"),
    ("DR", "Does the poster suffer from depression?", "undecided"),
    ("DR", "I'm sorry, but I cannot assess this.", "refusal"),
    ("DR", "As an AI language model, I do not diagnose.", "refusal"),
    ("DR", "I cannot answer that.", "refusal"),
    ("DR", "A) Yes\nB) No", "several"),
    ("DR", "A. Yes\nB. No\nC. Unclear\n\nAnswer: C. Unclear", "undecided"),
    ("DR", "Yes, the poster does not suffer from depression.", "several"),
    (
        "DR",
        "Yes, the poster suffers from depression. No, the poster does not suffer from depression.",
        "several",
    ),
    ("SAD", "work, school. Reasoning: both", "several"),
    ("SAD", "This post shows the stress cause related to work and a noisy dog.", "undecided"),
    ("SAD", "Homework is the cause.", "undecided"),
    ("SAD", "A. Family issues - the post does not mention any family issues.", "undecided"),
    ("SAD", "This post shows the stress cause related to noise.", "off_set"),
    ("MultiWD", "Yes, the poster suffers from stress. Reasoning: ...", "undecided"),
    ("dreaddit", "Reasoning: No, the poster does not suffer from depression.", "undecided"),
    ("Irf", "Answer: Yes, this wellness dimension exists in the post.", "undecided"),
]


@pytest.mark.parametrize(("task", "text", "label"), VERDICTS)
def test_one_verdict(task: str, text: str, label: str) -> None:
    outcome, found, rule = read_label(get_task(task), text)
    assert (outcome, found) == ("verdict", label), rule


@pytest.mark.parametrize(("task", "text", "outcome"), WITHOUT)
def test_no_verdict_is_never_forced_into_a_class(task: str, text: str, outcome: str) -> None:
    found, label, rule = read_label(get_task(task), text)
    assert (found, label) == (outcome, None), rule


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("task", "label"),
    [(task, label) for task in TASKS for label in task.labels],
    ids=lambda value: value.key,
)
def test_every_gold_wording_is_read_as_its_own_label(task: Task, label: Label, form: Form) -> None:
    text = render_answer(label, "The post names it.", form)
    assert read_label(task, text)[:2] == ("verdict", label.key)


@given(task=st.sampled_from(TASKS), text=st.text())
def test_any_text_has_an_outcome_and_a_label_only_with_a_verdict(task: Task, text: str) -> None:
    outcome, label, rule = read_label(task, text)
    assert (label is not None) == (outcome == "verdict")
    assert rule


def test_the_labeller_keeps_order_and_says_which_rule_decided() -> None:
    responses = [
        Response(sample_id=str(n), task="DR", text=text, model="m", gold="no", reference="")
        for n, text in enumerate(["No.", "", "Answer: yes"])
    ]
    predictions = read_by_rules(responses)
    assert [p.sample_id for p in predictions] == ["0", "1", "2"]
    assert [p.label for p in predictions] == ["no", None, "yes"]
    assert predictions[0].route == "rules: yes/no word at the opening"
    assert "no text" in predictions[1].route
