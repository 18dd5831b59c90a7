"""Metrics from their definitions, written without our code, and tiny models that never change.

The models' weights follow a formula, so that golden values stay true with any version of torch.
"""

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any


def _fill(model: Any) -> None:
    """Set every weight by the sine of its place."""
    import torch

    with torch.no_grad():
        for number, (name, weights) in enumerate(sorted(model.named_parameters()), 1):
            places = torch.arange(weights.numel(), dtype=torch.float64)
            values = 0.4 * torch.sin(places * 0.37 * number + number)
            norm = "norm" in name.lower() and name.endswith("weight")
            weights.copy_((values + (1 if norm else 0)).view(weights.shape))


def save_bart(folder: Path, words: Sequence[str]) -> None:
    """Write a BART of one layer."""
    from transformers import BartConfig, BartForConditionalGeneration

    from tests.tiny_models import word_tokenizer

    tokenizer: Any = word_tokenizer(words)
    config = BartConfig(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_ffn_dim=16, decoder_ffn_dim=16, encoder_attention_heads=2,
        decoder_attention_heads=2, max_position_embeddings=64, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    model = BartForConditionalGeneration(config)
    _fill(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_bert(folder: Path, words: Sequence[str]) -> None:
    """Write a BERT of two layers."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(words)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(names))
    config = BertConfig(
        vocab_size=len(names), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    model = BertModel(config)
    _fill(model)
    model.save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)


def log_chance(folder: Path, source: str, target: str) -> float:
    """Return the mean log chance of each token of the target given those before (BARTScore)."""
    import torch
    from transformers import AutoTokenizer, BartForConditionalGeneration

    model: Any = BartForConditionalGeneration.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids, total = tokenizer(target)["input_ids"], 0.0
    for place, token in enumerate(ids):
        before = torch.tensor([[2, *ids[:place]]])
        with torch.no_grad():
            logits = model(
                input_ids=torch.tensor([tokenizer(source)["input_ids"]]), decoder_input_ids=before
            ).logits[0, -1]
        total += math.log(torch.softmax(logits.double(), -1)[token].item())
    return total / len(ids)


def bert_f1(folder: Path, hypothesis: str, reference: str) -> float:
    """Return BERTScore's F1, 0 to 100: each word beside the nearest token of the other text.

    As in the library, [CLS] and [SEP] can be the nearest token and have no weight of their own.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = (
        AutoModel.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )

    def vectors(text: str) -> Any:
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        return hidden / hidden.norm(dim=-1, keepdim=True)

    likeness = vectors(hypothesis) @ vectors(reference).T
    precision = float(likeness.max(dim=1).values[1:-1].mean())
    recall = float(likeness.max(dim=0).values[1:-1].mean())
    return 100 * 2 * precision * recall / (precision + recall)


def chrf(hypothesis: str, reference: str) -> float:
    """Return chrF2, 0 to 100: F2 of mean precision and mean recall of runs of 1 to 6 characters.

    White space does not count; a length of which either text has no run is left out.
    """

    def runs(text: str, n: int) -> Counter[str]:
        plain = "".join(text.split())
        return Counter(plain[i : i + n] for i in range(len(plain) - n + 1))

    precision, recall = [], []
    for n in range(1, 7):
        own, other = runs(hypothesis, n), runs(reference, n)
        if own and other:
            precision.append(Fraction((own & other).total(), own.total()))
            recall.append(Fraction((own & other).total(), other.total()))
    p, r = sum(precision) / len(precision), sum(recall) / len(recall)
    return float(100 * 5 * p * r / (4 * p + r)) if p + r else 0.0
