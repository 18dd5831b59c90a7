"""Every style, all ten tasks: what is asked, and that the answer asked for is read back."""

import re
from typing import Any

import pytest

from mentallama.benchmark.inference.rules import read_label
from mentallama.corpus.samples import load_samples
from mentallama.errors import InputError
from mentallama.models import prompts
from mentallama.models.prompts import STYLES, Prompting, Style, make_prompts, prompting_key
from mentallama.tasks import get_label, get_task
from mentallama.types import Form, Sample
from tests.conftest import sample

WITH_REASONING: tuple[Style, ...] = ("cot", "emotion-cot")


@pytest.fixture(scope="module")
def corpus() -> list[Sample]:
    return load_samples()


@pytest.fixture(scope="module")
def asked(corpus: list[Sample]) -> list[Sample]:
    return [sample for sample in corpus if sample.post.split == "test"]


def answer_as_asked(prompt: str, sample: Sample) -> str:
    """Fill in the layout that closes a prompt with the gold label and explanation."""
    label = get_label(get_task(sample.post.task), sample.post.label or "")
    layout = prompt[prompt.rindex("\n\n") :].partition(":\n")[2]
    assert layout.count("(the chosen answer)") == layout.count("(your reasoning)") == 1
    layout = layout.replace("(the chosen answer)", label.phrase)
    return layout.replace("(your reasoning)", sample.explanation)


@pytest.mark.parametrize("style", ["zero-shot", *WITH_REASONING])
def test_the_answer_asked_for_is_read_back(style: Style, asked: list[Sample]) -> None:
    made = make_prompts(asked, Prompting(style=style))
    assert len({sample.post.task for sample in asked}) == 10
    for prompt, one in zip(made.texts, asked, strict=True):
        task = get_task(one.post.task)
        answer = answer_as_asked(prompt, one)
        assert read_label(task, answer, one.post.aspect)[:2] == ("verdict", one.post.label), one.id
        assert answer.startswith("Yes") or style != "zero-shot" or one.post.label != "yes"
        assert (answer.splitlines()[-1].startswith("Answer: ")) == (style in WITH_REASONING)


def test_worked_examples_are_answers_that_are_read_back(
    corpus: list[Sample], asked: list[Sample]
) -> None:
    """What a model learns from the examples to write, the rules read as the example's label."""
    known = {sample.prompt: sample for sample in corpus}
    for style in ("few-shot", *WITH_REASONING):
        made = make_prompts(asked, Prompting(style=style, shots=1), corpus)
        for prompt, one in zip(made.texts, asked, strict=True):
            task = get_task(one.post.task)
            labels = []
            examples = prompt[: prompt.rindex(one.prompt)]
            for query in (q for q in known if q in examples):
                example = known[query]
                rest = examples.partition(query)[2].partition("Consider this post:")[0]
                found = read_label(task, rest, one.post.aspect)
                assert found[:2] == ("verdict", example.post.label), example.id
                assert (example.post.task, example.post.aspect) == (one.post.task, one.post.aspect)
                assert example.post.split == "train"
                labels.append(found[1])
            assert sorted(map(str, labels)) == sorted(label.key for label in task.labels)


def test_release_asks_exactly_what_the_file_asks(asked: list[Sample]) -> None:
    completion = [sample("CLP", "no", form="completion"), sample("SAD", form="completion")]
    assert make_prompts([*asked, *completion], Prompting()).texts == [
        one.prompt for one in [*asked, *completion]
    ]


def test_the_other_styles_list_every_answer_and_keep_the_query() -> None:
    asked = sample(text="{query} and {0} in a post %s", label="work")
    for style in ("zero-shot", *WITH_REASONING):
        (text,) = make_prompts([asked], Prompting(style=style)).texts
        assert text.startswith(asked.prompt + "\n\n")
        listed = re.findall(r"^- (.+)$", text, re.MULTILINE)
        assert listed == [label.phrase for label in get_task("SAD").labels]
    emotions = [
        "emotion" in make_prompts([sample("DR", "yes")], Prompting(style=style)).texts[0]
        for style in WITH_REASONING
    ]
    assert emotions == [False, True]


PLATES = "I set two plates out and put one back"
TEA = "tea with my sister all afternoon"


def loneliness(split: Any, text: str, label: str, form: Form = "instruction") -> Sample:
    return sample(
        "loneliness", label, text=text, explanation=f"On {text[:3]}.", split=split, form=form
    )


