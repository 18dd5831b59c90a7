"""The corpus in the raw layouts of the ten sources, so that raw readers can be tried on it.

The layouts of SAD, CAMS, dreaddit, MultiWD and Irf follow the authors' files; of dreaddit's 116
columns only those that are not computed features are written. The other five sources are shared
by their authors alone: their layout here is the one that this project expects.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentallama.corpus.records import CorpusPost
from mentallama.errors import InputError
from mentallama.io import make_folder, write_csv
from mentallama.tasks import get_task
from mentallama.types import Split

Row = Callable[[CorpusPost, int], Sequence[str]]
"""Cells of one post; the number counts the rows of its file from 0."""


@dataclass(frozen=True, slots=True)
class RawFile:
    """One CSV file of a raw corpus: which splits it holds, its columns and how a row is made."""

    path: str
    splits: tuple[Split, ...]
    header: tuple[str, ...]
    row: Row


SAD_ARCHIVE, SAD_BOOK = "SAD/SAD_v1.zip", "SAD_v1.xlsx"
SAD_COLUMNS = (
    *("sID", "sentence", "is_stressor", "is_stressor_conf", "is_covid", "is_covid_conf"),
    *("original_label", "top_label", "second_label", "avg_severity", "median_severity"),
    *("SD_severity", "Votes", "Financial Problem", "Other", "Everyday Decision Making"),
    *("Emotional Turmoil", "School", "Family Issues", "Social Relationships", "Work"),
    *("Health, Fatigue, or Physical Pain", "Source", "is_seed"),
)


def _codes(task: str) -> dict[str, str]:
    """Return what stands in the raw files for each label of a task."""
    return {label: code for code, label in get_task(task).raw[0].answers[0].codes}


SAD_LABELS = _codes("SAD")
_YES_NO = _codes("DR")
_CAMS = _codes("CAMS")


def _text_label(codes: dict[str, str]) -> Row:
    return lambda post, number: (post.text, codes[post.answers[0].label])


def _dreaddit(post: CorpusPost, number: int) -> Sequence[str]:
    answer = post.answers[0]
    return ("stress", post.id, "(0, 5)", post.text, str(number), _YES_NO[answer.label], "1")


def _cams(post: CorpusPost, number: int) -> Sequence[str]:
    answer = post.answers[0]
    return (post.text, _CAMS[answer.label], ", ".join(answer.evidence))


def _multiwd(post: CorpusPost, number: int) -> Sequence[str]:
    return (post.text, *(_YES_NO[answer.label] for answer in post.answers))


def _irf(post: CorpusPost, number: int) -> Sequence[str]:
    marks: list[str] = []
    for answer in post.answers:
        span = answer.evidence[0] if answer.label == "yes" else ""
        marks += (_YES_NO[answer.label], span)
    return (str(number), post.text, *marks)


def _by_split(pattern: str, names: str, row: Row) -> tuple[RawFile, ...]:
    splits: tuple[Split, ...] = ("train", "valid", "test")
    return tuple(
        RawFile(pattern.format(name), (split,), ("text", "label"), row)
        for split, name in zip(splits, names.split(), strict=True)
    )


_DREADDIT_COLUMNS = ("subreddit", "post_id", "sentence_range", "text", "id", "label", "confidence")
_MULTIWD_COLUMNS = ("text", *(a.capitalize() for a in get_task("MultiWD").aspects))
_IRF_COLUMNS = ("Unnamed: 0", "text", "belong", "belong_exp", "burden", "burden_exp")
_SDCNL_COLUMNS = ("selftext", "ANNOTATIONS", "Interpretations")
FILES: tuple[RawFile, ...] = (
    *_by_split("DR/reddit_{}.csv", "train valid test", _text_label(_YES_NO)),
    *_by_split("CLP/{}.csv", "train valid test", _text_label(_YES_NO)),
    RawFile("dreaddit/dreaddit-train.csv", ("train",), _DREADDIT_COLUMNS, _dreaddit),
    RawFile("dreaddit/dreaddit-test.csv", ("valid", "test"), _DREADDIT_COLUMNS, _dreaddit),
    *_by_split("swmh/{}.csv", "train val test", _text_label(_codes("swmh"))),
    *_by_split("t-sid/{}.csv", "train val test", _text_label(_codes("t-sid"))),
    RawFile("CAMS/IntentSDCNL_Training.csv", ("train",), _SDCNL_COLUMNS, _cams),
    RawFile("CAMS/IntentSDCNL_Testing.csv", ("test",), _SDCNL_COLUMNS, _cams),
    RawFile("CAMS/added_CAMS_data.csv", ("valid",), ("selftext", "cause", "inference"), _cams),
    *_by_split("loneliness/{}.csv", "train val test", _text_label(_YES_NO)),
    RawFile("MultiWD/train_data.csv", ("train",), _MULTIWD_COLUMNS, _multiwd),
    RawFile("MultiWD/test_data.csv", ("valid", "test"), _MULTIWD_COLUMNS, _multiwd),
    RawFile("Irf/train_data.csv", ("train",), _IRF_COLUMNS, _irf),
    RawFile("Irf/val_data.csv", ("valid",), _IRF_COLUMNS, _irf),
    RawFile("Irf/test_data.csv", ("test",), _IRF_COLUMNS, _irf),
)


def export_raw(out: Path, posts: Iterable[CorpusPost]) -> list[str]:
    """Write posts as raw files, one folder per task; return the paths of those that have rows.

    Raises InputError where a post does not answer all of its task's questions.
    """
    posts = list(posts)
    for post in posts:
        if len(post.answers) != max(1, len(get_task(post.task).aspects)):
            raise InputError(
                f"{post.id} answers one aspect only; a raw file of {post.task} needs all of them"
            )
    written = []
    for file in FILES:
        task = file.path.split("/")[0]
        chosen = [post for post in posts if post.task == task and post.split in file.splits]
        if chosen:
            rows = (file.row(post, number) for number, post in enumerate(chosen))
            write_csv(out / file.path, file.header, rows)
            written.append(file.path)
    if stressors := [post for post in posts if post.task == "SAD"]:
        _write_sad(out / SAD_ARCHIVE, stressors)
        written.append(SAD_ARCHIVE)
    return written


def _write_sad(path: Path, posts: Iterable[CorpusPost]) -> None:
    """Write SAD as its authors do: one workbook without splits, inside a ZIP."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "SAD_v1"
    for row in _sad_rows(posts):
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    make_folder(path.parent)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SAD_BOOK, buffer.getvalue())
        archive.writestr("Schema.txt", "Columns\n" + "\n".join(SAD_COLUMNS) + "\n")


def _sad_rows(posts: Iterable[CorpusPost]) -> Iterator[list[str | int | float]]:
    yield list(SAD_COLUMNS)
    for number, post in enumerate(posts, 1):
        label = SAD_LABELS[post.answers[0].label]
        weights = [int(column == label) for column in SAD_COLUMNS[13:22]]
        head: list[str | int | float] = [
            number,
            post.text,
            1,
            1,
            0,
            1,
            label,
            label,
            " ",
            5,
            5,
            0,
            5,
        ]
        yield [*head, *weights, "invented", 0]
