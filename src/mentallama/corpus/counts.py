"""What is in the corpus, counted from its files: the numbers of the datasheet."""

import statistics
from collections import Counter
from collections.abc import Iterable

from mentallama.corpus import (
    MATERIAL,
    PARTS,
    CorpusPost,
    PrivatePost,
    ResponseShape,
    RiskPrompt,
    TeacherAnswer,
    load_material,
    load_posts,
)
from mentallama.tables import Table
from mentallama.tasks import TASKS

SPLITS = ("train", "valid", "test")


def count_all() -> list[Table]:
    """Count every part of the corpus."""
    plain = load_posts()
    return [
        count_contents(),
        _posts(plain),
        _labels(plain),
        _lengths(plain),
        _tags(plain),
        _contrast(),
        *_variants(),
        *_material(),
    ]


def count_contents() -> Table:
    """Count the records of each part."""
    rows: list[tuple[str | int, ...]] = [
        (name, len(load_posts(part=name)), text) for name, text in PARTS.items()
    ]
    rows += [(name, len(load_material(kind)), text) for name, (kind, text) in MATERIAL.items()]
    return Table(title="Parts", header=("part", "records", "what it holds"), rows=tuple(rows))


def _posts(posts: list[CorpusPost]) -> Table:
    rows: list[tuple[str | int, ...]] = []
    for task in TASKS:
        own = [post for post in posts if post.task == task.key]
        by_split = Counter(post.split for post in own)
        answers = sum(len(post.answers) for post in own)
        rows.append(
            (task.key, task.platform, *(by_split[s] for s in SPLITS), len(own), answers)  # type: ignore[index]
        )
    sums = [sum(int(row[i]) for row in rows) for i in range(2, 7)]
    return Table(
        title="Plain posts",
        header=("task", "platform", *SPLITS, "posts", "answers"),
        rows=(*rows, ("all", "", *sums)),
    )


def _labels(posts: list[CorpusPost]) -> Table:
    counts = Counter(
        (post.task, answer.aspect, answer.label, post.split)
        for post in posts
        for answer in post.answers
    )
    rows: list[tuple[str | int, ...]] = [
        (
            f"{task.key}, {aspect}" if aspect else task.key,
            label.key,
            *(counts[task.key, aspect, label.key, split] for split in SPLITS),  # type: ignore[index]
        )
        for task in TASKS
        for aspect in task.aspects or (None,)
        for label in task.labels
    ]
    return Table(title="Labels of plain posts", header=("task", "label", *SPLITS), rows=tuple(rows))


def _lengths(posts: list[CorpusPost]) -> Table:
    rows: list[tuple[str | int, ...]] = []
    for task in TASKS:
        words = sorted(len(post.text.split()) for post in posts if post.task == task.key)
        low, middle, high = statistics.quantiles(words, n=4, method="inclusive")
        rows.append((task.key, words[0], round(low), round(middle), round(high), words[-1]))
    return Table(
        title="Words per plain post",
        header=("task", "least", "lower quartile", "median", "upper quartile", "most"),
        rows=tuple(rows),
    )


def _tags(posts: list[CorpusPost]) -> Table:
    counts = Counter(tag for post in posts for tag in post.tags)
    untagged = sum(not post.tags for post in posts)
    return Table(
        title="Tags of plain posts",
        header=("tag", "posts"),
        rows=(*sorted(counts.items()), ("no tag", untagged)),
    )


def _contrast() -> Table:
    parts = [load_posts(part=part) for part in ("pairs", "traps", "attributes")]
    rows: list[tuple[str | int, ...]] = []
    for task in TASKS:
        groups = [{post.group for post in part if post.task == task.key} for part in parts]
        rows.append((task.key, *map(len, groups)))
    sums = [sum(int(row[i]) for row in rows) for i in range(1, 4)]
    return Table(
        title="Contrast sets, groups per task",
        header=("task", "pairs", "traps", "attributes"),
        rows=(*rows, ("all", *sums)),
    )


def _variants() -> list[Table]:
    def kinds(posts: Iterable[CorpusPost], title: str, *, cut: bool) -> Table:
        names = [str(post.variant).split(":")[0] if cut else str(post.variant) for post in posts]
        groups = {(name, post.group) for name, post in zip(names, posts, strict=True)}
        counts = Counter(name for name, _ in groups) if cut else Counter(names)
        return Table(title=title, header=("kind", "count"), rows=tuple(sorted(counts.items())))

    return [
        kinds(load_posts(part="traps"), "Traps", cut=False),
        kinds(load_posts(part="attributes"), "Attributes, groups of versions", cut=True),
        kinds(load_posts(part="planted"), "Planted test posts", cut=False),
    ]


def _material() -> list[Table]:
    def table(title: str, values: Iterable[str]) -> Table:
        rows = tuple(sorted(Counter(values).items()))
        return Table(title=title, header=("kind", "count"), rows=rows)

    private, risk = load_material(PrivatePost), load_material(RiskPrompt)
    shapes = load_material(ResponseShape)
    return [
        table("Private spans", (span.kind for post in private for span in post.spans)),
        table("Faults of teacher answers", (x.fault for x in load_material(TeacherAnswer))),
        table("Shapes of responses", (x.shape for x in shapes)),
        table("Right readings of responses", (x.outcome for x in shapes)),
        table("Risk prompts", ("with risk" if x.risk else "without" for x in risk)),
    ]
