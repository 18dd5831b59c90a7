"""The runs of a study scored and compared: paired tests over posts, Holm over the whole study.

Labels are read from each run's own answers; the rows then meet by what was asked of a post (task,
post, aspect), however it was worded, so that forms and altered posts can be compared. Where the raw
corpora are at hand, everything is scored against people's labels as well.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mentallama.benchmark.evaluate import Evaluation, describe_clusters, score_predictions
from mentallama.benchmark.golds import Question, ask_people, human_labels
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.paired import pair_models
from mentallama.benchmark.scores import adjust_holm
from mentallama.dataset import read_manifest, read_samples
from mentallama.io import read_records, write_records
from mentallama.studies.plan import Comparison, Study
from mentallama.studies.results import Compared, Ran, Result, write_result
from mentallama.studies.step import RESPONSES, Work, why_empty
from mentallama.studies.steps.flips import count_flips
from mentallama.studies.steps.labellers import read_cascade
from mentallama.studies.steps.leaked import read_leaked
from mentallama.studies.steps.matrix import CELL, fill_cells
from mentallama.studies.steps.people import read_people
from mentallama.studies.steps.shares import measure_shares
from mentallama.studies.steps.train import read_rows
from mentallama.types import FORMS, SPLITS, Prediction, Response, Score

SEED = 0
RESAMPLES, PERMUTATIONS = 1000, 10_000
Rows = list[tuple[Response, Prediction]]


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The folders of a comparison's inputs, by what they are for."""

    folders: Mapping[str, Path]
    by_use: Mapping[str, Sequence[str]]

    def one(self, use: str) -> Path | None:
        names = self.by_use[use]
        return self.folders[names[0]] if names else None


def make(work: Work) -> None:
    """Read labels, score, compare, and write the result."""
    study = Study.model_validate(work.settings["study"])
    inputs = _Inputs({path.name: path for path in work.inputs}, work.settings["inputs"])
    reader = read_cascade(inputs.one("labellers"))
    ran, rows = _read_runs(work.settings["runs"], inputs, reader)
    every = [pair for found in rows.values() for pair in found]
    write_records(work.out / "predictions.jsonl", [prediction for _, prediction in every])
    folder, data = inputs.one("leaked"), inputs.one("data")
    leaked = read_leaked(folder) if folder else set()
    assert data
    crossed = [
        (tuple(one["at"]), *_read_run(one, inputs, reader)) for one in work.settings["crossed"]
    ]
    result = Result(
        name=study.name,
        title=study.title,
        question=study.question,
        reads=study.reads,
        data=read_manifest(data).source,
        runs=tuple(ran),
        scores=tuple(score for found in rows.values() for score in _score(found)),
        comparisons=tuple(_compare_all(study, rows, leaked)),
        planned=tuple((one.title, one.a, one.b) for one in study.comparisons),
        clusters=describe_clusters([response for response, _ in every], {}),
        read_by=_say_reader(reader),
        notes=tuple(_say_leaked(study, rows, leaked)),
        cells=tuple(fill_cells([one for one in crossed if len(one[0]) == CELL])),
        flips=tuple(count_flips(rows, [one for one in crossed if len(one[0]) != CELL])),
        shown=tuple(measure_shares(study.show, rows, data, work.shared)),
    )
    write_result(result, work.out)


def _read_runs(
    runs: Sequence[Mapping[str, Any]], inputs: _Inputs, reader: Cascade
) -> tuple[list[Ran], dict[str, Rows]]:
    """Return what became of every run, and the rows of those that answered, for both golds."""
    labels, texts = _people(inputs)
    ran, rows = [], {}
    for run in runs:
        told, found = _read_run(run, inputs, reader)
        ran.append(told)
        if found:
            rows[told.name] = _with_people(found, texts, labels)
    return ran, rows


def _read_run(run: Mapping[str, Any], inputs: _Inputs, reader: Cascade) -> tuple[Ran, Rows]:
    name, answers = str(run["name"]), run["answers"]
    if answers is None:
        return Ran(name=name, why_not=run["why_not"]), []
    folder = inputs.folders[answers]
    if why_not := why_empty(folder):
        return Ran(name=name, why_not=why_not), []
    found = [
        one
        for one in read_records(folder / RESPONSES, Response, empty=["text"])
        if run["model"] in (None, one.model) and (run["tasks"] is None or one.task in run["tasks"])
    ]
    if not found:
        return Ran(name=name, why_not=f"needs the answers of {run['model']}; there are none"), []
    told = Ran(
        name=name,
        taught=read_rows(inputs.folders[run["train"]]) if run["train"] else {},
        cut_off=sum(one.cut_off for one in found),
        shortened=sum(one.prompt_truncated for one in found),
    )
    return told, _as_asked(name, found, reader(found))


