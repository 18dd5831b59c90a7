"""Reading texts of known label by the anchored phrases, and counting what each rule gets right."""

import json
from collections.abc import Iterable, Iterator, Sequence

from mentallama.benchmark.inference.card import reword
from mentallama.benchmark.inference.rule_card import RuleCard, count_readings
from mentallama.benchmark.inference.rules import read_label
from mentallama.corpus import load_material
from mentallama.corpus.records import ResponseShape
from mentallama.tasks import get_label, get_task
from mentallama.types import Sample

Known = tuple[str, str, str | None, frozenset[str]]
"""Task, text, aspect and the labels that it gives; none where it gives no verdict."""


def measure_rules(samples: Sequence[Sample], shapes: Iterable[Known], measured_on: str) -> RuleCard:
    """Count the readings of gold answers, their explanations and rewordings, and of ``shapes``."""
    known = [*(one for sample in samples for one in _texts(sample)), *shapes]
    return count_readings(_readings(dict.fromkeys(known)), measured_on)


def known_shapes() -> list[Known]:
    """Return the sample corpus's shapes of responses with their right readings."""
    return [
        (
            shape.task,
            shape.text,
            shape.aspect,
            frozenset(shape.labels if shape.outcome == "verdict" else ()),
        )
        for shape in load_material(ResponseShape)
    ]


def _texts(sample: Sample) -> Iterator[Known]:
    post, said = sample.post, sample.explanation
    task, label = get_task(post.task), str(post.label)
    name = get_label(task, label).completion
    texts = [sample.response, said]
    if said:
        texts += reword(task, label, said).values()
        texts += [
            f"{said} Answer: {name}.",
            json.dumps({"label": name, "rationale": said}),
            f"| question | answer |\n|---|---|\n| {post.aspect or 'label'} | {name} |\n\n{said}",
        ]
    for text in texts:
        yield post.task, text, post.aspect, frozenset({label})


def _readings(known: Iterable[Known]) -> Iterator[tuple[str, str, bool]]:
    for key, text, aspect, labels in known:
        outcome, label, rule = read_label(get_task(key), text, aspect)
        if outcome == "verdict":
            yield key, rule, labels == {label}
