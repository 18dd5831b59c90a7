"""Answers per CPU second: ours against the reference way of generating, in one run.

    python benchmarks/generation.py [--data ../shared/data/imhi] [--rows 96] [--threads 1]

The reference way: transformers' ``generate`` in float32, batches of 8 in file order, padded on the
left to the longest of each; a batch runs until its last row has ended. Ours are the engines of
``mentallama generate`` as they are, from prompt to text, on the rows as it hands them over: sorted
by task and length, the questions on one post side by side.

The model is a LLaMA of 100M parameters (32,000 words) with random weights, large enough that its
greedy answers do not repeat themselves. Every row stops where a real answer would: a first pass
without a stop notes the greedy answers, and the model's end tokens become words that stand, one for
each row, at its answer's length (within 16 tokens) and nowhere before the end of any other row. So
all engines meet the same stops by their own rules. int8 writes other words, so that it gets end
tokens of its own for the same lengths. With --data, lengths of posts, questions and answers are
those of the release's test files (1.35 tokens a word), drawn post by post with all questions on it;
no text is printed. Without, they are drawn with the release's spread. With --exporter (the command
optimum-cli of an environment with optimum-intel), OpenVINO is measured too.

Seconds are CPU seconds of this process, the best of --repeats; loading is not counted.
"""

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from mentallama.ctranslate import make_converter
from mentallama.io import read_json, write_json
from mentallama.models.backend import Backend, Decoding
from mentallama.models.ct2 import CTranslate2Model
from mentallama.models.local import LocalModel
from mentallama.models.openvino import load_openvino

VOCABULARY, CONTEXT, SLACK, BATCH = 32_000, 2048, 16, 8
TOKENS_PER_WORD = 1.35
"""About what LLaMA's tokenizer gives on these posts."""


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt of made-up words, how long its answer is, and the task that it stands for."""

    prompt: str
    answer: int
    task: str = ""


def make_prompt(post: str, post_tokens: int, question: str, question_tokens: int) -> str:
    """Return words drawn for a post, followed by words drawn for a question."""
    about = random.Random(post)
    asked = random.Random(question)
    words = [about.randrange(4, VOCABULARY) for _ in range(post_tokens)]
    words += [asked.randrange(4, VOCABULARY) for _ in range(question_tokens)]
    return " ".join(f"w{word}" for word in words)


def draw_rows(count: int) -> list[Row]:
    """Draw rows with the release's spread of lengths, six questions on every fifth post."""
    draw = random.Random(0)
    rows: list[Row] = []
    for post in range(count):
        length = min(round(draw.lognormvariate(4.4, 0.9)) + 10, 1200)
        for question in range(6 if post % 5 == 0 else 1):
            prompt = make_prompt(str(post), length, str(question), 12)
            rows.append(Row(prompt, round(draw.lognormvariate(4.75, 0.35))))
    return rows[:count]


def read_rows(folder: Path, count: int) -> list[Row]:
    """Return rows with the lengths of the release's test files, in file order, whole posts."""
    from mentallama.data.release import find_files, read_file

    files = [f for f in find_files(folder) if f.split == "test" and f.form == "instruction"]
    samples = [sample for file in files for sample in read_file(folder, file).samples]
    groups: dict[tuple[str, str], list[int]] = {}
    for number, sample in enumerate(samples):
        groups.setdefault((sample.post.task, sample.post.id), []).append(number)
    drawn: list[int] = []
    for group in random.Random(0).sample(list(groups.values()), len(groups)):
        if len(drawn) < count:
            drawn += group
    return [_as_row(samples[number]) for number in sorted(drawn)]


def _as_row(sample: Any) -> Row:
    total, about = (
        round(TOKENS_PER_WORD * len(text.split())) for text in (sample.prompt, sample.post.text)
    )
    asked = f"{sample.post.task} {sample.post.aspect}"
    answer = round(TOKENS_PER_WORD * len(sample.response.split()))
    prompt = make_prompt(sample.post.id, min(about, 1200), asked, total - about)
    return Row(prompt, max(answer, 4), sample.post.task)


def save_model(folder: Path) -> None:
    """Write the model and a tokenizer of made-up words."""
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{i}" for i in range(4, VOCABULARY))]
    raw = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=raw, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=640,
        intermediate_size=1728,
        num_hidden_layers=12,
        num_attention_heads=10,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        initializer_range=0.06,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def convert(folder: Path, out: Path) -> Path:
    """Convert the model for CTranslate2, with no end tokens yet."""
    make_converter()(str(folder)).convert(str(out), quantization="float32")
    return out


