"""From a study to steps: each run's answers, and the comparison that rests on all of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mentallama.config import load_config
from mentallama.errors import InputError
from mentallama.studies.crossed import Crossed, cross
from mentallama.studies.embeddings import ENCODER, TOKENS
from mentallama.studies.needs import missing_for
from mentallama.studies.plan import Asked, Released, Run, Study, Taught, Tuned, Untuned
from mentallama.studies.sources import Sources
from mentallama.studies.step import Step
from mentallama.studies.steps.baselines import NAMES as FLOORS
from mentallama.tuning.recipe import Recipe, find_recipe

_OPTION = {"imhi": "the data set (--imhi)", "raw": "the raw corpora (--raw)"}
_OPTION["outputs"] = "the released models' answers (--outputs)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One run: the step that gives its answers, or why it cannot be run here."""

    name: str
    answers: Step | None = None
    model: str | None = None
    """Which model of the answers, where they are of several."""
    tasks: tuple[str, ...] | None = None
    """Sets whose answers count, of stored answers that hold more."""
    train: Step | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study as steps."""

    study: Study
    runs: tuple[Planned, ...]
    crossed: tuple[tuple[Crossed, Planned], ...]
    """The further runs of matrices and variants."""
    result: Step
    """The comparison of all runs that can be run."""
    options: str
    """Of the command that makes it."""


def plan_study(study: Study, sources: Sources) -> Plan:
    """Turn a study into steps; nothing is run, weights and GPUs are only looked for."""
    runs = tuple(_plan_run(study, run, sources) for run in study.runs)
    crossed = tuple((one, _plan_run(study, one.run, sources)) for one in cross(study))
    return Plan(
        study=study,
        runs=runs,
        crossed=crossed,
        result=_compare(study, runs, crossed, sources),
        options=sources.options,
    )


def say_lacking(needs: set[str]) -> str:
    """Say what data has to be given."""
    return f"needs {' and '.join(_OPTION[need] for need in sorted(needs))}"


def _plan_run(study: Study, run: Run, sources: Sources) -> Planned:
    taught, asked = study.taught(run), study.asked(run)
    needs = set(study.needs) | ({"outputs"} if isinstance(run.model, Released) else set())
    if _asks_people(taught):
        needs.add("raw")
    if lacking := needs - sources.given:
        return Planned(name=run.name, why_not=say_lacking(lacking))
    if isinstance(run.model, Released):
        tasks = asked.tasks or taught.tasks
        model = run.model.released
        return Planned(name=run.name, answers=released(sources), model=model, tasks=tasks)
    train = train_rows(taught, sources)
    test = test_rows(asked, taught, sources, train)
    return _plan_model(run, taught, train, test, sources)


def _plan_model(run: Run, taught: Taught, train: Step, test: Step, sources: Sources) -> Planned:
    match run.model:
        case Tuned():
            recipes = _recipes(run.model, taught, sources.trained)
            if why_not := missing_for(recipes[0].base, gpu=sources.gpu):
                return Planned(name=run.name, why_not=why_not)
            answers = tuned(recipes, run.model.max_new_tokens, train, test)
            return Planned(name=run.name, answers=answers, train=train)
        case Untuned():
            if why_not := missing_for(run.model.base, gpu=sources.gpu):
                return Planned(name=run.name, why_not=why_not)
            settings = run.model.model_dump()
            step = Step(kind="generate", settings=settings, inputs=(test, train))
            return Planned(name=run.name, answers=step)
        case "frozen" | "mini" if why_not := missing_for(ENCODER, gpu=sources.gpu):
            return Planned(name=run.name, why_not=why_not)
        case "frozen":
            told = {"encoder": ENCODER, "tokens": TOKENS}
            answers = Step(kind="frozen", settings=told, inputs=(train, test))
            return Planned(name=run.name, answers=answers, train=train)
        case "mini":
            return Planned(name=run.name, answers=Step(kind="mini", inputs=(test,)))
        case str() as floor:
            answers = Step(kind="baselines", inputs=(train, test))
            return Planned(name=run.name, answers=answers, model=FLOORS[floor], train=train)
    raise InputError(f"{run.name}: no such kind of model")


def _asks_people(taught: Taught) -> bool:
    return taught.labels == "people" or taught.rows == "with_people" or taught.posts == "raw"


def train_rows(taught: Taught, sources: Sources) -> Step:
    """Return the step that chooses training rows."""
    takes_people = _asks_people(taught) or taught.posts == "people_first"
    inputs = sources.labelled if takes_people else (sources.data,)
    return Step(kind="train", settings=taught.model_dump(mode="json"), inputs=inputs)


def test_rows(asked: Asked, taught: Taught, sources: Sources, train: Step) -> Step:
    """Return the step that chooses test rows, of the sets learnt from where none is named."""
    tasks = asked.tasks or taught.tasks
    settings = {**asked.model_dump(mode="json"), "tasks": tasks and list(tasks)}
    inputs: tuple[Step, ...] = (sources.data,) if tasks else (sources.data, train)
    if asked.part == "people_first":
        if not tasks:
            raise InputError("part people_first: name the sets, under tasks")
        inputs = sources.labelled
    return Step(kind="test", settings={**settings, "form": taught.form}, inputs=inputs)


def tuned(recipes: list[Recipe], max_new_tokens: int, train: Step, test: Step) -> Step:
    """Return the step that asks tuned models."""
    runs = [
        Step(kind="tune", settings={"recipe": one.model_dump(mode="json")}, inputs=(train,))
        for one in recipes
    ]
    tasks = [one.tasks[0] if one.tasks and len(recipes) > 1 else None for one in recipes]
    settings = {"max_new_tokens": max_new_tokens, "tasks": tasks}
    return Step(kind="generate", settings=settings, inputs=(test, *runs))


def released(sources: Sources) -> Step:
    """Return the step that reads the released models' answers."""
    assert sources.outputs
    paths = {"outputs": sources.outputs}
    settings = {"files": sources.outputs_hash}
    return Step(kind="released", settings=settings, inputs=(sources.data,), paths=paths)


