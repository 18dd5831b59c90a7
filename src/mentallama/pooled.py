"""An encoder under a linear layer that sees the mean of its tokens: the sentence encoder's way.

transformers' own classifiers look at the first token, which sentence encoders (all-MiniLM) were not
trained to put anything into. torch is imported here: import this module inside the function that
needs it.
"""

from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class PooledForSequenceClassification(PreTrainedModel):  # type: ignore[misc]
    """Logits of shape (rows, labels) from the mean of the last layer over each row's tokens."""

    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(config, add_pooling_layer=False)
        rate = getattr(config, "classifier_dropout", None) or config.hidden_dropout_prob
        self.dropout = torch.nn.Dropout(rate)
        self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def _init_weights(self, module: Any) -> None:
        if isinstance(module, torch.nn.Linear):
            module.weight.data.normal_(0.0, self.config.initializer_range)
            module.bias.data.zero_()

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, **values: Any
    ) -> SequenceClassifierOutput:
        """Read rows of tokens; padding does not count."""
        read = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **values)
        counts = attention_mask[..., None].to(read.last_hidden_state.dtype)
        mean = (read.last_hidden_state * counts).sum(1) / counts.sum(1)
        return SequenceClassifierOutput(
            logits=self.classifier(self.dropout(mean)), attentions=read.attentions
        )


def load_pooled(source: str, **values: Any) -> Any:
    """Load a base or a tuned model of this kind, as transformers' own classes are loaded."""
    loading = {
        name: values.pop(name)
        for name in (
            "output_loading_info",
            "dtype",
            "ignore_mismatched_sizes",
            "attn_implementation",
        )
        if name in values
    }
    config = AutoConfig.from_pretrained(source, **values)
    return PooledForSequenceClassification.from_pretrained(source, config=config, **loading)