def end_at(folder: Path, ends: Sequence[int]) -> Path:
    """Give a transformers or a converted folder its end tokens."""
    converted = (folder / "engine.json").is_file()
    path = folder / ("engine.json" if converted else "generation_config.json")
    key = "end_tokens" if converted else "eos_token_id"
    write_json(path, read_json(path) | {key: list(ends)})
    return folder


def export(folder: Path, out: Path, exporter: str, weights: str) -> Path:
    """Export the model for OpenVINO, with no end tokens yet."""
    command = [exporter, "export", "openvino", "--model", folder]
    command += ["--task", "text-generation-with-past", "--weight-format", weights, out]
    subprocess.run(command, check=True, capture_output=True)
    return end_at(out, [1])


def find_ends(backend: Backend, rows: Sequence[Row], decoding: Decoding) -> list[int]:
    """Return end tokens at which every row's greedy answer stops near its length."""
    texts = [c.text.split() for c in backend.complete([row.prompt for row in rows], decoding)]
    answers = [[int(word[1:]) for word in text if word[0] == "w"] for text in texts]
    before: dict[int, int] = {}
    for row, ids in zip(rows, answers, strict=True):
        for token in set(ids[: row.answer + SLACK]):
            before[token] = before.get(token, 0) + 1
    ends = []
    for row, ids in zip(rows, answers, strict=True):
        places = sorted(range(len(ids)), key=lambda i: abs(i - row.answer + 1))
        alone = [
            ids[i] for i in places[:SLACK] if before.get(ids[i], 0) <= 1 and ids[i] not in ids[:i]
        ]
        ends += alone[:1]
    print(f"{len(ends)} of {len(rows)} rows have a word to stop at", flush=True)
    return ends


class Reference:
    """The reference way: batches of 8 as they come, padded on the left."""

    name = key = "reference"

    def __init__(self, folder: Path) -> None:
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Any]:
        """Yield a text and its number of tokens for each prompt."""
        for start in range(0, len(prompts), BATCH):
            batch = self._tokenizer(list(prompts[start : start + BATCH]), padding=True)
            inputs = {key: torch.tensor(batch[key]) for key in ("input_ids", "attention_mask")}
            with torch.inference_mode():
                output = self._model.generate(
                    **inputs, max_new_tokens=decoding.max_new_tokens, do_sample=False
                )
            new = output[:, inputs["input_ids"].shape[1] :]
            yield from self._tokenizer.batch_decode(new, skip_special_tokens=True)


def time_it(work: Callable[[], list[str]]) -> tuple[list[str], float, float]:
    """Return what the work gave, its CPU seconds and its seconds on the clock."""
    clock, cpu = time.perf_counter(), time.process_time()
    texts = work()
    return texts, time.process_time() - cpu, time.perf_counter() - clock


def ask(backend: Backend, rows: Sequence[Row], decoding: Decoding) -> list[str]:
    """Ask as ``mentallama generate`` does, and put the answers back in the rows' order."""
    order = sorted(
        range(len(rows)), key=lambda i: (rows[i].task, len(rows[i].prompt)), reverse=True
    )
    found = backend.complete([rows[i].prompt for i in order], decoding)
    texts = dict(zip(order, (completion.text for completion in found), strict=True))
    return [texts[i] for i in range(len(rows))]


