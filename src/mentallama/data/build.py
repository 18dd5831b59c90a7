"""The whole construction of a data set (paper, section 3): posts, explanations, checks, files.

    OUT/teacher/*.journal          answers of the teacher, line by line as they come
    OUT/posts.jsonl drops.jsonl    what is asked about; what was left out, each row with its reason
    OUT/explanations.jsonl blind.jsonl flags.jsonl offsets.jsonl
    OUT/instruction completion     samples, the folders that ``tune`` and ``generate`` read
    OUT/messages prompt_completion release
    OUT/README.md report.html rating_sample.csv manifest.json

A killed build goes on where it stopped: what the teacher answered is in the journal, everything
else is made anew from it in seconds, and the manifest comes last.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mentallama import __version__
from mentallama.data.check import Checked, Flag, find_flags, measure_consistency
from mentallama.data.expert import Mode, Question, load_expert, make_question, question_id
from mentallama.data.forms import (
    make_samples,
    render_columns,
    write_messages,
    write_prompt_completion,
)
from mentallama.data.plan import Built, Plan
from mentallama.data.prepare import Prepared, as_drop
from mentallama.data.reply import Explained
from mentallama.data.teacher import Run, check_losses
from mentallama.data.transfer import write_release_file
from mentallama.dataset import (
    DataFile,
    Manifest,
    list_others,
    start_folder,
    write_manifest,
    write_samples,
)
from mentallama.errors import CheckError
from mentallama.io import atomic_write, make_folder, write_csv, write_records
from mentallama.tasks import get_label, get_task, list_tasks
from mentallama.tasks.raw import Drop, RawRow
from mentallama.types import FORMS, SPLITS, Form, Post, Sample

BLIND_VERDICT = "another verdict where the teacher does not know the label"
RATED = 200
"""Rows drawn for people to check (the paper's number)."""
RATED_ASPECTS = ("consistency", "reliability", "professionality", "overall")
"""What people mark from 0 to 3 (paper, section 3)."""
Ask = Callable[[Sequence[Question], Mode, Path], Run]
"""Asks a teacher; gets the questions, the mode and the journal's path."""


def build(prepared: Prepared, ask: Ask, out: Path, plan: Plan, notes: Sequence[str] = ()) -> Built:
    """Explain, check and write; return what was kept and what was dropped.

    Raises CheckError where a class loses too many of its rows, or questions are unanswered.
    """
    make_folder(out)
    explained, blind, runs = _explain(prepared.posts, ask, out, plan)
    check_losses(explained, plan.most_lost)
    rows = _to_check(prepared.posts, explained)
    flags = find_flags(rows) + _blind_flags(rows, blind)
    kept, drops = _part(prepared, explained, flags)
    built = Built(
        prepared=prepared,
        explained=explained,
        blind=blind,
        flags=flags,
        consistency=measure_consistency(rows),
        drops=[*prepared.drops, *drops],
        kept=kept,
        runs=runs,
        withheld=_withheld(kept),
        notes=list(notes),
    )
    _write(built, out, plan)
    return built


def make_questions(posts: Iterable[Post], mode: Mode, plan: Plan) -> list[Question]:
    """Put the questions on posts together."""
    return [
        make_question(
            post,
            load_expert(get_task(post.task), plan.expert),
            mode,
            shots=plan.shots,
            seed=plan.seed,
        )
        for post in posts
    ]


def _explain(
    rows: Sequence[RawRow], ask: Ask, out: Path, plan: Plan
) -> tuple[list[Explained], list[Explained], dict[Mode, Run]]:
    runs: dict[Mode, Run] = {}
    posts = [row.post for row in rows]
    journals = out / "teacher"
    told = ask(make_questions(posts, "label", plan), "label", journals / "label.journal")
    runs["label"] = told
    need_answers(told, len(posts))
    blind: list[Explained] = []
    if plan.blind:
        chosen = _draw_blind(posts, plan)
        run = ask(make_questions(chosen, "no-label", plan), "no-label", journals / "blind.journal")
        need_answers(run, len(chosen))
        blind, runs["no-label"] = run.rows, run
    return told.rows, blind, runs


def need_answers(run: Run, total: int) -> None:
    """Raise CheckError where questions are left without an answer."""
    missing = total - len(run.rows)
    if missing:
        why = []
        why += [f"{run.left:,} for want of money (--max-cost)"] if run.left else []
        why += [f"{run.unanswered:,} without an answer from the endpoint"] if run.unanswered else []
        raise CheckError(
            f"{missing:,} of {total:,} questions are not answered yet: {', '.join(why)}; what was "
            "answered is kept, the same command goes on with the rest"
        )


def _draw_blind(posts: Sequence[Post], plan: Plan) -> list[Post]:
    if plan.blind < 0:
        return list(posts)
    groups: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        groups[post.task].append(post)
    chosen: list[Post] = []
    for task, group in groups.items():
        chance = random.Random(f"{plan.seed}/{task}")  # noqa: S311
        chosen += chance.sample(group, min(plan.blind, len(group)))
    return chosen


def _to_check(rows: Sequence[RawRow], explained: Sequence[Explained]) -> list[Checked]:
    answers = {row.id: row for row in explained}
    checked = []
    for row in rows:
        post, answer = row.post, answers[question_id(row.post)]
        if answer.outcome == "explained":
            checked.append(
                Checked(
                    id=answer.id,
                    task=post.task,
                    aspect=post.aspect,
                    label=str(post.label),
                    split=str(post.split),
                    post=post.text,
                    explanation=answer.explanation,
                    verdict=answer.verdict,
                    quotes=answer.quotes,
                )
            )
    return checked


def _blind_flags(rows: Sequence[Checked], blind: Sequence[Explained]) -> list[Flag]:
    verdicts = {row.id: row.verdict for row in blind if row.outcome == "explained"}
    return [
        Flag(id=row.id, task=row.task, label=row.label, fault=BLIND_VERDICT, content=False)
        for row in rows
        if verdicts.get(row.id, row.label) != row.label
    ]


def _part(
    prepared: Prepared, explained: Sequence[Explained], flags: Sequence[Flag]
) -> tuple[list[RawRow], list[Drop]]:
    """Part the posts into those kept and those dropped for their explanation."""
    answers = {row.id: row for row in explained}
    content: dict[str, str] = {}
    for flag in flags:
        if flag.content:
            content.setdefault(flag.id, flag.fault)
    kept, drops = [], []
    for row in prepared.posts:
        name = question_id(row.post)
        outcome = answers[name].outcome
        if outcome != "explained":
            drops.append(as_drop(row, f"teacher: {outcome}"))
        elif name in content:
            drops.append(as_drop(row, f"explanation: {content[name]}"))
        else:
            kept.append(row)
    return kept, drops


def _withheld(rows: Sequence[RawRow]) -> tuple[str, ...]:
    tasks = dict.fromkeys(row.post.task for row in rows)
    return tuple(task for task in tasks if get_task(task).source.agreement)


def _write(built: Built, out: Path, plan: Plan) -> None:
    """Write everything; the manifest last, so that a folder without one is unfinished."""
    from mentallama.data.build_card import data_card
    from mentallama.data.build_report import write_report

    start_folder(out)
    others = _write_records(built, out)
    files: list[DataFile] = []
    for form in FORMS:
        for samples in _group(built, form):
            files.append(write_samples(out, samples, format=plan.format))
            if samples[0].post.task not in built.withheld:
                others.append(f"release/{write_release_file(out / 'release', samples)}")
        others += _write_trl(built, out, form)
    _write_rating_sample(built, out / "rating_sample.csv", plan)
    with atomic_write(out / "README.md") as handle:
        handle.write(data_card(built, plan, files))
    write_report(built, plan, out / "report.html")
    others += ["rating_sample.csv", "README.md", "report.html"]
    manifest = Manifest(
        source=plan.source,
        gold_source="human",
        version=__version__,
        files=tuple(files),
        others=list_others(out, sorted(others)),
    )
    write_manifest(out, manifest)


def _write_records(built: Built, out: Path) -> list[str]:
    tables: dict[str, Sequence[object]] = {
        "posts.jsonl": [row.post for row in built.prepared.posts],
        "drops.jsonl": built.drops,
        "explanations.jsonl": built.explained,
        "blind.jsonl": built.blind,
        "flags.jsonl": built.flags,
        "offsets.jsonl": built.prepared.offsets,
    }
    for name, records in tables.items():
        write_records(out / name, records)
    return list(tables)


def _answered(built: Built, form: Form) -> tuple[list[Post], list[str]]:
    """Return the kept posts that have a question in this form, and their explanations."""
    answers = {row.id: row for row in built.explained}
    posts, explanations = [], []
    for row in built.kept:
        if form == "completion" and get_task(row.post.task).completion_question is None:
            continue
        answer = answers[question_id(row.post)]
        posts.append(replace(row.post, evidence=answer.quotes or row.post.evidence))
        explanations.append(answer.explanation)
    return posts, explanations


def _group(built: Built, form: Form) -> list[list[Sample]]:
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in make_samples(*_answered(built, form), form):
        groups[sample.post.task, str(sample.post.split)].append(sample)
    return [groups[key] for key in sorted(groups, key=_order)]


def _order(key: tuple[str, str]) -> tuple[int, int]:
    tasks = [task.key for task in list_tasks()]
    return tasks.index(key[0]), SPLITS.index(key[1])


def _write_trl(built: Built, out: Path, form: Form) -> list[str]:
    """Write what TRL reads, split by split; sets under agreement are left out."""
    written = []
    posts, explanations = _answered(built, form)
    for split in SPLITS:
        chosen = [
            number
            for number, post in enumerate(posts)
            if post.split == split and post.task not in built.withheld
        ]
        if not chosen:
            continue
        table = render_columns(
            [posts[number] for number in chosen], [explanations[number] for number in chosen], form
        )
        for name, write in (
            ("messages", write_messages),
            ("prompt_completion", write_prompt_completion),
        ):
            path = f"{name}/{form}/{split}.parquet"
            write(out / path, table)
            written.append(path)
    return written


def _write_rating_sample(built: Built, path: Path, plan: Plan) -> None:
    """Draw rows for people to rate, spread over tasks and labels as the kept rows are."""
    header = ("id", "task", "question", "post", "answer", "explanation", *RATED_ASPECTS, "notes")
    posts, explanations = _answered(built, "instruction")
    chance = random.Random(plan.seed)  # noqa: S311
    groups: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for number, post in enumerate(posts):
        groups[post.task, post.label].append(number)
    for group in groups.values():
        chance.shuffle(group)
    # One of each task and label in turn, until there are enough: small classes are seen too.
    drawn: list[int] = []
    while len(drawn) < min(RATED, len(posts)):
        for group in groups.values():
            if group and len(drawn) < RATED:
                drawn.append(group.pop())
    chance.shuffle(drawn)
    rows = [_rating_row(posts[number], explanations[number]) for number in drawn]
    write_csv(path, header, rows)


def _rating_row(post: Post, explanation: str) -> list[str]:
    task = get_task(post.task)
    question = task.question.replace("{aspect}", post.aspect or "")
    answer = get_label(task, str(post.label)).phrase
    blanks = [""] * (len(RATED_ASPECTS) + 1)
    return [question_id(post), post.task, question, post.text, answer, explanation, *blanks]
