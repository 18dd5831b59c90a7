"""A tuning run by a recipe (``tuning/run.py``); it resumes from its own checkpoints.

Input: training rows; what leaks was dealt with when they were chosen.
"""

from mentallama import feedback
from mentallama.dataset import read_manifest
from mentallama.errors import CheckError
from mentallama.studies.step import Lacking, Work
from mentallama.tuning.recipe import Recipe
from mentallama.tuning.run import tune


def make(work: Work) -> None:
    """Tune."""
    recipe = Recipe.model_validate(work.settings["recipe"])
    splits = {file.split for file in read_manifest(work.inputs[0]).files}
    if "valid" not in splits:
        raise Lacking("needs validation rows; the data at hand has none")
    try:
        tune(recipe, work.inputs[0], work.out, feedback=feedback)
    except CheckError as error:
        raise Lacking(str(error)) from None
