"""Asking a teacher through the batch API: cheaper, slower, answers in any order or not at all.

One file of requests goes up, one file of answers comes down, and they are joined by custom id,
never by position. What is missing is asked again in another batch. The id of a batch under way is
kept on disk, so that a killed run waits for the same batch and pays once.
"""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mentallama.chat import Reply, read_completion
from mentallama.data.endpoint import EndpointTeacher
from mentallama.data.teacher import Pool
from mentallama.errors import InputError
from mentallama.io import read_json, write_json

LARGEST = 50_000
"""Requests that one batch may hold."""
ROUNDS = 3
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_PATH = "/v1/chat/completions"


async def work_by_batch(
    pool: Pool, teacher: EndpointTeacher, state: Path, *, poll_seconds: float
) -> None:
    """Send what is missing in batches until it is answered or ``ROUNDS`` more were in vain."""
    import openai

    try:
        for _ in range(ROUNDS + len(pool.missing) // LARGEST):
            chunk = _next_chunk(pool)
            if not chunk:
                break
            batch = await _find_or_send(pool, teacher, state, chunk)
            await _collect(pool, teacher, await _wait(teacher, batch, poll_seconds))
            state.unlink(missing_ok=True)
    except openai.APIStatusError as error:
        raise InputError(
            f"the batch API answered HTTP {error.status_code}; does this endpoint offer one?"
        ) from None
    except openai.APIConnectionError:
        raise InputError("no connection to the batch API; the same command goes on") from None
    finally:
        await teacher.close()
    pool.run.unanswered = len(_next_chunk(pool))


def _next_chunk(pool: Pool) -> list[int]:
    left = [number for number in pool.missing if pool.keys[number] not in pool.answers]
    return left[:LARGEST]


async def _find_or_send(pool: Pool, teacher: EndpointTeacher, state: Path, chunk: list[int]) -> Any:
    """Return the batch that an earlier run sent, or send a new one."""
    if state.exists():
        return await teacher.client.batches.retrieve(read_json(state)["batch"])
    lines = (json.dumps(_request(pool, teacher, number), ensure_ascii=False) for number in chunk)
    content = io.BytesIO("".join(line + "\n" for line in lines).encode("utf-8"))
    sent = await teacher.client.files.create(file=("requests.jsonl", content), purpose="batch")
    batch = await teacher.client.batches.create(
        input_file_id=sent.id, endpoint=_PATH, completion_window="24h"
    )
    write_json(state, {"batch": batch.id})
    return batch


def _request(pool: Pool, teacher: EndpointTeacher, number: int) -> dict[str, Any]:
    body = teacher.body(pool.questions[number], pool.sampling)
    return {"custom_id": pool.keys[number], "method": "POST", "url": _PATH, "body": body}


async def _wait(teacher: EndpointTeacher, batch: Any, seconds: float) -> Any:
    while batch.status not in _ENDED:
        await asyncio.sleep(seconds)
        batch = await teacher.client.batches.retrieve(batch.id)
    return batch


async def _collect(pool: Pool, teacher: EndpointTeacher, batch: Any) -> None:
    """Join the answers with the questions by custom id."""
    if batch.status == "failed":
        raise InputError(f"batch {batch.id} failed at the endpoint; nothing was answered")
    numbers = {pool.keys[number]: number for number in pool.missing}
    for name in (batch.output_file_id, batch.error_file_id):
        if not name:
            continue
        text = (await teacher.client.files.content(name)).text
        for key, reply in _read_lines(text):
            number = numbers.get(key)
            if number is not None and key not in pool.answers:
                pool.record(number, reply)


def _read_lines(text: str) -> Iterator[tuple[str, Reply]]:
    """Yield the answers of a result file; failed requests and broken lines count as missing."""
    from openai.types.chat import ChatCompletion

    for line in text.splitlines():
        try:
            value = json.loads(line)
            key, response = str(value["custom_id"]), value.get("response") or {}
            if _filtered(response):
                yield key, Reply(text="", finish="content_filter")
            elif response.get("status_code") == 200:
                yield key, read_completion(ChatCompletion.model_validate(response["body"]))
        except (ValueError, KeyError, TypeError):
            continue


def _filtered(response: dict[str, Any]) -> bool:
    error = (response.get("body") or {}).get("error") or {}
    return error.get("code") == "content_filter"
