"""The model and tokenizer that a run starts from: a hub id, a folder, or a small one from nothing.

torch and transformers are imported inside: ``mentallama --help`` and bad recipes stay fast.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mentallama.errors import InputError
from mentallama.tuning.recipe import Recipe, Scratch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_SPECIAL = ("<unk>", "<s>", "</s>", "<pad>")


def load_start(
    recipe: Recipe, text: Iterable[str]
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return model and tokenizer; ``text`` trains the tokenizer of a scratch model only.

    Weights are float32 whatever the precision: bf16 computes in half precision but steps of 1e-5
    would vanish in bf16 weights.
    """
    if recipe.scratch:
        tokenizer = _train_tokenizer(recipe.scratch, text)
        return _build_model(recipe.scratch, tokenizer), tokenizer
    return _load_base(str(recipe.base), recipe.attention)


def _load_base(base: str, attention: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
        model = AutoModelForCausalLM.from_pretrained(
            base, dtype=torch.float32, attn_implementation=attention
        )
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"base '{base}' cannot be loaded, neither as a folder nor from the hub: {reason}"
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return model, tokenizer


def _train_tokenizer(scratch: Scratch, text: Iterable[str]) -> "PreTrainedTokenizerBase":
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    unk, bos, eos, pad = _SPECIAL
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=scratch.vocabulary,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(text, trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, bpe.token_to_id(bos))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        unk_token=unk,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        model_max_length=scratch.context,
        padding_side="left",
    )


def _build_model(scratch: Scratch, tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=scratch.hidden_size,
        intermediate_size=scratch.feed_forward_size,
        num_hidden_layers=scratch.layers,
        num_attention_heads=scratch.heads,
        max_position_embeddings=scratch.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)
