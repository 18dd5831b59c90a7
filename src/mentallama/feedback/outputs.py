"""Preference pairs from the responses of several models to the same posts."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mentallama.feedback.verifiable import examine
from mentallama.types import Response, Sample

if TYPE_CHECKING:
    from mentallama.tuning.pairs import Found
    from mentallama.tuning.ranking import Candidate

_NO_PROMPT = "its post is not in the data"


def pairs_from_outputs(
    folder: Path, samples: Iterable[Sample], *, least: float = 0.1, every: bool = False
) -> "Found":
    """Pair the responses of all models below ``folder``, question by question.

    Right is an answer from which the rules read the gold label. Among right answers the score is
    the mean of the reward's ``grounded`` and ``consistent``, and two must differ by ``least``. A
    right answer is chosen only where its reasons hold (``Examined.faults``).

    Prompts come from ``samples``; a question that is not among them gives no pair. Mind
    ``Pair.split``: released outputs answer test posts, and a model tuned on their pairs must not be
    scored on these sets.
    """
    from mentallama.benchmark.responses import join_posts, read_responses
    from mentallama.progress import track
    from mentallama.tuning.pairs import Found, NoPair, join_found
    from mentallama.tuning.ranking import Comparison, rank_pairs

    known = list(samples)
    by_answer = {_key(s.post.task, s.post.id, s.post.aspect, s.response): s for s in known}
    questions: dict[str, tuple[Sample, list[Response]]] = {}
    lost: dict[tuple[str, str, str], NoPair] = {}
    for one in join_posts(read_responses(folder), known):
        sample = by_answer.get(_key(one.task, one.post_id, one.aspect, one.reference))
        if sample is not None:
            questions.setdefault(sample.id, (sample, []))[1].append(one)
            continue
        lost[one.task, one.sample_id, one.reference] = NoPair(
            source="responses", task=one.task, sample_id=one.sample_id, reason=_NO_PROMPT
        )
    how = Comparison(
        source="responses", unit="grounded and consistent reasons", least=least, every=every
    )
    asked = track(questions.values(), total=len(questions), label="pairs")
    found = [
        rank_pairs(sample, [_candidate(sample, response) for response in responses], how)
        for sample, responses in asked
    ]
    return join_found([*found, Found(none=tuple(lost.values()))])


def _key(
    task: str, post: str | None, aspect: str | None, answer: str
) -> tuple[str, str | None, str | None, str]:
    return task, post, aspect, answer.strip()


def _candidate(sample: Sample, response: Response) -> "Candidate":
    from mentallama.benchmark.inference.rules import is_empty
    from mentallama.tuning.ranking import Candidate

    found = examine(sample, response.text)
    unread = () if found.outcome == "verdict" else (f"no verdict: {found.outcome}",)
    return Candidate(
        text="" if is_empty(response.text) else response.text,
        model=response.model,
        right=None if found.verdict is None else bool(found.label),
        score=(found.grounded + found.consistent) / 2,
        faults=unread + found.faults,
    )
