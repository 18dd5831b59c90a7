"""Models that write as analysers: each outcome, quotes and where they stand, real servers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mentallama.analysis import Question, analyse
from mentallama.analysis.fake import FakeAnalyser
from mentallama.analysis.load import load_analyser
from mentallama.analysis.written import WrittenAnalyser
from mentallama.errors import InputError
from mentallama.io import write_json
from mentallama.models.backend import Completion, Decoding
from mentallama.models.fake import FakeModel
from mentallama.models.local import load_local
from mentallama.types import Analysis
from tests.models.test_endpoint import Handler, Server, served, server  # noqa: F401
from tests.models.test_engines import save

POST = "rent is due friday, the car died today and my phone keeps buzzing"


class Scripted:
    """Writes the given texts, one after the other, and keeps what it was asked."""

    name, key = "scripted", "scripted 1"

    def __init__(self, *texts: str | Completion) -> None:
        self.texts = iter(texts)
        self.prompts: list[str] = []

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        for prompt in prompts:
            self.prompts.append(prompt)
            text = next(self.texts)
            yield text if isinstance(text, Completion) else Completion(text=text)


def read(text: str | Completion, post: str = POST, task: str = "dreaddit") -> Analysis:
    analyser = WrittenAnalyser(backend=Scripted(text), style="release")
    [[found]] = analyse([post], analyser=analyser, tasks=[task])
    return found


def test_a_verdict_with_reasons_and_evidence() -> None:
    found = read(
        'Yes, the poster suffers from stress. Reasoning: "the car died today" and '
        '"my phone keeps buzzing" pile up.'
    )
    assert (found.label, found.abstained, found.model) == ("yes", False, "scripted")
    assert found.confidence is None  # nothing was measured that could tell
    assert found.explanation == '"the car died today" and "my phone keeps buzzing" pile up.'
    assert [one.text for one in found.evidence] == ["the car died today", "my phone keeps buzzing"]
    for one in found.evidence:
        assert POST[one.start : one.end] == one.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "The model wrote nothing."),
        ("I'm sorry, but I can't help with that.", "The model refused to answer."),
        (
            "Answer: yes. Reasoning: x. Answer: no.",
            "There are several verdicts in what the model wrote.",
        ),
        ("The post is about a car.", "No verdict was found in what the model wrote."),
    ],
)
def test_without_one_verdict_it_abstains_and_says_why(text: str, why: str) -> None:
    found = read(text)
    assert (found.label, found.confidence, found.abstained) == (None, None, True)
    assert found.explanation == why
    assert found.evidence == ()


def test_a_label_that_the_task_does_not_have_is_none() -> None:
    found = read(
        "This post shows the stress cause related to the weather. Reasoning: x", task="SAD"
    )
    assert found.explanation == "The model named a label that this task does not have."
    assert found.label is None


@pytest.mark.parametrize(
    ("post", "quoted", "stands"),
    [
        ("so tired 😩😩 of all this, no one calls", "no one calls", "no one calls"),
        ("so tired 😩 of this, no one calls", "tired of this", "tired 😩 of this"),
        ("I can’t sleep, she said “go away” again", "I can't sleep", "I can’t sleep"),
        ("she said “go away now” again", "go away now", "go away now"),
        ("👩‍👩‍👧 MY KIDS   won't\ntalk to me", "my kids won't talk", "MY KIDS   won't\ntalk"),
        ("أنا متعب جدا اليوم", "متعب جدا", "متعب جدا"),
    ],
)
def test_evidence_has_the_offsets_of_the_post_as_given(post: str, quoted: str, stands: str) -> None:
    found = read(f'No, the poster does not suffer from stress. Reasoning: See "{quoted}".', post)
    [one] = found.evidence
    assert post[one.start : one.end] == one.text == stands
    assert found.explanation == f'See "{quoted}".'


@pytest.mark.parametrize(
    ("quotes", "note"),
    [
        (["the car died"], ""),
        (["the car died", "rent is due", "the boss shouted"], "1 of 3 quotes does"),
        (["the boss shouted"], "1 of 1 quotes does"),
        (["the boss shouted", "the cat ran off"], "2 of 2 quotes do"),
    ],
)
def test_quotes_that_do_not_stand_in_the_post_are_counted(quotes: list[str], note: str) -> None:
    said = " and ".join(f'"{quote}"' for quote in quotes)
    found = read(f"Yes, the poster suffers from stress. Reasoning: We read {said} here.")
    expected = f" [{note} not stand in the post.]" if note else ""
    assert found.explanation == f"We read {said} here.{expected}"
    assert len(found.evidence) == sum(quote in POST for quote in quotes)


def test_an_explanation_that_ends_elsewhere_is_said_to() -> None:
    reasons = "Bills pile up. Therefore, the poster does not suffer from stress."
    found = read(f"Yes, the poster suffers from stress. Reasoning: {reasons}")
    assert found.label == "yes"
    assert found.explanation == (
        f"{reasons} [The explanation ends in another label than the verdict.]"
    )
    same = read(f"No, the poster does not suffer from stress. Reasoning: {reasons}")
    assert same.explanation == reasons


@pytest.mark.parametrize(
    ("reasons", "noted"),
    [
        ("It seems that you have depression.", True),
        ("You are clearly bipolar.", True),
        ("You're suffering from severe anxiety.", True),
        ("This is a sign of your PTSD.", True),
        ("The poster describes depression.", False),
        ('The poster was told "you have depression again".', False),
        ("As you can see, the rent is due.", False),
    ],
)
def test_a_model_that_diagnoses_its_reader_is_not_let_pass(reasons: str, noted: bool) -> None:
    post = 'my aunt said "you have depression again" and left'
    found = read(f"Yes, the poster suffers from stress. Reasoning: {reasons}", post)
    note = "[This is a model's wording; nobody is diagnosed.]"
    assert found.explanation == (f"{reasons} {note}" if noted else reasons)


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("Reasoning: The rent is due. Answer: Yes, the poster suffers from stress.", None),
        ("No, the poster does not suffer from stress.", "[The model gave no reasons.]"),
        ("**Yes.** The rent is due.", "The rent is due."),
        ("Yes. It says:\n\n- the rent\n- the car", "It says:\n\n- the rent\n- the car"),
        ("The rent is due.\nAnswer: Yes", "The rent is due."),
        ('{"label": "yes", "explanation": "The rent is due."}', "The rent is due."),
        ('{"label": "yes"}', "[The model gave no reasons.]"),
        ('Yes. He says "rent is due." Then the car.', 'He says "rent is due." Then the car.'),
        (
            'Yes. Reasoning: The rent is due. Consider this post: "a b" Question: c',
            "The rent is due.",
        ),
    ],
)
def test_the_explanation_is_what_the_model_wrote_beside_its_verdict(
    text: str, explanation: str | None
) -> None:
    assert read(text).explanation == (explanation or "The rent is due.")


def test_what_was_shortened_or_cut_off_is_said() -> None:
    verdict = "Yes, the poster suffers from stress. Reasoning: The rent"
    found = read(Completion(text=verdict, cut_off=True, prompt_truncated=True))
    assert found.truncated
    assert found.explanation == "The rent [The model's text was cut off.]"
    none = read(Completion(text="The rent", cut_off=True, prompt_truncated=True))
    assert none.truncated and none.abstained
    assert none.explanation.endswith("[The model's text was cut off.]")
    assert not read(verdict).truncated


def test_questions_on_a_post_are_asked_side_by_side() -> None:
    backend = Scripted(*["Yes."] * 4)
    analyser = WrittenAnalyser(backend=backend, style="release")
    found = list(analyse(["one", " ", "two"], analyser=analyser, tasks=["Irf"]))
    assert [one.label for row in found for one in row] == ["yes", "yes", None, None, "yes", "yes"]
    risk = "Does the post show risk of"
    assert backend.prompts == [
        f'Consider this post: "{post}" Question: {risk} {aspect}?'
        for post in ("one", "two")
        for aspect in ("thwarted belongingness", "perceived burdensomeness")
    ]


def test_the_zero_shot_prompt_lists_the_answers() -> None:
    backend = Scripted("Yes.")
    list(analyse(["one"], analyser=WrittenAnalyser(backend=backend), tasks=["DR"]))
    assert "\n- No, the poster does not suffer from depression.\n" in backend.prompts[0]


def test_the_completion_form_leaves_open_what_it_cannot_ask() -> None:
    analyser = WrittenAnalyser(backend=Scripted("yes."), style="release", form="completion")
    [[dreaddit, swmh]] = analyse(["a post"], analyser=analyser, tasks=["dreaddit", "swmh"])
    assert dreaddit.label == "yes"
    assert swmh.abstained and "completion form is not known" in swmh.explanation


def test_the_key_differs_with_model_wording_and_decoding() -> None:
    one = WrittenAnalyser(backend=FakeModel())
    others = [
        replace(one, style="release"),
        replace(one, form="completion", style="release"),
        replace(one, decoding=Decoding(max_new_tokens=7)),
        replace(one, backend=Scripted()),
    ]
    assert len({one.key, *(other.key for other in others)}) == 5


@pytest.mark.parametrize("style", ["release", "zero-shot"])
def test_every_task_is_answered_by_a_model_that_knows_them(style: str) -> None:
    analyser = WrittenAnalyser(backend=FakeModel(), style=style)  # type: ignore[arg-type]
    [found] = analyse([POST], analyser=analyser)
    assert len(found) == 16
    assert all(one.label and one.confidence is None for one in found)


def test_a_real_server_answers_as_the_model_itself(served: tuple[str, Path]) -> None:  # noqa: F811
    url, folder = served
    at_server = load_analyser(str(folder), endpoint=url, style="release", max_new_tokens=12)
    local = WrittenAnalyser(
        backend=load_local(str(folder)), style="release", decoding=Decoding(max_new_tokens=12)
    )
    posts = [POST, "the bus was late 😩"]
    found = list(analyse(posts, analyser=at_server, tasks=["dreaddit", "SAD"]))
    expected = list(analyse(posts, analyser=local, tasks=["dreaddit", "SAD"]))
    for ours, theirs in zip(found, expected, strict=True):
        assert [replace(one, model="", truncated=False) for one in ours] == [
            replace(one, model="", truncated=False) for one in theirs
        ]


def test_an_endpoint_s_answers_become_analyses(
    server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "**Yes, the poster suffers from stress.** Reasoning: “the car died” and “a cat died”."

    def answer(self: Handler, asked: str, fault: str, first: bool, *, chat: bool) -> None:
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        self.send(200, {"id": "x", "object": "x", "created": 0, "model": "m", "choices": choices})

    monkeypatch.setattr(Handler, "answer", answer)
    analyser = load_analyser("m", endpoint=server.url)
    [[found], [other]] = analyse([POST, "a cat died"], analyser=analyser, tasks=["dreaddit"])
    assert [(one.start, one.end) for one in found.evidence] == [(20, 32)]
    assert [one.text for one in other.evidence] == ["a cat died"]
    assert found.label == other.label == "yes"
    assert found.explanation == (
        '"the car died" and "a cat died". [1 of 2 quotes does not stand in the post.]'
    )
    sent = [body["messages"][0]["content"] for body in server.bodies]
    assert all("Choose the one answer that fits best" in prompt for prompt in sent)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of ours with random weights, tuned (it says) on bare queries."""
    return save(tmp_path_factory.mktemp("tiny") / "llama", "llama")


