"""Reading a YAML file into a strict model: wrong keys and wrong values fail at the door."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mentallama.errors import InputError, nearest
from mentallama.io import explain, read_text

Model = TypeVar("Model", bound=BaseModel)


def load_config(path: Path, kind: type[Model], overrides: Sequence[str] = ()) -> Model:
    """Read ``path`` as ``kind``; ``overrides`` are "key=value" or "group.key=value" in YAML.

    Raises InputError naming the nearest key where one is unknown.
    """
    try:
        values = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" (line {line + 1})" if line is not None else ""
        raise InputError(f"{path}: not YAML{where}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected 'key: value' lines")
    for override in overrides:
        _apply(values, override)
    _reject_unknown(kind, values, str(path))
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from None


def _apply(values: dict[str, Any], override: str) -> None:
    key, mark, text = override.partition("=")
    if not mark or not key:
        raise InputError(f"--set {override}: expected key=value")
    *groups, last = key.split(".")
    for group in groups:
        inner = values.setdefault(group, {})
        if not isinstance(inner, dict):
            raise InputError(f"--set {override}: '{group}' is not a group of keys")
        values = inner
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"--set {override}: the value is not YAML") from None


def _reject_unknown(kind: type[BaseModel], values: dict[str, Any], where: str) -> None:
    for key, value in values.items():
        field = kind.model_fields.get(str(key))
        if field is None:
            hint = nearest(str(key), kind.model_fields)
            known = hint or f" Known keys: {', '.join(kind.model_fields)}."
            raise InputError(f"{where}: unknown key '{key}'.{known}")
        group = _group(field.annotation)
        if group and isinstance(value, dict):
            _reject_unknown(group, value, f"{where}: {key}")


def _group(annotation: Any) -> type[BaseModel] | None:
    """Return the model behind a field's type, also behind "Model | None"."""
    for option in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
