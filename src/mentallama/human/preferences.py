"""What preference pairs are made of: marks with the answers they are about and who wrote these."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mentallama.errors import InputError
from mentallama.human.study import Key
from mentallama.tasks.posts import post_id
from mentallama.types import Item, Rating, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblinded:
    """One mark with all that raters were not told."""

    item: str
    rater: str
    aspect: str
    value: int
    answer: str
    model: str
    sample_id: str


def unblind(
    ratings: Sequence[Rating], items: Iterable[Item], keys: Mapping[str, Key]
) -> Iterator[Unblinded]:
    """Join marks with answers and models; what was skipped or could not be judged is left out.

    Raises InputError for an item that the study or the key does not have.
    """
    answers = {item.id: item.answer for item in items}
    for number, rating in enumerate(ratings, 1):
        if rating.item not in answers or rating.item not in keys:
            where = "key" if rating.item in answers else "study"
            raise InputError(f"row {number}: item '{rating.item}' is not in the {where}")
        if rating.value is not None:
            key = keys[rating.item]
            yield Unblinded(
                item=rating.item,
                rater=rating.rater,
                aspect=rating.aspect,
                value=rating.value,
                answer=answers[rating.item],
                model=key.model,
                sample_id=key.sample_id,
            )


def find_samples(
    items: Iterable[Item], keys: Mapping[str, Key], samples: Iterable[Sample]
) -> dict[str, Sample]:
    """Return the samples that the items answer, by the key's sample id.

    A file of responses in the reference layout counts its rows in its own way; those are found by
    task, post and aspect, as asked in the instruction form.
    """
    by_id: dict[str, Sample] = {}
    by_question: dict[tuple[str, str, str | None], Sample] = {}
    for sample in samples:
        by_id[sample.id] = sample
        if sample.form == "instruction":
            post = sample.post
            by_question.setdefault((post.task, post.id, post.aspect), sample)
    found: dict[str, Sample] = {}
    for item in items:
        if (key := keys.get(item.id)) is None:
            continue
        question = (key.task, post_id(item.post), key.aspect)
        asked = by_id.get(key.sample_id) or by_question.get(question)
        if asked is not None:
            found[key.sample_id] = asked
    return found
