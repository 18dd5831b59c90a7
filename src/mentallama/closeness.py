"""How close a text is to a reference by shared words: ROUGE-L, by rouge-score."""

from collections.abc import Sequence

from mentallama.errors import InputError


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
