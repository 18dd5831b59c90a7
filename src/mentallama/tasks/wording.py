"""The release's wording, both ways: from a post and a label to prompt and answer, and back.

Every row of the public release follows these two frames (checked on its files):

    instruction   Consider this post: "{post}" Question: {question}
                  {label sentence} Reasoning: {explanation}
    completion    Post: {post} Question: {completion question}<one space>
                  {label}. Reasoning: {explanation}
"""

from dataclasses import dataclass

from mentallama.tasks.answers import read_opening
from mentallama.types import Form, Label, Task

REASONING = "Reasoning:"
_INSTRUCTION_START = 'Consider this post: "'
COMPLETION_START = "Post: "


class WordingError(ValueError):
    """A prompt or an answer is worded in a way that the task does not know.

    The message says what was expected and never quotes a post.
    """


@dataclass(frozen=True, slots=True)
class ParsedPrompt:
    """What a prompt is made of."""

    text: str
    aspect: str | None


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a gold answer is made of; ``explanation`` is stripped and may be empty."""

    label: Label
    explanation: str


def render_prompt(task: Task, text: str, aspect: str | None, form: Form) -> str:
    """Ask the task's question about a post in the wording of the release."""
    question = _question(task, aspect, form)
    if form == "instruction":
        return f'{_INSTRUCTION_START}{text}" Question: {question}'
    if question is None:
        raise WordingError(f"the completion question of {task.key} is not known")
    return f"{COMPLETION_START}{text} Question: {question} "


def render_answer(label: Label, explanation: str, form: Form) -> str:
    """Word a label and its explanation as the release does."""
    answer = label.phrase if form == "instruction" else f"{label.completion}."
    return f"{answer} {REASONING} {explanation}"


def parse_prompt(task: Task, prompt: str, form: Form) -> ParsedPrompt:
    """Take a prompt of the release apart; raise WordingError where no question of the task fits."""
    start = _INSTRUCTION_START if form == "instruction" else COMPLETION_START
    if not prompt.startswith(start):
        raise WordingError(f"the prompt does not begin with {start!r}")
    for aspect in task.aspects or (None,):
        question = _question(task, aspect, form)
        if question is None:
            return ParsedPrompt(_before_last_question(prompt, start), aspect)
        end = f'" Question: {question}' if form == "instruction" else f" Question: {question} "
        if prompt.endswith(end):
            return ParsedPrompt(prompt[len(start) : -len(end)], aspect)
    raise WordingError(f"the prompt does not end with a {form} question of {task.key}")


def parse_answer(task: Task, answer: str) -> ParsedAnswer:
    """Read the one label that a gold answer opens with, and its explanation."""
    head, mark, explanation = answer.partition(REASONING)
    if not mark:
        raise WordingError(f"the answer has no '{REASONING}'")
    opening = read_opening(task, head)
    if opening is None or len(opening.labels) != 1:
        raise WordingError(f"the answer does not open with one label of {task.key}")
    (key,) = opening.labels
    label = next(label for label in task.labels if label.key == key)
    return ParsedAnswer(label, explanation.strip())


def _question(task: Task, aspect: str | None, form: Form) -> str | None:
    question = task.question if form == "instruction" else task.completion_question
    return question.replace("{aspect}", aspect or "") if question else None


def _before_last_question(prompt: str, start: str) -> str:
    text, mark, _ = prompt.rpartition(" Question: ")
    if not mark:
        raise WordingError("the prompt has no ' Question: '")
    return text[len(start) :]
