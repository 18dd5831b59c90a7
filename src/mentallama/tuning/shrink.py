"""A tuned model as what tuning changed in its base: a few MB to pass on, checked before it is kept.

mentallama merge RUN/model --to delta --out DIR
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.delta import DELTA, load_base, load_changed, take_delta
from mentallama.errors import CheckError, InputError
from mentallama.io import need_folder, write_json
from mentallama.pretrained import load_pretrained, load_tokenizer, quieten, weights_hash
from mentallama.tuning.proof import need_new, read_result, whole_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RANK = 96
"""Of the factors. On the mini model 64 kept 99.1 % of the verdicts on validation posts, 16 kept
97.0 %."""
_TOLERANCE = 0.5
"""Largest difference of two logits that is let pass: only near ties are decided otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """A folder with what was kept, and the proof of it."""

    folder: Path
    size: int
    """Bytes of the weights."""
    difference: float
    """Largest difference of two logits between the tuned model and what was written."""


def shrink(folder: Path, out: Path, texts: Sequence[str], *, rank: int = RANK) -> Shrunk:
    """Write what tuning changed, read it back, and compare the two models on some texts.

    Raises InputError where the model does not read the post alone or has no base; CheckError, and
    leaves nothing behind, where what was written is too far from the model.
    """
    need_new(out)
    quieten()
    told = read_result(need_folder(folder))
    if (folder / DELTA).is_file():
        raise InputError(f"{folder}: is what tuning changed already; use it as it is")
    recipe = told.get("recipe", {})
    if recipe.get("reads") != "post_alone" or not recipe.get("base"):
        raise InputError(
            f"{folder}: --to delta is for models tuned from a base to read posts alone"
        )
    tuned = load_pretrained("Pooled", str(folder)).eval()
    base = load_base(recipe["base"], told["classes"])
    known = {name: value for name, value in base.state_dict().items() if "classifier" not in name}
    kept = take_delta(known, tuned.state_dict(), rank)
    told["base_weights"] = weights_hash(base.base_model)
    with whole_folder(out) as unfinished:
        _write(unfinished, folder, told, kept)
        difference = _compare(tuned, load_changed(unfinished), recipe["base"], texts)
        if not difference <= _TOLERANCE:
            raise CheckError(
                f"what was kept differs by {difference:.2g} in a logit; take a higher rank"
            )
        size = (unfinished / DELTA).stat().st_size
    return Shrunk(folder=out, size=size, difference=difference)


def _write(out: Path, folder: Path, told: dict[str, Any], kept: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    save_file(kept, out / DELTA, metadata={"format": "pt"})
    (out / DELTA).chmod(0o644)  # the library lets its owner alone read it
    write_json(out / "mentallama.json", told)
    card = folder / "README.md"
    if card.is_file():
        (out / card.name).write_text(card.read_text(encoding="utf-8"), encoding="utf-8")


def _compare(
    tuned: "PreTrainedModel", again: "PreTrainedModel", base: str, texts: Sequence[str]
) -> float:
    import torch

    batch = load_tokenizer(base)(
        list(texts), padding=True, truncation=True, max_length=128, return_tensors="pt"
    )
    values = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        return float((tuned(**values).logits - again(**values).logits).abs().max())


def lines(shrunk: Shrunk) -> list[str]:
    """Say what was written and how near it comes."""
    return [
        f"{shrunk.size / 1e6:.1f} MB in {shrunk.folder}; logits differ by at most "
        f"{shrunk.difference:.3f} on eight invented texts"
    ]
