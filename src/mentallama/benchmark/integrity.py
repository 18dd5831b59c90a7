"""Whether a response holds together: does its explanation lead to its verdict, do its quotes stand.

Three shares per model and task, each with its denominator. Consistency asks the trained labeller
what the explanation alone says, without the sentences that state the verdict, and only where the
rules read the verdict from elsewhere in the response, so that the labeller does not judge itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mentallama.benchmark.inference.card import reasons_only
from mentallama.benchmark.inference.labeller import TaskLabeller
from mentallama.benchmark.inference.layout import clean, sentences
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.grounding import copied_share, find_quotes
from mentallama.tasks.wording import REASONING
from mentallama.types import Prediction, Response, Task

COPIED = 0.6
"""Share of an explanation's runs of words from which on it counts as a copy of the post."""
FEWEST_WORDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """Counts for one model on one task."""

    model: str
    task: str
    responses: int
    explained: int
    """Responses with an explanation of a few words."""
    compared: int
    """Verdicts read by rules whose explanation the labeller could read, too."""
    consistent: int
    quotes: int
    grounded: int
    copied: int
    """Explanations that are mostly the post itself, of those whose post is at hand."""
    with_post: int
    contradicting: tuple[str, ...]
    """Ids of the rows whose explanation leads elsewhere."""


def explanation_of(task: Task, text: str) -> str:
    """Return what follows "Reasoning:"; without it, all sentences but the first."""
    cleaned = clean(task, text)
    _, mark, explanation = cleaned.partition(REASONING)
    return explanation.strip() if mark else " ".join(sentences(cleaned)[1:])


def check_integrity(
    pairs: Sequence[tuple[Response, Prediction]],
    labeller: TaskLabeller | None,
    texts: Mapping[str, str],
) -> Integrity:
    """Check the responses of one model to one task; ``texts`` gives posts by id, where known."""
    first = pairs[0][0]
    task = get_task(first.task)
    explained = [
        (response, prediction, text)
        for response, prediction in pairs
        if len((text := explanation_of(task, response.text)).split()) >= FEWEST_WORDS
    ]
    compared = _compare(task, explained, labeller) if labeller else {}
    known = [(text, texts[r.post_id]) for r, _, text in explained if r.post_id in texts]  # type: ignore[index]
    quotes = [quote for text, post in known for quote in find_quotes(task, text, post)]
    return Integrity(
        model=first.model,
        task=task.key,
        responses=len(pairs),
        explained=len(explained),
        compared=len(compared),
        consistent=sum(compared.values()),
        quotes=len(quotes),
        grounded=sum(quote.start is not None for quote in quotes),
        copied=sum((copied_share(text, post) or 0) >= COPIED for text, post in known),
        with_post=len(known),
        contradicting=tuple(row for row, same in compared.items() if not same),
    )


def _compare(
    task: Task, explained: Sequence[tuple[Response, Prediction, str]], labeller: TaskLabeller
) -> dict[str, bool]:
    """Say, by row, whether the reasons lead to the stated verdict; rows not read are left out."""
    stated = [
        (prediction, reasons)
        for _, prediction, text in explained
        if prediction.label is not None
        and prediction.route.startswith("rules: ")
        and "statement" not in prediction.route
        and len((reasons := reasons_only(task, text)).split()) >= FEWEST_WORDS
    ]
    guesses = labeller.guess([reasons for _, reasons in stated])
    return {
        prediction.sample_id: guess.label == prediction.label
        for (prediction, _), guess in zip(stated, guesses, strict=True)
        if guess.label is not None
    }


def integrity_table(found: Sequence[Integrity]) -> Table:
    """Lay the shares out, a line per task and model."""
    return Table(
        title="Integrity of the explanations",
        header=(
            "task",
            "model",
            "explained",
            "leads to its verdict",
            "quotes in the post",
            "copies",
        ),
        rows=tuple(
            (
                one.task,
                one.model,
                _share(one.explained, one.responses),
                _share(one.consistent, one.compared),
                _share(one.grounded, one.quotes),
                _share(one.copied, one.with_post),
            )
            for one in found
        ),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole:,}" if whole else "none to look at"
