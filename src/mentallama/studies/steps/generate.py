"""The answers of tuned models or of a base as it is (``models/generate.py``, resumable).

Inputs: test rows, then for tuned models their runs, for few-shot prompts the training rows.
"""

from pathlib import Path
from typing import Any

from mentallama.dataset import read_manifest, read_samples
from mentallama.io import write_records
from mentallama.models.backend import Backend, Decoding, Measured
from mentallama.models.classifier import is_classifier, load_classifier
from mentallama.models.engines import choose
from mentallama.models.generate import Asked, as_released, generate
from mentallama.models.prompts import Prompting, make_prompts, prompting_key
from mentallama.studies.step import RESPONSES, Lacking, Work
from mentallama.studies.steps.test import read_test
from mentallama.types import GoldSource, Response, Sample


def make(work: Work) -> None:
    """Ask each model for its own sets, and put the answers together."""
    samples, gold = read_test(work.inputs[0])
    decoding = Decoding(max_new_tokens=work.settings["max_new_tokens"])
    base = work.settings.get("base")
    if base:
        model, asked = _untuned(work, samples, gold)
        found = generate(model, asked, work.out / "part.jsonl", decoding=decoding)
    else:
        found = _tuned(work, samples, gold, decoding)
    write_records(work.out / RESPONSES, found)


def _tuned(
    work: Work, samples: list[Sample], gold: GoldSource, decoding: Decoding
) -> list[Response]:
    """Ask every run about the sets that it was tuned on, or a single one about all."""
    answers: list[Response] = []
    runs = work.inputs[1:]
    tasks: list[str | None] = work.settings["tasks"]
    for number, (run, task) in enumerate(zip(runs, tasks, strict=True)):
        own = [s for s in samples if task is None or s.post.task == task]
        if own:
            model = _load(str(run / "model"), own)
            part = work.out / f"part-{number}.jsonl"
            answers += generate(model, as_released(own, gold), part, decoding=decoding)
    if not answers:
        raise Lacking("needs test rows of the sets that were learnt from")
    return answers


def _load(model: str, samples: list[Sample]) -> Backend:
    if is_classifier(model):
        return load_classifier(model, samples, batch_size=32)
    return choose(model)[0]


def _untuned(work: Work, samples: list[Sample], gold: GoldSource) -> tuple[Backend, Asked]:
    """Return a base and the prompts that it is asked with."""
    settings = work.settings
    prompting = Prompting(style=settings["style"], shots=settings["shots"])
    backend, _ = choose(settings["base"], chat=settings["style"] != "release")
    pool = _pool(work.inputs[1], samples) if prompting.shots else []
    decoding = Decoding(max_new_tokens=settings["max_new_tokens"])
    room = (lambda p: backend.fits(p, decoding)) if isinstance(backend, Measured) else None
    prompts = make_prompts(samples, prompting, pool, fits=room)
    how = prompting_key(prompting)
    return backend, Asked(samples=samples, prompts=prompts.texts, how=how, gold_source=gold)


def _pool(folder: Path, samples: list[Sample]) -> list[Sample]:
    """Return rows that examples come from; what is asked is among them, so that it is held out."""
    form: Any = samples[0].form
    assert read_manifest(folder)
    return [*read_samples(folder, form=form, splits=["train"]), *samples]
