"""A language model as a judge of explanations: swapped orders, counted failures, no blind trust.

Each explanation is marked twice, with the aspects in both orders; each pair of answers is compared
twice, with the answers in both positions. A mark is the mean of the two; a preference counts only
where both positions agree. A judge is "uncalibrated" until 50 items that people marked too are
given; then its rank correlation with them is printed.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mentallama.chat import NoAnswerError, Reply, limit_name, make_client, send
from mentallama.errors import InputError
from mentallama.io import explain
from mentallama.journal import Journal, open_journal
from mentallama.progress import meter

CALIBRATED_FROM = 50
"""Items marked by people from which on a judge's agreement with them is stated."""
HIGHEST = 3
Message = dict[str, str]


class Aspect(BaseModel):
    """One thing to mark, with a sentence for each mark from 0 to 3."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    question: str
    scale: tuple[str, str, str, str]


class Rubric(BaseModel):
    """What is marked; versioned."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int
    aspects: dict[str, Aspect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model's answer to one question on one post."""

    row: str
    task: str
    model: str
    post: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to the judge. A swap is the same request with the order reversed."""

    kind: Literal["marks", "choice"]
    row: str
    task: str
    models: tuple[str, ...]
    """The model marked, or the two compared, in the order shown."""
    swapped: bool
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a request: marks, the better model ("" for a tie), or why there is none."""

    row: str
    task: str
    models: tuple[str, ...]
    swapped: bool
    marks: dict[str, int] | None = None
    better: str | None = None
    failure: str | None = None


class Judge(Protocol):
    """Whoever answers; the caller passes it in."""

    @property
    def name(self) -> str:
        """What to call it in results."""
        ...

    async def ask(self, messages: Sequence[Message]) -> Reply:
        """Answer; raise NoAnswerError where that failed for this request only."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class EndpointJudge:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(self, url: str, model: str, *, retries: int = 6, timeout: float = 120.0) -> None:
        self._url, self.name = url, model
        self._client = make_client(url, retries=retries, timeout=timeout)

    async def ask(self, messages: Sequence[Message]) -> Reply:
        """Ask without chance (temperature 0)."""
        body: dict[str, Any] = {"model": self.name, "messages": list(messages), "temperature": 0.0}
        return await send(self._client, {**body, limit_name(self._url): 200}, self._url)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def load_rubric(path: Path | None = None) -> Rubric:
    """Read a rubric, ours by default; raise InputError where it is malformed."""
    import yaml

    source = files("mentallama.benchmark.rubrics") / "judge.yaml"
    try:
        text = path.read_text(encoding="utf-8") if path else source.read_text(encoding="utf-8")
        return Rubric.model_validate(yaml.safe_load(text))
    except (OSError, yaml.YAMLError):
        raise InputError(f"{path}: cannot be read as YAML") from None
    except ValidationError as error:
        raise InputError(f"{path or 'rubric'}: {explain(error)}") from None


def signature(judge: str, rubric: Rubric) -> str:
    """Name what marks depend on: the judge, and the rubric with the wording around it, hashed."""
    words = [rubric.model_dump(), _system(rubric, list(rubric.aspects)), _chooser()]
    digest = hashlib.sha256(json.dumps(words).encode()).hexdigest()[:12]
    return f"judge|{judge}|rubric {rubric.version} {digest}|both orders"


def make_requests(
    cases: Sequence[Case], rubric: Rubric, *, pairwise: bool = False
) -> Iterator[Request]:
    """Word the requests: each case in both orders of aspects, each pair in both positions."""
    for case in cases:
        for swapped in (False, True):
            names = list(rubric.aspects)[:: -1 if swapped else 1]
            yield Request(
                kind="marks",
                row=case.row,
                task=case.task,
                models=(case.model,),
                swapped=swapped,
                messages=(_system(rubric, names), _user(case, [case.answer])),
            )
    rows: dict[tuple[str, str], list[Case]] = {}
    for case in cases if pairwise else ():
        rows.setdefault((case.task, case.row), []).append(case)
    for group in rows.values():
        for a, b in combinations(group, 2):
            for swapped in (False, True):
                first, second = (b, a) if swapped else (a, b)
                yield Request(
                    kind="choice",
                    row=a.row,
                    task=a.task,
                    models=(first.model, second.model),
                    swapped=swapped,
                    messages=(_chooser(), _user(a, [first.answer, second.answer])),
                )


def _system(rubric: Rubric, names: Sequence[str]) -> Message:
    lines = ["You mark an explanation that somebody gave for an answer about a post.", ""]
    for name in names:
        aspect = rubric.aspects[name]
        lines.append(f"{name}: {aspect.question}")
        lines += [f"  {mark}: {text}" for mark, text in enumerate(aspect.scale)]
    wanted = ", ".join(f'"{name}": 0 to {HIGHEST}' for name in names)
    lines += ["", f"Answer with one JSON object and nothing else: {{{wanted}}}"]
    return {"role": "system", "content": "\n".join(lines)}


def _chooser() -> Message:
    text = (
        "Two people answered the same question about a post. Say whose explanation is better: "
        "truer to the post, clearer about the evidence, in support of its own answer. Length is no "
        "merit. "
        'Answer with one JSON object and nothing else: {"better": 1}, {"better": 2}, or '
        '{"better": 0} where neither is better.'
    )
    return {"role": "system", "content": text}


def _user(case: Case, answers: Sequence[str]) -> Message:
    parts = [f"Post: {case.post}", f"Question: {case.question}"]
    if len(answers) == 1:
        parts.append(f"Answer: {answers[0]}")
    else:
        parts += [f"Answer {number}: {text}" for number, text in enumerate(answers, 1)]
    return {"role": "user", "content": "\n\n".join(parts)}


def judge_all(
    requests: Sequence[Request],
    judge: Judge,
    rubric: Rubric,
    journal: Path,
    *,
    concurrency: int = 8,
) -> list[Judgement]:
    """Ask what the journal does not answer yet; return all judgements in order.

    The journal holds marks and choices, no text; requests without an answer are asked again by the
    next run.
    """
    keys = [_key(request, judge.name, rubric) for request in requests]
    with open_journal(journal) as book:
        known = _read(book)
        missing = [i for i, key in enumerate(keys) if key not in known]
        done = len(requests) - len(missing)
        with meter(total=len(requests), done=done, label="judge") as bar:

            def keep(index: int, judgement: Judgement) -> None:
                known[keys[index]] = judgement
                if not (judgement.failure or "").startswith("no answer"):
                    book.append(keys[index] + "\t" + json.dumps(asdict(judgement)))
                bar.advance()

            asyncio.run(_ask_all(requests, missing, judge, rubric, concurrency, keep))
    return [known[key] for key in keys]


async def _ask_all(
    requests: Sequence[Request],
    missing: Sequence[int],
    judge: Judge,
    rubric: Rubric,
    concurrency: int,
    keep: Callable[[int, Judgement], None],
) -> None:
    gate = asyncio.Semaphore(concurrency)

    async def one(index: int) -> None:
        async with gate:
            request = requests[index]
            try:
                keep(index, read_judgement(request, await judge.ask(request.messages), rubric))
            except NoAnswerError as error:
                keep(index, _judgement(request, failure=f"no answer: {error}"))

    try:
        async with asyncio.TaskGroup() as group:
            for index in missing:
                group.create_task(one(index))
    except ExceptionGroup as errors:
        # A wrong key or address fails every request alike: the first says it all.
        raise errors.exceptions[0] from None
    finally:
        await judge.close()


def read_judgement(request: Request, reply: Reply, rubric: Rubric) -> Judgement:
    """Read marks or a choice; whatever is not in the form asked for is a failure, never a mark."""
    if reply.refusal or reply.finish == "content_filter":
        return _judgement(request, failure="refusal")
    start = reply.text.find("{")
    try:
        found, _ = json.JSONDecoder().raw_decode(reply.text[start:]) if start >= 0 else (None, 0)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        return _judgement(request, failure="no JSON object")
    if request.kind == "choice":
        better = found.get("better")
        if better not in (0, 1, 2) or isinstance(better, bool):
            return _judgement(request, failure="no choice among 0, 1, 2")
        return _judgement(request, better=request.models[better - 1] if better else "")
    marks = {name: found.get(name) for name in rubric.aspects}
    if not all(type(mark) is int and 0 <= mark <= HIGHEST for mark in marks.values()):
        return _judgement(request, failure=f"marks missing or not 0 to {HIGHEST}")
    return _judgement(request, marks={name: int(str(mark)) for name, mark in marks.items()})


def _judgement(
    request: Request,
    *,
    marks: dict[str, int] | None = None,
    better: str | None = None,
    failure: str | None = None,
) -> Judgement:
    return Judgement(
        row=request.row,
        task=request.task,
        models=request.models,
        swapped=request.swapped,
        marks=marks,
        better=better,
        failure=failure,
    )


def _key(request: Request, judge: str, rubric: Rubric) -> str:
    parts = [judge, rubric.version, request.kind, request.models, request.messages]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _read(book: Journal) -> dict[str, Judgement]:
    adapter = TypeAdapter(Judgement)
    known = {}
    for number, line in enumerate(book.lines, 1):
        key, _, body = line.partition("\t")
        try:
            known[key] = adapter.validate_json(body)
        except ValidationError:
            raise InputError(f"{book.path}: line {number} is no judgement; remove it") from None
    return known
