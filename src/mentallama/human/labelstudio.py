"""A study for Label Studio, and back: a labelling interface, and a file of tasks for each rater.

    OUT/interface.xml      "Labeling Setup > Custom template" of every project
    OUT/RATER.json         tasks of one rater in the rater's order: a project for each

What is exported there as JSON (not JSON-MIN) can be read back. The tasks carry no model's name.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

from mentallama.errors import InputError
from mentallama.human.exchange import (
    EVIDENCE,
    NOTE,
    Imported,
    Marked,
    aspect_of,
    field_of,
    options,
    take_over,
)
from mentallama.human.rubric import RatedAspect, Rubric
from mentallama.human.study import Study
from mentallama.io import atomic_write, read_json, write_json


def write_project(study: Study, out: Path) -> list[str]:
    """Write the interface and the raters' tasks; return the names of the files."""
    with atomic_write(out / "interface.xml") as handle:
        handle.write(interface(study.rubric) + "\n")
    names = ["interface.xml"]
    for rater in study.about.raters:
        write_json(out / f"{rater}.json", list(_tasks(study, rater)))
        names.append(f"{rater}.json")
    return names


def _tasks(study: Study, rater: str) -> Iterator[dict[str, Any]]:
    items = {item.id: item for item in study.items}
    own = sorted((p for p in study.places if p.rater == rater), key=lambda place: place.position)
    for place in own:
        item = items[place.item]
        yield {
            "data": {
                "item": item.id,
                "rater": rater,
                "study": study.about.name,
                "rubric": study.about.rubric,
                "position": place.position,
                "question": item.question,
                "post": item.post,
                "answer": item.answer,
            }
        }


def interface(rubric: Rubric) -> str:
    """Return the labelling interface: post with markable evidence, answer, a scale an aspect."""
    view = Tree.Element("View")
    Tree.SubElement(view, "Header", value=rubric.title, size="4")
    labels = Tree.SubElement(view, "Labels", name=EVIDENCE, toName="post")
    Tree.SubElement(labels, "Label", value=EVIDENCE, background="#b58900")
    Tree.SubElement(view, "Text", name="post", value="$post", granularity="word")
    Tree.SubElement(view, "Header", value="$question", size="5")
    Tree.SubElement(view, "Text", name="answer", value="$answer")
    for aspect in rubric.aspects:
        _add_scale(view, aspect)
    Tree.SubElement(view, "TextArea", name=NOTE, toName="answer", placeholder="note", rows="2")
    Tree.indent(view)
    return Tree.tostring(view, encoding="unicode")


def _add_scale(view: Tree.Element, aspect: RatedAspect) -> None:
    Tree.SubElement(view, "Header", value=f"{aspect.title}: {aspect.question}", size="5")
    scale = Tree.SubElement(
        view,
        "Choices",
        name=field_of(aspect.key),
        toName="answer",
        choice="single-radio",
        required="true",
    )
    for value, shown in options(aspect):
        Tree.SubElement(scale, "Choice", value=shown, alias=value)


def read_exports(paths: Sequence[Path], study: Study) -> Imported:
    """Read files that Label Studio exported; raise InputError where they are not of the study."""
    posts = {item.id: item.post for item in study.items}
    return take_over((one for path in paths for one in _read(path, posts)), study)


def _read(path: Path, posts: Mapping[str, str]) -> Iterator[Marked]:
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise InputError(f"{path}: not a JSON export of Label Studio (a list of tasks)")
    for number, task in enumerate(tasks, 1):
        try:
            data, annotations = task["data"], task["annotations"]
            given = [one for one in annotations if not one.get("was_cancelled")] or annotations
            if len(given) > 1:
                raise InputError(
                    f"{path}: task {number} has {len(given)} annotations; keep that of the rater "
                    "whom the task was made for"
                )
            if given:
                item, rater = str(data["item"]), str(data["rater"])
                yield _as_marked(given[0], item, rater, posts.get(item, ""))
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):
            raise InputError(
                f"{path}: task {number} is not as Label Studio exports it; choose JSON, not "
                "JSON-MIN, and a project made from our files"
            ) from None


def _as_marked(annotation: dict[str, Any], item: str, rater: str, post: str) -> Marked:
    choices: dict[str, str] = {}
    passages: list[tuple[int, int] | None] = []
    note = ""
    for result in annotation["result"]:
        field, value = result["from_name"], result["value"]
        if (aspect := aspect_of(field)) is not None:
            choices[aspect] = value["choices"][0]
        elif field == NOTE:
            note = "\n".join(value["text"])
        elif field == EVIDENCE:
            passages.append(_locate(post, int(value["start"]), int(value["end"]), value["text"]))
    return Marked(
        item=item,
        rater=rater,
        choices=choices,
        note=note,
        passages=passages,
        time=annotation.get("updated_at") or annotation["created_at"],
        skipped=bool(annotation.get("was_cancelled")),
    )


def _locate(post: str, start: int, end: int, text: str) -> tuple[int, int] | None:
    """Return the passage if it stands there; its text comes with single blanks and \\\\n as two."""
    shown = text.replace("\\n", " ").split()
    return (start, end) if post[start:end].replace("\\n", " ").split() == shown else None
