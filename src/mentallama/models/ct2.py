"""Language models through CTranslate2: on a CPU faster than transformers, with the same answers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mentallama.ctranslate import Facts, read_facts
from mentallama.encoding import Encoded
from mentallama.errors import InputError, first_line
from mentallama.models.backend import Completion, Decoding
from mentallama.models.batches import BATCH_TOKENS, Encoder, cut

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NEAR = 0.75
"""Shortest prompt of a batch against its longest: what is longer than the shortest prompt goes
through the engine token by token."""


class CTranslate2Model:
    """A converted model in memory: a decoder or an encoder-decoder."""

    def __init__(
        self,
        folder: Path,
        tokenizer: "PreTrainedTokenizerBase",
        *,
        name: str = "model",
        key: str = "",
        chat: bool = False,
        int8: bool = False,
        device: str = "cpu",
        batch_tokens: int | None = None,
    ) -> None:
        self.name, self.key = name, key
        self._facts = read_facts(folder)
        self._tokenizer, self._batch_tokens = tokenizer, batch_tokens or BATCH_TOKENS
        self._engine = _open(folder, self._facts, int8, device)
        self.encoder = Encoder(
            tokenizer=tokenizer,
            name=name,
            context=self._facts.context or int(tokenizer.model_max_length),
            two_sided=self._facts.two_sided,
            chat=chat,
        )

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        """Complete prompts in the given order; sort them by length for batches that are full."""
        import ctranslate2

        ctranslate2.set_random_seed(decoding.seed)
        rows = self.encoder.encode(prompts, decoding)
        near = 0.0 if self._facts.two_sided else _NEAR
        for batch in cut(rows, decoding.max_new_tokens, self._batch_tokens, near=near):
            for row, (new, _) in zip(batch, self.answer(batch, decoding), strict=True):
                yield self._completion(row, new)

    def fits(self, prompt: str, decoding: Decoding) -> bool:
        """Say whether a prompt leaves room for the new tokens as it is."""
        return self.encoder.fits(prompt, decoding)

    def answer(
        self, batch: list[Encoded], decoding: Decoding, *, logits: bool = False
    ) -> list[tuple[list[int], Any]]:
        """Return the new tokens of each row, the end token among them, and its first logits."""
        tokens = [self._tokenizer.convert_ids_to_tokens(row.prompt) for row in batch]
        options = {
            "beam_size": 1,
            "end_token": list(self._facts.end_tokens),
            "return_end_token": True,
            "return_logits_vocab": logits,
            **_sampling(decoding),
        }
        if self._facts.two_sided:
            results = self._engine.translate_batch(
                tokens,
                max_decoding_length=decoding.max_new_tokens,
                min_decoding_length=0,
                **options,
            )
            new = [self._tokenizer.convert_tokens_to_ids(one.hypotheses[0]) for one in results]
        else:
            results = self._engine.generate_batch(
                tokens,
                max_length=decoding.max_new_tokens,
                include_prompt_in_result=False,
                **options,
            )
            new = [list(one.sequences_ids[0]) for one in results]
        first = [np.asarray(one.logits[0][0]).ravel() if logits else None for one in results]
        return list(zip(new, first, strict=True))

    def _completion(self, row: Encoded, new: list[int]) -> Completion:
        ended = bool(new) and new[-1] in self._facts.end_tokens
        text = self._tokenizer.decode(new[:-1] if ended else new, skip_special_tokens=True)
        return Completion(
            text=text,
            cut_off=not ended,
            prompt_truncated=row.shortened,
            prompt_tokens=len(row.prompt),
            answer_tokens=len(new),
        )


def _open(folder: Path, facts: Facts, int8: bool, device: str) -> Any:
    import ctranslate2
    import torch

    engine = ctranslate2.Translator if facts.two_sided else ctranslate2.Generator
    try:
        return engine(
            str(folder),
            device=device,
            compute_type="int8" if int8 else "float32",
            intra_threads=torch.get_num_threads(),
        )
    except (RuntimeError, ValueError) as error:
        reason = first_line(error)
        raise InputError(f"{folder}: CTranslate2 cannot load it: {reason}") from None


def _sampling(decoding: Decoding) -> dict[str, Any]:
    if decoding.temperature == 0:
        return {"sampling_topk": 1}
    return {"sampling_topk": 0, "sampling_temperature": decoding.temperature}
