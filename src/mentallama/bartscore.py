"""BARTScore (Yuan et al. 2021): how likely a text is, given another, to a BART-like model.

The score is the mean log-probability of the target's tokens, special ones included, given the
source: always negative, higher is closer. Texts are cut at 1,024 tokens. Two engines give the same
scores: transformers (any encoder-decoder model) and, several times faster on a CPU, CTranslate2
(BART only). Both sort by length and fill batches by tokens; with BART under transformers only real
tokens go through the output layer.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

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
        """What the scores depend on: model, engine, precision, length limit."""
        ...

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        """Return the mean log-probability of each target given its source."""
        ...


def load_bart_scorer(
    model: Path | str, *, engine: Engine = "auto", int8: bool = False
) -> BartScorer:
    """Load a scorer from a folder or hub id; ``int8`` needs CTranslate2 and changes the scores.

    "auto" takes CTranslate2 where it is installed and the model is a BART. Raises InputError where
    nothing can be loaded or the engine cannot run the model.
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
    if chosen == "ctranslate2":
        return _CTranslate2Scorer(model, tokenizer, int8)
    return _TransformersScorer(model, tokenizer)


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
    def __init__(self, model: Path | str, tokenizer: Any) -> None:
        from transformers import AutoModelForSeq2SeqLM

        try:
            self._model = AutoModelForSeq2SeqLM.from_pretrained(model).eval()
        except (OSError, ValueError):
            raise InputError(f"{model}: no encoder-decoder model can be loaded there") from None
        self._tokenizer = tokenizer
        self._name = _name(model)

    @property
    def signature(self) -> str:
        return f"BARTScore|{self._name}|transformers fp32|max {LONGEST}"

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
    def __init__(self, model: Path | str, tokenizer: Any, int8: bool) -> None:
        import ctranslate2
        import torch

        self._tokenizer = tokenizer
        self._name, self._precision = _name(model), "int8" if int8 else "fp32"
        # Converted anew each time: seconds, against a cache that can go stale.
        self._folder = tempfile.TemporaryDirectory()
        target = str(Path(self._folder.name) / "model")
        _converter()(str(model)).convert(target, quantization="int8" if int8 else None)
        self._model = ctranslate2.Translator(
            target, device="cpu", intra_threads=torch.get_num_threads()
        )

    @property
    def signature(self) -> str:
        return f"BARTScore|{self._name}|ctranslate2 {self._precision}|max {LONGEST}"

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


def _converter() -> Any:
    """Return CTranslate2's converter, told what transformers 5 no longer says of a BART."""
    from ctranslate2.converters import TransformersConverter

    class Converter(TransformersConverter):  # type: ignore[misc]
        def load_model(self, *arguments: Any, **options: Any) -> Any:
            model = super().load_model(*arguments, **options)
            model.config.normalize_before = False
            model.config.normalize_embedding = True
            return model

    return Converter


def _name(model: Path | str) -> str:
    """Return a folder's name with a hash of its weights, or a hub id as it is."""
    folder = Path(model)
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if not weights:
        return str(model)
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return f"{folder.name} {digest.hexdigest()[:12]}"
