"""A teacher behind an OpenAI-compatible endpoint; see ``chat``."""

from typing import Any

from mentallama.chat import Reply, limit_name, make_client, send
from mentallama.data.expert import Question
from mentallama.data.teacher import Sampling


def request_body(
    question: Question, model: str, sampling: Sampling, *, url: str, schema: bool
) -> dict[str, Any]:
    """Return the body of a chat completion for one question."""
    body: dict[str, Any] = {
        "model": model,
        "messages": list(question.messages),
        "temperature": sampling.temperature,
        limit_name(url): sampling.max_tokens,
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
        return await send(self.client, self.body(question, sampling), self._url)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()
