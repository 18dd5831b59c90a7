"""Shapes of published bases, as plain values: what an estimate needs where no hub is reached.

Only sizes are given, from each model's own config.json; they do not make a config to train with.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def _llama(
    hidden: int, inner: int, layers: int, heads: int, key_value_heads: int | None = None
) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "vocab_size": 32_000,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads or heads,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    }


_LLAMA_7B = _llama(4096, 11_008, 32, 32)
_LLAMA_13B = _llama(5120, 13_824, 40, 40)
_LLAMA_70B = _llama(8192, 28_672, 80, 64, 8)
_LLAMA_30B = _llama(6656, 17_920, 60, 52) | {"max_position_embeddings": 2048}
_LLAMA3_8B = _llama(4096, 14_336, 32, 32, 8) | {
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
}
_QWEN3 = {
    "vocab_size": 151_936,
    "num_attention_heads": 32,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": False,
}
_QWEN3_8B = _QWEN3 | {
    "model_type": "qwen3",
    "hidden_size": 4096,
    "intermediate_size": 12_288,
    "num_hidden_layers": 36,
    "num_key_value_heads": 8,
}
_QWEN3_30B_A3B = _QWEN3 | {
    "model_type": "qwen3_moe",
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "moe_intermediate_size": 768,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 48,
    "num_key_value_heads": 4,
}
_GEMMA3_1B = {
    "model_type": "gemma3_text",
    "vocab_size": 262_144,
    "hidden_size": 1152,
    "intermediate_size": 6912,
    "num_hidden_layers": 26,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "sliding_window": 512,
    "max_position_embeddings": 32_768,
}
# bert-base's and roberta-base's sizes but for these are the defaults of their config classes.
_BERT_BASE = {"model_type": "bert", "vocab_size": 30_522}
_MINILM = _BERT_BASE | {
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
}
_ROBERTA_BASE = {
    "model_type": "roberta",
    "vocab_size": 50_265,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
}
_BART_LARGE = {
    "model_type": "bart",
    "vocab_size": 50_265,
    "d_model": 1024,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
    "max_position_embeddings": 1024,
}
_T5_LARGE = {
    "model_type": "t5",
    "vocab_size": 32_128,
    "d_model": 1024,
    "d_kv": 64,
    "d_ff": 4096,
    "num_layers": 24,
    "num_heads": 16,
}
_KNOWN: dict[str, dict[str, Any]] = {
    "meta-llama/Llama-2-7b-hf": _LLAMA_7B,
    "meta-llama/Llama-2-7b-chat-hf": _LLAMA_7B,
    "meta-llama/Llama-2-13b-hf": _LLAMA_13B,
    "meta-llama/Llama-2-13b-chat-hf": _LLAMA_13B,
    "meta-llama/Llama-2-70b-hf": _LLAMA_70B,
    "meta-llama/Llama-2-70b-chat-hf": _LLAMA_70B,
    "lmsys/vicuna-33b-v1.3": _LLAMA_30B,
    "klyang/MentaLLaMA-chat-7B": _LLAMA_7B,
    "klyang/MentaLLaMA-chat-13B": _LLAMA_13B,
    "meta-llama/Llama-3.1-8B": _LLAMA3_8B,
    "meta-llama/Llama-3.1-8B-Instruct": _LLAMA3_8B,
    "Qwen/Qwen3-8B": _QWEN3_8B,
    "Qwen/Qwen3-30B-A3B": _QWEN3_30B_A3B,
    "google/gemma-3-1b-it": _GEMMA3_1B,
    "bert-base-uncased": _BERT_BASE,
    "google-bert/bert-base-uncased": _BERT_BASE,
    "mental/mental-bert-base-uncased": _BERT_BASE,
    "sentence-transformers/all-MiniLM-L6-v2": _MINILM,
    "roberta-base": _ROBERTA_BASE,
    "FacebookAI/roberta-base": _ROBERTA_BASE,
    "mental/mental-roberta-base": _ROBERTA_BASE,
    "facebook/bart-large": _BART_LARGE,
    "t5-large": _T5_LARGE,
    "google-t5/t5-large": _T5_LARGE,
}


def known_config(name: str) -> "PretrainedConfig | None":
    """Return the config of a published base by its hub id, or None where it is not among ours."""
    from transformers import AutoConfig

    values = _KNOWN.get(name)
    return AutoConfig.for_model(**values) if values else None
