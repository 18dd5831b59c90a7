"""Whether a response holds together: does its explanation lead to its verdict, do its quotes stand.

Shares per model and task, each with its denominator and a bootstrap interval over posts.
Consistency asks the trained labeller what the explanation alone says, without the sentences that
state the verdict, and only where the rules read the verdict from elsewhere in the response, so that
the labeller does not judge itself. The gold answers stand beside the models as the ceiling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mentallama.benchmark.inference.card import reasons_only
from mentallama.benchmark.inference.labeller import TaskLabeller, row_hash
from mentallama.benchmark.inference.layout import clean, sentences
from mentallama.benchmark.inference.rules import read_by_rules
from mentallama.benchmark.pairing import row_keys
from mentallama.benchmark.scores import SMALL, Estimate, mean_share, starred
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.grounding import Quote, copied_share, find_quotes
from mentallama.tasks.wording import REASONING
from mentallama.types import Prediction, Response, Task

COPIED = 0.6
"""Share of an explanation's runs of words from which on it counts as a copy of the post."""
FEWEST_WORDS = 5
GOLD = "gold answers (ceiling)"
Pair = tuple[Response, Prediction]


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
    consistency: Estimate
    """Share of the compared that are consistent; all shares in percent, intervals over posts."""
    grounding: Estimate
    """Share of the quotes that stand in the post."""
    copying: Estimate
    """Mean share of an explanation's runs of five words that stand in the post."""
    contradicting: tuple[str, ...]
    """Ids of the rows whose explanation leads elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuote:
    """One quote of one response, and where it stands in the post (characters, end excluded)."""

    model: str
    task: str
    sample_id: str
    post_id: str
    aspect: str | None
    start: int | None
    """None where it does not stand in the post."""
    end: int | None
    text: str | None
    """None where no words are to be shown."""


def explanation_of(task: Task, text: str) -> str:
    """Return what follows "Reasoning:"; without it, all sentences but the first."""
    cleaned = clean(task, text)
    _, mark, explanation = cleaned.partition(REASONING)
    return explanation.strip() if mark else " ".join(sentences(cleaned)[1:])


def check_integrity(
    pairs: Sequence[Pair],
    labeller: TaskLabeller | None,
    texts: Mapping[str, str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Integrity:
    """Check the responses of one model to one task; ``texts`` gives posts by id, where known."""
    first = pairs[0][0]
    task = get_task(first.task)
    explained = [
        (response, prediction, text)
        for response, prediction in pairs
        if len((text := explanation_of(task, response.text)).split()) >= FEWEST_WORDS
    ]
    owners = {response.sample_id: response.post_id or response.sample_id for response, _ in pairs}
    compared = _compare(task, explained, labeller) if labeller else {}
    quotes = list_quotes([response for response, _ in pairs], texts)
    grounded = [quote.start is not None for quote in quotes]
    copied = {
        response.sample_id: copied_share(text, texts[str(response.post_id)]) or 0.0
        for response, _, text in explained
        if response.post_id in texts
    }

    def mean(values: Sequence[float], rows: Sequence[str]) -> Estimate:
        return mean_share(values, [owners[row] for row in rows], resamples=resamples, seed=seed)

    return Integrity(
        model=first.model,
        task=task.key,
        responses=len(pairs),
        explained=len(explained),
        compared=len(compared),
        consistent=sum(compared.values()),
        quotes=len(quotes),
        grounded=sum(grounded),
        copied=sum(share >= COPIED for share in copied.values()),
        with_post=len(copied),
        consistency=mean(list(compared.values()), list(compared)),
        grounding=mean(grounded, [quote.sample_id for quote in quotes]),
        copying=mean(list(copied.values()), list(copied)),
        contradicting=tuple(row for row, same in compared.items() if not same),
    )


def check_gold(
    responses: Sequence[Response],
    labeller: TaskLabeller | None,
    texts: Mapping[str, str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Integrity | None:
    """Check the gold answers to one task, each row once; None where the rows carry none.

    Answers that the labeller was trained on are left out: it would know them by heart.
    """
    trained = labeller.trained if labeller else frozenset()
    rows = {
        key: replace(response, sample_id=key, model=GOLD, text=response.reference)
        for key, response in zip(row_keys(responses), responses, strict=True)
        if response.reference and row_hash(response.task, response.reference) not in trained
    }
    golds = list(rows.values())
    if not golds:
        return None
    pairs = list(zip(golds, read_by_rules(golds), strict=True))
    found = check_integrity(pairs, labeller, texts, resamples=resamples, seed=seed)
    return replace(found, contradicting=())


def list_quotes(responses: Sequence[Response], texts: Mapping[str, str]) -> list[RowQuote]:
    """List the quotes of explanations of a few words whose post is at hand."""
    return [
        RowQuote(
            model=response.model,
            task=response.task,
            sample_id=response.sample_id,
            post_id=str(response.post_id),
            aspect=response.aspect,
            start=quote.start,
            end=quote.end,
            text=quote.text,
        )
        for response in responses
        if response.post_id in texts
        for quote in _quotes(response, texts[str(response.post_id)])
    ]


def _quotes(response: Response, post: str) -> list[Quote]:
    task = get_task(response.task)
    text = explanation_of(task, response.text)
    return find_quotes(task, text, post) if len(text.split()) >= FEWEST_WORDS else []


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
    """Lay the shares out, a line per task and model; a star marks those of few rows."""
    return Table(
        title=f"Integrity of the explanations (95 % interval over posts; * under {SMALL})",
        header=(
            "task",
            "model",
            "explained",
            "leads to its verdict",
            "quotes in the post",
            "copied on the mean",
            f"copied to {100 * COPIED:.0f} %",
        ),
        rows=tuple(
            (
                one.task,
                one.model,
                _share(one.explained, one.responses),
                _estimate(one.consistency, one.compared),
                _estimate(one.grounding, one.quotes),
                _estimate(one.copying, one.with_post, digits=1),
                _share(one.copied, one.with_post),
            )
            for one in found
        ),
    )


def _share(part: int, whole: int) -> str:
    return starred(f"{100 * part / whole:.1f} % of {whole:,}", whole) if whole else _NONE


def _estimate(estimate: Estimate, whole: int, digits: int = 0) -> str:
    if estimate.value is None:
        return _NONE
    bounds = f"{estimate.low:.{digits}f}-{estimate.high:.{digits}f}"
    return starred(f"{estimate.value:.1f} % ({bounds}) of {whole:,}", whole)


_NONE = "none to look at"