def margin(model: Any, tokenizer: Any, row: Row, one: str, other: str) -> tuple[int, float]:
    """Return where two answers part, and how far the two logits were apart there.

    The distance is a share of the largest logit.
    """
    first, second = one.split(), other.split()
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    if at is None:
        return min(len(first), len(second)), float("nan")
    ids = tokenizer(f"{row.prompt} {' '.join(first[:at])}")["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, -1]
    a, b = (tokenizer.convert_tokens_to_ids(text[at]) for text in (first, second))
    return at, float((logits[a] - logits[b]).abs() / logits.abs().max())


def show_padding(rows: Sequence[Row], decoding: Decoding) -> None:
    """Say what the reference way spends on padding and on rows that have ended."""
    prompts = [len(row.prompt.split()) + 1 for row in rows]
    answers = [row.answer for row in rows]
    for name, values in (("prompt", prompts), ("answer", answers)):
        slots = sum(
            max(values[i : i + BATCH]) * len(values[i : i + BATCH])
            for i in range(0, len(values), BATCH)
        )
        print(
            f"{name} tokens: {sum(values):,}, longest {max(values)}; in batches of {BATCH} in file "
            f"order {100 * sum(values) / slots:.0f} % of the slots hold one"
        )


def main() -> None:
    """Measure all ways, alternating, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="A checkout of the IMHI release.")
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--batch-tokens", type=int, help="Default: as each engine has it.")
    parser.add_argument("--exporter", help="Path of optimum-cli, to measure OpenVINO too.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = read_rows(options.data, options.rows) if options.data else draw_rows(options.rows)
    longest = max(row.answer for row in rows)
    decoding = Decoding(max_new_tokens=longest + SLACK)
    show_padding(rows, decoding)
    with tempfile.TemporaryDirectory() as place:
        measure(Path(place), rows, decoding, options)


def measure(place: Path, rows: Sequence[Row], decoding: Decoding, options: Any) -> None:
    """Build the model, find its stops, run every way and compare."""
    save_model(place / "model")
    tokenizer = AutoTokenizer.from_pretrained(place / "model")
    exact = end_at(convert(place / "model", place / "exact"), [1])
    rounded = shutil.copytree(exact, place / "rounded")
    tokens = options.batch_tokens

    def converted(folder: Path, int8: bool) -> CTranslate2Model:
        return CTranslate2Model(folder, tokenizer, int8=int8, batch_tokens=tokens)

    ends = find_ends(converted(exact, False), rows, decoding)
    end_at(exact, ends)
    end_at(place / "model", ends)
    end_at(rounded, find_ends(converted(rounded, True), rows, decoding))
    model = AutoModelForCausalLM.from_pretrained(place / "model", dtype=torch.float32).eval()
    reference = Reference(place / "model")
    local = LocalModel(model, tokenizer, batch_tokens=tokens)
    fp32, int8 = converted(exact, False), converted(rounded, True)
    ways: dict[str, Callable[[], list[str]]] = {
        "reference": lambda: list(reference.complete([row.prompt for row in rows], decoding)),
        "transformers fp32": lambda: ask(local, rows, decoding),
        "ctranslate2 fp32": lambda: ask(fp32, rows, decoding),
        "ctranslate2 int8": lambda: ask(int8, rows, decoding),
    }
    if options.exporter:
        for name, weights in (("openvino fp32", "fp32"), ("openvino int8", "int8")):
            folder = export(place / "model", place / weights, options.exporter, weights)
            stops = (
                ends if weights == "fp32" else find_ends(load_openvino(str(folder)), rows, decoding)
            )
            backend = load_openvino(str(end_at(folder, stops)), batch_tokens=tokens)
            ways[name] = partial(ask, backend, rows, decoding)
    texts: dict[str, list[str]] = {}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.repeats):
        for name, work in ways.items():
            texts[name], *spent = time_it(work)
            seconds[name].append((spent[0], spent[1]))
            print(f"{name}: {spent[0]:.1f} CPU s, {spent[1]:.1f} s", flush=True)
    # The reference keeps the end word, which is no special token.
    texts["reference"] = [_until(text, set(ends)) for text in texts["reference"]]
    report_speed(rows, texts, seconds)
    report_answers(rows, texts, lambda *pair: margin(model, tokenizer, *pair))


def report_speed(
    rows: Sequence[Row],
    texts: dict[str, list[str]],
    seconds: dict[str, list[tuple[float, float]]],
) -> None:
    """Print the best seconds of each way, processor first, and the ratio to the reference."""
    base, base_clock = min(seconds["reference"])
    for name, times in seconds.items():
        cpu, clock = min(times)
        written = sum(len(text.split()) + 1 for text in texts[name])
        print(
            f"{name}: {written:,} tokens written, {cpu:.1f} CPU s, {clock:.1f} s; "
            f"{len(rows) / cpu:.2f} answers per CPU s, {base / cpu:.2f}x "
            f"({base_clock / clock:.2f}x by the clock)"
        )


def report_answers(
    rows: Sequence[Row],
    texts: dict[str, list[str]],
    apart: Callable[[Row, str, str], tuple[int, float]],
) -> None:
    """Print how many float32 answers are the reference's, and how near a tie the others part."""
    for name in (name for name in texts if name.endswith("fp32")):
        pairs = list(zip(rows, texts["reference"], texts[name], strict=True))
        other = [pair for pair in pairs if pair[1] != pair[2]]
        print(f"{name}: {len(rows) - len(other)} of {len(rows)} answers are the reference's")
        for pair in other:
            at, difference = apart(*pair)
            print(f"  parts after {at} tokens, where two logits are {difference:.1e} of the scale")


def _until(text: str, ends: set[int]) -> str:
    words = text.split()
    stop = next((i for i, word in enumerate(words) if int(word[1:]) in ends), len(words))
    return " ".join(words[:stop])


if __name__ == "__main__":
    main()
