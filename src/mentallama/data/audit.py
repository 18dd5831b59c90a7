"""What is wrong with a data set: leaks between splits and across tasks, duplicates, odd labels.

Every finding is a number of rows out of a number of rows. A leak is a row of an evaluation split
(validation, test or expert) whose post also stands in a training split: of its own task, or of
any other, since instruction tuning mixes all tasks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mentallama.data.entries import Entry
from mentallama.data.faults import MOJIBAKE
from mentallama.near import find_copies
from mentallama.tables import Table
from mentallama.tasks import get_task
from mentallama.tasks.statements import names_other_label
from mentallama.types import Split

EVALUATION: tuple[Split, ...] = ("valid", "test", "expert")
LEAKS = frozenset({"split_leak", "cross_task_leak", "near_split_leak", "near_cross_task_leak"})
"""Kinds of findings that spoil an evaluation."""

_LONG_ENOUGH = 8
"""Words that a text needs before its language is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """So many rows out of so many, of one kind."""

    kind: str
    task: str
    aspect: str | None = None
    split: Split | None = None
    rows: int
    of: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Near:
    """Near-duplicates between distinct posts, by their keys."""

    of: dict[str, set[str]]


def audit(
    entries: Sequence[Entry],
    raw: Sequence[Entry] = (),
    *,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Finding]:
    """Find what is wrong; ``raw`` are rows of the raw corpora with the human annotation.

    A task whose training split is not among the entries is looked up in ``raw``: its raw training
    posts stand in for it, and the finding says so.
    """
    progress("near-duplicates")
    train = _training_rows(entries, raw)
    near = _near([*entries, *train])
    progress("leaks")
    findings = [*_leaks(entries, train, near), *_overlaps(entries)]
    progress("duplicates and labels")
    findings += [*_duplicates(entries, near), *_conflicts(entries), *_experts(entries)]
    progress("texts")
    findings += [*_texts(entries), *_explanations(entries), *_balance(entries)]
    if raw:
        progress("human annotation")
        findings += _gold(entries, raw)
    return [finding for finding in findings if finding.rows or finding.kind in _ALWAYS]


_ALWAYS = frozenset({"gold_disagreement", "split_leak", "cross_task_leak"})
"""Kinds that are told even where nothing was found: their zero says that somebody looked."""


