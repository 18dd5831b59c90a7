"""The public IMHI release on disk: which files it has and how one file becomes samples.

Layout (facts taken from the release at commit 42cd29d):

    train_data/instruction_data/{SET}/{train,val}.csv          query, gpt-3.5-turbo
    train_data/complete_data/{SET}/*{train,val,valid}.csv      post, question, response
    test_data/test_instruction/{SET}.csv                       query, gpt-3.5-turbo
    test_data/test_complete/{SET}.csv                          query, gpt-3.5-turbo
    human_evaluation/test_instruction_expert/{SET}.csv         query, gpt-3.5-turbo

Two completion files carry a stray index column, as pandas writes it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mentallama.errors import InputError
from mentallama.io import need_folder, read_csv
from mentallama.tasks import get_task
from mentallama.tasks.posts import post_id, sample_id
from mentallama.tasks.wording import (
    COMPLETION_START,
    REASONING,
    ParsedAnswer,
    ParsedPrompt,
    WordingError,
    parse_answer,
    parse_prompt,
    render_answer,
    render_prompt,
)
from mentallama.types import Form, Post, Sample, Split, Task

QUERY_COLUMNS = ("query", "gpt-3.5-turbo")
PARTS_COLUMNS = ("post", "question", "response")
STRAY_INDEX = frozenset(
    {"train_data/complete_data/MultiWD/val.csv", "train_data/complete_data/dreaddit/val.csv"}
)
"""Files of the release whose first column is a nameless row number."""

NOT_SAMPLES = ("examples", "human_evaluation/DR_annotation")
"""Folders of the release that hold model responses and human ratings instead of samples."""

_TEST_FOLDERS: tuple[tuple[str, Form, Split], ...] = (
    ("test_data/test_instruction", "instruction", "test"),
    ("test_data/test_complete", "completion", "test"),
    ("human_evaluation/test_instruction_expert", "instruction", "expert"),
)
_TRAIN_FOLDERS: tuple[tuple[str, Form], ...] = (
    ("train_data/instruction_data", "instruction"),
    ("train_data/complete_data", "completion"),
)
_TRAIN_NAME = re.compile(r"(?:^|[-_])(train|val|valid)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFile:
    """One CSV file of the release that holds samples."""

    path: str
    """Relative to the release's root, with forward slashes."""
    task: str
    form: Form
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A row that the release words differently from its own pattern; its text is kept as it is."""

    file: str
    row: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRows:
    """The samples of one file, the rows where the release is odd, and how many were repaired."""

    samples: list[Sample]
    oddities: list[Oddity]
    repaired: int


def find_files(root: Path) -> list[ReleaseFile]:
    """List the release files under ``root``; raise InputError where there are none."""
    need_folder(root)
    files = [*_find_train(root), *_find_test(root)]
    if not files:
        raise InputError(
            f"{root}: no file of the IMHI release found; expected for example "
            "train_data/instruction_data/SAD/train.csv or test_data/test_instruction/SAD.csv"
        )
    return files


def standard_path(task: str, form: Form, split: Split) -> str:
    """Return where the release keeps such a file (its few odd names aside)."""
    if split in ("test", "expert"):
        folder = next(f for f, form_, split_ in _TEST_FOLDERS if (form_, split_) == (form, split))
        return f"{folder}/{task}.csv"
    folder = next(f for f, form_ in _TRAIN_FOLDERS if form_ == form)
    return f"{folder}/{task}/{'val' if split == 'valid' else 'train'}.csv"


def read_file(root: Path, file: ReleaseFile, *, repair: bool = False) -> ReleaseRows:
    """Read one file of the release.

    ``repair`` mends mojibake (text decoded with the wrong code page) in posts and explanations.
    Raises InputError naming file and row where a wording belongs to no task.
    """
    path = root / file.path
    task = _known_task(file.task, path)
    samples: list[Sample] = []
    oddities: list[Oddity] = []
    repaired = 0
    for row, (prompt, response) in enumerate(_read_pairs(path), 1):
        if repair:
            mended = (_mend(prompt), _mend(response))
            repaired += mended != (prompt, response)
            prompt, response = mended
        try:
            parsed = parse_prompt(task, prompt, file.form)
            answer = parse_answer(task, response)
        except WordingError as error:
            raise InputError(f"{path}: row {row}: {error}") from None
        kinds = _oddities(task, file.form, prompt, response, parsed, answer)
        oddities += [Oddity(file=file.path, row=row, kind=kind) for kind in kinds]
        samples.append(_sample(file, row, prompt, response, parsed, answer))
    return ReleaseRows(samples=samples, oddities=oddities, repaired=repaired)


def _sample(
    file: ReleaseFile,
    row: int,
    prompt: str,
    response: str,
    parsed: ParsedPrompt,
    answer: ParsedAnswer,
) -> Sample:
    post = Post(
        id=post_id(parsed.text),
        text=parsed.text,
        task=file.task,
        aspect=parsed.aspect,
        label=answer.label.key,
        split=file.split,
    )
    return Sample(
        id=sample_id(file.task, file.split, file.form, row),
        form=file.form,
        post=post,
        prompt=prompt,
        response=response,
        explanation=answer.explanation,
    )


def _find_train(root: Path) -> Iterator[ReleaseFile]:
    for folder, form in _TRAIN_FOLDERS:
        for path in _csv_files(root / folder, "*/*.csv"):
            match = _TRAIN_NAME.search(path.stem)
            if not match:
                raise InputError(f"{path}: expected a name that ends in train, val or valid")
            split: Split = "train" if match[1] == "train" else "valid"
            yield _release_file(root, path, path.parent.name, form, split)


def _find_test(root: Path) -> Iterator[ReleaseFile]:
    for folder, form, split in _TEST_FOLDERS:
        for path in _csv_files(root / folder, "*.csv"):
            yield _release_file(root, path, path.stem, form, split)


def _csv_files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def _release_file(root: Path, path: Path, task: str, form: Form, split: Split) -> ReleaseFile:
    _known_task(task, path)
    name = str(PurePosixPath(path.relative_to(root)))
    return ReleaseFile(path=name, task=task, form=form, split=split)


def _known_task(key: str, path: Path) -> Task:
    try:
        return get_task(key)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    header, rows = read_csv(path)
    names = [name for name in header if name not in ("", "Unnamed: 0")]
    if sorted(names) not in (sorted(QUERY_COLUMNS), sorted(PARTS_COLUMNS)):
        raise InputError(
            f"{path}: the columns are {', '.join(header)}; expected {', '.join(QUERY_COLUMNS)} "
            f"or {', '.join(PARTS_COLUMNS)}"
        )
    *asked, answered = QUERY_COLUMNS if "query" in names else PARTS_COLUMNS
    columns = [header.index(name) for name in asked]
    response = header.index(answered)
    for number, row in enumerate(rows, 1):
        prompt = "".join(row[column] for column in columns)
        if not prompt.strip() or not row[response].strip():
            raise InputError(f"{path}: row {number}: an empty cell where text is expected")
        yield prompt, row[response]


def _oddities(
    task: Task, form: Form, prompt: str, response: str, parsed: ParsedPrompt, answer: ParsedAnswer
) -> list[str]:
    """Name every way in which a row differs from what our own rendering of it gives."""
    kinds = [] if answer.explanation else ["empty explanation"]
    try:
        rendered = render_prompt(task, parsed.text, parsed.aspect, form)
    except WordingError:
        kinds.append("question whose wording is not on record")
    else:
        if rendered != prompt:
            kinds.append("prompt worded differently")
    expected = render_answer(answer.label, answer.explanation, form)
    return kinds if response == expected else kinds + _answer_oddities(response, expected)


def _answer_oddities(response: str, expected: str) -> list[str]:
    head, _, explanation = response.partition(REASONING)
    usual = expected.partition(REASONING)[0].strip()
    bare = head.strip()
    checks = {
        "answer begins with white space": head[:1].isspace(),
        "answer worded as a whole sentence": bare.rstrip(".").casefold()
        != usual.rstrip(".").casefold(),
        "doubled full stop": bare.endswith(".."),
        "line break before the reasoning": "\n" in head,
        "white space around the explanation": explanation != f" {explanation.strip()}",
    }
    return [kind for kind, found in checks.items() if found] or ["answer worded differently"]


def _mend(text: str) -> str:
    import ftfy

    return str(ftfy.fix_encoding(text))


def as_parts(task: Task, sample: Sample) -> tuple[str, str, str]:
    """Split a completion sample into the cells post, question and response."""
    parsed = parse_prompt(task, sample.prompt, sample.form)
    asked = len(COMPLETION_START) + len(parsed.text)
    return sample.prompt[:asked], sample.prompt[asked:], sample.response
