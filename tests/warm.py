"""Imported once by the process that commands under test are forked from (``processes.py``)."""

import os
from contextlib import suppress
from importlib import import_module

# Read when huggingface_hub is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

for _name in (
    "mentallama.cli",
    "pydantic",
    "rich.console",
    "sklearn.linear_model",
    "sklearn.feature_extraction.text",
    "pyarrow.parquet",
    "torch",
    "transformers.trainer",
    "transformers.models.llama.modeling_llama",
    "transformers.models.bert.modeling_bert",
    "datasets",
    "peft",
    "trl",
):
    with suppress(ImportError):
        import_module(_name)
