"""Samples as training rows: token ids with loss on the answer alone, every loss of text counted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mentallama.encoding import encode_pair, encode_question, encode_source
from mentallama.errors import InputError
from mentallama.tasks import get_label, get_task
from mentallama.tasks.wording import REASONING
from mentallama.tuning.readings import Reading, list_outputs
from mentallama.tuning.recipe import Recipe
from mentallama.types import Sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from mentallama.tuning.material import Material

IGNORED = -100
"""Label of tokens that bear no loss."""
Row = dict[str, Any]
Encoder = Callable[[Sample], tuple[Row, bool] | None]
"""Gives a sample's row and whether its post was shortened; None where its answer is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """What became of the samples of one split."""

    rows: int
    """Rows to train on."""
    shortened: int
    """Of these, rows whose post lost its middle."""
    dropped: int
    """Samples whose answer alone is too long; they are not among the rows."""
    tokens: int
    answer_tokens: int
    """Tokens that bear loss; for a classifier, the labels."""


def encode_readings(
    readings: Sequence[Reading],
    tokenizer: "PreTrainedTokenizerBase",
    recipe: Recipe,
    outputs: Sequence[str],
) -> tuple[list[Row], RowCounts]:
    """Encode posts for a classifier that answers every question.

    ``labels`` holds, per question, the position of the right output among ``outputs``, or IGNORED.
    """
    questions = list(dict.fromkeys(name.rpartition("/")[0] for name in outputs))
    places = {name: number for number, name in enumerate(outputs)}
    rows: list[Row] = []
    shortened = 0
    for one in readings:
        encoded = encode_question(tokenizer, "", one.text, recipe.max_length)
        shortened += encoded.shortened
        labels = [IGNORED] * len(questions)
        for name in one.outputs:
            if name in places:
                labels[questions.index(name.rpartition("/")[0])] = places[name]
        rows.append({"input_ids": encoded.prompt, "labels": labels})
    return rows, RowCounts(
        rows=len(rows),
        shortened=shortened,
        dropped=0,
        tokens=sum(len(row["input_ids"]) for row in rows),
        answer_tokens=sum(_bearing(row["labels"]) for row in rows),
    )


def encode_rows(
    samples: Sequence[Sample],
    tokenizer: "PreTrainedTokenizerBase",
    recipe: Recipe,
    classes: Sequence[str] = (),
) -> tuple[list[Row], RowCounts]:
    """Encode samples for the recipe's objective; raise InputError where none is left.

    Rows hold ``input_ids`` and ``labels``: token ids for text; for a classifier the position of
    the label among ``classes``.
    """
    encode = _encoder(tokenizer, recipe, classes)
    rows: list[Row] = []
    shortened = 0
    for sample in samples:
        found = encode(sample)
        if found is None:
            continue
        rows.append(found[0])
        shortened += found[1]
    if not rows:
        raise InputError(f"no row is left: all {len(samples)} answers are longer than max_length")
    return rows, RowCounts(
        rows=len(rows),
        shortened=shortened,
        dropped=len(samples) - len(rows),
        tokens=sum(len(row["input_ids"]) for row in rows),
        answer_tokens=sum(_bearing(row["labels"]) for row in rows),
    )


def _bearing(labels: Any) -> int:
    return 1 if isinstance(labels, int) else sum(label != IGNORED for label in labels)


def _encoder(
    tokenizer: "PreTrainedTokenizerBase", recipe: Recipe, classes: Sequence[str]
) -> Encoder:
    limit, chat = recipe.max_length, recipe.template == "chat"

    def causal(sample: Sample) -> tuple[Row, bool] | None:
        encoded = encode_pair(tokenizer, sample.prompt, answer_of(sample, recipe), limit, chat=chat)
        if encoded is None:
            return None
        labels = [IGNORED] * len(encoded.prompt) + encoded.answer
        return {"input_ids": encoded.prompt + encoded.answer, "labels": labels}, encoded.shortened

    def seq2seq(sample: Sample) -> tuple[Row, bool] | None:
        source = encode_source(tokenizer, sample.prompt, limit)
        target = list(tokenizer(text_target=answer_of(sample, recipe))["input_ids"])
        if len(target) > limit:
            return None
        return {"input_ids": source.prompt, "labels": target}, source.shortened

    def classifier(sample: Sample) -> tuple[Row, bool]:
        encoded = encode_question(tokenizer, *classifier_input(sample, recipe), limit)
        label = classes.index(class_name(sample, classes))
        return {"input_ids": encoded.prompt, "labels": label}, encoded.shortened

    match recipe.objective:
        case "seq2seq":
            return seq2seq
        case "classifier":
            return classifier
        case _:
            return causal


def answer_of(sample: Sample, recipe: Recipe) -> str:
    """Return the answer to learn, in the order that the recipe asks for."""
    answer = sample.response.strip()
    if recipe.order == "label_first":
        return answer
    label = answer.partition(REASONING)[0].strip()
    return f"{REASONING} {sample.explanation} Answer: {label}"


def classifier_input(sample: Sample, recipe: Recipe) -> tuple[str, str]:
    """Return question and text for a classifier; the question is empty for explanations."""
    if recipe.reads == "explanation":
        return "", sample.explanation
    question = get_task(sample.post.task).question.replace("{aspect}", sample.post.aspect or "")
    return question, sample.post.text


def list_classes(tasks: Sequence[str]) -> list[str]:
    """Return the classes of some tasks, in the order of their labels.

    One task: its label keys, which is how labellers name them. Several: "TASK/label".
    """
    if len(tasks) == 1:
        return [label.key for label in get_task(tasks[0]).labels]
    return [f"{task}/{label.key}" for task in tasks for label in get_task(task).labels]


def name_classes(recipe: Recipe, material: "Material") -> list[str]:
    """Return the outputs of a recipe's classifier; nothing for other objectives."""
    if recipe.objective != "classifier":
        return []
    if material.readings:
        return list_outputs(material.readings)
    return list_classes(list(material.rows_by_task))


def class_name(sample: Sample, classes: Sequence[str]) -> str:
    """Return the class of a sample's gold label."""
    key = get_label(get_task(sample.post.task), str(sample.post.label)).key
    return key if key in classes else f"{sample.post.task}/{key}"
