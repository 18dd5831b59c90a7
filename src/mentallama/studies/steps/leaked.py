"""Which test posts also stand, as they are or nearly, in some set's training split.

Inputs: the data set, and the raw corpora where they are at hand. Their training posts stand in for
sets whose training split is not; the cross-task leak of instruction tuning is seen so.
"""

from pathlib import Path

from mentallama.dataset import read_samples
from mentallama.io import read_json, write_json
from mentallama.studies.step import Work
from mentallama.studies.steps.people import read_people
from mentallama.tasks.posts import text_key
from mentallama.tuning.leaks import find_leaking
from mentallama.types import FORMS, Split

LEAKED = "leaked.json"


def make(work: Work) -> None:
    """Write the ids of the leaked test posts."""
    tested = _texts(work.inputs[0], "test")
    trained = _texts(work.inputs[0], "train")
    if len(work.inputs) > 1:
        trained |= {
            text_key(post.text): post.text
            for post in read_people(work.inputs[1])
            if post.split == "train"
        }
    keys = {text_key(text): post for post, text in _by_id(work.inputs[0]).items()}
    # The other way round than for training: which test posts have a copy among the trained ones.
    leaking = find_leaking(tested, trained) & set(tested)
    write_json(work.out / LEAKED, sorted(keys[key] for key in leaking))


def _texts(source: Path, split: Split) -> dict[str, str]:
    return {
        text_key(sample.post.text): sample.post.text
        for form in FORMS
        for sample in read_samples(source, form=form, splits=[split])
    }


def _by_id(source: Path) -> dict[str, str]:
    return {
        sample.post.id: sample.post.text
        for form in FORMS
        for sample in read_samples(source, form=form, splits=["test"])
    }


def read_leaked(folder: Path) -> set[str]:
    """Return the ids that a step of this kind wrote."""
    return set(read_json(folder / LEAKED))
