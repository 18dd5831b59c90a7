"""An analyser over any model that writes: tuned here, downloaded, or behind an endpoint.

Each question is worded as the model was tuned to be asked, the label is read with the benchmark's
rules, and the rest of what it wrote is the explanation, in its own words. What can be checked is
checked: its quotes against the post, its last sentence against its verdict. Its confidence is not
stated: how surely a label is read says nothing on how often the model is right.

Example (invented): "Yes, the poster suffers from stress. Reasoning: "rent is due" weighs on them."
-> ``yes``, with "rent is due" as evidence where the post holds it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mentallama import __version__
from mentallama.analysis.ask import Question, abstain
from mentallama.benchmark.inference.layout import clean, sentences
from mentallama.benchmark.inference.rules import read_label
from mentallama.models.backend import Backend, Completion, Decoding
from mentallama.models.prompts import Prompting, Style, make_prompts, prompting_key
from mentallama.tasks import get_task
from mentallama.tasks.grounding import QUOTED, Quote, find_quotes
from mentallama.tasks.posts import post_id, text_key
from mentallama.tasks.statements import last_sentence
from mentallama.tasks.wording import REASONING, WordingError, render_prompt
from mentallama.types import Analysis, Evidence, Form, Outcome, Post, Sample, Task

NEW_TOKENS = 512
"""Most tokens of an answer where nothing else is asked for."""
_WHY: dict[Outcome, str] = {
    "empty": "The model wrote nothing.",
    "refusal": "The model refused to answer.",
    "several": "There are several verdicts in what the model wrote.",
    "off_set": "The model named a label that this task does not have.",
    "undecided": "No verdict was found in what the model wrote.",
}
_NOT_WORDED = "How to ask this question in the completion form is not known."
_CONDITION = (
    r"depress\w*|bipolar|mani[ac]c?|anxi\w+|panic disorder|ptsd|post-?traumatic|trauma\w*|stress\w*"
    r"|suicid\w*|lonel\w*|schizo\w*|psycho(?:sis|tic)|ocd|adhd|borderline|(?:eating|mood) disorder"
    r"|mental(?:ly)? (?:ill(?:ness)?|disorder|health)"
)
_DIAGNOSED_READER = re.compile(
    rf"\byou(?:r|'re|'ve)?\b[^.!?\n]{{0,80}}?\b(?:{_CONDITION})\b", re.IGNORECASE
)
_CLOSING_CUE = re.compile(r"\s*\b(?:final )?answer:[^\n]{0,300}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAnalyser:
    """Asks a backend each question on each post, and reads its answers."""

    backend: Backend
    style: Style = "zero-shot"
    """``release`` for models tuned on the release's queries."""
    form: Form = "instruction"
    """``completion`` for models tuned on that form."""
    decoding: Decoding = Decoding(max_new_tokens=NEW_TOKENS)  # noqa: RUF009 (frozen)
    explains: ClassVar[str] = "written"

    @property
    def name(self) -> str:
        """The model's."""
        return self.backend.name

    @property
    def key(self) -> str:
        """Model, wording, decoding, and the version of the rules that read."""
        asked = prompting_key(Prompting(style=self.style))
        return f"{self.backend.key} | {asked} {self.form} | {self.decoding} | {__version__}"

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        """Yield the analyses of each post; its questions are asked side by side."""
        worded = [question for question in questions if self._is_worded(question)]
        samples = [self._word(post, question) for post in posts for question in worded]
        prompts = make_prompts(samples, Prompting(style=self.style)).texts
        completions = self.backend.complete(prompts, self.decoding)
        for post in posts:
            yield [
                self._read(post, question, next(completions))
                if question in worded
                else abstain(question, self.name, _NOT_WORDED)
                for question in questions
            ]

    def _is_worded(self, question: Question) -> bool:
        try:
            self._word("", question)
        except WordingError:
            return False
        return True

    def _word(self, post: str, question: Question) -> Sample:
        task, aspect = get_task(question.task), question.aspect
        return Sample(
            id="",
            form=self.form,
            post=Post(id=post_id(post), text=post, task=task.key, aspect=aspect),
            prompt=render_prompt(task, post, aspect, self.form),
            response="",
            explanation="",
        )

    def _read(self, post: str, question: Question, written: Completion) -> Analysis:
        task = get_task(question.task)
        outcome, label, rule = read_label(task, written.text, question.aspect)
        cut = ["The model's text was cut off."] if written.cut_off else []
        if label is None:
            why = _with_notes(_WHY[outcome], cut)
            return abstain(question, self.name, why, truncated=written.prompt_truncated)
        explanation = explanation_of(task, written.text, rule)
        quotes = find_quotes(task, explanation, post)
        notes = [*list_doubts(task, question.aspect, label, explanation, quotes), *cut]
        return Analysis(
            task=task.key,
            aspect=question.aspect,
            label=label,
            explanation=_with_notes(explanation, notes),
            evidence=to_evidence(quotes, post),
            model=self.name,
            truncated=written.prompt_truncated,
        )


