"""How close a text is to a reference: ROUGE by rouge-score, BARTScore by any BART-like model.

BARTScore (Yuan et al. 2021) is the mean log-probability of the target's tokens given the source:
always negative, higher is closer. Higher is better for both.
"""

from collections.abc import Sequence
from pathlib import Path

from mentallama.errors import InputError

LONGEST = 1024
"""Tokens of source and target that BARTScore looks at."""


def rouge_l(hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the ROUGE-L F-measure of each pair, 0 to 100, with stemming."""
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ModuleNotFoundError:
        raise InputError("ROUGE needs rouge-score: pip install 'mentallama[data]'") from None
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return [
        100 * float(scorer.score(reference, hypothesis)["rougeL"].fmeasure)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def bart_score(
    model: Path | str, sources: Sequence[str], targets: Sequence[str], *, batch_size: int = 8
) -> list[float]:
    """Return the mean log-probability of each target given its source.

    ``model`` is a folder or hub id of an encoder-decoder model. Texts are cut at 1,024 tokens.
    """
    try:
        import torch
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    except ModuleNotFoundError:
        raise InputError("BARTScore needs torch: pip install 'mentallama[train]'") from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        network = AutoModelForSeq2SeqLM.from_pretrained(model).eval()
    except (OSError, ValueError):
        raise InputError(f"{model}: no encoder-decoder model can be loaded from there") from None
    scores: list[float] = []
    for start in range(0, len(sources), batch_size):
        options = {"return_tensors": "pt", "padding": True, "truncation": True}
        source = tokenizer(list(sources[start : start + batch_size]), max_length=LONGEST, **options)
        target = tokenizer(list(targets[start : start + batch_size]), max_length=LONGEST, **options)
        labels = target["input_ids"].masked_fill(target["attention_mask"] == 0, -100)
        with torch.no_grad():
            logits = network(
                input_ids=source["input_ids"],
                attention_mask=source["attention_mask"],
                labels=labels,
            ).logits
        chosen = (
            torch.log_softmax(logits, dim=-1).gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2)
        )
        mask = target["attention_mask"]
        scores += ((chosen * mask).sum(1) / mask.sum(1)).tolist()
    return scores
