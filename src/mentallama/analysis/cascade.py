"""A fast analyser first, and a second one only where the first is not sure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mentallama.analysis.ask import Analyser, Question
from mentallama.errors import InputError
from mentallama.types import Analysis

CHUNK = 32
"""Posts that the first analyser reads before the second is asked about them."""
_Batch = tuple[list[int], list[int]]
"""Posts and questions, by number, of which each is asked of each."""


def is_unsure(found: Analysis, threshold: float) -> bool:
    """Say whether an answer goes on: none, of no measured confidence, or of too little."""
    return found.label is None or found.confidence is None or found.confidence < threshold


@dataclass(slots=True)
class Cascade:
    """An ``Analyser`` of two; what the second says of a question stands, its abstaining too."""

    first: Analyser
    second: Analyser
    threshold: float
    """Confidence from which on the first analyser's answer stands."""
    asked: int = field(default=0, init=False)
    """Questions on posts so far."""
    passed_on: int = field(default=0, init=False)
    """Of these, what the second analyser was asked."""

    def __post_init__(self) -> None:
        """Raise InputError where the threshold is no probability."""
        if not 0 <= self.threshold <= 1:
            raise InputError(f"a cascade's threshold is a confidence, 0 to 1, not {self.threshold}")

    @property
    def name(self) -> str:
        """Both names; each answer says which of them gave it."""
        return f"{self.first.name}, then {self.second.name}"

    @property
    def key(self) -> str:
        """Both keys and the threshold."""
        return f"{self.first.key} | below {self.threshold} | {self.second.key}"

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        """Yield the analyses of each post, chunk by chunk."""
        for start in range(0, len(posts), CHUNK):
            yield from self._answer(posts[start : start + CHUNK], questions)

    def _answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        found = list(self.first.answer(posts, questions))
        open_ones = [
            [number for number, one in enumerate(row) if is_unsure(one, self.threshold)]
            for row in found
        ]
        for numbers, asked in _to_batches(open_ones):
            answers = self.second.answer(
                [posts[number] for number in numbers], [questions[number] for number in asked]
            )
            for post, row in zip(numbers, answers, strict=True):
                for question, answer in zip(asked, row, strict=True):
                    found[post][question] = answer
        self.asked += len(posts) * len(questions)
        self.passed_on += sum(map(len, open_ones))
        return iter(found)


def _to_batches(open_ones: Sequence[Sequence[int]]) -> list[_Batch]:
    """Group each post's open questions so that the second analyser is called few times.

    By post, those with the same open questions together, or by question: whichever is fewer calls.
    """
    by_post: dict[tuple[int, ...], list[int]] = {}
    by_question: dict[int, list[int]] = {}
    for post, asked in enumerate(open_ones):
        if asked:
            by_post.setdefault(tuple(asked), []).append(post)
        for question in asked:
            by_question.setdefault(question, []).append(post)
    if len(by_post) <= len(by_question):
        return [(posts, list(asked)) for asked, posts in by_post.items()]
    return [(posts, [question]) for question, posts in by_question.items()]
