"""A study as one strict YAML file: what is asked, the runs that answer it, what is compared.

    name: teacher-or-people
    title: Whose labels should a model learn from?
    question: Does a model that learns people's labels agree more with people? (paper, section 3)
    needs: [imhi, raw]
    train: {tasks: [Irf, MultiWD], splits: [valid], rows: with_people}
    runs:
      - {name: teacher's labels, model: frozen}
      - {name: people's labels, model: frozen, train: {labels: people}}
    comparisons:
      - {a: people's labels, b: teacher's labels}

A run's own ``train`` and ``test`` keys go over the study's.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mentallama.config import load_config
from mentallama.errors import InputError, nearest
from mentallama.models.prompts import Style
from mentallama.tasks import get_task
from mentallama.types import Form, Split

Need = Literal["imhi", "raw", "outputs"]
Simple = Literal["majority", "keywords", "linear", "frozen", "mini"]
Posts = Literal["all", "leaked", "clean"]
Part = Literal["plain", "contrast", "pairs", "traps", "attributes", "planted", "people_first"]
Shown = Literal["nuance", "contrast", "attributes", "neighbours"]

MINUS = "\N{MINUS SIGN}"
Settings = TypeVar("Settings", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known(keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for key in keys or ():
        try:
            get_task(key)
        except InputError as error:
            raise ValueError(str(error)) from None
    return keys


class Taught(_Strict):
    """What a model learns from."""

    tasks: tuple[str, ...] | None = None
    """null: every set with training rows."""
    form: Form = "instruction"
    splits: tuple[Split, ...] = ("train",)
    """Which splits of the data set are learnt from; of "valid", a tenth stays for validation."""
    posts: Literal["data", "raw", "people_first"] = "data"
    """raw: the training posts of the raw corpora instead, which have labels and no explanations.
    people_first: these of the sets that have any, and the data set's of the others."""
    labels: Literal["data", "people"] = "data"
    """people: their labels, found in the raw corpora; rows without just one are left out."""
    rows: Literal["all", "with_people"] = "all"
    """with_people: only rows that people labelled too, whoever's labels are learnt."""
    leaks: Literal["drop", "keep"] = "drop"
    """Training rows whose post also stands in an evaluation split."""
    alter: tuple[str, ...] = ()
    """Changes of the training rows, by name (``steps/alter.py``); "NAME:VALUE" gives a value."""

    _tasks = field_validator("tasks")(_known)

    @model_validator(mode="after")
    def _sense(self) -> "Taught":
        if self.posts == "raw" and self.labels != "people":
            raise ValueError("posts raw have people's labels alone: set labels to people")
        return self


class Asked(_Strict):
    """What a model is asked."""

    tasks: tuple[str, ...] | None = None
    """null: the sets that were learnt from."""
    part: Part | None = None
    """null: the test split. people_first: the raw corpora's test posts of the sets that have any.
    Else a part of the sample corpus, whatever was learnt from; contrast: pairs, traps and
    attributes; plain: all its posts, or its test split where it is the data set itself."""
    limit: int | None = Field(ge=1, default=None)
    """Most posts asked of each set, drawn by their text alone."""
    alter: tuple[str, ...] = ()

    _tasks = field_validator("tasks")(_known)


class Tuned(_Strict):
    """A model tuned by a recipe on the run's training rows."""

    recipe: str
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of the recipe to change, "group.key" within a group."""
    max_new_tokens: int = Field(ge=1, default=160)
    each_task: bool = False
    """One model per set instead of one for all."""


class Untuned(_Strict):
    """A base as it is, asked in a style; few-shot takes its examples from the training rows."""

    base: str
    style: Style = "zero-shot"
    shots: int = Field(ge=0, default=0)
    max_new_tokens: int = Field(ge=1, default=256)


class Released(_Strict):
    """The stored answers of a model, in the folder of outputs."""

    released: str


class Run(_Strict):
    """One model, taught and asked in one way."""

    name: str
    model: Simple | Tuned | Untuned | Released
    train: Taught = Taught()
    test: Asked = Asked()


class Comparison(_Strict):
    """Two runs on the rows that both answered: a minus b."""

    a: str
    b: str
    posts: Posts = "all"
    """leaked: posts that also stand in some set's training split (of the data set or the raw
    corpora); clean: the others."""

    @property
    def title(self) -> str:
        """Name the comparison."""
        return f"{self.a} {MINUS} {self.b}" + (
            "" if self.posts == "all" else f", {self.posts} posts"
        )


class Matrix(_Strict):
    """Models taught in several ways (rows), each asked in several ways (columns).

    A row and a column of one name belong together: there a model meets what it was taught.
    """

    title: str
    models: dict[str, Simple]
    """By the name that each is shown under."""
    alter: tuple[str, ...] = ()
    """Before a row's or a column's own; such as "as:QUESTION", which all are then asked."""
    rows: dict[str, Taught]
    columns: dict[str, Asked]


class Study(_Strict):
    """A question and what is run to answer it."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    question: str
    """The claim or the open question, with the paper's section."""
    reads: str = ""
    """How to read the result; what the numbers do not show."""
    needs: tuple[Need, ...] = ()
    """Data without which nothing can be run: --imhi, --raw, --outputs. Else the sample corpus."""
    slow: bool = False
    """More than a few minutes on a core: "study all" leaves it out unless --slow."""
    train: Taught = Taught()
    test: Asked = Asked()
    runs: tuple[Run, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    variants: tuple[str, ...] = ()
    """Changes of the posts under which each run is asked again: how many verdicts flip."""
    show: tuple[Shown, ...] = ()
    """Shares beside the scores: by tag, on contrast sets, between versions, between close posts."""

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        if not self.runs and not self.matrices:
            raise ValueError("no runs and no matrices: nothing to do")
        names = [run.name for run in self.runs]
        if len(set(names)) < len(names):
            raise ValueError("two runs have the same name")
        for comparison in self.comparisons:
            for name in (comparison.a, comparison.b):
                if name not in names:
                    raise ValueError(f"no run is called '{name}'.{nearest(name, names)}")
        return self

    def taught(self, run: Run) -> Taught:
        """Return what a run learns from, with the study's settings under its own."""
        return _over(self.train, run.train)

    def asked(self, run: Run) -> Asked:
        """Return what a run is asked, with the study's settings under its own."""
        return _over(self.test, run.test)


def _over(common: Settings, own: Settings) -> Settings:
    """Put the keys that a run gives over those of its study."""
    values = {**common.model_dump(), **own.model_dump(include=own.model_fields_set)}
    return type(common).model_validate(values)


def list_shipped() -> list[Path]:
    """Return the studies that ship with the package, by name."""
    library = Path(str(files("mentallama.studies") / "library"))
    return sorted(library.glob("*.yaml"))


def find_study(name: str) -> Path:
    """Return the path of a study: a file, or the name of one that ships with the package."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    shipped = {file.stem: file for file in list_shipped()}
    if name not in shipped:
        hint = nearest(name, shipped) or f" Shipped studies: {', '.join(shipped)}."
        raise InputError(f"no study is called '{name}'.{hint}")
    return shipped[name]


def load_study(name: str) -> Study:
    """Read a study by file or name; raise InputError where a key or value is wrong."""
    return load_config(find_study(name), Study)
