"""Decoders through OpenVINO GenAI on a CPU: continuous batching, shared prompt starts read once.

Its exporter wants a virtual environment of its own:
``optimum-cli export openvino --model DIR --task text-generation-with-past OUT``. The folder says by
itself whether its weights are int8.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mentallama.encoding import Encoded
from mentallama.errors import InputError
from mentallama.io import read_json
from mentallama.models.backend import Completion, Decoding
from mentallama.models.batches import BATCH_TOKENS, Encoder
from mentallama.models.local import (
    asks_in_chat,
    display_name,
    fingerprint,
    make_key,
)
from mentallama.pretrained import load_tokenizer

_MODEL = "openvino_model.xml"
_BLOCK = 32
"""Tokens of one block of the engine's cache on a CPU."""
_EXACT: dict[str, Any] = {"KV_CACHE_PRECISION": "f32", "INFERENCE_PRECISION_HINT": "f32"}
"""The engine rounds its cache to 8 bits unless it is told not to."""

_AHEAD = 256
"""Rows handed to the engine at a time; it runs as many of them at once as its cache holds."""


class OpenVINOModel:
    """An exported decoder in memory."""

    def __init__(self, pipeline: Any, encoder: Encoder, ends: Sequence[int], *, key: str) -> None:
        self.name, self.key = encoder.name, key
        self._pipeline, self._encoder, self._ends = pipeline, encoder, frozenset(ends)

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Complete prompts in the given order; rows enter the batch as others leave it."""
        rows = self._encoder.encode(prompts, decoding)
        waiting: deque[tuple[Encoded, Any]] = deque()
        number = 0
        while True:
            for row in rows if len(waiting) < _AHEAD else ():
                waiting.append((row, self._add(number, row, decoding)))
                number += 1
                if len(waiting) >= _AHEAD:
                    break
            if not waiting:
                return
            self._pipeline.step()
            while waiting and _has_ended(waiting[0][1]):
                row, handle = waiting.popleft()
                answers = handle.read_all()
                if not answers:
                    raise InputError(
                        f"{self.name}: a row of {len(row.prompt)} prompt tokens does not fit in "
                        "the engine's cache; ask for more tokens in a batch"
                    )
                yield self._completion(row, list(answers[0].generated_ids))

    def fits(self, prompt: str, decoding: Decoding) -> bool:
        """Say whether a prompt leaves room for the new tokens as it is."""
        return self._encoder.fits(prompt, decoding)

    def _add(self, number: int, row: Encoded, decoding: Decoding) -> Any:
        import openvino
        import openvino_genai

        config = openvino_genai.GenerationConfig()
        config.max_new_tokens = decoding.max_new_tokens
        config.stop_token_ids = set(self._ends)
        config.set_eos_token_id(min(self._ends))
        config.do_sample = decoding.temperature > 0
        if config.do_sample:
            config.temperature, config.top_p, config.top_k = decoding.temperature, 1.0, 2**31
            config.rng_seed = decoding.seed + number
        ids = openvino.Tensor(np.array([row.prompt], dtype=np.int64))
        return self._pipeline.add_request(number, ids, config)

    def _completion(self, row: Encoded, new: list[int]) -> Completion:
        ended = bool(new) and new[-1] in self._ends
        text = self._encoder.tokenizer.decode(new[:-1] if ended else new, skip_special_tokens=True)
        return Completion(
            text=text,
            cut_off=not ended,
            prompt_truncated=row.shortened,
            prompt_tokens=len(row.prompt),
            answer_tokens=len(new),
        )


def is_exported(folder: Path) -> bool:
    """Say whether a folder holds a model for OpenVINO."""
    return (folder / _MODEL).is_file()


def load_openvino(
    model: str, *, chat: bool | None = None, batch_tokens: int | None = None
) -> OpenVINOModel:
    """Load an exported folder; raise InputError where it is none or the engine is missing."""
    folder = Path(model)
    if not is_exported(folder):
        raise InputError(
            f"{model}: not exported for OpenVINO (no {_MODEL}); in an environment with "
            f"optimum-intel: optimum-cli export openvino --model {model} "
            "--task text-generation-with-past OUT"
        )
    if find_spec("openvino_genai") is None:
        raise InputError("OpenVINO GenAI is not installed: pip install openvino-genai")
    tokenizer = load_tokenizer(model)
    chat = asks_in_chat(model, tokenizer, chat)
    config = read_json(folder / "config.json")
    end = read_json(folder / "generation_config.json").get("eos_token_id")
    ends = [end] if isinstance(end, int) else list(end or [])
    if not ends:
        raise InputError(f"{model}: has no end-of-sequence token, so its answers would never stop")
    encoder = Encoder(
        tokenizer=tokenizer,
        name=display_name(model),
        context=int(config.get("max_position_embeddings") or tokenizer.model_max_length),
        two_sided=False,
        chat=chat,
    )
    key = make_key(fingerprint(model), "openvino", "as exported", chat)
    return OpenVINOModel(_open(folder, batch_tokens or BATCH_TOKENS), encoder, ends, key=key)


def _open(folder: Path, batch_tokens: int) -> Any:
    import openvino_genai
    import torch

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = True
    scheduler.num_kv_blocks = max(batch_tokens // _BLOCK, 1)
    options = _EXACT | {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    try:
        return openvino_genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", options)
    except RuntimeError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise InputError(f"{folder}: OpenVINO cannot load it: {reason}") from None


def _has_ended(handle: Any) -> bool:
    import openvino_genai

    return bool(handle.get_status() != openvino_genai.GenerationStatus.RUNNING)