def explanation_of(task: Task, text: str, rule: str) -> str:
    """Return what a model wrote beside its verdict, which ``rule`` read; empty where nothing."""
    cleaned = clean(task, text)
    if rule.startswith("JSON"):
        return _longest_text(cleaned)
    _, mark, explanation = cleaned.partition(REASONING)
    if not mark:
        explanation = _behind_verdict(task, cleaned)
    return _CLOSING_CUE.sub("", explanation.strip()).strip()


def _behind_verdict(task: Task, text: str) -> str:
    """Step over the first sentence where it is the verdict; marks and breaks stay as they are."""
    first, *more = sentences(text)
    if read_label(task, first)[0] != "verdict":
        return text
    return text[text.index(more[0], text.index(first) + len(first)) :] if more else ""


def _longest_text(text: str) -> str:
    """Return the longest text in the JSON object that an answer consists of."""
    value, _ = json.JSONDecoder().raw_decode(text[text.find("{") :])
    texts = (" ".join(one.split()) for one in value.values() if isinstance(one, str))
    # A lone word is the label.
    return max((one for one in texts if " " in one), key=len, default="")


def list_doubts(
    task: Task, aspect: str | None, label: str, explanation: str, quotes: Sequence[Quote]
) -> list[str]:
    """Say in sentences what does not hold in an explanation of a label."""
    missing = sum(quote.start is None for quote in quotes)
    doubts = [] if explanation else ["The model gave no reasons."]
    if missing:
        verb = "does" if missing == 1 else "do"
        doubts.append(f"{missing} of {len(quotes)} quotes {verb} not stand in the post.")
    if explanation and _ends_in(task, aspect, explanation) not in (None, label):
        doubts.append("The explanation ends in another label than the verdict.")
    if _DIAGNOSED_READER.search(QUOTED.sub(" ", explanation)):
        doubts.append("This is a model's wording; nobody is diagnosed.")
    return doubts


def _ends_in(task: Task, aspect: str | None, explanation: str) -> str | None:
    """Return the label that the last sentence gives, read as a response of its own."""
    return read_label(task, last_sentence(explanation), aspect)[1]


def to_evidence(quotes: Sequence[Quote], post: str) -> tuple[Evidence, ...]:
    """Return where quotes stand in the post, in its order, each place once.

    A quote that stands there at a place that cannot be told (``locate``) is left out.
    """
    places = {
        (quote.start, quote.end)
        for quote in quotes
        if quote.start is not None
        and quote.end is not None
        and text_key(post[quote.start : quote.end]) == text_key(quote.text)
    }
    return tuple(
        Evidence(start=start, end=end, text=post[start:end]) for start, end in sorted(places)
    )


def _with_notes(text: str, notes: Sequence[str]) -> str:
    return " ".join([*([text] if text else []), *(f"[{note}]" for note in notes)])
