"""A teacher behind any OpenAI-compatible endpoint, through the official client.

Hosted services, vLLM, Ollama, llama.cpp and ``transformers serve`` all speak this protocol. The
client retries 408, 409, 429, 5xx and lost connections with back-off and heeds Retry-After.
"""

import ipaddress
import os
from typing import Any
from urllib.parse import urlsplit

from mentallama.data.expert import Question
from mentallama.data.reply import Reply
from mentallama.data.teacher import NoAnswerError, Sampling
from mentallama.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation"})


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


def request_body(
    question: Question, model: str, sampling: Sampling, *, url: str, schema: bool
) -> dict[str, Any]:
    """Return the body of a chat completion for one question."""
    # OpenAI's own newer models refuse the older name, and most other servers know only that one.
    host = urlsplit(url).hostname or ""
    limit = "max_completion_tokens" if host.endswith("openai.com") else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "messages": list(question.messages),
        "temperature": sampling.temperature,
        limit: sampling.max_tokens,
    }
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if schema:
        body["response_format"] = _schema(question.labels)
    return body


def _schema(labels: tuple[str, ...]) -> dict[str, Any]:
    quotes = {"type": "array", "items": {"type": "string"}}
    properties = {
        "verdict": {"type": "string", "enum": list(labels)},
        "explanation": {"type": "string"},
        "quotes": quotes,
    }
    return {
        "type": "json_schema",
        "json_schema": {
            "name": "explanation",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        },
    }


def read_completion(value: Any) -> Reply:
    """Read a chat completion; an answer without a choice counts as empty."""
    choices = getattr(value, "choices", None) or []
    if not choices:
        return Reply(text="")
    message, usage = choices[0].message, getattr(value, "usage", None)
    return Reply(
        text=getattr(message, "content", None) or "",
        finish=choices[0].finish_reason or "stop",
        refusal=getattr(message, "refusal", None),
        prompt_tokens=getattr(usage, "prompt_tokens", 0) or 0,
        answer_tokens=getattr(usage, "completion_tokens", 0) or 0,
    )


class EndpointTeacher:
    """A model behind an endpoint."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        retries: int = 6,
        timeout: float = 120.0,
        schema: bool = True,
    ) -> None:
        self._url, self._model, self._schema = url, model, schema
        self.client = make_client(url, retries=retries, timeout=timeout)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    def body(self, question: Question, sampling: Sampling) -> dict[str, Any]:
        """Return what is sent for a question."""
        return request_body(question, self._model, sampling, url=self._url, schema=self._schema)

    async def ask(self, question: Question, sampling: Sampling) -> Reply:
        """Ask; raise NoAnswerError after the last retry, InputError where asking is pointless."""
        import openai

        try:
            answer = await self.client.chat.completions.create(**self.body(question, sampling))
        except openai.BadRequestError as error:
            if is_filtered(error):
                return Reply(text="", finish="content_filter")
            raise InputError(self._explain(error)) from None
        except openai.APIStatusError as error:
            if error.status_code in (401, 403, 404, 422):
                raise InputError(self._explain(error)) from None
            raise NoAnswerError(f"HTTP {error.status_code}") from None
        except openai.APITimeoutError:
            raise NoAnswerError("no answer in time") from None
        except openai.APIConnectionError:
            raise NoAnswerError("no connection") from None
        except (openai.APIError, ValueError):
            raise NoAnswerError("the answer is not what a chat completion looks like") from None
        return read_completion(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    def _explain(self, error: Any) -> str:
        """Word a lasting failure; the server's message may quote the post, so it is left out."""
        hint = {
            400: "perhaps it knows no response_format: try --no-schema; code "
            f"'{getattr(error, 'code', None) or 'none given'}'",
            401: f"check {KEY_VARIABLE}",
            403: f"check {KEY_VARIABLE} and what it may use",
            404: f"check the address (it usually ends in /v1) and the model '{self._model}'",
            422: "perhaps it knows no response_format: try --no-schema",
        }[error.status_code]
        return f"{self._url}: answered HTTP {error.status_code}; {hint}"


def is_filtered(error: Any) -> bool:
    """Say whether a refused request was refused for its content."""
    return getattr(error, "code", None) in _FILTER_CODES
