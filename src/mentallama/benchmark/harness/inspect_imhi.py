"""The IMHI tasks for Inspect: inspect eval inspect_imhi.py -T name=DR."""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    NOANSWER,
    Score,
    Scorer,
    Target,
    accuracy,
    scorer,
    stderr,
)
from inspect_ai.solver import TaskState, generate

from mentallama.benchmark.inference.rules import read_label
from mentallama.tasks import get_task


@scorer(metrics=[accuracy(), stderr()])  # type: ignore[untyped-decorator]
def label_read() -> Scorer:
    """Compare the label read by anchored phrases with the gold one; no verdict is no answer."""

    async def score(state: TaskState, target: Target) -> Score:
        known = get_task(state.metadata["task"])
        text = state.output.completion
        outcome, label, rule = read_label(known, text, state.metadata["aspect"] or None)
        if label is None:
            return Score(value=NOANSWER, explanation=f"{outcome}: {rule}")
        return Score(
            value=CORRECT if label == target.text else INCORRECT, answer=label, explanation=rule
        )

    return score


@task  # type: ignore[untyped-decorator]
def imhi(name: str = "DR") -> Task:
    """One set of the benchmark, asked in the wording of the release."""
    fields = FieldSpec(id="id", input="prompt", target="label", metadata=["task", "aspect"])
    dataset = json_dataset(str(Path(__file__).parent / f"imhi_{name}.jsonl"), fields)
    return Task(dataset=dataset, solver=[generate()], scorer=label_read())