def test_a_model_of_ours_is_asked_as_it_was_tuned(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    other = load_analyser(str(tiny), max_new_tokens=12)
    assert isinstance(other, WrittenAnalyser) and other.style == "zero-shot"
    recipe = {"name": "ours", "recipe": {"template": "raw", "form": "completion"}}
    write_json(tiny / "mentallama.json", recipe)
    ours = load_analyser(str(tiny), max_new_tokens=12)
    assert isinstance(ours, WrittenAnalyser)
    assert (ours.name, ours.style, ours.form) == ("ours", "release", "completion")
    [[found]] = analyse([POST * 20], analyser=ours, tasks=["dreaddit"])
    assert found.truncated
    with pytest.raises(InputError, match="was tuned on the release's query"):
        load_analyser(str(tiny), style="zero-shot")


def test_names_say_what_is_loaded(tmp_path: Path) -> None:
    assert isinstance(load_analyser("fake"), FakeAnalyser)
    with pytest.raises(InputError, match="no such model folder, and not a hub id"):
        load_analyser(str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="fake: writes nothing"):
        load_analyser("fake", style="release")
    released = load_analyser("klyang/MentaLLaMA-chat-7B", endpoint="http://localhost:1/v1")
    assert isinstance(released, WrittenAnalyser) and released.style == "release"
    assert released.key.startswith("klyang/MentaLLaMA-chat-7B at http://localhost:1/v1 without")
    other = load_analyser("some-model", endpoint="http://localhost:1/v1")
    assert isinstance(other, WrittenAnalyser) and other.style == "zero-shot"
    write_json(tmp_path / "config.json", {"architectures": ["BertForSequenceClassification"]})
    with pytest.raises(InputError, match="a classifier, which gives no reasons"):
        load_analyser(str(tmp_path))


def test_questions_are_answered_in_the_order_they_are_put() -> None:
    analyser = WrittenAnalyser(backend=FakeModel())
    questions = [
        Question(task="SAD"),
        Question(task="DR"),
        Question(task="MultiWD", aspect="social"),
    ]
    [found] = analyser.answer([POST], questions)
    assert [(one.task, one.aspect) for one in found] == [(q.task, q.aspect) for q in questions]
