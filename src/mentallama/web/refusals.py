"""Every error as one line of JSON, in our words: what a client sent is never given back."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

_LINES = {
    400: "the body could not be read; send UTF-8 JSON",
    404: "there is nothing at this address; see /openapi.json",
    405: "this address does not take that method; see /openapi.json",
    415: "send the body as application/json",
}


class Refusal(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status
        self.line = line


def refuse(status: int, line: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer to a request that is refused."""
    return JSONResponse({"error": line}, status, dict(headers or {}))


def add_refusals(app: FastAPI) -> None:
    """Word all errors that the framework and our routes raise."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _by_status)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return refuse(error.status, error.line)


async def _by_status(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    line = _LINES.get(error.status_code, "the request was refused")
    return refuse(error.status_code, line, error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return refuse(422, describe(error.errors()))


def describe(errors: Sequence[Mapping[str, Any]]) -> str:
    """Say what is wrong first with a body, without a word of it.

    A key that is not ours may be anything, so it is not named either.
    """
    first = errors[0]
    if first["type"] == "json_invalid":
        return f"the body is not JSON (character {first['loc'][-1]})"
    if first["type"] == "extra_forbidden":
        return "the body has a field that is not known; see /openapi.json"
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] in ("model_attributes_type", "dict_type"):
        return "the body should be a JSON object, sent as application/json"
    return f"{where}: {first['msg']}{more}"
