"""Posts per second: the mini model against a BERT per task run the reference way, in one run.

    python benchmarks/analyser.py [--data ../shared/data/imhi] [--posts 96] [--threads 1]

The reference: one bert-base classifier per task (random weights, the mini model's tokenizer, which
is BERT's), question and post as a pair, batches of 8 in file order, padded, float32. Every question
with aspects is a pass of its own. Ours: the mini model that ships, from text to verdicts, with and
without evidence, in float32 and in int8 on ONNX Runtime. Posts are the release's test posts, drawn
(--data), or the sample corpus; none is printed. Seconds are processor seconds, best of --repeats.

Then a server is started with the mini model and asked about one post at a time by 4 clients at
once: median and 99th percentile of the time to an answer with evidence, and the server's largest
memory.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification

from mentallama.analysis.ask import Question, list_questions
from mentallama.analysis.mini import Mini, load_mini
from mentallama.models.classifier import load_reader
from mentallama.tasks import get_task

BATCH, CLIENTS, REQUESTS = 8, 4, 200


def read_posts(data: Path | None, count: int) -> list[str]:
    """Return distinct posts in file order."""
    if data:
        from mentallama.data.release import find_files, read_file

        files = [f for f in find_files(data) if f.split == "test" and f.form == "instruction"]
        texts = [s.post.text for file in files for s in read_file(data, file).samples]
    else:
        from mentallama.corpus.samples import load_samples

        texts = [sample.post.text for sample in load_samples()]
    texts = list(dict.fromkeys(texts))
    chosen = sorted(random.Random(0).sample(range(len(texts)), min(count, len(texts))))
    return [texts[i] for i in chosen]


def run_reference(model: Any, tokenizer: Any, posts: Sequence[str], question: Question) -> None:
    """Read all posts with one question as the reference would."""
    asked = get_task(question.task).question.replace("{aspect}", question.aspect or "")
    for start in range(0, len(posts), BATCH):
        batch = posts[start : start + BATCH]
        encoded = tokenizer(
            [asked] * len(batch), list(batch), padding=True, truncation=True, max_length=512,
            return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            model(**encoded).logits.argmax(-1).tolist()


def cpu(work: Callable[[], Any], repeats: int) -> float:
    """Return the least processor seconds of some runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def measure_throughput(options: Any) -> None:
    """Print a line for each way."""
    posts = read_posts(options.data, options.posts)
    plain, full = load_mini(evidence=False), load_mini()
    rounded = load_mini(evidence=False, int8=True)
    covered = [q for q in list_questions() if q in plain._heads]
    bert = BertForSequenceClassification(BertConfig()).eval()
    one = [Question(task="dreaddit")]

    def ours(mini: Mini, questions: list[Question]) -> Callable[[], Any]:
        return lambda: list(mini.answer(posts, questions))

    words = load_reader(str(files("mentallama") / "mini"))
    reference = cpu(lambda: run_reference(bert, words, posts, one[0]), options.repeats)
    every = sum(cpu(lambda q=q: run_reference(bert, words, posts, q), 1) for q in covered)  # type: ignore[misc]
    print(f"{len(posts)} posts, {len(covered)} questions covered, {options.threads} thread(s)")
    print(f"reference, one question: {reference:.2f} s, {len(posts) / reference:.1f} posts/s")
    print(f"reference, all questions: {every:.2f} s, {len(posts) / every:.1f} posts/s")
    for name, mini in (("fp32", plain), ("fp32 with evidence", full), ("int8", rounded)):
        for what, questions, base in (("one", one, reference), ("all", covered, every)):
            seconds = cpu(ours(mini, questions), options.repeats)
            print(
                f"mini {name}, {what}: {seconds:.2f} s, {len(posts) / seconds:.1f} posts/s, "
                f"{base / seconds:.1f}x"
            )
    pairs = list(zip(plain.answer(posts, covered), rounded.answer(posts, covered), strict=True))
    same = [a.label == b.label for exact, other in pairs for a, b in zip(exact, other, strict=True)]
    print(f"int8 gives the same verdict in {sum(same)} of {len(same)}")


def measure_latency(options: Any) -> None:
    """Print the time to an answer of a real server under some load, and its memory."""
    posts = read_posts(options.data, REQUESTS)
    command = [sys.executable, "-m", "mentallama", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = next(
            found[0] for line in server.stdout if (found := re.findall(r"http://\S+\d", line))
        )
        ask(url, "an invented first post, to warm up")
        times: list[float] = []
        workers = [
            threading.Thread(
                target=lambda own=posts[i::CLIENTS]: times.extend(ask(url, t) for t in own)
            )  # type: ignore[misc]
            for i in range(CLIENTS)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        times.sort()
        status = Path(f"/proc/{server.pid}/status").read_text()
        peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
        print(
            f"server, {len(times)} posts from {CLIENTS} clients, all questions with evidence: "
            f"median {1000 * times[len(times) // 2]:.0f} ms, 99th percentile "
            f"{1000 * times[int(0.99 * (len(times) - 1))]:.0f} ms; at most {peak:.0f} MiB"
        )
    finally:
        server.terminate()


def ask(url: str, text: str) -> float:
    """Ask a server about one post; return the seconds it took."""
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(
        f"{url}/v1/analyse", body, {"Content-Type": "application/json"}
    )
    start = time.perf_counter()
    with urllib.request.urlopen(request) as reply:
        reply.read()
    return time.perf_counter() - start


def main() -> None:
    """Measure throughput and latency."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="A checkout of the IMHI release.")
    parser.add_argument("--posts", type=int, default=96)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measure_throughput(options)
    measure_latency(options)


if __name__ == "__main__":
    main()
