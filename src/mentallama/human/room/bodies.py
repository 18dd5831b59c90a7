"""The bodies of requests, and whether a submission fits its item and rubric."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from mentallama.human.room.store import Submission
from mentallama.human.rubric import Rubric
from mentallama.types import Item
from mentallama.web.refusals import Refusal

_STRICT = ConfigDict(extra="forbid", strict=True)
_Id = Annotated[UUID, Field(strict=False)]
_Span = Annotated[tuple[int, int], Field(strict=False)]
_LONGEST = 24 * 3600


class EnterBody(BaseModel):
    """The secret of a personal link."""

    model_config = _STRICT
    token: Annotated[str, Field(max_length=200)]


class NoBody(BaseModel):
    """Nothing but that it is asked for."""

    model_config = _STRICT


class SubmissionBody(BaseModel):
    """What a rater gives one item."""

    model_config = _STRICT
    id: Annotated[_Id, Field(description="Made by the sender; sent again, it is stored once.")]
    item: Annotated[str, Field(max_length=200)]
    kind: Literal["rated", "skipped"] = "rated"
    marks: Annotated[
        dict[str, int | None],
        Field(max_length=50, description="By aspect; null for 'cannot judge'."),
    ] = {}
    note: Annotated[str, Field(max_length=4000)] = ""
    evidence: Annotated[
        list[_Span],
        Field(max_length=200, description="Code points of the post, [start, end)."),
    ] = []
    rubric: Annotated[str, Field(max_length=200, description="The stamp of the rubric shown.")]
    seconds: Annotated[float, Field(ge=0, le=_LONGEST, strict=False)] = 0.0
    replaces: Annotated[
        _Id | None, Field(description="The submission that counted when this was made.")
    ] = None


def check(body: SubmissionBody, item: Item, rubric: Rubric) -> Submission:
    """Return a body as a submission; refuse one that does not fit its item and rubric."""
    if body.rubric != rubric.stamp:
        raise Refusal(409, f"the rubric is {rubric.stamp} by now; load the page again")
    if body.kind == "skipped":
        if body.marks:
            raise Refusal(422, "marks: an item that is skipped has none")
    else:
        _check_marks(body.marks, rubric)
    for number, (start, end) in enumerate(body.evidence):
        if not 0 <= start < end <= len(item.post):
            raise Refusal(422, f"evidence.{number}: not a passage of the post")
    if "\0" in body.note:
        raise Refusal(422, "note: holds a character that cannot be stored")
    return Submission(
        id=str(body.id),
        replaces=str(body.replaces) if body.replaces else None,
        kind=body.kind,
        marks=body.marks,
        note=body.note,
        evidence=tuple(body.evidence),
        rubric=body.rubric,
        seconds=body.seconds,
    )


def _check_marks(marks: Mapping[str, int | None], rubric: Rubric) -> None:
    scales = {aspect.key: aspect.scores for aspect in rubric.aspects}
    if set(marks) - set(scales):
        raise Refusal(422, f"marks: no such aspect; the rubric has {', '.join(scales)}")
    for key, scores in scales.items():
        if key not in marks:
            raise Refusal(422, f"marks.{key}: missing; send null for 'cannot judge'")
        if marks[key] is not None and marks[key] not in scores:
            raise Refusal(422, f"marks.{key}: not on the scale, {scores[0]} to {scores[-1]}")
