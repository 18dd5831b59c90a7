"""What a backend is, and the one that ships for tests and ceilings."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mentallama.types import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How text is drawn from a model. Temperature 0 is greedy."""

    max_new_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model wrote for one prompt."""

    text: str
    cut_off: bool = False
    """It had used all new tokens before its end token."""
    prompt_truncated: bool = False
    """The prompt did not fit and lost its middle."""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    """New tokens, the end token among them."""


class Backend(Protocol):
    """A model that completes prompts. The caller passes it in; there is no global one."""

    @property
    def name(self) -> str:
        """What to call the model in results."""
        ...

    @property
    def key(self) -> str:
        """A text that differs whenever the model would answer differently."""
        ...

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per prompt, in order; how they are batched is its own affair."""
        ...


@runtime_checkable
class Measured(Backend, Protocol):
    """A backend that knows how long a prompt its model can read."""

    def fits(self, prompt: str, decoding: Decoding) -> bool:
        """Say whether a prompt leaves room for the new tokens as it is."""
        ...


class GoldBackend:
    """Repeats the gold answers: the ceiling of every score, and a test of the whole pipeline."""

    name = "gold"
    key = "gold"

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._answers: dict[str, list[str]] = {}
        for sample in samples:
            self._answers.setdefault(sample.prompt, []).append(sample.response)

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Yield the gold answer of each prompt; equal prompts get theirs in the samples' order."""
        asked: Counter[str] = Counter()
        for prompt in prompts:
            answers = self._answers[prompt]
            yield Completion(text=answers[min(asked[prompt], len(answers) - 1)])
            asked[prompt] += 1
