"""The small model that ships, as it is: nothing is learnt. Input: test rows."""

from importlib.resources import files

from mentallama.models.classifier import load_classifier
from mentallama.models.generate import as_released, generate
from mentallama.pretrained import quieten
from mentallama.studies.step import RESPONSES, Lacking, Work
from mentallama.studies.steps.test import read_test
from mentallama.tasks import get_task
from mentallama.tasks.questions import find_outputs


def make(work: Work) -> None:
    """Ask it the questions that it was tuned to answer."""
    quieten()
    samples, gold = read_test(work.inputs[0])
    model = load_classifier(str(files("mentallama") / "mini"), samples, batch_size=32)
    places = model.model.config.label2id
    known = [s for s in samples if find_outputs(places, get_task(s.post.task), s.post.aspect, gold)]
    if not known:
        raise Lacking("the mini model was tuned on none of the sets that are asked")
    generate(model, as_released(known, gold), work.out / RESPONSES)
