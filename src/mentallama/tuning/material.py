"""What a run trains on, read and checked before anything heavy is loaded."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.dataset import read_samples
from mentallama.errors import InputError
from mentallama.tasks.posts import text_key
from mentallama.tuning.leaks import Leaks, handle_leaks
from mentallama.tuning.pairs import Pair, post_text, read_pairs, split_pairs
from mentallama.tuning.readings import Reading, count_questions, read_readings
from mentallama.tuning.recipe import Recipe
from mentallama.types import FORMS, Sample, Split

_EVALUATION: tuple[Split, ...] = ("valid", "test", "expert")
_VALID_SHARE = 0.1
"""Share of pairs kept for validation: pairs have no splits of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Training and validation rows as they are read: samples, pairs for dpo and reward, or posts
    with all their labels for classifiers that read the post alone."""

    train: tuple[Sample, ...] = ()
    valid: tuple[Sample, ...] = ()
    train_pairs: tuple[Pair, ...] = ()
    valid_pairs: tuple[Pair, ...] = ()
    readings: tuple[Reading, ...] = ()
    valid_readings: tuple[Reading, ...] = ()
    leaks: Leaks

    @property
    def rows_by_task(self) -> dict[str, int]:
        """Training rows of each task; of readings, the posts that answer each question."""
        if self.readings:
            return count_questions(self.readings)
        tasks = [sample.post.task for sample in self.train]
        return dict(Counter(tasks + [pair.task for pair in self.train_pairs]))

    @property
    def texts(self) -> Iterator[str]:
        """Every training text, for a tokenizer."""
        for sample in self.train:
            yield from (sample.prompt, sample.response)
        yield from (reading.text for reading in self.readings)


def read_material(
    recipe: Recipe, data: Path, pairs: Path | None = None, raw: Path | None = None
) -> Material:
    """Read the rows of a recipe and handle leaks.

    Raises InputError where there are no training or validation rows, CheckError on leaks that the
    recipe refuses.
    """
    if recipe.reads == "post_alone":
        train_posts, valid_posts, leaks = read_readings(recipe, data, raw)
        held = {text_key(one.text) for one in valid_posts}
        samples = read_samples(data, form=recipe.form, splits=["valid"], tasks=recipe.tasks)
        return Material(
            valid=tuple(s for s in samples if text_key(s.post.text) in held),
            readings=tuple(train_posts),
            valid_readings=tuple(valid_posts),
            leaks=leaks,
        )
    if raw:
        raise InputError("--raw is for classifiers with reads post_alone")
    held_out = [
        sample.post.text
        for form in FORMS
        for sample in read_samples(data, form=form, splits=_EVALUATION)
    ]
    if recipe.objective in ("dpo", "reward"):
        return _read_pairs(recipe, pairs, held_out)
    if pairs:
        raise InputError(f"--pairs is for the objectives dpo and reward, not {recipe.objective}")
    train, valid = _read_rows(recipe, data)
    clean, leaks = handle_leaks(train, [s.post.text for s in train], held_out, recipe)
    if not clean:
        raise InputError(f"{data}: no training row is left once leaks are dropped")
    return Material(train=tuple(clean), valid=tuple(valid), leaks=leaks)


def _read_rows(recipe: Recipe, data: Path) -> tuple[list[Sample], list[Sample]]:
    """Read training rows, and validation rows of the same sets."""
    train = read_samples(data, form=recipe.form, splits=["train"], tasks=recipe.tasks)
    if not train:
        wanted = f" of {', '.join(recipe.tasks)}" if recipe.tasks else ""
        raise InputError(f"{data}: no {recipe.form} training rows{wanted}")
    tasks = {sample.post.task for sample in train}
    valid = read_samples(data, form=recipe.form, splits=["valid"], tasks=tasks)
    if not valid:
        raise InputError(f"{data}: no validation rows; the best checkpoint is chosen on them")
    return train, valid


def _read_pairs(recipe: Recipe, path: Path | None, held_out: Sequence[str]) -> Material:
    if path is None:
        raise InputError(f"objective {recipe.objective} needs --pairs FILE; see mentallama pairs")
    found = [pair for pair in read_pairs(path) if recipe.tasks is None or pair.task in recipe.tasks]
    clean, leaks = handle_leaks(found, [post_text(pair) for pair in found], held_out, recipe)
    train, valid = split_pairs(clean, _VALID_SHARE, recipe.seed)
    if not train or not valid:
        raise InputError(
            f"{path}: {len(train)} pairs to train on and {len(valid)} to validate on are left of "
            f"{len(found)}"
        )
    return Material(train_pairs=tuple(train), valid_pairs=tuple(valid), leaks=leaks)


def choose_evenly(samples: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    """Choose at most ``most`` samples, as evenly over the sets as they allow."""
    by_task: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_task[sample.post.task].append(sample)
    draw = random.Random(seed)  # noqa: S311
    for rows in by_task.values():
        draw.shuffle(rows)
    chosen: list[Sample] = []
    while by_task and len(chosen) < most:
        for task in list(by_task):
            if len(chosen) < most:
                chosen.append(by_task[task].pop())
            if not by_task[task]:
                del by_task[task]
    return chosen