def _as_asked(run: str, responses: Sequence[Response], predictions: Sequence[Prediction]) -> Rows:
    """Name rows by what was asked of a post, whatever the wording and the place in a file."""
    rows = []
    often: Counter[str] = Counter()
    for response, prediction in zip(responses, predictions, strict=True):
        asked = "/".join(
            (response.task, response.post_id or response.sample_id, response.aspect or "")
        )
        often[asked] += 1
        asked = f"{asked}#{often[asked]}" if often[asked] > 1 else asked
        # Without the gold answer, which tells the form, rows of both forms have one key.
        response = replace(response, model=run, sample_id=asked, reference="")
        rows.append((response, replace(prediction, sample_id=asked)))
    return rows


def _people(inputs: _Inputs) -> tuple[dict[Question, set[str]], dict[str, str]]:
    """Return people's labels, and the texts by which they are found."""
    people, data = inputs.one("people"), inputs.one("data")
    if people is None or data is None:
        return {}, {}
    samples = [s for form in FORMS for s in read_samples(data, form=form, splits=SPLITS)]
    return human_labels(read_people(people)), {s.post.id: s.post.text for s in samples}


def _with_people(rows: Rows, texts: Mapping[str, str], labels: Mapping[Question, set[str]]) -> Rows:
    """Add copies of the rows whose gold is people's label, where there is one."""
    read = {response.sample_id: prediction for response, prediction in rows}
    again = ask_people([response for response, _ in rows], texts, labels)
    return [*rows, *((response, read[response.sample_id]) for response in again)]


def _score(rows: Rows) -> list[Score]:
    found = score_predictions(
        [response for response, _ in rows],
        [prediction for _, prediction in rows],
        resamples=RESAMPLES,
        seed=SEED,
    )
    wanted = ("weighted_f1", "coverage")
    return [one for one in found if one.variant == "all" and one.metric in wanted]


def _compare_all(
    study: Study, rows: Mapping[str, Rows], leaked: AbstractSet[str]
) -> list[Compared]:
    """Draw every comparison whose runs are there, and adjust their p values together."""
    drawn = [
        found
        for comparison in study.comparisons
        if comparison.a in rows and comparison.b in rows
        for found in _compare(comparison, rows, leaked)
    ]
    adjusted = adjust_holm([one.p for one in drawn])
    return [replace(one, p_holm=p) for one, p in zip(drawn, adjusted, strict=True)]


def _compare(
    comparison: Comparison, rows: Mapping[str, Rows], leaked: AbstractSet[str]
) -> list[Compared]:
    two = [
        pair
        for name in (comparison.a, comparison.b)
        for pair in rows[name]
        if comparison.posts == "all"
        or (pair[0].post_id in leaked) == (comparison.posts == "leaked")
    ]
    responses, predictions = [r for r, _ in two], [p for _, p in two]
    if not two:
        return []
    evaluation = Evaluation(
        responses=tuple(responses),
        predictions=tuple(predictions),
        # Only which sets there are is read from them.
        scores=tuple(score_predictions(responses, predictions, resamples=2, seed=SEED)),
    )
    paired = pair_models(evaluation, {}, resamples=PERMUTATIONS, seed=SEED)
    return [
        Compared(**asdict(one), title=comparison.title, posts=comparison.posts)
        for one in paired.comparisons
    ]


def _say_reader(reader: Cascade) -> str:
    if not reader.labellers:
        return "anchored phrases"
    return f"anchored phrases, then linear labellers for {', '.join(reader.labellers)}"


def _say_leaked(study: Study, rows: Mapping[str, Rows], leaked: AbstractSet[str]) -> list[str]:
    """Say how many of the posts asked are leaked, set by set."""
    if all(comparison.posts == "all" for comparison in study.comparisons):
        return []
    posts: dict[str, set[str]] = {}
    for found in rows.values():
        for response, _ in found:
            posts.setdefault(response.task, set()).add(response.post_id or "")
    counts = [f"{task} {len(own & leaked):,} of {len(own):,}" for task, own in posts.items()]
    return [f"test posts that also stand in some training split: {', '.join(counts)}"]
