"""Labellers on disk.

    DIR/{TASK}/labeller.json       kind, labels, floors, what it was trained on
    DIR/{TASK}/card.json           what it was measured to do; without it scores are provisional
    DIR/{TASK}/known.npz           which words it has met, hashed
    DIR/{TASK}/trained.txt         hashes of the rows that it was trained on
    DIR/{TASK}/weights.npz         or, for an encoder, the files of a transformers or ONNX model

A folder of a sequence-classification model without ``labeller.json``, such as the authors' released
ones, is read as it is: DIR/{TASK}/config.json.
"""

from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from mentallama.benchmark.inference.card import Card
from mentallama.benchmark.inference.labeller import Scorer, Settings, TaskLabeller
from mentallama.benchmark.inference.linear import load_linear
from mentallama.errors import InputError
from mentallama.io import atomic_write, explain, make_folder, read_json, write_json
from mentallama.tasks import get_task, list_tasks
from mentallama.tasks.versions import label_set_version
from mentallama.types import Task

LABELLER, CARD, KNOWN, TRAINED = "labeller.json", "card.json", "known.npz", "trained.txt"


def save_labeller(labeller: TaskLabeller, folder: Path) -> None:
    """Write a labeller; its settings come last, so that a folder without them is unfinished."""
    make_folder(folder)
    labeller.scorer.save(folder)
    if labeller.known is not None:
        np.savez_compressed(folder / KNOWN, known=labeller.known.astype(np.uint8))
    with atomic_write(folder / TRAINED) as file:
        file.writelines(f"{row}\n" for row in sorted(labeller.trained))
    if labeller.card:
        write_json(folder / CARD, TypeAdapter(Card).dump_python(labeller.card, mode="json"))
    write_json(folder / LABELLER, TypeAdapter(Settings).dump_python(labeller.settings, mode="json"))


def load_labellers(name: str) -> dict[str, TaskLabeller]:
    """Read every labeller of a folder, by task; "TASK=MODEL" reads one.

    Raises InputError where there is none.
    """
    key, sign, model = name.partition("=")
    if sign:
        return {(task := get_task(key)).key: load_one(task, model)}
    folder = Path(name)
    if (folder / LABELLER).exists():
        labeller = load_labeller(folder)
        return {labeller.settings.task: labeller}
    found = {}
    for task in list_tasks():
        if (folder / task.key / LABELLER).exists():
            found[task.key] = load_labeller(folder / task.key)
        elif (folder / task.key / "config.json").exists():
            found[task.key] = load_one(task, str(folder / task.key))
    if not found:
        raise InputError(
            f"{folder}: no labeller in it; make some with 'mentallama benchmark train-labeller'"
        )
    return found


def load_one(task: Task, model: str) -> TaskLabeller:
    """Read a labeller of ours for a task, or else a classifier from a folder or the hub."""
    from mentallama.benchmark.inference.encoder import load_released

    for folder in (Path(model), Path(model) / task.key):
        if (folder / LABELLER).exists():
            labeller = load_labeller(folder)
            if labeller.settings.task != task.key:
                raise InputError(
                    f"{folder}: a labeller of {labeller.settings.task}, not of {task.key}"
                )
            return labeller
    if (Path(model) / TRAINED).exists():
        raise InputError(f"{model}: a labeller without {LABELLER}; it was not written to its end")
    return load_released(task, model)


def load_labeller(folder: Path) -> TaskLabeller:
    """Read one labeller; raise InputError where a file is broken or labels changed since."""
    try:
        settings = TypeAdapter(Settings).validate_python(read_json(folder / LABELLER))
        card = folder / CARD
        read_card = TypeAdapter(Card).validate_python(read_json(card)) if card.exists() else None
    except ValidationError as error:
        raise InputError(f"{folder}: {explain(error)}") from None
    _check_labels(folder, settings, get_task(settings.task))
    known = folder / KNOWN
    trained = folder / TRAINED
    return TaskLabeller(
        scorer=_load_scorer(folder, settings),
        settings=settings,
        known=np.load(known)["known"].astype(float) if known.exists() else None,
        trained=frozenset(trained.read_text().split()) if trained.exists() else frozenset(),
        card=read_card,
    )


def _check_labels(folder: Path, settings: Settings, task: Task) -> None:
    own = {label.key for label in task.labels}
    if set(settings.labels) != own:
        raise InputError(
            f"{folder}: trained on the labels {', '.join(settings.labels)}, but {task.key} has "
            f"{', '.join(sorted(own))}; train it again"
        )
    version = label_set_version(task)
    if settings.label_set not in ("", version):
        raise InputError(
            f"{folder}: trained on the label set {settings.label_set} of {task.key}, whose wording "
            f"has changed since ({version}); train it again"
        )


def _load_scorer(folder: Path, settings: Settings) -> Scorer:
    match settings.kind:
        case "linear":
            return load_linear(folder)
        case "encoder":
            from mentallama.benchmark.inference.encoder import load_encoder

            return load_encoder(folder)
        case "onnx" | "onnx-int8":
            from mentallama.benchmark.inference.encoder import load_onnx

            return load_onnx(folder, settings.kind)
        case other:
            raise InputError(f"{folder / LABELLER}: unknown kind of labeller '{other}'")
