"""A teacher that answers from a script: for tests and the demo, without a model or a network.

The script maps the post's id, task and aspect to an expert's answer. Told a wrong label, it says
what its script says, as a teacher with a mind of its own would.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mentallama.chat import Reply
from mentallama.data.expert import Question
from mentallama.data.teacher import Sampling
from mentallama.tasks import get_label, get_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What to say about one question."""

    label: str
    explanation: str
    quotes: tuple[str, ...] = ()


class ScriptedTeacher:
    """Answers what its script says; what stands in no script is an empty answer."""

    name = "scripted"

    def __init__(self, script: Mapping[str, Line]) -> None:
        self._script = script

    async def ask(self, question: Question, sampling: Sampling) -> Reply:
        """Answer from the script."""
        line = self._script.get(question.id)
        prompt = sum(len(message["content"]) for message in question.messages) // 4
        if line is None:
            return Reply(text="", prompt_tokens=prompt)
        text = write_line(question.post.task, line)
        return Reply(text=text, prompt_tokens=prompt, answer_tokens=len(text) // 4)

    async def close(self) -> None:
        """Nothing to let go of."""


def write_line(task: str, line: Line) -> str:
    """Word a line of a script as the JSON that a teacher is asked for."""
    value = {
        "verdict": get_label(get_task(task), line.label).completion,
        "explanation": line.explanation,
        "quotes": list(line.quotes),
    }
    return json.dumps(value, ensure_ascii=False)
