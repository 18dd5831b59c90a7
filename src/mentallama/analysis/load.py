"""From a name to an analyser: made up, the small one that ships, a local model, an endpoint's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.analysis.ask import Analyser
from mentallama.errors import InputError
from mentallama.models.backend import Decoding
from mentallama.models.prompts import Style

if TYPE_CHECKING:
    from mentallama.models.backend import Backend


def load_analyser(
    name: str,
    *,
    endpoint: str | None = None,
    style: Style | None = None,
    max_new_tokens: int | None = None,
    int8: bool = False,
) -> Analyser:
    """Return the analyser of that name.

    "fake" makes its answers up and "mini" is the small model that ships; else a model's folder, a
    hub id, or with an ``endpoint`` the name that the model has there. Models that write are asked
    in a ``style``: by default the release's query where they were tuned on it, else zero-shot.
    ``int8`` is for the mini model: 8-bit weights on ONNX Runtime.
    Raises InputError where there is no such model, or what it needs is not installed.
    """
    mini = endpoint is None and (name == "mini" or _is_mini(name))
    if int8 and not mini:
        raise InputError(f"{name}: int8 is for the mini model; leave it out")
    if mini or (endpoint is None and name == "fake"):
        if style or max_new_tokens:
            raise InputError(f"{name}: writes nothing; a prompt or a limit of tokens does nothing")
        return _load_reader(name, int8)
    from mentallama.analysis.written import NEW_TOKENS, WrittenAnalyser

    recipe, style = _asked_as(name, style)
    return WrittenAnalyser(
        backend=_at(endpoint, name, recipe, style) if endpoint else _here(name, recipe, style),
        style=style,
        form=recipe.get("form", "instruction"),
        decoding=Decoding(max_new_tokens=max_new_tokens or NEW_TOKENS),
    )


def _is_mini(name: str) -> bool:
    """Say whether a folder holds a model of the kind of ``mini``, which reads posts alone."""
    from mentallama.models.local import tuned_as

    return tuned_as(name).get("reads") == "post_alone"


def _load_reader(name: str, int8: bool) -> Analyser:
    if name == "fake":
        from mentallama.analysis.fake import FakeAnalyser

        return FakeAnalyser()
    from mentallama.analysis.mini import load_mini

    return load_mini(None if name == "mini" else Path(name), int8=int8)


def _asked_as(name: str, style: Style | None) -> tuple[dict[str, Any], Style]:
    """Return the recipe that a model was tuned by, if any, and the style to ask it in.

    The checkpoints of the paper's authors have no recipe of ours; their names say what they are.
    """
    from mentallama.models.local import tuned_as

    recipe = tuned_as(name)
    if recipe and style not in (None, "release"):
        raise InputError(f"{name}: was tuned on the release's query; asked otherwise it is another")
    tuned = recipe or "mentallama" in Path(name).name.lower()
    return recipe, style or ("release" if tuned else "zero-shot")


def _at(url: str, name: str, recipe: dict[str, Any], style: Style) -> "Backend":
    from mentallama.models.endpoint import Endpoint

    return Endpoint(url, name, raw=style == "release" and recipe.get("template") != "chat")


def _here(name: str, recipe: dict[str, Any], style: Style) -> "Backend":
    """Load a model on the engine that suits it; prompts of our own go into its chat template."""
    from mentallama.models.classifier import is_classifier
    from mentallama.models.engines import choose
    from mentallama.models.local import need_files

    if is_classifier(name):
        raise InputError(f"{name}: a classifier, which gives no reasons; name a model that writes")
    need_files(name)
    try:
        from mentallama.pretrained import load_tokenizer

        wanted = style != "release" and bool(load_tokenizer(name).chat_template)
        return choose(name, chat=None if recipe else wanted)[0]
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name}: a local model needs {error.name}: pip install 'mentallama[train]'"
        ) from None
