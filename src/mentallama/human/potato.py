"""A study for Potato, and back: one project, in which each rater gets the own items in order.

    OUT/config.yaml        potato start OUT/config.yaml; raters log in with their pseudonyms
    OUT/items.jsonl        the items; OUT/annotation_output is where Potato keeps what was given

The project carries no model's name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

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
from mentallama.io import atomic_write, need_folder, read_json

OUTPUT = "annotation_output"
STATE = "user_state.json"


def write_project(study: Study, out: Path) -> list[str]:
    """Write configuration and items; return the names of the files."""
    with atomic_write(out / "config.yaml") as handle:
        yaml.safe_dump(config(study), handle, sort_keys=False, allow_unicode=True, width=100)
    with atomic_write(out / "items.jsonl") as handle:
        for item in study.items:
            row = {"id": item.id, "post": item.post, "question": item.question}
            handle.write(json.dumps({**row, "answer": item.answer}, ensure_ascii=False) + "\n")
    return ["config.yaml", "items.jsonl"]


def config(study: Study) -> dict[str, Any]:
    """Return Potato's configuration: who gets what, what is shown, what is asked."""
    orders: dict[str, list[str]] = {rater: [] for rater in study.about.raters}
    for place in sorted(study.places, key=lambda place: place.position):
        orders[place.rater].append(place.item)
    return {
        "annotation_task_name": study.about.name,
        "task_dir": ".",
        "output_annotation_dir": OUTPUT,
        "data_files": ["items.jsonl"],
        "item_properties": {"id_key": "id", "text_key": "post"},
        "require_password": False,
        # Its own default is every address of the machine.
        "server": {"host": "127.0.0.1"},
        "assignment_strategy": "batch",
        "batch_assignment": {
            "groups": [{"annotators": [rater], "instances": own} for rater, own in orders.items()]
        },
        "instance_display": {
            "fields": [
                {"key": "post", "type": "text", "label": "Post", "span_target": True},
                {"key": "question", "type": "text", "label": "Question"},
                {"key": "answer", "type": "text", "label": "Answer"},
            ]
        },
        "annotation_schemes": _schemes(study.rubric),
    }


def _schemes(rubric: Rubric) -> list[dict[str, Any]]:
    evidence = {
        "annotation_type": "span",
        "name": EVIDENCE,
        "description": "Passages of the post that your marks rest on",
        "labels": [EVIDENCE],
        "target_field": "post",
    }
    note = {"annotation_type": "text", "name": NOTE, "description": "Note"}
    return [evidence, *(_scale(aspect) for aspect in rubric.aspects), note]


def _scale(aspect: RatedAspect) -> dict[str, Any]:
    return {
        "annotation_type": "radio",
        "name": field_of(aspect.key),
        "description": f"{aspect.title}: {aspect.question}",
        "labels": [{"name": value, "displayed_label": shown} for value, shown in options(aspect)],
    }


def read_outputs(paths: Sequence[Path], study: Study) -> Imported:
    """Read what Potato kept: folders of raters, or their ``user_state.json``.

    Raises InputError where it is not of the study.
    """
    posts = {item.id: item.post for item in study.items}
    files = [file for path in paths for file in _find(path)]
    return take_over((one for file in files for one in _read(file, posts)), study)


def _find(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(need_folder(path).rglob(STATE))
    if not files:
        raise InputError(f"{path}: no {STATE} below this folder; Potato writes it into {OUTPUT}")
    return files


def _read(path: Path, posts: Mapping[str, str]) -> Iterator[Marked]:
    state = read_json(path)
    try:
        for item, pairs in state["instance_id_to_label_to_value"].items():
            values = {label["schema"]: value for label, value in pairs}
            choices = {
                aspect: value
                for field, value in values.items()
                if (aspect := aspect_of(field)) is not None
            }
            spans = state["instance_id_to_span_to_value"].get(item, [])
            yield Marked(
                item=item,
                rater=state["user_id"],
                choices=choices,
                note=values.get(NOTE, ""),
                passages=[_place(posts.get(item, ""), span) for span, _ in spans],
                time=_last_change(state["instance_id_to_behavioral_data"].get(item, {})),
            )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError(f"{path}: not as Potato keeps a rater's state ({STATE})") from None


def _place(post: str, span: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return a passage in the post; Potato counts its characters without the line breaks."""
    counted = [at for at, letter in enumerate(post) if letter != "\n"]
    start, end = span["start"], span["end"]
    return (counted[start], counted[end - 1] + 1) if 0 <= start < end <= len(counted) else None


def _last_change(behaviour: Mapping[str, Any]) -> str:
    """Return when the item was last changed, empty where Potato did not note it."""
    changes = [change["timestamp"] for change in behaviour.get("annotation_changes", ())]
    return datetime.fromtimestamp(max(changes), UTC).isoformat() if changes else ""
