"""A model behind an OpenAI-compatible endpoint as a backend; the retries are those of ``chat``."""

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mentallama.chat import NoAnswerError, TooLongError, limit_name, make_client, send, send_raw
from mentallama.errors import InputError
from mentallama.models.backend import Completion, Decoding

_SHORTENED_TO = 0.75
"""Share of a prompt that is kept where the endpoint calls it too long, again and again."""
_SHORTENINGS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Money per million tokens, in any currency."""

    prompt: float
    answer: float


@dataclass(slots=True, kw_only=True)
class Usage:
    """What has been asked of an endpoint so far, as it counts it."""

    answers: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0

    def cost(self, prices: Prices) -> float:
        """Return what the answers cost."""
        spent = self.prompt_tokens * prices.prompt + self.answer_tokens * prices.answer
        return spent / 1e6

    def show(self, prices: Prices | None = None) -> str:
        """Say in one line what was used, and what it cost where prices are known."""
        used = (
            f"{self.answers:,} answers: {self.prompt_tokens:,} prompt tokens, "
            f"{self.answer_tokens:,} answer tokens"
        )
        return f"{used}, cost {self.cost(prices):.4f}" if prices else used


class Endpoint:
    """Asks several prompts at a time and yields the answers in the prompts' order."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        raw: bool = False,
        concurrency: int = 8,
        retries: int = 6,
        timeout: float = 120.0,
    ) -> None:
        """Raise InputError where the address or the API key is missing.

        ``raw`` sends the prompt without a chat template, as MentaLLaMA was tuned.
        """
        self.name = model
        self.key = f"{model} at {url}{' without template' if raw else ''}"
        self.usage = Usage()
        self._url, self._raw, self._concurrency = url, raw, concurrency
        self._retries, self._timeout = retries, timeout
        self._make_client()

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Yield one completion per prompt, in order.

        Raises InputError where a prompt gets no answer after all retries, or asking is pointless.
        """
        with asyncio.Runner() as runner:
            client, gate = self._make_client(), asyncio.Semaphore(self._concurrency)
            tasks: deque[asyncio.Task[Completion]] = deque()
            left, done = iter(prompts), 0
            try:
                while True:
                    # Some rows ahead of the slowest one: answers wait here for their turn.
                    for prompt in _take(left, 2 * self._concurrency - len(tasks)):
                        asked = self._ask(client, gate, prompt, decoding)
                        tasks.append(runner.get_loop().create_task(asked))
                    if not tasks:
                        return
                    yield runner.run(_result(tasks[0]))
                    tasks.popleft()
                    done += 1
            except NoAnswerError as error:
                raise InputError(
                    f"{self._url}: {error} for the next row, after {self._retries} retries; {done} "
                    "rows of this run are done and kept, the same command goes on from there"
                ) from None
            finally:
                runner.run(_close(client, tasks))

    def _make_client(self) -> Any:
        return make_client(self._url, retries=self._retries, timeout=self._timeout)

    async def _ask(
        self, client: Any, gate: asyncio.Semaphore, prompt: str, decoding: Decoding
    ) -> Completion:
        text = whole = prompt.rstrip(" ")
        async with gate:
            for _ in range(_SHORTENINGS):
                try:
                    return await self._send(client, text, decoding, short=text != whole)
                except TooLongError:
                    text = _shorten(text)
        raise InputError(
            f"{self._url}: hardly a prompt fits beside {decoding.max_new_tokens} new tokens; "
            "ask for fewer"
        )

    async def _send(self, client: Any, text: str, decoding: Decoding, *, short: bool) -> Completion:
        body = self._body(text, decoding)
        reply = await (send_raw if self._raw else send)(client, body, self._url)
        self.usage.answers += 1
        self.usage.prompt_tokens += reply.prompt_tokens
        self.usage.answer_tokens += reply.answer_tokens
        return Completion(
            text=reply.text or reply.refusal or "",
            cut_off=reply.finish == "length",
            prompt_truncated=short,
            prompt_tokens=reply.prompt_tokens or None,
            answer_tokens=reply.answer_tokens or None,
        )

    def _body(self, text: str, decoding: Decoding) -> dict[str, Any]:
        body = {"model": self.name, "temperature": decoding.temperature, "seed": decoding.seed}
        if self._raw:
            return body | {"prompt": text, "max_tokens": decoding.max_new_tokens}
        messages = [{"role": "user", "content": text}]
        return body | {"messages": messages, limit_name(self._url): decoding.max_new_tokens}


def _take(left: Iterator[str], count: int) -> Iterator[str]:
    for _ in range(count):
        prompt = next(left, None)
        if prompt is None:
            return
        yield prompt


def _shorten(text: str) -> str:
    """Take characters out of the middle: the post's start and end and the question stay."""
    keep = int(_SHORTENED_TO * len(text)) // 2
    return f"{text[:keep]} {text[len(text) - keep :]}"


async def _result(task: asyncio.Task[Completion]) -> Completion:
    return await task


async def _close(client: Any, tasks: Collection[asyncio.Task[Completion]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()
