"""The stored answers of released models, joined with the posts of the data set.

Input: the data set.
"""

from mentallama.benchmark.responses import join_posts, read_responses
from mentallama.dataset import read_samples
from mentallama.io import write_records
from mentallama.studies.step import RESPONSES, Work
from mentallama.types import FORMS, SPLITS


def make(work: Work) -> None:
    """Read every model's answers."""
    samples = [s for form in FORMS for s in read_samples(work.inputs[0], form=form, splits=SPLITS)]
    found = join_posts(read_responses(work.paths["outputs"]), samples)
    write_records(work.out / RESPONSES, found)
