"""Asking a teacher for explanations: many at a time, each on disk before it counts, none twice.

Answers stand in a journal, one line each, under a key made of model, prompt, sampling and schema:
when any of them changes, the question is asked anew; when none does, it never is. A killed run
goes on with what is missing and ends with the same file as one that was not killed.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter

from mentallama.chat import NoAnswerError, Reply
from mentallama.data.cost import Prices
from mentallama.data.expert import Mode, Question, hash_json
from mentallama.data.reply import Explained, as_explained
from mentallama.errors import CheckError, InputError
from mentallama.io import to_line
from mentallama.journal import Journal, open_journal
from mentallama.progress import Meter, meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a teacher draws its words."""

    temperature: float = 0.0
    max_tokens: int = 512
    seed: int | None = None


class Teacher(Protocol):
    """A model that answers chat messages. The caller passes it in."""

    @property
    def name(self) -> str:
        """What to call the model in results."""
        ...

    async def ask(self, question: Question, sampling: Sampling) -> Reply:
        """Answer one question; raise NoAnswerError where that failed for this one only."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(slots=True, kw_only=True)
class Run:
    """How far asking has come."""

    asked: int = 0
    """Questions answered in this run."""
    kept: int = 0
    """Questions answered by an earlier run."""
    unanswered: int = 0
    """Questions that the endpoint did not answer after all retries."""
    left: int = 0
    """Questions not asked because the money was used up."""
    cost: float | None = None
    """What this run and the earlier ones cost, where prices are known."""
    rows: list[Explained] = field(default_factory=list)
    """Answers in the order of the questions."""


SCHEMA_VERSION = 1
_GIVE_UP_AFTER = 20
"""Unanswered questions in a row after which the endpoint counts as down."""


def question_key(question: Question, model: str, sampling: Sampling) -> str:
    """Return what an answer is kept under."""
    return hash_json(
        [
            model,
            question.id,
            question.post.label,
            question.prompt_hash,
            sampling.temperature,
            sampling.max_tokens,
            sampling.seed,
            SCHEMA_VERSION,
        ]
    )


def ask_all(
    questions: Sequence[Question],
    teacher: Teacher,
    journal: Path,
    *,
    mode: Mode,
    sampling: Sampling,
    concurrency: int = 8,
    prices: Prices | None = None,
    max_cost: float | None = None,
) -> Run:
    """Ask every question that the journal does not answer yet; return all answers.

    Raises InputError where the endpoint refuses to work at all.
    """
    with open_journal(journal) as book:
        pool = Pool(questions, teacher.name, book, mode, sampling)
        spending = Spending(pool, prices, max_cost)
        with meter(total=len(questions), done=pool.run.kept, label=f"explain ({mode})") as bar:
            asyncio.run(_work(pool, teacher, spending, concurrency, bar))
        return pool.finish(spending.total)


def ask_by_batch(
    questions: Sequence[Question],
    work: Callable[["Pool", Path], Coroutine[Any, Any, None]],
    model: str,
    journal: Path,
    *,
    mode: Mode,
    sampling: Sampling,
    prices: Prices | None = None,
    max_cost: float | None = None,
) -> Run:
    """Ask as ``ask_all`` does, by one job that fills the pool (the batch API).

    The job gets a path to keep its state at. Raises CheckError, before anything is sent, where
    what is missing could cost more than ``max_cost``.
    """
    with open_journal(journal) as book:
        pool = Pool(questions, model, book, mode, sampling)
        spending = Spending(pool, prices, max_cost)
        for number in pool.missing:
            if spending.reserve(pool.questions[number]) is None:
                raise CheckError(
                    f"{len(pool.missing):,} questions could cost more than --max-cost {max_cost}; "
                    "nothing was sent"
                )
        asyncio.run(work(pool, journal.with_name(journal.name + ".batch")))
        rows = {key: pool.answers[key] for key in pool.keys if key in pool.answers}
        return pool.finish(sum(map(prices.cost, rows.values())) if prices else None)


class Pool:
    """Questions and the answers that are in the journal."""

    def __init__(
        self,
        questions: Sequence[Question],
        model: str,
        journal: Journal,
        mode: Mode,
        sampling: Sampling,
    ) -> None:
        self.questions = list(questions)
        self.model, self.mode, self.sampling = model, mode, sampling
        self._journal = journal
        self.keys = [question_key(question, model, sampling) for question in questions]
        self.answers = _read_answers(journal)
        self.missing = [number for number, key in enumerate(self.keys) if key not in self.answers]
        self.run = Run(kept=len(questions) - len(self.missing))

    def record(self, number: int, reply: Reply) -> Explained:
        """Keep the answer to the question of that number."""
        question = self.questions[number]
        row = as_explained(
            question.post.task,
            reply,
            id=question.id,
            aspect=question.post.aspect,
            label=question.post.label,
            mode=self.mode,
            model=self.model,
            prompt_hash=question.prompt_hash,
        )
        self._journal.append(json.dumps({"key": self.keys[number]}) + "\t" + to_line(row))
        self.answers[self.keys[number]] = row
        self.run.asked += 1
        return row

    def finish(self, cost: float | None) -> Run:
        """Put the answers in the order of the questions."""
        self.run.rows = [self.answers[key] for key in self.keys if key in self.answers]
        self.run.cost = cost
        return self.run


def _read_answers(journal: Journal) -> dict[str, Explained]:
    adapter = TypeAdapter(Explained)
    answers = {}
    for number, line in enumerate(journal.lines, 1):
        head, _, body = line.partition("\t")
        try:
            answers[json.loads(head)["key"]] = adapter.validate_json(body)
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{journal.path}: line {number} is not an answer of a teacher; move the file away"
            ) from None
    return answers


class Spending:
    """What has been spent, and whether another question may be asked.

    A question on its way is counted with the most that it can cost, so the limit holds.
    """

    def __init__(self, pool: Pool, prices: Prices | None, limit: float | None) -> None:
        self._pool, self._prices, self._limit = pool, prices, limit
        known = {key: pool.answers[key] for key in pool.keys if key in pool.answers}
        self.total = sum(map(prices.cost, known.values())) if prices else None
        self._reserved = 0.0

    def reserve(self, question: Question) -> float | None:
        """Set money aside for a question; None where the limit does not allow it."""
        if self._prices is None or self.total is None:
            return 0.0
        most = self._prices.bound(question, self._pool.sampling.max_tokens)
        if self._limit is not None and self.total + self._reserved + most > self._limit:
            return None
        self._reserved += most
        return most

    def settle(self, reserved: float, row: Explained | None) -> None:
        """Count what came back in place of what was set aside."""
        self._reserved -= reserved
        if self._prices and row and self.total is not None:
            self.total += self._prices.cost(row)

    def note(self) -> str:
        """Say what was spent and what the whole will cost at this rate."""
        done = self._pool.run.kept + self._pool.run.asked
        if self.total is None or not done:
            return ""
        whole = self.total / done * len(self._pool.questions)
        return f"{self.total:.4f} spent of about {whole:.4f}"


async def _work(
    pool: Pool, teacher: Teacher, spending: Spending, concurrency: int, bar: Meter
) -> None:
    numbers = iter(pool.missing)
    failed_in_row = 0

    async def worker() -> None:
        nonlocal failed_in_row
        for number in numbers:
            question, row = pool.questions[number], None
            reserved = spending.reserve(question)
            if reserved is None:
                pool.run.left += 1
                continue
            try:
                reply = await teacher.ask(question, pool.sampling)
                row = pool.record(number, reply)
                failed_in_row = 0
            except NoAnswerError as error:
                pool.run.unanswered += 1
                failed_in_row += 1
                if failed_in_row >= _GIVE_UP_AFTER:
                    raise InputError(
                        f"{teacher.name}: {failed_in_row} questions in a row without an answer "
                        f"({error}); what was answered is kept, the same command goes on"
                    ) from None
            finally:
                spending.settle(reserved, row)
            bar.advance(spending.note())

    async with _closing(teacher), asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(pool.missing))):
            group.create_task(worker())


@asynccontextmanager
async def _closing(teacher: Teacher) -> AsyncIterator[None]:
    """Close the teacher; of several failures at once, the first of ours is the one to report."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours = group.subgroup(InputError)
        raise (ours.exceptions[0] if ours else group.exceptions[0]) from None
    finally:
        await teacher.close()


def count_losses(rows: Iterable[Explained]) -> Counter[tuple[str, str, str]]:
    """Count answers by task, annotated label and outcome."""
    return Counter((row.task, row.label or "-", row.outcome) for row in rows)


def check_losses(
    rows: Sequence[Explained],
    most: float,
    lost: Callable[[Explained], bool] = lambda row: row.outcome != "explained",
) -> None:
    """Raise CheckError where a class loses more than the share ``most`` of its rows.

    A teacher that declines posts about self-harm would delete the very class that matters.
    """
    totals: Counter[tuple[str, str]] = Counter()
    losses: Counter[tuple[str, str]] = Counter()
    for row in rows:
        totals[row.task, row.label or "-"] += 1
        losses[row.task, row.label or "-"] += lost(row)
    bad: list[Any] = [
        f"{task} '{label}' lost {losses[task, label]:,} of {totals[task, label]:,}"
        for task, label in totals
        if losses[task, label] > most * totals[task, label]
    ]
    if bad:
        raise CheckError(
            f"{'; '.join(bad)} rows to the teacher's failures, more than {100 * most:.0f} %: the "
            "data set would no longer hold these classes as they are; try another teacher or "
            "prompt, or allow it with --max-loss"
        )