def spoils(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that would spoil an evaluation."""
    return [finding for finding in findings if finding.kind in LEAKS and finding.rows]


def _training_rows(entries: Sequence[Entry], raw: Sequence[Entry]) -> list[Entry]:
    """Return the training rows of each task of the data set, the raw ones where it has none."""
    own = [entry for entry in entries if entry.split == "train"]
    without = {entry.task for entry in entries} - {entry.task for entry in own}
    return own + [entry for entry in raw if entry.split == "train" and entry.task in without]


def _near(entries: Iterable[Entry]) -> _Near:
    texts = {entry.key: entry.text for entry in entries}
    keys = list(texts)
    of: dict[str, set[str]] = defaultdict(set)
    for pair in find_copies(list(texts.values())):
        of[keys[pair.first]].add(keys[pair.second])
        of[keys[pair.second]].add(keys[pair.first])
    return _Near(of)


def _by_split(entries: Iterable[Entry]) -> dict[tuple[str, Split | None], list[Entry]]:
    groups: dict[tuple[str, Split | None], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.task, entry.split].append(entry)
    return groups


def _leaks(entries: Sequence[Entry], train: Sequence[Entry], near: _Near) -> Iterator[Finding]:
    holders: dict[str, set[str]] = defaultdict(set)
    stand_in = {entry.task for entry in train if entry.raw}
    for entry in train:
        holders[entry.key].add(entry.task)
    for (task, split), rows in _by_split(entries).items():
        if split not in EVALUATION:
            continue
        exact = [holders.get(row.key, set()) for row in rows]
        close = [
            set().union(*(holders.get(key, set()) for key in near.of.get(row.key, ())))
            for row in rows
        ]
        for prefix, found in (("", exact), ("near_", close)):
            own = sum(task in tasks for tasks in found)
            others = Counter(other for tasks in found for other in tasks - {task})
            across = sum(bool(tasks - {task}) for tasks in found)
            yield Finding(
                kind=f"{prefix}split_leak",
                task=task,
                split=split,
                rows=own,
                of=len(rows),
                detail=_stand_in([task], stand_in),
            )
            yield Finding(
                kind=f"{prefix}cross_task_leak",
                task=task,
                split=split,
                rows=across,
                of=len(rows),
                detail=", ".join(
                    f"{count:,} in {other}{' (raw)' if other in stand_in else ''}"
                    for other, count in others.most_common()
                ),
            )


def _stand_in(tasks: Iterable[str], stand_in: set[str]) -> str:
    return "against the raw training posts" if set(tasks) & stand_in else ""


def _overlaps(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Posts that evaluation splits share with one another."""
    holders: dict[str, set[tuple[str, Split | None]]] = defaultdict(set)
    for entry in entries:
        if entry.split in EVALUATION:
            holders[entry.key].add((entry.task, entry.split))
    for (task, split), rows in _by_split(entries).items():
        if split not in EVALUATION:
            continue
        others: Counter[str] = Counter()
        shared = 0
        for row in rows:
            found = holders[row.key] - {(task, split)}
            shared += bool(found)
            others.update({f"{other} {kind}" for other, kind in found})
        yield Finding(
            kind="evaluation_overlap",
            task=task,
            split=split,
            rows=shared,
            of=len(rows),
            detail=", ".join(f"{count:,} in {name}" for name, count in others.most_common()),
        )


def _duplicates(entries: Sequence[Entry], near: _Near) -> Iterator[Finding]:
    for (task, split), rows in _by_split(entries).items():
        seen: Counter[tuple[str, str | None]] = Counter((row.key, row.aspect) for row in rows)
        keys = {row.key for row in rows}
        close = sum(bool(near.of.get(row.key, set()) & keys) for row in rows)
        extra = sum(count - 1 for count in seen.values())
        yield Finding(kind="duplicate", task=task, split=split, rows=extra, of=len(rows))
        yield Finding(kind="near_duplicate", task=task, split=split, rows=close, of=len(rows))


def _conflicts(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Posts that carry two labels for one question, inside a split and between splits."""
    for (task, split), rows in _by_split(entries).items():
        labels = _labels_by_question(rows)
        conflicts = sum(len(found) > 1 for found in labels.values())
        yield Finding(
            kind="conflicting_label", task=task, split=split, rows=conflicts, of=len(labels)
        )
    for task, rows in _by_task(entries).items():
        train = _labels_by_question(row for row in rows if row.split == "train")
        for split in EVALUATION[:2]:
            evaluated = _labels_by_question(row for row in rows if row.split == split)
            both = [question for question in evaluated if question in train]
            flipped = sum(evaluated[question] != train[question] for question in both)
            yield Finding(
                kind="flipped_label",
                task=task,
                split=split,
                rows=flipped,
                of=len(evaluated),
                detail=f"{len(both):,} questions stand in train too",
            )


def _by_task(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.task].append(entry)
    return groups


def _labels_by_question(rows: Iterable[Entry]) -> dict[tuple[str, str | None], set[str | None]]:
    labels: dict[tuple[str, str | None], set[str | None]] = defaultdict(set)
    for row in rows:
        labels[row.key, row.aspect].add(row.label)
    return labels


def _experts(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Expert rows whose label differs from that of the same post in the other splits."""
    for task, rows in _by_task(entries).items():
        others = _labels_by_question(row for row in rows if row.split != "expert")
        experts = [row for row in rows if row.split == "expert"]
        both = [row for row in experts if (row.key, row.aspect) in others]
        differ = sum(row.label not in others[row.key, row.aspect] for row in both)
        if experts:
            yield Finding(
                kind="expert_disagreement",
                task=task,
                split="expert",
                rows=differ,
                of=len(experts),
                detail=f"{len(both):,} stand in another split",
            )


def _texts(entries: Sequence[Entry]) -> Iterator[Finding]:
    languages = _languages({entry.key: entry.text for entry in entries})
    for (task, split), rows in _by_split(entries).items():
        broken = sum(bool(MOJIBAKE.search(row.text)) for row in rows)
        yield Finding(kind="mojibake", task=task, split=split, rows=broken, of=len(rows))
        foreign = Counter(languages[row.key] for row in rows if languages[row.key] != "en")
        yield Finding(
            kind="not_english",
            task=task,
            split=split,
            rows=sum(foreign.values()),
            of=len(rows),
            detail=", ".join(f"{count:,} {name}" for name, count in foreign.most_common(5)),
        )


def _languages(texts: dict[str, str]) -> dict[str, str]:
    """Guess the language of each text; short ones count as English, as no guess would hold."""
    import py3langid

    return {
        key: py3langid.classify(text)[0] if len(text.split()) >= _LONG_ENOUGH else "en"
        for key, text in texts.items()
    }


def _explanations(entries: Sequence[Entry]) -> Iterator[Finding]:
    for (task, split), rows in _by_split(entries).items():
        if not any(row.explanation for row in rows):
            continue
        value = get_task(task)
        empty = sum(not row.explanation for row in rows)
        names = sum(
            bool(row.label and names_other_label(value, row.label, row.explanation)) for row in rows
        )
        yield Finding(kind="empty_explanation", task=task, split=split, rows=empty, of=len(rows))
        yield Finding(
            kind="explanation_names_other_label", task=task, split=split, rows=names, of=len(rows)
        )


def _balance(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Labels that a split lacks, and the size of a split beside the published one."""
    for (task, split), rows in _by_split(entries).items():
        value = get_task(task)
        for aspect in value.aspects or (None,):
            found = {row.label for row in rows if row.aspect == aspect}
            lacking = [label.key for label in value.labels if label.key not in found]
            if split != "expert":
                yield Finding(
                    kind="missing_label",
                    task=task,
                    aspect=aspect,
                    split=split,
                    rows=len(lacking),
                    of=len(value.labels),
                    detail=", ".join(lacking),
                )


def _gold(entries: Sequence[Entry], raw: Sequence[Entry]) -> Iterator[Finding]:
    """Compare labels with the human annotation of the same post, task by task, aspect by aspect."""
    human: dict[str, dict[tuple[str, str | None], set[str | None]]] = {
        task: _labels_by_question(rows) for task, rows in _by_task(raw).items()
    }
    for (task, split), rows in _by_split(entries).items():
        if task not in human:
            continue
        aspects = get_task(task).aspects
        for aspect in (None, *aspects) if aspects else (None,):
            chosen = [row for row in rows if aspect is None or row.aspect == aspect]
            yield _gold_finding(task, split, aspect, chosen, human[task])


def _gold_finding(
    task: str,
    split: Split | None,
    aspect: str | None,
    rows: Sequence[Entry],
    human: dict[tuple[str, str | None], set[str | None]],
) -> Finding:
    turned: Counter[str] = Counter()
    joined = ambiguous = 0
    for row in rows:
        labels = human.get((row.key, row.aspect))
        if not labels:
            continue
        if len(labels) > 1:
            ambiguous += 1
            continue
        joined += 1
        if row.label not in labels:
            turned[f"{next(iter(labels))} became {row.label}"] += 1
    detail = ", ".join(f"{count:,} {what}" for what, count in turned.most_common(3))
    notes = [detail, f"{joined:,} of {len(rows):,} rows joined"]
    notes += [f"{ambiguous:,} with two human labels left out"] if ambiguous else []
    return Finding(
        kind="gold_disagreement",
        task=task,
        aspect=aspect,
        split=split,
        rows=sum(turned.values()),
        of=joined,
        detail="; ".join(filter(None, notes)),
    )


def as_tables(entries: Sequence[Entry], findings: Sequence[Finding]) -> list[Table]:
    """Lay out what was looked at and what was found."""
    return [_contents(entries), _findings_table(findings)]


def _contents(entries: Sequence[Entry]) -> Table:
    rows = []
    for (task, split), group in _by_split(entries).items():
        labels = Counter(entry.label or "-" for entry in group)
        words = sorted(len(entry.text.split()) for entry in group)
        rows.append(
            (
                task,
                str(split or "-"),
                len(group),
                len({entry.key for entry in group}),
                f"{words[len(words) // 2]} / {words[int(0.95 * (len(words) - 1))]} / {words[-1]}",
                ", ".join(f"{label} {count:,}" for label, count in labels.most_common()),
            )
        )
    return Table(
        title="What was looked at",
        header=("task", "split", "rows", "posts", "words: median / p95 / most", "labels"),
        rows=tuple(rows),
    )


def _findings_table(findings: Sequence[Finding]) -> Table:
    return Table(
        title="What was found",
        header=("kind", "task", "aspect", "split", "rows", "of", "share", "detail"),
        rows=tuple(
            (
                finding.kind.replace("_", " "),
                finding.task,
                finding.aspect or "",
                str(finding.split or ""),
                finding.rows,
                finding.of,
                f"{100 * finding.rows / finding.of:.1f} %" if finding.of else "-",
                finding.detail,
            )
            for finding in findings
        ),
    )
