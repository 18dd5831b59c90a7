"""Models for CTranslate2: its converter, told what transformers 5 no longer says.

A converted folder also says, in ``engine.json``, what the engine's own files leave out.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mentallama.errors import InputError
from mentallama.io import read_json, write_json

_FACTS = "engine.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What must be known of a converted model to run it."""

    two_sided: bool
    """An encoder-decoder."""
    context: int | None
    """Most tokens that it can read; null where its config does not say."""
    end_tokens: Sequence[int]


def is_installed() -> bool:
    """Say whether CTranslate2 can be imported."""
    return find_spec("ctranslate2") is not None


def need_ctranslate2() -> None:
    """Raise InputError where CTranslate2 is not installed."""
    if not is_installed():
        raise InputError("CTranslate2 is not installed: pip install 'mentallama[fast]'")


def is_converted(folder: Path) -> bool:
    """Say whether a folder holds a model for CTranslate2."""
    return (folder / "model.bin").is_file()


def read_facts(folder: Path) -> Facts:
    """Read what a converted folder says of its model."""
    path = folder / _FACTS
    if not path.is_file():
        raise InputError(
            f"{folder}: has no {_FACTS}; convert the original model again with "
            "'mentallama merge DIR --to ctranslate2 --out NEW'"
        )
    return Facts(**read_json(path))


def make_converter(loaded: Any = None) -> Any:
    """Return a class to call with a folder or hub id, whose ``convert()`` writes the folder.

    It converts the model that is already ``loaded``, or loads the one it is called with. Raises
    InputError where CTranslate2 is missing and, on conversion, for models that it computes wrongly.
    """
    need_ctranslate2()
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):  # type: ignore[misc]
        def load_model(self, *arguments: Any, **options: Any) -> Any:
            model = loaded if loaded is not None else super().load_model(*arguments, **options)
            refuse_llama3(model.config, self._model_name_or_path)
            if model.config.model_type == "bart":
                model.config.normalize_before = False
                model.config.normalize_embedding = True
            self.facts = _facts(model)
            return model

        def convert(self, output_dir: str, *arguments: Any, **options: Any) -> str:
            written: str = super().convert(output_dir, *arguments, **options)
            write_json(Path(written) / _FACTS, asdict(self.facts))
            return written

    return Converter


def _facts(model: Any) -> Facts:
    end = model.generation_config.eos_token_id
    return Facts(
        two_sided=bool(model.config.is_encoder_decoder),
        context=getattr(model.config, "max_position_embeddings", None),
        end_tokens=[end] if isinstance(end, int) else list(end or []),
    )


def refuse_llama3(config: Any, name: str) -> None:
    """Raise InputError where a model scales its positions as Llama 3.1 does."""
    if "llama3" in rope_kinds(config):
        raise InputError(
            f"{name}: uses llama3 scaling of positions, which CTranslate2 computes wrongly; "
            "use transformers or vLLM"
        )


def rope_kinds(config: Any) -> set[str]:
    """Return the kinds of rotary position scaling that a model's layers use."""
    values = getattr(config, "rope_parameters", None) or {}
    layers = [values, *(part for part in values.values() if isinstance(part, dict))]
    return {str(part["rope_type"]) for part in layers if "rope_type" in part}
