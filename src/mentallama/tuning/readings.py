"""Posts with all that is known of each: the rows of a classifier that reads a post without a
question and answers every question at once (``reads: post_alone``).

The release's labels and people's own (raw corpora) are different questions on the same post: both
shape the encoder, and either can be asked for.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.dataset import read_manifest, read_samples
from mentallama.errors import InputError
from mentallama.tasks import get_task, list_tasks
from mentallama.tasks.posts import text_key
from mentallama.tasks.questions import output_name, question_name
from mentallama.tasks.raw import read_corpora
from mentallama.tuning.leaks import Leaks, handle_leaks
from mentallama.tuning.recipe import Recipe
from mentallama.types import FORMS, GoldSource, Post, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text and the names of the outputs that are right about it, one per question."""

    text: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Labelled:
    post: Post
    gold: GoldSource

    @property
    def question(self) -> str:
        return question_name(self.post.task, self.post.aspect, self.gold)

    @property
    def output(self) -> str:
        return output_name(self.post.task, self.post.aspect, self.gold, str(self.post.label))


def read_readings(
    recipe: Recipe, data: Path, raw: Path | None
) -> tuple[list[Reading], list[Reading], Leaks]:
    """Read training and validation posts, merged by text, and handle leaks as the recipe says.

    A set without training rows lends the share ``train_on_validation`` of its validation posts;
    which ones hangs on their text alone. People's labels of a validation post validate too.
    Raises InputError where nothing is left to train or validate on.
    """
    gold = read_manifest(data).gold_source
    train, valid = ([_Labelled(p, gold) for p in _posts(recipe, data, s)] for s in _SPLITS)
    lent = {one.post.task for one in valid} - {one.post.task for one in train}
    for one in [one for one in valid if one.post.task in lent]:
        if _share_of(one.post.text) < recipe.train_on_validation:
            valid.remove(one)
            train.append(one)
    evaluated = _posts(recipe, data, "test", "expert", all_forms=True)
    people = _read_people(recipe, raw) if raw else []
    tested, validated = {p.task for p in evaluated}, {one.post.task for one in valid}
    known = {text_key(one.post.text) for one in valid}
    for one in people:
        # A set that the release tests keeps the release's split; of others the source's own counts.
        own_test = one.post.split == "test" and one.post.task not in tested
        drawn = one.post.task not in validated and _share_of(one.post.text) < _HELD_BACK
        if text_key(one.post.text) in known or (drawn and not own_test):
            valid.append(one)
        elif own_test:
            evaluated.append(one.post)
        elif one.post.split != "test":
            train.append(one)
    held_out = [post.text for post in evaluated] + [one.post.text for one in valid]
    merged = _merge(train)
    kept, leaks = handle_leaks(merged, [one.text for one in merged], held_out, recipe)
    validation = _merge(valid)
    if not kept or not validation:
        raise InputError(
            f"{data}: {len(kept)} posts to train on and {len(validation)} to validate on"
        )
    return kept, validation, leaks


_SPLITS: tuple[Split, Split] = ("train", "valid")
_HELD_BACK = 0.1
"""Share of a raw corpus that is validated on where the release has no validation posts of it."""


def _posts(recipe: Recipe, data: Path, *splits: Split, all_forms: bool = False) -> list[Post]:
    forms = FORMS if all_forms else (recipe.form,)
    return [
        sample.post
        for form in forms
        for sample in read_samples(data, form=form, splits=splits, tasks=recipe.tasks)
    ]


def _read_people(recipe: Recipe, raw: Path) -> list[_Labelled]:
    rows, notes = read_corpora(raw, recipe.tasks)
    for note in notes:
        print(note)
    return [_Labelled(row.post, "human") for row in rows if row.post.label]


def _share_of(text: str) -> float:
    digest = hashlib.sha256(text_key(text).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _merge(labelled: Iterable[_Labelled]) -> list[Reading]:
    """Put all labels of a text together; of two on one question the last one counts."""
    texts: dict[str, str] = {}
    outputs: dict[str, dict[str, str]] = defaultdict(dict)
    for one in labelled:
        key = text_key(one.post.text)
        texts.setdefault(key, one.post.text)
        outputs[key][one.question] = one.output
    return [Reading(text=text, outputs=tuple(outputs[key].values())) for key, text in texts.items()]


def list_outputs(readings: Sequence[Reading]) -> list[str]:
    """Return the outputs of every question that is answered somewhere, in the tasks' order."""
    known = {name.rpartition("/")[0] for one in readings for name in one.outputs}
    golds: tuple[GoldSource, ...] = ("release", "human")
    return [
        output_name(task.key, aspect, gold, label.key)
        for task in list_tasks()
        for aspect in task.aspects or (None,)
        for gold in golds
        if question_name(task.key, aspect, gold) in known
        for label in task.labels
    ]


def count_questions(readings: Sequence[Reading]) -> dict[str, int]:
    """Return how many posts answer each question."""
    names = [name.rpartition("/")[0] for one in readings for name in one.outputs]
    return dict(sorted(Counter(names).items()))


def weigh_questions(readings: Sequence[Reading]) -> dict[str, float]:
    """Return how much an answer to each question counts in the loss.

    By the root of its rarity, so that small sets are heard without drowning large ones; the aspects
    of a task share out the weight of one.
    """
    counts = count_questions(readings)
    mean = sum(counts.values()) / len(counts)
    return {
        name: (mean / count / (len(get_task(_task_of(name)).aspects) or 1)) ** 0.5
        for name, count in counts.items()
    }


def _task_of(question: str) -> str:
    return question.partition("@")[0].partition("[")[0]
