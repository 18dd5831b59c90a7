"""Generation with real models on disk: nothing lost, nothing doubled, nothing longer than asked."""

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mentallama.dataset import read_samples
from mentallama.errors import InputError
from mentallama.io import read_records, write_records
from mentallama.models.backend import Completion, Decoding, GoldBackend
from mentallama.models.generate import Asked, as_released, generate
from mentallama.models.local import load_local
from mentallama.tuning.recipe import Scratch
from mentallama.tuning.scratch import train_tokenizer
from mentallama.types import Response, Sample
from tests.conftest import Run, sample


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a LLaMA with random weights that ends about every third row early."""
    folder = tmp_path_factory.mktemp("models") / "random-llama"
    scratch = Scratch(
        vocabulary=300, hidden_size=32, feed_forward_size=32, layers=2, heads=2, context=256
    )
    tokenizer = train_tokenizer(scratch, ["a few words of text to learn from"])
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def samples() -> list[Sample]:
    texts = ["one", "two and a bit", "three " * 9, "four " * 30, "five " * 3, "six " * 14]
    return [sample(text=text, row=row) for row, text in enumerate(texts, 1)]


def test_a_real_model_answers_in_order_and_within_the_limit(
    model: Path, samples: list[Sample], tmp_path: Path
) -> None:
    backend = load_local(str(model), batch_tokens=600)
    asked = as_released(samples)
    responses = generate(backend, asked, tmp_path / "r.jsonl", decoding=Decoding(max_new_tokens=12))
    assert [r.sample_id for r in responses] == [s.id for s in samples]
    assert {r.model for r in responses} == {"random-llama"}
    assert read_records(tmp_path / "r.jsonl", Response) == responses


def test_an_answer_is_the_same_alone_and_in_a_batch(model: Path, samples: list[Sample]) -> None:
    prompts = [row.prompt for row in samples]
    decoding = Decoding(max_new_tokens=10)
    together = list(load_local(str(model), batch_tokens=4096).complete(prompts, decoding))
    alone = list(load_local(str(model), batch_tokens=1).complete(prompts, decoding))
    assert together == alone


@pytest.mark.parametrize("limit", [6, 40])
def test_rows_stop_at_the_end_token_or_at_the_limit(
    model: Path, samples: list[Sample], limit: int
) -> None:
    """Compared with a loop that takes the likeliest token one at a time."""
    backend = load_local(str(model), batch_tokens=900)
    tokenizer, network = backend._tokenizer, backend._model
    completions = backend.complete([row.prompt for row in samples], Decoding(max_new_tokens=limit))
    for row, completion in zip(samples, completions, strict=True):
        ids = torch.tensor([tokenizer(row.prompt)["input_ids"]])[:, -(256 - limit) :]
        if completion.prompt_truncated:
            continue
        new: list[int] = []
        while len(new) < limit:
            token = int(
                network(torch.cat([ids, torch.tensor([new], dtype=torch.long)], dim=1))
                .logits[0, -1]
                .argmax()
            )
            if token == tokenizer.eos_token_id:
                break
            new.append(token)
        assert completion.text == tokenizer.decode(new, skip_special_tokens=True)
        assert completion.cut_off == (len(new) == limit)


def test_a_prompt_that_does_not_fit_is_shortened_and_flagged(model: Path) -> None:
    backend = load_local(str(model))
    rows = [sample(text="long " * 300), sample(text="short")]
    flags = [
        c.prompt_truncated
        for c in backend.complete([r.prompt for r in rows], Decoding(max_new_tokens=4))
    ]
    assert flags == [True, False]


def test_too_many_new_tokens_for_the_context_is_an_error(model: Path) -> None:
    with pytest.raises(InputError, match="leave 6 of its 256 for the prompt"):
        list(load_local(str(model)).complete(["x"], Decoding(max_new_tokens=250)))


class Slow:
    """Answers one prompt at a time, slowly enough to be killed between two."""

    name = key = "slow"

    def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
        for prompt in prompts:
            time.sleep(0.004)
            yield Completion(text=f"answer to {len(prompt)}")


def _work(samples: list[Sample], out: Path) -> None:
    generate(Slow(), as_released(samples), out)


def test_fifty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """Each run is killed as soon as it has put some more rows on disk, wherever it then is."""
    samples = [sample(text="word " * (n % 17), row=n) for n in range(1, 421)]
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    generate(Slow(), as_released(samples), whole)
    partial = killed.with_name("killed.jsonl.partial")
    context = multiprocessing.get_context("fork")
    for kill in range(50):
        process = context.Process(target=_work, args=(samples, killed))
        process.start()
        wanted = (partial.stat().st_size if partial.exists() else 0) + 900 + 311 * (kill % 5)
        while not (partial.exists() and partial.stat().st_size > wanted):
            assert process.is_alive(), "finished before it could be killed"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    _work(samples, killed)
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{stem}.jsonl{end}" for stem in ("killed", "whole") for end in ("", ".meta.json")
    ]


def test_questions_on_one_post_are_asked_side_by_side_and_long_prompts_first(
    tmp_path: Path,
) -> None:
    """An engine that keeps a prompt's start finds it again; every response names its prompt."""
    asked_in: list[str] = []

    class Listening(Slow):
        def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
            asked_in.extend(prompts)
            return super().complete(prompts, decoding)

    posts = ["a short one", "a longer one " * 4, "the longest one " * 9]
    samples = [
        sample("MultiWD", "yes", text=text, aspect=aspect, row=3 * number + place)
        for place, aspect in enumerate(["physical", "social", "emotional"])
        for number, text in enumerate(posts)
    ]
    prompts = [f"Think first. {one.prompt}" for one in samples]
    asked = Asked(samples=samples, prompts=prompts, how="cot wording=1")
    responses = generate(Listening(), asked, tmp_path / "r.jsonl")
    lengths = [next(len(text) for text in posts if text in prompt) for prompt in asked_in]
    assert lengths == sorted(lengths, reverse=True) and sorted(asked_in) == sorted(prompts)
    assert {response.prompted_as for response in responses} == {"cot wording=1"}
    digest = hashlib.sha256(prompts[0].encode()).hexdigest()[:16]
    assert responses[0].prompt_sha256 == digest
    with pytest.raises(InputError, match="other prompts"):
        generate(Listening(), as_released(samples), tmp_path / "r.jsonl")


