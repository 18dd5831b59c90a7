"""BARTScore on a bart-large-shaped model with random weights, beside the reference way.

    python benchmarks/bartscore.py --pairs 48

The reference way: batches of 4 in file order, padded, logits over the whole vocabulary at every
position. Ours: batches by tokens, sorted by length. One thread, one run; scores are compared. Texts
are made up, as long as the sample corpus's explanations. Needs: the extras train and fast.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

from mentallama.bartscore import load_bart_scorer
from mentallama.corpus.samples import load_samples

VOCABULARY = 50_265
"""Size of bart-large's vocabulary; the words themselves are made up."""


def save_model(folder: Path, layers: int, width: int) -> None:
    """Write a random BART of bart-large's shape and a tokenizer of made-up words."""
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{i}" for i in range(VOCABULARY - 4))]
    raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=raw, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=VOCABULARY, d_model=width, encoder_layers=layers, decoder_layers=layers,
        encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, encoder_attention_heads=16,
        decoder_attention_heads=16, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    BartForConditionalGeneration(config).save_pretrained(folder)


def make_texts(pairs: int) -> tuple[list[str], list[str]]:
    """Return made-up texts as long as explanations are; 1.3 tokens a word, as BPE has."""
    rng = random.Random(0)
    lengths = [round(1.3 * len(s.explanation.split())) for s in load_samples()]

    def text() -> str:
        return " ".join(f"w{rng.randrange(VOCABULARY - 4)}" for _ in range(rng.choice(lengths)))

    return [text() for _ in range(pairs)], [text() for _ in range(pairs)]


def reference_way(folder: Path, sources: list[str], targets: list[str]) -> Callable[[], Any]:
    """Score as the published script does."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = BartForConditionalGeneration.from_pretrained(folder).eval()
    loss = torch.nn.NLLLoss(reduction="none", ignore_index=model.config.pad_token_id)

    def run() -> list[float]:
        scores: list[float] = []
        for start in range(0, len(sources), 4):
            options = {"return_tensors": "pt", "padding": True, "truncation": True}
            source = tokenizer(sources[start : start + 4], max_length=1024, **options)
            target = tokenizer(targets[start : start + 4], max_length=1024, **options)
            with torch.no_grad():
                logits = model(
                    input_ids=source["input_ids"],
                    attention_mask=source["attention_mask"],
                    labels=target["input_ids"],
                ).logits
            flat = torch.log_softmax(logits.view(-1, model.config.vocab_size), dim=1)
            losses = loss(flat, target["input_ids"].view(-1)).view(target["input_ids"].shape)
            scores += (-losses.sum(dim=1) / target["attention_mask"].sum(dim=1)).tolist()
        return scores

    return run


def main() -> None:
    """Time each way once, after a warm-up on four pairs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=1024)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(folder, arguments.layers, arguments.width)
        sources, targets = make_texts(arguments.pairs)
        start = time.perf_counter()
        expected = reference_way(folder, sources, targets)()
        base = time.perf_counter() - start
        print(f"{arguments.pairs} pairs, one thread; the reference way: {base:.1f} s")
        for options in ({"engine": "transformers"}, {"engine": "ctranslate2"}, {"int8": True}):
            scorer = load_bart_scorer(folder, **options)  # type: ignore[arg-type]
            start = time.perf_counter()
            found = scorer.score(sources, targets)
            seconds = time.perf_counter() - start
            off = max(abs(a - b) for a, b in zip(expected, found, strict=True))
            print(
                f"{scorer.signature.split('|')[2]}: {seconds:.1f} s, {base / seconds:.2f}x; "
                f"scores differ by at most {off:.1e}"
            )


if __name__ == "__main__":
    main()
