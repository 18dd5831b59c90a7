"""The bodies of requests and replies, as they stand in /openapi.json."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from mentallama.types import Analysis

_STRICT = ConfigDict(extra="forbid", strict=True)


def _need_whole(text: str) -> str:
    """Refuse a text that no reply could quote: JSON can spell half a character."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise PydanticCustomError("half_character", "Text holds half of a surrogate pair")
    return text


_Text = Annotated[str, AfterValidator(_need_whole)]
_Tasks = Annotated[
    list[str] | None,
    Field(max_length=100, description="Keys of the sets to ask about; all where left out."),
]
_Model = Annotated[
    str | None,
    Field(max_length=200, description="A model that the server was started with; else its first."),
]


class AnalyseBody(BaseModel):
    """One post to be analysed."""

    model_config = _STRICT
    text: Annotated[_Text, Field(description="The post.")]
    tasks: _Tasks = None
    model: _Model = None


class BatchBody(BaseModel):
    """Several posts to be analysed, each for itself."""

    model_config = _STRICT
    texts: Annotated[list[_Text], Field(description="The posts, up to the server's limit.")]
    tasks: _Tasks = None
    model: _Model = None


class SupportBody(BaseModel):
    """A post, to see whether help should be shown beside it."""

    model_config = _STRICT
    text: _Text
    locale: Annotated[str | None, Field(max_length=35)] = None


class Reply(BaseModel):
    """What a post is taken to show, one analysis for each question."""

    analyses: list[Analysis]
    notice: str


class BatchReply(BaseModel):
    """The replies for several posts, in their order."""

    results: list[Reply]


class SupportLine(BaseModel):
    """One place that people can turn to."""

    model_config = ConfigDict(from_attributes=True)
    name: str
    contact: str
    url: str | None
    where: str
    hours: str | None


class SupportPanel(BaseModel):
    """What to show beside a post whose writer may be at risk."""

    model_config = ConfigDict(from_attributes=True)
    title: str
    message: str
    lines: list[SupportLine]
    sourced: str


class SupportReply(BaseModel):
    """The help to show, or null."""

    support: SupportPanel | None


class HealthReply(BaseModel):
    """Whether each model has answered: "ok", "starting" or "broken"."""

    status: str
    models: dict[str, str]


class ErrorReply(BaseModel):
    """Why there is no answer, in one line."""

    error: str
