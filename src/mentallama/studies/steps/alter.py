"""Changes of rows, by name: what a study lists under ``alter``. Another one is a function here and
a line in ``ALTERATIONS``.

A change takes rows and the text behind the colon ("NAME:VALUE", else empty) and returns rows. It
keeps ``post.id``, by which altered and plain rows are paired.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mentallama.errors import InputError, nearest
from mentallama.studies.changes.fold import fold, only_aspect
from mentallama.studies.changes.mask import mask, mask_by_chance
from mentallama.studies.changes.perturb import PERTURBATIONS, perturb
from mentallama.studies.changes.swap import swap
from mentallama.studies.changes.texts import change_texts
from mentallama.tasks.wording import REASONING
from mentallama.types import Sample

Alteration = Callable[[Sequence[Sample], str], list[Sample]]


def alter(samples: Sequence[Sample], names: Sequence[str]) -> list[Sample]:
    """Apply changes one after the other; raise InputError where one is unknown."""
    changed = list(samples)
    for name in names:
        key, _, value = name.partition(":")
        if key not in ALTERATIONS:
            hint = nearest(key, ALTERATIONS) or f" Known: {', '.join(ALTERATIONS)}."
            raise InputError(f"alter: no change of rows is called '{key}'.{hint}")
        changed = ALTERATIONS[key](changed, value)
    return changed


def _label_alone(samples: Sequence[Sample], value: str) -> list[Sample]:
    """Leave the label sentence of an answer and take its explanation away."""
    return [
        replace(sample, response=sample.response.partition(REASONING)[0].strip(), explanation="")
        for sample in samples
    ]


def _words(samples: Sequence[Sample], value: str) -> list[Sample]:
    """Keep rows whose post has that many words: "words:20-49", "words:50-"."""
    low, dash, high = value.partition("-")
    if not dash or not low.isdigit() or not (high.isdigit() or not high):
        raise InputError(f"alter: words:{value}: expected LEAST-MOST, such as 0-49 or 50-")
    most = int(high) if high else None
    counts = [len(sample.post.text.split()) for sample in samples]
    return [
        sample
        for sample, words in zip(samples, counts, strict=True)
        if int(low) <= words and (most is None or words <= most)
    ]


def _perturbation(name: str) -> Alteration:
    return lambda samples, value: change_texts(
        samples,
        f"{name}:{value}",
        lambda sample, draw: perturb(name, sample.post.text, value, draw),
    )


def _mask(samples: Sequence[Sample], value: str) -> list[Sample]:
    return change_texts(samples, f"mask:{value}", lambda sample, draw: mask(sample, value))


def _chance(samples: Sequence[Sample], value: str) -> list[Sample]:
    return change_texts(
        samples, f"chance:{value}", lambda sample, draw: mask_by_chance(sample, value, draw)
    )


def _swap(samples: Sequence[Sample], value: str) -> list[Sample]:
    return change_texts(
        samples, f"swap:{value}", lambda sample, draw: swap(sample.post.text, value)
    )


ALTERATIONS: dict[str, Alteration] = {
    "label-alone": _label_alone,
    "as": fold,
    "aspect": only_aspect,
    "words": _words,
    "mask": _mask,
    "chance": _chance,
    "swap": _swap,
    **{name: _perturbation(name) for name in PERTURBATIONS},
}
