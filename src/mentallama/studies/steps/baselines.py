"""The floors (``benchmark/baselines.py``): majority, keywords, TF-IDF with regression.

Inputs: training rows, test rows.
"""

from mentallama.benchmark.baselines import run_baselines
from mentallama.dataset import read_samples
from mentallama.io import write_records
from mentallama.studies.step import RESPONSES, Lacking, Work
from mentallama.studies.steps.test import read_test
from mentallama.types import FORMS

NAMES = {"majority": "majority", "keywords": "keywords", "linear": "TF-IDF + LR"}
"""What a study calls them, and what they are called in results."""


def make(work: Work) -> None:
    """Train and ask all three."""
    train = [s for form in FORMS for s in read_samples(work.inputs[0], form=form, splits=["train"])]
    asked, gold = read_test(work.inputs[1])
    found = run_baselines(train, asked, gold)
    if not found.responses:
        raise Lacking("needs training rows of the sets that are asked")
    write_records(work.out / RESPONSES, found.responses)
