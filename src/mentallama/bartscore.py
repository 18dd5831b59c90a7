"""BARTScore (Yuan et al. 2021): how likely a text is, given another, to a BART-like model.

The score is the mean log-probability of the target's tokens, special ones included, given the
source: always negative, higher is closer. Texts are cut at 1,024 tokens. Two engines give the same
scores: transformers (any encoder-decoder model) and, several times faster on a CPU, CTranslate2
(BART only). Both sort by length and fill batches by tokens; with BART under transformers only real
tokens go through the output layer.

The authors' checkpoint tuned on ParaBank2 is a bare state dict, ``bart_score.pth``, to be laid over
bart-large-cnn: ``load_bart_scorer("facebook/bart-large-cnn", weights=Path("bart_score.pth"))``.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from mentallama.ctranslate import make_converter
from mentallama.errors import InputError

LONGEST = 1024
"""Tokens of source and target that are looked at."""
TOKENS_PER_BATCH = 1024
"""Padded tokens of source and target together; more and fewer were slower on one core."""
Engine = Literal["auto", "transformers", "ctranslate2"]
Ids = list[int]


class BartScorer(Protocol):
    """Scores targets given sources."""

    @property
    def signature(self) -> str:
        """What the scores depend on: hash of the weights, engine, precision, length limit."""
        ...

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        """Return the mean log-probability of each target given its source."""
        ...


def load_bart_scorer(
    model: Path | str,
    *,
    weights: Path | None = None,
    engine: Engine = "auto",
    int8: bool = False,
) -> BartScorer:
    """Load a scorer from a folder or hub id; ``int8`` needs CTranslate2 and changes the scores.

    ``weights`` is a state dict laid over the model, tensor by tensor. "auto" takes CTranslate2
    where it is installed and the model is a BART. Raises InputError where nothing can be loaded,
    where tensors are missing or left over, or where the engine cannot run the model.
    """
    try:
        import torch  # noqa: F401
        from transformers import AutoConfig, AutoTokenizer
    except ModuleNotFoundError:
        raise InputError("BARTScore needs torch: pip install 'mentallama[train]'") from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        kind = AutoConfig.from_pretrained(model).model_type
    except (OSError, ValueError):
        raise InputError(f"{model}: no encoder-decoder model can be loaded from there") from None
    chosen = _choose(engine, kind, int8)
    loaded = _load(str(model), weights)
    if chosen == "ctranslate2":
        return _CTranslate2Scorer(str(model), loaded, tokenizer, int8)
    return _TransformersScorer(loaded, tokenizer)


def _choose(engine: Engine, kind: str, int8: bool) -> Engine:
    from importlib.util import find_spec

    installed = find_spec("ctranslate2") is not None
    if engine == "ctranslate2" or int8:
        if not installed:
            raise InputError("this engine needs CTranslate2: pip install 'mentallama[fast]'")
        if kind != "bart":
            raise InputError(f"CTranslate2 scores BART models only, and this one is {kind}")
        return "ctranslate2"
    return "ctranslate2" if engine == "auto" and installed and kind == "bart" else "transformers"


def _load(model: str, weights: Path | None) -> Any:
    import torch

    from mentallama.pretrained import load_pretrained

    loaded = load_pretrained("Seq2SeqLM", model, dtype=torch.float32).eval()
    if weights:
        _lay_over(loaded, weights)
    return loaded


def _lay_over(model: Any, path: Path) -> None:
    """Replace every weight of the model by those of a state dict."""
    state = _read_state(path)
    own = model.state_dict()
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unexpected:
        names = [f"{len(missing)} missing ({missing[0]})"] if missing else []
        names += [f"{len(unexpected)} unexpected ({unexpected[0]})"] if unexpected else []
        raise InputError(f"{path}: its tensors are not the model's: {', '.join(names)}")
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise InputError(
                f"{path}: {name} has the shape {tuple(state[name].shape)}, the model's has "
                f"{tuple(tensor.shape)}"
            )
    model.load_state_dict(state)


def _read_state(path: Path) -> dict[str, Any]:
    """Read a file of named tensors; nothing else in it is ever run."""
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError):
        raise InputError(f"{path}: cannot be read as a state dict of plain tensors") from None
    if not isinstance(state, dict) or not all(torch.is_tensor(one) for one in state.values()):
        raise InputError(f"{path}: expected a state dict, a name and a tensor each")
    return state


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: list[int]
    sources: list[Ids]
    targets: list[Ids]


def _batches(tokenizer: Any, sources: Sequence[str], targets: Sequence[str]) -> Iterator[_Batch]:
    """Encode, sort by length, and fill batches up to a number of padded tokens."""
    encoded = [
        tokenizer(list(texts), truncation=True, max_length=LONGEST)["input_ids"]
        for texts in (sources, targets)
    ]
    order = sorted(range(len(sources)), key=lambda i: (len(encoded[0][i]), len(encoded[1][i])))
    rows: list[int] = []
    for row in order:
        width = len(encoded[0][row]) + max([len(encoded[1][i]) for i in (*rows, row)])
        if rows and width * (len(rows) + 1) > TOKENS_PER_BATCH:
            yield _Batch(rows, *([ids[i] for i in rows] for ids in encoded))
            rows = []
        rows.append(row)
    if rows:
        yield _Batch(rows, *([ids[i] for i in rows] for ids in encoded))


class _TransformersScorer:
    def __init__(self, model: Any, tokenizer: Any) -> None:
        from mentallama.pretrained import weights_hash

        self._model, self._tokenizer = model, tokenizer
        self._hash = weights_hash(model)

    @property
    def signature(self) -> str:
        return f"BARTScore|weights {self._hash}|transformers fp32|max {LONGEST}"

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        import torch

        scores = [0.0] * len(sources)
        with torch.inference_mode():
            for batch in _batches(self._tokenizer, sources, targets):
                for row, score in zip(batch.rows, self._score(batch), strict=True):
                    scores[row] = score
        return scores

    def _score(self, batch: _Batch) -> list[float]:
        import torch

        pad = self._tokenizer.pad_token_id
        source, source_mask = _pad(batch.sources, pad)
        target, target_mask = _pad(batch.targets, pad)
        labels = target.masked_fill(~target_mask, -100)
        if self._model.config.model_type == "bart":
            hidden = self._model.model(
                input_ids=source,
                attention_mask=source_mask,
                decoder_input_ids=self._model.prepare_decoder_input_ids_from_labels(labels),
            ).last_hidden_state[target_mask]
            logits = self._model.lm_head(hidden) + self._model.final_logits_bias
        else:
            logits = self._model(
                input_ids=source, attention_mask=source_mask, labels=labels
            ).logits[target_mask]
        chosen = logits.gather(1, target[target_mask].unsqueeze(1)).squeeze(1)
        likely = chosen - torch.logsumexp(logits, dim=-1)
        lengths = target_mask.sum(dim=1)
        return [float(part.mean()) for part in likely.split(lengths.tolist())]


def _pad(rows: Sequence[Ids], pad: int) -> tuple[Any, Any]:
    """Return ids and mask of shape (rows, longest)."""
    import torch

    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.bool)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = True
    return ids, mask


class _CTranslate2Scorer:
    def __init__(self, name: str, model: Any, tokenizer: Any, int8: bool) -> None:
        import ctranslate2
        import torch

        from mentallama.pretrained import weights_hash

        self._tokenizer = tokenizer
        self._hash, self._precision = weights_hash(model), "int8" if int8 else "fp32"
        # Converted anew each time: seconds, against a cache that can go stale.
        self._folder = tempfile.TemporaryDirectory()
        target = str(Path(self._folder.name) / "model")
        make_converter(model)(name).convert(target, quantization="int8" if int8 else None)
        self._model = ctranslate2.Translator(
            target, device="cpu", intra_threads=torch.get_num_threads()
        )

    @property
    def signature(self) -> str:
        return f"BARTScore|weights {self._hash}|ctranslate2 {self._precision}|max {LONGEST}"

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        words = self._tokenizer.convert_ids_to_tokens
        scores = [0.0] * len(sources)
        for batch in _batches(self._tokenizer, sources, targets):
            # The engine appends the final </s> to the target itself.
            results = self._model.score_batch(
                [words(ids) for ids in batch.sources], [words(ids[:-1]) for ids in batch.targets]
            )
            for row, result in zip(batch.rows, results, strict=True):
                scores[row] = sum(result.log_probs) / len(result.log_probs)
        return scores
