"""Which engine runs a model, and why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mentallama.ctranslate import is_converted, is_installed
from mentallama.errors import InputError
from mentallama.models.backend import Backend
from mentallama.models.local import adapted_base, need_files

Engine = Literal["auto", "transformers", "ctranslate2", "openvino", "vllm"]
ENGINES: tuple[Engine, ...] = ("auto", "transformers", "ctranslate2", "openvino", "vllm")


def choose(
    model: str,
    engine: Engine = "auto",
    *,
    int8: bool = False,
    chat: bool | None = None,
    batch_tokens: int | None = None,
) -> tuple[Backend, str]:
    """Load a model folder, adapter or hub id on an engine; say in a sentence which one and why.

    ``chat`` wraps prompts in the model's chat template, null as it was tuned; without
    ``batch_tokens`` each engine cuts batches as suits it.
    Raises InputError where the engine is missing or cannot run the model.
    """
    if engine == "vllm":
        raise InputError(
            "vLLM runs as a server of its own: start 'vllm serve MODEL --enable-prefix-caching' "
            "and use --endpoint http://localhost:8000/v1"
        )
    need_files(model)
    chosen, why = (engine, "as asked for") if engine != "auto" else _pick(model, int8)
    if int8 and chosen != "ctranslate2":
        raise InputError(f"int8 needs the engine ctranslate2, and {chosen} was chosen: {why}")
    asked = _Asked(model, int8, chat, batch_tokens)
    match chosen:
        case "openvino":
            from mentallama.models.openvino import load_openvino

            loaded = load_openvino(model, chat=chat, batch_tokens=batch_tokens)
            return loaded, f"OpenVINO, {why}"
        case "ctranslate2":
            return _on_ctranslate2(asked, why, or_else=engine == "auto")
    return _on_transformers(asked, why)


@dataclass(frozen=True, slots=True)
class _Asked:
    model: str
    int8: bool
    chat: bool | None
    batch_tokens: int | None


def _pick(model: str, int8: bool) -> tuple[Engine, str]:
    from mentallama.models.local import best_device
    from mentallama.models.openvino import is_exported

    if is_converted(Path(model)):
        return "ctranslate2", "which the folder was exported for"
    if is_exported(Path(model)):
        return "openvino", "which the folder was exported for"
    if adapted_base(model):
        return "transformers", "which runs an adapter as it is (CTranslate2 needs it merged)"
    if best_device() == "cuda" and not int8:
        return "transformers", "there being a GPU"
    if not is_installed():
        missing = "CTranslate2, faster on a CPU, is not installed: pip install 'mentallama[fast]'"
        return "transformers", missing
    return "ctranslate2", "as asked for with int8" if int8 else "the fastest here on a CPU"


def _on_ctranslate2(asked: _Asked, why: str, *, or_else: bool) -> tuple[Backend, str]:
    """Load on CTranslate2, ``or_else`` on transformers where it cannot run the model."""
    from mentallama.models.converted import load_ctranslate2

    model, int8 = asked.model, asked.int8
    try:
        loaded, said = load_ctranslate2(
            model, int8=int8, chat=asked.chat, batch_tokens=asked.batch_tokens
        )
    except InputError as error:
        if not or_else or int8 or is_converted(Path(model)):
            raise
        reason = str(error).removeprefix(f"{model}: ").split("; use")[0]
        return _on_transformers(asked, f"because on CTranslate2: {reason}")
    precision = "int8" if int8 else "float32"
    return loaded, "; ".join(filter(None, (f"CTranslate2 in {precision}, {why}", said)))


def _on_transformers(asked: _Asked, why: str) -> tuple[Backend, str]:
    from mentallama.models.local import best_device, load_local

    loaded = load_local(asked.model, chat=asked.chat, batch_tokens=asked.batch_tokens)
    place = "the GPU" if best_device() == "cuda" else "the CPU in float32"
    return loaded, f"transformers on {place}, {why}"