def test_a_torn_line_is_dropped_and_asked_again(tmp_path: Path) -> None:
    samples = [sample(text=text, row=row) for row, text in enumerate(["a", "bb", "ccc"], 1)]
    out = tmp_path / "r.jsonl"
    generate(GoldBackend(samples), as_released(samples), out)
    finished = out.read_text().splitlines()
    key = out.with_name("r.jsonl.meta.json")
    header = json.dumps(json.loads(key.read_text()))
    out.with_name("r.jsonl.partial").write_text(f"{header}\n{finished[1]}\n{finished[0][:40]}")
    out.unlink()
    generate(GoldBackend(samples), as_released(samples), out)
    assert out.read_text().splitlines() == finished


def test_the_same_call_again_asks_nothing(tmp_path: Path) -> None:
    samples = [sample()]
    first = generate(GoldBackend(samples), as_released(samples), tmp_path / "r.jsonl")

    class Broken(GoldBackend):
        def complete(self, prompts: Sequence[str], decoding: Decoding) -> Iterator[Completion]:
            raise AssertionError("asked again")

    assert generate(Broken(samples), as_released(samples), tmp_path / "r.jsonl") == first


@pytest.mark.parametrize("change", ["decoding", "samples", "model"])
def test_a_file_made_otherwise_is_not_taken_for_this_one(tmp_path: Path, change: str) -> None:
    samples = [sample()]
    generate(GoldBackend(samples), as_released(samples), tmp_path / "r.jsonl")
    backend = Slow() if change == "model" else GoldBackend(samples)
    other = [sample(text="another post")] if change == "samples" else samples
    if change == "samples":
        backend = GoldBackend(other)
    decoding = Decoding(max_new_tokens=7) if change == "decoding" else None
    with pytest.raises(InputError, match="made from another model, other prompts or other"):
        generate(backend, as_released(other), tmp_path / "r.jsonl", decoding=decoding)


def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    samples = [sample(text="word " * n, row=n) for n in range(1, 400)]
    process = multiprocessing.get_context("fork").Process(
        target=_work, args=(samples, tmp_path / "r.jsonl")
    )
    process.start()
    try:
        partial = tmp_path / "r.jsonl.partial"
        deadline = time.monotonic() + 120
        while not (partial.exists() and partial.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.005)
        with pytest.raises(InputError, match="another process is writing it"):
            generate(Slow(), as_released(samples), tmp_path / "r.jsonl")
    finally:
        process.kill()
        process.join()


def test_from_the_command_line(
    model: Path, run: Run, tmp_path: Path, samples: list[Sample]
) -> None:
    write_records(tmp_path / "data.jsonl", samples)
    done = run(
        "generate", "--model", model, "--data", "data.jsonl", "--out", "r.jsonl",
        "--max-new-tokens", 8,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "6 responses of random-llama" in done.stdout
    assert "generate: 6/6" in done.stderr
    assert len(read_records(tmp_path / "r.jsonl", Response)) == 6


def test_the_gold_backend_is_the_ceiling(corpus_folder: Path, tmp_path: Path) -> None:
    samples = read_samples(corpus_folder, splits=["test"])
    responses = generate(GoldBackend(samples), as_released(samples), tmp_path / "gold.jsonl")
    assert [r.text for r in responses] == [s.response for s in samples]


def test_help_of_the_command(run: Run) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mentallama", "generate", "--help"], capture_output=True, text=True
    )
    assert "--max-new-tokens" in done.stdout
