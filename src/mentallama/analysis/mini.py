"""The mini model: a small encoder that reads a post once and answers every question on it.

Calibrated on validation posts; abstains under the confidence that its stated risk asks for. What it
was not trained on is answered "not covered", another language than English is said to be outside of
it. Evidence and explanation are composed, not written (``evidence.py``, ``explain.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentallama.analysis.ask import Question, abstain, list_questions
from mentallama.analysis.evidence import Span, choose_evidence, split_clauses
from mentallama.analysis.explain import ABSENT, compose, compose_unsure
from mentallama.benchmark.inference.encoder import Encoder, PlainEncoder, in_runtime
from mentallama.benchmark.inference.labeller import Scorer
from mentallama.delta import DELTA
from mentallama.encoding import fit_text
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.pretrained import quieten
from mentallama.tasks import get_task
from mentallama.tasks.questions import combine, find_outputs, question_name
from mentallama.tuning.calibration import FEWEST
from mentallama.types import Analysis, Evidence

Floats = NDArray[np.float64]
_POSTS = 32
"""Posts read together; texts of like length meet in batches."""
_FEWEST_WORDS = 6
"""Words under which a language cannot be told."""
_ENGLISH = frozenset(
    ["the", "and", "my", "that", "you", "with", "have", "this", "are", "they", "she", "his", "her",
     "would", "because", "been", "what", "from", "just", "when", "don't", "can't", "i'm", "it's"]
)  # fmt: skip
"""Frequent words that are English and, as far as we know, no other language's frequent words."""
_ENOUGH_ENGLISH = 3
_NOT_COVERED = "Not covered: this model was not trained to answer this question."


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The outputs of one question, and how sure they may be."""

    outputs: list[list[int]]
    """Columns of each opinion, label by label."""
    labels: tuple[str, ...]
    temperature: float
    floor: float
    measured: bool
    """Whether enough validation posts say how sure it may be."""


class Mini:
    """A loaded mini model; an ``Analyser``."""

    explains = "composed"

    def __init__(
        self,
        scorer: Scorer,
        tokenizer: Any,
        heads: dict[Question, Head],
        *,
        name: str,
        key: str,
        room: int,
        evidence: bool = True,
    ) -> None:
        """``scorer`` gives the logits of texts; ``room`` is the most tokens of a post."""
        self.name, self.key = name, key
        self._scorer, self._tokenizer, self._heads = scorer, tokenizer, heads
        self._room, self._evidence = room, evidence

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        """Yield the analyses of each post, in order."""
        for start in range(0, len(posts), _POSTS):
            chunk = posts[start : start + _POSTS]
            logits, shortened = self._logits(chunk)
            foreign = [speaks_other(post) for post in chunk]
            weights = self._weigh(chunk, foreign)
            for number, post in enumerate(chunk):
                if foreign[number]:
                    why = f"Outside what I was trained on: the post seems to be {foreign[number]}."
                    yield [abstain(question, self.name, why) for question in questions]
                    continue
                found = _Read(post, logits[number], *weights[number], shortened[number])
                yield [self._analyse(question, found) for question in questions]

    def _analyse(self, question: Question, found: "_Read") -> Analysis:
        head = self._heads.get(question)
        if head is None:
            return abstain(question, self.name, _NOT_COVERED)
        chances = _softmax(combine(found.logits[None], head.outputs)[0] / head.temperature)
        order = np.argsort(-chances, kind="stable")
        best, confidence = int(order[0]), float(chances[order[0]])
        if confidence < head.floor:
            guesses = [(head.labels[i], float(chances[i])) for i in order]
            why = compose_unsure(question, guesses)
            return abstain(
                question, self.name, why, confidence=round(confidence, 4), truncated=found.shortened
            )
        label = head.labels[best]
        evidence = found.evidence(head, best) if label not in ABSENT else ()
        return Analysis(
            task=question.task,
            aspect=question.aspect,
            label=label,
            confidence=round(confidence, 4) if head.measured else None,
            explanation=compose(question, label, evidence),
            evidence=evidence,
            model=self.name,
            truncated=found.shortened,
        )

    def _weigh(
        self, posts: Sequence[str], foreign: Sequence[str]
    ) -> list[tuple[list[Span], Floats]]:
        """Return each post's clauses and the logits of each clause alone, of shape (clauses,
        outputs)."""
        if not self._evidence:
            return [([], np.zeros((0, 0)))] * len(posts)
        spans = [
            [] if other else split_clauses(post) for post, other in zip(posts, foreign, strict=True)
        ]
        texts = [
            post[start:end]
            for post, places in zip(posts, spans, strict=True)
            for start, end in places
        ]
        logits, _ = self._logits(texts)
        borders = np.cumsum([len(places) for places in spans])[:-1]
        return list(zip(spans, np.split(logits, borders), strict=True))

    def _logits(self, texts: Sequence[str]) -> tuple[Floats, list[bool]]:
        """Return logits of shape (texts, outputs), and which texts were shortened."""
        fitted = [fit_text(self._tokenizer, text, self._room) for text in texts]
        if not fitted:
            return np.zeros((0, 0)), []
        logits = self._scorer.logits([text for text, _ in fitted])
        return np.asarray(logits, dtype=np.float64), [shortened for _, shortened in fitted]


@dataclass(frozen=True, slots=True)
class _Read:
    """What the network makes of one post."""

    post: str
    logits: Floats
    spans: list[Span]
    clauses: Floats
    shortened: bool

    def evidence(self, head: Head, best: int) -> tuple[Evidence, ...]:
        """Return the clauses that speak for a label against the question's other labels."""
        if not self.spans:
            return ()
        logits = combine(self.clauses, head.outputs)
        others = np.delete(logits, best, axis=1).max(axis=1)
        return choose_evidence(self.post, self.spans, (logits[:, best] - others).tolist())


