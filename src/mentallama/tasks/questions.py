"""Names of the outputs of a model that answers every question on a post at once.

>>> question_name("Irf", "perceived burdensomeness", "human")
'Irf[perceived burdensomeness]@human'
>>> output_name("SAD", None, "release", "family")
'SAD/family'
"""

from mentallama.types import GoldSource


def question_name(task: str, aspect: str | None, gold: GoldSource = "release") -> str:
    """Return the name of a question; labels of people are another question than the release's."""
    return f"{task}{f'[{aspect}]' if aspect else ''}{'@human' if gold == 'human' else ''}"


def output_name(task: str, aspect: str | None, gold: GoldSource, label: str) -> str:
    """Return the name of the output that stands for one label of a question."""
    return f"{question_name(task, aspect, gold)}/{label}"
