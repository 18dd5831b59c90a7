"""BERT as a sentence encoder in plain torch, and its tokenizer, for an analyser that starts fast.

The same sums as transformers' BertModel under ``pooled.py``, from the same files; importing the
class would take longer than everything else that a command does. torch is imported inside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mentallama.delta import State, put_changes, read_delta
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.pretrained import find_packaged, hash_tensors

if TYPE_CHECKING:
    from torch import Tensor

_ENCODER = "encoder."
_FILES = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the sums need to know of the network beside its weights."""

    layers: int
    heads: int
    epsilon: float


class PlainTokenizer:
    """The part of a transformers tokenizer that reading posts needs, on the tokenizers library."""

    model_max_length = 10**9

    def __init__(self, file: Path) -> None:
        from tokenizers import Tokenizer

        self._inner = Tokenizer.from_file(str(file))
        self._inner.no_truncation()
        self._inner.no_padding()
        self._padding = self._inner.token_to_id("[PAD]") or 0

    def __call__(
        self,
        text: str | Sequence[str],
        *,
        add_special_tokens: bool = True,
        return_offsets_mapping: bool = False,
        truncation: bool = False,
        max_length: int | None = None,
    ) -> dict[str, Any]:
        """Return ids, mask and offsets of one text, or a list of each for several."""
        many = not isinstance(text, str)
        read = self._inner.encode_batch(
            list(text) if many else [text], add_special_tokens=add_special_tokens
        )
        if truncation and max_length is not None:
            for one in read:
                if len(one.ids) > max_length:
                    raise ValueError("a text was not shortened before it was encoded")
        found: dict[str, Any] = {
            "input_ids": [one.ids for one in read],
            "attention_mask": [one.attention_mask for one in read],
        }
        if return_offsets_mapping:
            found["offset_mapping"] = [one.offsets for one in read]
        return found if many else {name: values[0] for name, values in found.items()}

    def pad(self, batch: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, list[list[int]]]:
        """Fill rows up to the longest."""
        width = max(map(len, batch["input_ids"]))
        fill = {"input_ids": self._padding, "attention_mask": 0}
        return {
            name: [[*row, *[fill[name]] * (width - len(row))] for row in batch[name]]
            for name in fill
        }


@dataclass(frozen=True, slots=True)
class PlainNetwork:
    """Weights by their names in ``pooled.py``, and the sums over them."""

    weights: State
    shape: Shape

    def logits(self, ids: "Tensor", mask: "Tensor") -> "Tensor":
        """Return logits of shape (rows, labels) for token ids and mask of shape (rows, tokens)."""
        return self._linear("classifier", self.mean(ids, mask))

    def mean(self, ids: "Tensor", mask: "Tensor") -> "Tensor":
        """Return each row's vector, the mean of its tokens', of shape (rows, width)."""
        seen = mask[:, None, None, :].bool()
        hidden = self._embed(ids)
        for number in range(self.shape.layers):
            hidden = self._layer(f"{_ENCODER}encoder.layer.{number}.", hidden, seen)
        counts = mask[..., None].to(hidden.dtype)
        return (hidden * counts).sum(1) / counts.sum(1)

    def _embed(self, ids: "Tensor") -> "Tensor":
        place = f"{_ENCODER}embeddings."
        words = self.weights[f"{place}word_embeddings.weight"][ids]
        places = self.weights[f"{place}position_embeddings.weight"][: ids.shape[1]]
        kind = self.weights[f"{place}token_type_embeddings.weight"][0]
        return self._norm(f"{place}LayerNorm", words + kind + places)

    def _layer(self, place: str, hidden: "Tensor", seen: "Tensor") -> "Tensor":
        from torch.nn import functional

        query, key, value = (
            self._linear(f"{place}attention.self.{name}", hidden)
            .unflatten(-1, (self.shape.heads, -1))
            .transpose(1, 2)
            for name in ("query", "key", "value")
        )
        read = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        attended = self._linear(f"{place}attention.output.dense", read.transpose(1, 2).flatten(2))
        hidden = self._norm(f"{place}attention.output.LayerNorm", attended + hidden)
        inner = functional.gelu(self._linear(f"{place}intermediate.dense", hidden))
        return self._norm(
            f"{place}output.LayerNorm", self._linear(f"{place}output.dense", inner) + hidden
        )

    def _linear(self, name: str, values: "Tensor") -> "Tensor":
        from torch.nn import functional

        return functional.linear(
            values, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        )

    def _norm(self, name: str, values: "Tensor") -> "Tensor":
        from torch.nn import functional

        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(values, weight.shape, weight, bias, self.shape.epsilon)


def find_plain(base: str) -> Path | None:
    """Return the folder of a base that can be read without transformers: a BERT on this disk."""
    folder = Path(find_packaged(base))
    if not all((folder / name).is_file() for name in _FILES):
        return None
    config = read_json(folder / "config.json")
    plain = config.get("model_type") == "bert" and config.get("hidden_act") == "gelu"
    return folder if plain else None


def load_base(base: Path) -> tuple[PlainNetwork, PlainTokenizer]:
    """Load a base as it is: it gives sentence vectors and no logits."""
    from safetensors.torch import load_file

    config = read_json(base / "config.json")
    weights = {
        f"{_ENCODER}{name}": value
        for name, value in load_file(base / "model.safetensors").items()
        if not name.startswith("pooler.") and not name.endswith("position_ids")
    }
    shape = Shape(
        config["num_hidden_layers"], config["num_attention_heads"], config["layer_norm_eps"]
    )
    return PlainNetwork(weights, shape), PlainTokenizer(base / "tokenizer.json")


def load_plain(folder: Path, base: Path) -> tuple[PlainNetwork, PlainTokenizer]:
    """Load what tuning changed (``delta.py``) on its base, and the base's tokenizer.

    Raises InputError where the base has other weights than the one that was tuned.
    """
    import torch

    told = read_json(folder / "mentallama.json")
    network, tokenizer = load_base(base)
    found = hash_tensors({n.removeprefix(_ENCODER): v for n, v in network.weights.items()})
    if found != told["base_weights"]:
        raise InputError(
            f"{folder}: belongs to a base with the weights {told['base_weights']}; those of "
            f"'{told['recipe']['base']}' here are {found}"
        )
    kept = read_delta(folder)
    network.weights.update(
        {n: torch.zeros(v.shape) for n, v in kept.items() if n.startswith("classifier.")}
    )
    put_changes(network.weights, kept)
    return network, tokenizer
