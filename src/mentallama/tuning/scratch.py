"""Small models with random weights, one of each kind: they show that a recipe runs, on any laptop.

The tokenizer is a byte-level BPE trained on the training text, with the special tokens that the
architecture expects.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mentallama.tuning.recipe import Scratch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_UNKNOWN, _START, _END, _PAD = "<unk>", "<s>", "</s>", "<pad>"
_PAIRED = ("bart", "bert", "roberta")
"""Architectures whose texts stand between a start and an end token."""


def train_tokenizer(scratch: Scratch, text: Iterable[str]) -> "PreTrainedTokenizerBase":
    """Train the tokenizer of a scratch model."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=scratch.vocabulary,
        special_tokens=[_UNKNOWN, _START, _END, _PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(text, trainer)
    bpe.post_processor = _frame(scratch.architecture, bpe)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        unk_token=_UNKNOWN,
        bos_token=_START,
        eos_token=_END,
        pad_token=_PAD,
        model_max_length=scratch.context,
        padding_side="left",
    )


def _frame(architecture: str, bpe: Any) -> Any:
    """Return what puts special tokens around a text, or around a question and a text."""
    from tokenizers import processors

    tokens = [(name, bpe.token_to_id(name)) for name in (_START, _END)]
    if architecture == "t5":
        return processors.TemplateProcessing(single=f"$A {_END}", special_tokens=tokens[1:])
    if architecture not in _PAIRED:
        return processors.TemplateProcessing(single=f"{_START} $A", special_tokens=tokens[:1])
    return processors.TemplateProcessing(
        single=f"{_START} $A {_END}",
        pair=f"{_START} $A {_END} $B {_END}",
        special_tokens=tokens,
    )


def build_model(
    scratch: Scratch, tokenizer: "PreTrainedTokenizerBase", classes: Sequence[str] = ()
) -> "PreTrainedModel":
    """Build the model with random weights; ``classes`` are those of a classifier."""
    import transformers

    config, model = _CLASSES[scratch.architecture]
    values = {**_special_ids(tokenizer), **_sizes(scratch, len(tokenizer))}
    if classes:
        values |= class_names(classes)
    return getattr(transformers, model)(getattr(transformers, config)(**values))


def class_names(classes: Sequence[str]) -> dict[str, Any]:
    """Return the entries of a config that name its classes."""
    return {
        "id2label": dict(enumerate(classes)),
        "label2id": {name: index for index, name in enumerate(classes)},
    }


_CLASSES = {
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM"),
    "gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM"),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM"),
    "bart": ("BartConfig", "BartForConditionalGeneration"),
    "t5": ("T5Config", "T5ForConditionalGeneration"),
    "bert": ("BertConfig", "BertForSequenceClassification"),
    "roberta": ("RobertaConfig", "RobertaForSequenceClassification"),
}


def _special_ids(tokenizer: "PreTrainedTokenizerBase") -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _sizes(scratch: Scratch, vocabulary: int) -> dict[str, Any]:
    width, inner, layers, heads = (
        scratch.hidden_size,
        scratch.feed_forward_size,
        scratch.layers,
        scratch.heads,
    )
    match scratch.architecture:
        case "bart":
            both = {
                "layers": layers,
                "attention_heads": heads,
                "ffn_dim": inner,
            }
            sides = {f"{side}_{k}": v for side in ("encoder", "decoder") for k, v in both.items()}
            start = {"decoder_start_token_id": 2, "forced_eos_token_id": 2}
            return {
                "d_model": width,
                "max_position_embeddings": scratch.context,
                **sides,
                **start,
            }
        case "t5":
            return {
                "d_model": width,
                "d_kv": width // heads,
                "d_ff": inner,
                "num_layers": layers,
                "num_heads": heads,
                "decoder_start_token_id": 3,
            }
    common = {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        # RoBERTa counts positions from the padding token's id.
        "max_position_embeddings": scratch.context
        + (4 if scratch.architecture == "roberta" else 0),
    }
    if scratch.architecture in ("bert", "roberta"):
        return common | {"type_vocab_size": 2 if scratch.architecture == "bert" else 1}
    common |= {"tie_word_embeddings": True}
    if scratch.architecture in ("qwen3", "gemma3", "mixtral"):
        common |= {"num_key_value_heads": heads}
    if scratch.architecture in ("qwen3", "gemma3"):
        common |= {"head_dim": width // heads}
    if scratch.experts:
        common |= {
            "num_local_experts": scratch.experts,
            "num_experts_per_tok": 2,
            "output_router_logits": True,
        }
    return common
