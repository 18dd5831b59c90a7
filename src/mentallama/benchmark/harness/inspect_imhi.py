"""The IMHI tasks for Inspect: inspect eval inspect_imhi.py -T name=DR."""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    NOANSWER,
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    accuracy,
    metric,
    scorer,
    stderr,
)
from inspect_ai.solver import TaskState, generate

from mentallama.benchmark.harness import imhi as scoring
from mentallama.benchmark.inference.rules import read_label
from mentallama.tasks import get_task


def _items(scores: list[SampleScore]) -> list[scoring.Item]:
    found = [one.score.metadata for one in scores]
    return [(one["task"], one["gold"], one["label"]) for one in found]


@metric  # type: ignore[untyped-decorator]
def weighted_f1() -> Metric:
    """Weighted F1 over all rows, 0 to 1; no verdict counts as wrong."""

    # The harness looks at the annotation to know what to hand over.
    def compute(scores: list[SampleScore]) -> float:
        return scoring.weighted_f1(_items(scores))

    return compute


@metric  # type: ignore[untyped-decorator]
def coverage() -> Metric:
    """Share of rows with one verdict, 0 to 1."""

    # The harness looks at the annotation to know what to hand over.
    def compute(scores: list[SampleScore]) -> float:
        return scoring.coverage(_items(scores))

    return compute


@scorer(metrics=[accuracy(), stderr(), weighted_f1(), coverage()])  # type: ignore[untyped-decorator]
def label_read() -> Scorer:
    """Compare the label read by anchored phrases with the gold one; no verdict is no answer."""

    async def score(state: TaskState, target: Target) -> Score:
        known = get_task(state.metadata["task"])
        text = state.output.completion
        outcome, label, rule = read_label(known, text, state.metadata["aspect"] or None)
        value = NOANSWER if label is None else CORRECT if label == target.text else INCORRECT
        return Score(
            value=value,
            answer=label,
            explanation=f"{outcome}: {rule}",
            metadata={"task": known.key, "gold": target.text, "label": label},
        )

    return score


@task  # type: ignore[untyped-decorator]
def imhi(name: str = "DR") -> Task:
    """One set of the benchmark, asked in the wording of the release."""
    fields = FieldSpec(id="id", input="prompt", target="label", metadata=["task", "aspect"])
    dataset = json_dataset(str(Path(__file__).parent / f"imhi_{name}.jsonl"), fields)
    return Task(dataset=dataset, solver=[generate()], scorer=label_read())
