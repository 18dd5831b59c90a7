"""Evidence of the mini model against passages that people marked, beside ways that need no thought.

    python benchmarks/evidence.py --raw ../shared/data/raw [--model DIR] [--rows 300]

Posts of the sources' test files of Irf and CAMS on which annotators marked the passage that their
label rests on, and on which the model gives their label. Each way chooses passages among the same
clauses:

- alone: what a clause says for the label when it is all there is to read (what the analyser does)
- left out: what the post loses of the label without it
- gradient: the length of the gradient of the label's logit, times the input, summed over a clause
- attention: what the last layer's first token attends to, summed over a clause
- random: any clauses, the mean of ten draws

Token F1 and IoU with the marked passage (DeYoung et al. 2020); sufficiency: the label's probability
on the whole post less that on the chosen passages alone (low is good); comprehensiveness: less that
on the post without them (high is good). Intervals are a bootstrap over posts. No post is printed.
"""

import argparse
import random
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mentallama.analysis.ask import Question
from mentallama.analysis.evidence import (
    Span,
    choose_evidence,
    split_clauses,
    weigh_alone,
    weigh_left_out,
)
from mentallama.analysis.mini import Head, load_mini
from mentallama.benchmark.evidence import overlap, words_in
from mentallama.benchmark.inference.encoder import Encoder
from mentallama.models.classifier import load_network, load_reader
from mentallama.tasks.grounding import locate
from mentallama.tasks.questions import combine
from mentallama.tasks.raw import read_corpora
from mentallama.types import Post

Weigh = Callable[[str, Sequence[Span]], list[float]]
_DRAWS = 10


class Reader:
    """One question of the mini model, asked about one label."""

    def __init__(self, mini: Any, encoder: Encoder, question: Question, label: str) -> None:
        """``encoder`` is the same network under transformers, which has gradients and attention."""
        self.mini, self.encoder, self.head = mini, encoder, mini._heads[question]
        self.best = self.head.labels.index(label)

    def margins(self, texts: Sequence[str]) -> Any:
        """Return by how much the label's logit leads, for each text."""
        logits = self._logits(texts)
        return logits[:, self.best] - np.delete(logits, self.best, axis=1).max(axis=1)

    def chances(self, texts: Sequence[str]) -> Any:
        """Return the label's calibrated probability for each text."""
        values = self._logits(texts) / self.head.temperature
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return (values / values.sum(axis=1, keepdims=True))[:, self.best]

    def _logits(self, texts: Sequence[str]) -> Any:
        logits, _ = self.mini._logits([text or " " for text in texts])
        return combine(logits, self.head.outputs)


def by_tokens(
    encoder: Encoder, head: Head, best: int, text: str, spans: Sequence[Span], how: str
) -> list[float]:
    """Weigh clauses by gradient times input, or by attention, token by token."""
    network, tokenizer = encoder.model, encoder.tokenizer
    batch = tokenizer(
        text, truncation=True, max_length=512, return_tensors="pt", return_offsets_mapping=True
    )
    offsets = batch.pop("offset_mapping")[0].tolist()
    if how == "gradient":
        inputs = network.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
        logits = network(inputs_embeds=inputs, attention_mask=batch["attention_mask"]).logits
        sum(logits[0, columns[best]] for columns in head.outputs).backward()
        weights = (inputs.grad[0] * inputs[0]).sum(-1).abs().tolist()
    else:
        with torch.inference_mode():
            found = network(**batch, output_attentions=True).attentions
        weights = found[-1][0].mean(0)[0].tolist()
    return [
        sum(w for w, (a, b) in zip(weights, offsets, strict=True) if b > a and start <= a < end)
        for start, end in spans
    ]


def read_posts(raw: Path, rows: int) -> list[tuple[Post, list[Span]]]:
    """Return test posts with a marked passage that stands in them, as many of each task."""
    found, _ = read_corpora(raw, ["Irf", "CAMS"])
    marked: dict[str, list[tuple[Post, list[Span]]]] = {}
    for row in found:
        post = row.post
        if post.split == "test" and post.label not in ("no", "none"):
            places = [place for text in post.evidence if (place := locate(post.text, text))]
            if places and len(split_clauses(post.text)) > 1:
                marked.setdefault(post.task, []).append((post, places))
    draw = random.Random(0)
    return [one for own in marked.values() for one in draw.sample(own, min(rows, len(own)))]


def measure(
    reader: Reader, post: Post, gold: list[Span], rng: random.Random
) -> dict[str, list[float]]:
    """Return token F1, IoU, sufficiency and comprehensiveness of each way on one post."""
    text, spans = post.text, split_clauses(post.text)
    words = words_in(text, gold)
    [whole] = reader.chances([text])

    def tokens(how: str) -> list[float]:
        return by_tokens(reader.encoder, reader.head, reader.best, text, spans, how)

    ways = {
        "alone": [weigh_alone(reader.margins, text, spans)],
        "left out": [weigh_left_out(reader.margins, text, spans)],
        "gradient": [tokens("gradient")],
        "attention": [tokens("attention")],
        "random": [[rng.random() for _ in spans] for _ in range(_DRAWS)],
    }
    found = {}
    for name, draws in ways.items():
        scores = []
        for weights in draws:
            chosen = [(one.start, one.end) for one in choose_evidence(text, spans, weights)]
            chosen = chosen or [spans[int(np.argmax(weights))]]
            alone = " ".join(text[start:end] for start, end in chosen)
            rest = " ".join(text[slice(*span)] for span in spans if span not in chosen)
            only, without = reader.chances([alone, rest])
            scores.append([*overlap(words_in(text, chosen), words), whole - only, whole - without])
        found[name] = np.mean(scores, axis=0).tolist()
    return found


def main() -> None:
    """Measure all ways and print a line for each task and way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="A mini model.  [default: the one that ships]")
    parser.add_argument("--rows", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    mini = load_mini(options.model)
    place = str(options.model or files("mentallama") / "mini")
    encoder = Encoder(load_network(place), load_reader(place))
    encoder.model.set_attn_implementation("eager")
    rng = random.Random(0)
    scores: dict[tuple[str, str], list[list[float]]] = {}
    met: dict[str, list[bool]] = {}
    for post, gold in read_posts(options.raw, options.rows):
        question = Question(task=post.task, aspect=post.aspect)
        reader = Reader(mini, encoder, question, str(post.label))
        logits = reader._logits([post.text])[0]
        agrees = int(np.argmax(logits)) == reader.best
        met.setdefault(post.task, []).append(agrees)
        if agrees:
            for way, values in measure(reader, post, gold, rng).items():
                scores.setdefault((post.task, way), []).append(values)
    for task, found in met.items():
        print(f"{task}: {sum(found)} of {len(found)} posts get the annotators' label")
    print(
        "| task | way | n | token F1 | IoU | sufficiency | comprehensiveness |\n"
        "|---|---|---|---|---|---|---|"
    )
    for (task, way), rows in scores.items():
        print(f"| {task} | {way} | {len(rows)} | {' | '.join(describe(np.array(rows)))} |")


def describe(rows: Any) -> list[str]:
    """Return mean and 95 % interval of each column, shares in percent."""
    draw = np.random.default_rng(0)
    picks = draw.integers(0, len(rows), (2000, len(rows)))
    low, high = np.percentile(rows[picks].mean(axis=1), [2.5, 97.5], axis=0)
    mean = rows.mean(axis=0)
    return [
        f"{100 * m:.1f} ({100 * a:.1f} to {100 * b:.1f})"
        for m, a, b in zip(mean, low, high, strict=True)
    ]


if __name__ == "__main__":
    main()
