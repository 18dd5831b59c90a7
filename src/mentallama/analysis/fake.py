"""An analyser that knows nothing and is always at hand: for tests, and for trying a surface out.

It gives a task's label by the length of the post and quotes the post's first words, so that its
answers are stable, differ between posts, and hold evidence that stands where it says.
"""

from collections.abc import Iterator, Sequence

from mentallama.analysis.ask import Question
from mentallama.tasks import get_task
from mentallama.types import Analysis, Evidence

_QUOTED = 24
"""Most characters quoted."""


class FakeAnalyser:
    """Made-up answers to every question."""

    name = key = "fake"

    def answer(
        self, posts: Sequence[str], questions: Sequence[Question]
    ) -> Iterator[list[Analysis]]:
        """Yield made-up analyses of each post."""
        for post in posts:
            yield [_made_up(post, question) for question in questions]


def _made_up(post: str, question: Question) -> Analysis:
    labels = get_task(question.task).labels
    start = len(post) - len(post.lstrip())
    quoted = post[start : start + _QUOTED].rstrip()
    return Analysis(
        task=question.task,
        aspect=question.aspect,
        label=labels[len(post) % len(labels)].key,
        confidence=0.5,
        explanation=f'Made up, not read: the post begins with "{quoted}".',
        evidence=(Evidence(start=start, end=start + len(quoted), text=quoted),),
        model="fake",
    )
