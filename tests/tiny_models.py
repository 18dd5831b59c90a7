"""Models with random weights, made on the spot."""

from collections.abc import Sequence
from pathlib import Path


def word_tokenizer(words: Sequence[str]) -> object:
    """Return a tokenizer of whole words with BART's special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = ["<s>", "<pad>", "</s>", "<unk>", *dict.fromkeys(words)]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(names)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )


def save_bart(folder: Path, words: Sequence[str]) -> None:
    """Write a BART of one layer whose answers differ clearly."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    tokenizer = word_tokenizer(words)
    torch.manual_seed(0)
    layers = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    ffn = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    config = BartConfig(
        vocab_size=len(tokenizer),  # type: ignore[arg-type]
        max_position_embeddings=64,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=2,
        **layers,
        **heads,
        **ffn,
    )
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 3
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]


def save_bert(folder: Path, words: Sequence[str], labels: int) -> None:
    """Write a BERT of two layers with a classification head and no label names."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    names = [*special, *dict.fromkeys(words)]
    (folder / "vocab.txt").write_text("\n".join(names))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=labels,
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.weight *= 50
    model.save_pretrained(folder)
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=128)
    tokenizer.save_pretrained(folder)
