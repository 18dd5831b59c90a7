"""The rows that a model is asked: ``samples.jsonl``, and whose labels they carry.

Inputs: the data set, and the training rows, whose sets are asked where the study names none, or the
raw corpora where people's posts come first.
"""

from collections.abc import Sequence
from pathlib import Path

from mentallama.benchmark.contrast import CONTRAST
from mentallama.corpus import Part
from mentallama.corpus.samples import load_samples
from mentallama.dataset import read_manifest, read_samples
from mentallama.io import read_json, read_records, write_json, write_records
from mentallama.studies.draw import draw_posts
from mentallama.studies.plan import Asked
from mentallama.studies.step import Lacking, Work
from mentallama.studies.steps.alter import alter
from mentallama.studies.steps.people import read_people, word_people
from mentallama.types import Form, GoldSource, Sample

SAMPLES, GOLD = "samples.jsonl", "gold.json"


def make(work: Work) -> None:
    """Choose and change the rows."""
    settings = dict(work.settings)
    form: Form = settings.pop("form")
    asked = Asked.model_validate(settings)
    tasks = asked.tasks
    if tasks is None and len(work.inputs) > 1:
        tasks = tuple(dict.fromkeys(file.task for file in read_manifest(work.inputs[1]).files))
    rows, gold = _choose(asked, tasks, form, work)
    if not rows:
        raise Lacking(f"needs test rows of {', '.join(tasks or ('any set',))}; there are none")
    changed = alter(draw_posts(rows, asked.limit), asked.alter)
    if not changed:
        raise Lacking(f"needs test posts that {', '.join(asked.alter)} applies to; there are none")
    write_json(work.out / GOLD, gold)
    write_records(work.out / SAMPLES, changed)


def _choose(
    asked: Asked, tasks: Sequence[str] | None, form: Form, work: Work
) -> tuple[list[Sample], GoldSource]:
    """Return the rows that are asked for, and whose labels they carry."""
    source = work.inputs[0]
    gold = read_manifest(source).gold_source
    if asked.part is None or asked.part == "people_first":
        people = read_people(work.inputs[1]) if asked.part and len(work.inputs) > 1 else []
        rows = word_people(people, tasks, form, "test")
        known = {row.post.task for row in rows}
        others = [row for row in _test_rows(source, form, tasks) if row.post.task not in known]
        return [*rows, *others], gold if others or not rows else "human"
    parts: tuple[Part, ...] = CONTRAST if asked.part == "contrast" else (asked.part,)
    rows = [row for row in load_samples(form, parts=parts) if not tasks or row.post.task in tasks]
    if asked.part == "plain" and gold == "corpus":
        # The other splits may have been learnt from.
        rows = [row for row in rows if row.post.split == "test"]
    return rows, "corpus"


def _test_rows(source: Path, form: Form, tasks: Sequence[str] | None) -> list[Sample]:
    return read_samples(source, form=form, splits=["test"], tasks=tasks)


def read_test(folder: Path) -> tuple[list[Sample], GoldSource]:
    """Return the rows that a step of this kind wrote, and whose labels they carry."""
    return read_records(folder / SAMPLES, Sample), read_json(folder / GOLD)