def speaks_other(post: str) -> str:
    """Say in what other language a post seems to be; nothing where it is English, or where it is
    too short to tell."""
    words = post[:2000].lower().split()
    if len(words) < _FEWEST_WORDS:
        letters = [char for char in post if char.isalpha()]
        latin = sum(char.isascii() for char in letters)
        return "in another script" if letters and 2 * latin < len(letters) else ""
    # Most posts need no model to be told, and loading one takes half a second.
    if len(_ENGLISH.intersection(words)) >= _ENOUGH_ENGLISH:
        return ""
    import py3langid

    language = py3langid.classify(post[:2000])[0]
    return "" if language in ("en", "pcm") else f"in another language ({language})"


def load_mini(folder: Path | None = None, *, evidence: bool = True, int8: bool = False) -> Mini:
    """Load the mini model that ships, or one tuned by ``mentallama tune mini``.

    ``int8`` runs it on ONNX Runtime with 8-bit weights: faster on a CPU, with slightly other
    confidences. Raises InputError where what it needs is not installed, or the folder holds no such
    model.
    """
    place = folder or Path(str(files("mentallama") / "mini"))
    if not (place / "mentallama.json").is_file():
        raise InputError(f"{place}: no mini model; tune one: 'mentallama tune mini'")
    told = read_json(place / "mentallama.json")
    if told["recipe"].get("reads") != "post_alone":
        raise InputError(f"{place}: a model that reads questions; the mini model reads posts alone")
    from mentallama.models.local import fingerprint

    try:
        scorer, tokenizer = _load_scorer(place, str(told["recipe"]["base"]), int8)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the mini model needs {error.name}: pip install 'mentallama[mini]'"
        ) from None
    special = len(tokenizer("")["input_ids"])
    return Mini(
        scorer,
        tokenizer,
        read_heads(told),
        name=told["name"],
        key=f"{fingerprint(str(place))} evidence={evidence} int8={int8}",
        room=int(told["recipe"]["max_length"]) - special,
        evidence=evidence,
    )


def _load_scorer(place: Path, base: str, int8: bool) -> tuple[Scorer, Any]:
    """Load network and tokenizer: in plain torch where that is possible, which starts in half the
    time and gives the same numbers; else by transformers."""
    from mentallama.minilm import find_plain, load_plain

    plain = None if int8 or not (place / DELTA).is_file() else find_plain(base)
    if plain:
        network, tokenizer = load_plain(place, plain)
        return PlainEncoder(network, tokenizer), tokenizer
    from mentallama.models.classifier import load_network, load_reader

    quieten()
    encoder = Encoder(load_network(str(place)), load_reader(str(place)))
    return in_runtime(encoder, "onnx-int8") if int8 else encoder, encoder.tokenizer


def read_heads(told: dict[str, Any]) -> dict[Question, Head]:
    """Return the head of each question that a tuned model answers: as the release would label it,
    or as people did where the model has seen no label of the release."""
    places = {name: number for number, name in enumerate(told["classes"])}
    heads: dict[Question, Head] = {}
    for question in list_questions():
        task = get_task(question.task)
        outputs = find_outputs(places, task, question.aspect, "release")
        if not outputs:
            continue
        known = told["calibration"]
        name = question_name(task.key, question.aspect)
        measured = known.get(name) or known[question_name(task.key, question.aspect, "human")]
        heads[question] = Head(
            outputs=outputs,
            labels=tuple(label.key for label in task.labels),
            temperature=measured["temperature"],
            floor=measured["floor"],
            measured=measured["n"] >= FEWEST,
        )
    return heads


def _softmax(logits: Floats) -> Floats:
    values = np.exp(logits - logits.max())
    return np.asarray(values / values.sum())
