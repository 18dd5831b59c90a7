"""What an exchange with other annotation tools has in common: names, choices, and the way back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mentallama.errors import InputError
from mentallama.human.ratings import check_ratings
from mentallama.human.rubric import RatedAspect
from mentallama.human.study import Study
from mentallama.types import Rating, RatingOutcome

EVIDENCE = "evidence"
NOTE = "note"
CANNOT = "cannot_judge"
_MARK = "mark_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What a rater left on one item in another tool."""

    item: str
    rater: str
    choices: Mapping[str, str]
    """By aspect: a score as digits, or ``CANNOT``."""
    note: str = ""
    passages: Sequence[tuple[int, int] | None] = ()
    """Of the post, [start, end); None for one that does not stand there."""
    time: str
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Ratings of another tool, and what could not be taken over."""

    ratings: tuple[Rating, ...]
    open: int
    """Marks that the study asks for and the files do not hold."""
    lost: int
    """Passages that do not stand in the post."""


def field_of(aspect: str) -> str:
    """Return the name that an aspect has in a tool, which no other field can have."""
    return f"{_MARK}{aspect}"


def aspect_of(field: str) -> str | None:
    """Return the aspect that a field marks, None for other fields."""
    return field.removeprefix(_MARK) if field.startswith(_MARK) else None


def options(aspect: RatedAspect) -> list[tuple[str, str]]:
    """Return what can be chosen: its value, and the anchored text that the rater sees."""
    scores = [(str(one.score), f"{one.score}: {one.name}. {one.text}") for one in aspect.anchors]
    return [*scores, (CANNOT, "cannot judge")]


def take_over(found: Iterable[Marked], study: Study) -> Imported:
    """Turn what other tools hold into ratings of a study; raise InputError where it does not fit.

    Positions are those of the study's assignment.
    """
    places = {(place.rater, place.item): place.position for place in study.places}
    ratings: list[Rating] = []
    lost = 0
    for marked in found:
        position = places.get((marked.rater, marked.item))
        if position is None:
            raise InputError(
                f"item '{marked.item}' is none of rater '{marked.rater}' in study "
                f"'{study.about.name}'"
            )
        lost += list(marked.passages).count(None)
        ratings += _rate(marked, study, position)
    check_ratings(ratings, study)
    asked = len(study.places) * len(study.rubric.aspects)
    return Imported(ratings=tuple(ratings), open=asked - len(ratings), lost=lost)


def _rate(marked: Marked, study: Study, position: int) -> list[Rating]:
    keys = [aspect.key for aspect in study.rubric.aspects]
    chosen = dict.fromkeys(keys, "skipped") if marked.skipped else marked.choices
    ratings = []
    for aspect, choice in chosen.items():
        value, outcome = _read_choice(choice, f"item '{marked.item}', {aspect}")
        ratings.append(
            Rating(
                study=study.about.name,
                item=marked.item,
                rater=marked.rater,
                aspect=aspect,
                value=value,
                outcome=outcome,
                note=marked.note,
                evidence=tuple(sorted(span for span in marked.passages if span)),
                position=position,
                time=as_utc(marked.time),
                rubric=study.about.rubric,
            )
        )
    return ratings


def _read_choice(choice: str, where: str) -> tuple[int | None, RatingOutcome]:
    if choice == "skipped":
        return None, "skipped"
    if choice == CANNOT:
        return None, "cannot_judge"
    try:
        return int(choice), "scored"
    except ValueError:
        raise InputError(f"{where}: neither a score nor '{CANNOT}'") from None


def as_utc(time: str) -> str:
    """Return a time as our ratings write it: UTC, ISO 8601, milliseconds; no zone means UTC."""
    if not time:
        return ""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        raise InputError("a time of the file is not ISO 8601") from None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