def _recipes(model: Tuned, taught: Taught, trained: Sequence[str]) -> list[Recipe]:
    """Return the recipe, or one for each set; its form and its leaks are the study's."""
    fixed: dict[str, Any] = {**model.set, "form": taught.form, "leaks": "keep"}
    tasks: list[tuple[str, ...] | None] = [None]
    if model.each_task:
        tasks = [(task,) for task in taught.tasks or trained if task in trained]
    overrides = [f"{key}={_yaml(value)}" for key, value in fixed.items()]
    path = find_recipe(model.recipe)
    return [
        load_config(path, Recipe, [*overrides, *([f"tasks={_yaml(list(own))}"] if own else [])])
        for own in tasks
    ]


def _yaml(value: Any) -> str:
    """Write a value as an override of a recipe; JSON is YAML."""
    return json.dumps(value)


def _compare(
    study: Study,
    runs: tuple[Planned, ...],
    crossed: tuple[tuple[Crossed, Planned], ...],
    sources: Sources,
) -> Step:
    every = [*runs, *(run for _, run in crossed)]
    inputs: dict[str, tuple[Step, ...]] = {
        "answers": tuple(run.answers for run in every if run.answers),
        "train": tuple(run.train for run in every if run.train),
        "data": (sources.data,),
        "people": (sources.people,) if sources.people else (),
        "leaked": (leaked(sources),) if _asks_leaked(study) else (),
        "labellers": (labellers(sources),) if _writes(study) and sources.imhi else (),
    }
    settings: Mapping[str, Any] = {
        "study": study.model_dump(mode="json"),
        "inputs": {name: [step.name for step in some] for name, some in inputs.items()},
        "runs": [_told(run) for run in runs],
        "crossed": [{**_told(run), "at": list(one.at)} for one, run in crossed],
    }
    return Step(kind="compare", settings=settings, inputs=_once(inputs))


def _told(run: Planned) -> dict[str, Any]:
    return {
        "name": run.name,
        "answers": run.answers.name if run.answers else None,
        "model": run.model,
        "tasks": list(run.tasks) if run.tasks else None,
        "train": run.train.name if run.train else None,
        "why_not": run.why_not,
    }


def _once(inputs: Mapping[str, Sequence[Step]]) -> tuple[Step, ...]:
    return tuple({step.name: step for some in inputs.values() for step in some}.values())


def leaked(sources: Sources) -> Step:
    """Return the step that finds test posts which stand in a training split."""
    return Step(kind="leaked", inputs=sources.labelled)


def labellers(sources: Sources) -> Step:
    """Return the step that trains the readers of labels."""
    return Step(kind="labellers", inputs=(sources.data,))


def _asks_leaked(study: Study) -> bool:
    return any(comparison.posts != "all" for comparison in study.comparisons)


def _writes(study: Study) -> bool:
    """Say whether some run writes its answers itself; classifiers give bare label sentences."""
    return any(isinstance(run.model, Tuned | Untuned | Released) for run in study.runs)