def test_few_shot_by_hand() -> None:
    """Both forms: query, one space, gold answer; a blank line; the query as the release has it."""
    pool = [loneliness("train", TEA, "no"), loneliness("train", PLATES, "yes")]
    nearest = Prompting(style="few-shot", shots=1, examples="nearest")
    (text,) = make_prompts([loneliness("test", "no tea left", "no")], nearest, pool).texts
    assert text == (
        'Consider this post: "I set two plates out and put one back" Question: Does the poster '
        "suffer from loneliness? Yes, the poster suffers from loneliness. Reasoning: On I s.\n\n"
        'Consider this post: "tea with my sister all afternoon" Question: Does the poster '
        "suffer from loneliness? No, the poster does not suffer from loneliness. "
        "Reasoning: On tea.\n\n"
        'Consider this post: "no tea left" Question: Does the poster suffer from loneliness?'
    )
    pool = [loneliness("train", t, y, "completion") for t, y in ((TEA, "no"), (PLATES, "yes"))]
    asked = loneliness("test", "two plates", "yes", "completion")
    (text,) = make_prompts([asked], nearest, pool).texts
    question = 'The answer to the question "Does the poster suffers from loneliness?" is'
    assert text == (
        f"Post: {TEA} Question: {question} no. Reasoning: On tea.\n\n"
        f"Post: {PLATES} Question: {question} yes. Reasoning: On I s.\n\n"
        f"Post: two plates Question: {question} "
    )


def test_reasoning_first_examples_end_with_the_answer() -> None:
    pool = [loneliness("train", TEA, "no"), loneliness("train", PLATES, "yes")]
    asked = loneliness("test", "no tea left", "no")
    style = Prompting(style="cot", shots=1, examples="nearest")
    (text,) = make_prompts([asked], style, pool).texts
    plain = make_prompts([asked], Prompting(style="cot")).texts[0]
    assert text == (
        f"{pool[1].prompt}\n\nOn I s.\nAnswer: Yes, the poster suffers from loneliness.\n\n"
        f"{pool[0].prompt}\n\nOn tea.\nAnswer: No, the poster does not suffer from loneliness.\n\n"
        f"{plain}"
    )


def test_examples_give_way_in_whole_rounds_until_the_prompt_fits(corpus: list[Sample]) -> None:
    asked = [s for s in corpus if s.post.task == "loneliness" and s.post.split == "test"][:4]
    style = Prompting(style="few-shot", shots=3, examples="nearest")
    whole = make_prompts(asked, style, corpus)
    assert (whole.lost_examples, whole.without_examples) == (0, 0)
    room = len(whole.texts[0]) - 1

    def fits(text: str) -> bool:
        return len(text) <= room and asked[1].prompt not in text

    made = make_prompts(asked, style, corpus, fits=fits)
    count = [text.count("Consider this post:") - 1 for text in made.texts]
    assert count[0] == 4 and whole.texts[0].endswith(made.texts[0])
    assert count[1] == 0 and made.texts[1] == asked[1].prompt
    assert made.lost_examples == sum(number < 6 for number in count)
    assert made.without_examples == count.count(0) == 1
    assert all(number % 2 == 0 for number in count)


@pytest.mark.parametrize(
    ("prompting", "form", "said"),
    [
        (Prompting(style="few-shot", shots=1), "instruction", "needs --examples-from DIR"),
        (Prompting(style="few-shot"), "instruction", "needs at least 1 shot"),
        (Prompting(style="zero-shot", shots=2), "instruction", "zero-shot takes no shots"),
        (Prompting(style="cot", examples="nearest"), "instruction", "need at least 1 shot"),
        (Prompting(style="few-shot", shots=-1), "instruction", "-1 shots: expected 0 or more"),
        (Prompting(style="zero-shot"), "completion", "asks the instruction form"),
        (Prompting(style="cot"), "completion", "asks the instruction form"),
        (Prompting(style="emotion-cot"), "completion", "asks the instruction form"),
    ],
)
def test_what_does_not_go_together_is_one_line(prompting: Prompting, form: Form, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        make_prompts([sample(form=form)], prompting)
    assert "\n" not in str(error.value)


def test_the_key_names_every_choice_and_changes_with_the_wording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = [prompting_key(Prompting(style=style)) for style in STYLES]
    keys += [prompting_key(Prompting(style="few-shot", shots=n)) for n in (1, 2)]
    keys.append(prompting_key(Prompting(style="few-shot", shots=1, seed=1)))
    keys.append(prompting_key(Prompting(style="few-shot", shots=1, examples="nearest")))
    assert len(set(keys)) == len(keys)
    assert keys[-1].startswith("few-shot shots=1 examples=nearest wording=1-")
    before = prompting_key(Prompting(style="cot"))
    changed = prompts._wordings().model_copy(deep=True)
    changed.styles["cot"].text = changed.styles["cot"].text.replace("fits best", "fits")
    monkeypatch.setattr(prompts, "_wordings", lambda: changed)
    prompts._hash_wording.cache_clear()
    after = prompting_key(Prompting(style="cot"))
    same = prompting_key(Prompting(style="zero-shot"))
    prompts._hash_wording.cache_clear()
    assert after != before and same == keys[1]
