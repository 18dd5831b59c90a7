"""Chat with a model behind any OpenAI-compatible endpoint, through the official client.

Hosted services, vLLM, Ollama, llama.cpp and ``transformers serve`` all speak this protocol. The
client retries 408, 409, 429, 5xx and lost connections with back-off and heeds Retry-After.
"""

import ipaddress
import os
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mentallama.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
_LENGTH_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_LENGTH_WORDS = ("context length", "context size", "context window")
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for one request."""

    text: str
    finish: str = "stop"
    """Why it ended: "stop", "length" or "content_filter"."""
    refusal: str | None = None
    """The endpoint's own mark of a refusal."""
    prompt_tokens: int = 0
    answer_tokens: int = 0


class TooLongError(InputError):
    """The prompt does not fit in the model behind the endpoint."""


class NoAnswerError(Exception):
    """The endpoint gave no answer to one request after all retries; another run may get one."""


def is_local(url: str) -> bool:
    """Say whether an endpoint is this machine itself; its own network is not."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_client(url: str, *, retries: int, timeout: float) -> Any:
    """Return the official asynchronous client for an endpoint.

    The API key is read from OPENAI_API_KEY; local servers need none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"--endpoint {url}: expected something like http://localhost:8000/v1")
    try:
        from openai import AsyncOpenAI
    except ModuleNotFoundError:
        raise InputError("this command needs openai: pip install 'mentallama[data]'") from None
    key = os.environ.get(KEY_VARIABLE)
    if not key and not is_local(url):
        raise InputError(f"--endpoint {url}: set {KEY_VARIABLE}; the endpoint is not local")
    return AsyncOpenAI(base_url=url, api_key=key or "none", max_retries=retries, timeout=timeout)


def limit_name(url: str) -> str:
    """Return what an endpoint calls the limit of new tokens.

    OpenAI's own newer models refuse the older name, and most other servers know only that one.
    """
    host = urlsplit(url).hostname or ""
    return "max_completion_tokens" if host.endswith("openai.com") else "max_tokens"


async def send(client: Any, body: Mapping[str, Any], url: str) -> Reply:
    """Send one chat request; raise NoAnswerError after the last retry.

    Raises InputError where asking on is pointless: a wrong key, address or model; TooLongError, one
    of these, where the prompt is too long.
    """
    return await _send(client.chat.completions.create(**body), body, url)


async def send_raw(client: Any, body: Mapping[str, Any], url: str) -> Reply:
    """Send a prompt to be continued, without any template; errors are those of ``send``."""
    return await _send(client.completions.create(**body), body, url)


async def _send(request: Awaitable[Any], body: Mapping[str, Any], url: str) -> Reply:
    import openai

    try:
        answer = await request
    except openai.BadRequestError as error:
        if is_filtered(error):
            return Reply(text="", finish="content_filter")
        kind = TooLongError if _is_too_long(error) else InputError
        raise kind(_explain(error, body, url)) from None
    except openai.APIStatusError as error:
        if error.status_code in (401, 403, 404, 422):
            raise InputError(_explain(error, body, url)) from None
        raise NoAnswerError(f"HTTP {error.status_code}") from None
    except openai.APITimeoutError:
        raise NoAnswerError("no answer in time") from None
    except openai.APIConnectionError:
        raise NoAnswerError("no connection") from None
    except (openai.APIError, ValueError):
        raise NoAnswerError("the answer is not what a chat completion looks like") from None
    return read_completion(answer)


def read_completion(value: Any) -> Reply:
    """Read a completion, of a chat or not; an answer without a choice counts as empty."""
    choices = getattr(value, "choices", None) or []
    if not choices:
        return Reply(text="")
    message, usage = getattr(choices[0], "message", None), getattr(value, "usage", None)
    text = getattr(message, "content", None) if message else getattr(choices[0], "text", None)
    return Reply(
        text=text or "",
        finish=choices[0].finish_reason or "stop",
        refusal=getattr(message, "refusal", None),
        prompt_tokens=getattr(usage, "prompt_tokens", 0) or 0,
        answer_tokens=getattr(usage, "completion_tokens", 0) or 0,
    )


def _explain(error: Any, body: Mapping[str, Any], url: str) -> str:
    """Word a lasting failure; the server's message may quote the post, so it is left out."""
    unknown = "perhaps it knows no response_format: try --no-schema"
    if "response_format" not in body:
        unknown = "it does not take the request"
    hint = {
        400: f"{unknown}; code '{getattr(error, 'code', None) or 'none given'}'",
        401: f"check {KEY_VARIABLE}",
        403: f"check {KEY_VARIABLE} and what it may use",
        404: f"check the address (it usually ends in /v1) and the model '{body['model']}'",
        422: unknown,
    }[error.status_code]
    return f"{url}: answered HTTP {error.status_code}; {hint}"


def is_filtered(error: Any) -> bool:
    """Say whether a refused request was refused for its content."""
    return getattr(error, "code", None) in _FILTER_CODES


def _is_too_long(error: Any) -> bool:
    """Say whether a request was refused for its length; servers word it in their own ways."""
    message = str(getattr(error, "message", "")).lower()
    return getattr(error, "code", None) in _LENGTH_CODES or any(w in message for w in _LENGTH_WORDS)
