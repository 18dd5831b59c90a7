"""Closeness to the experts: the metrics by hand, and the three modes against a real server."""

import json
import math
from pathlib import Path

import pytest

from mentallama.closeness import bart_score, rouge_l
from mentallama.data.expert import load_expert
from mentallama.data.scripted import Line
from mentallama.errors import InputError
from mentallama.tasks import get_task
from tests.conftest import Run
from tests.teacher_server import TeacherServer


def test_rouge_by_hand() -> None:
    # Longest common subsequence "the cat sat": 3 of 4 and of 5 words, F = 2 * 3 / 9.
    assert rouge_l(["the cat sat down"], ["the black cat sat there"]) == [pytest.approx(200 / 3)]
    assert rouge_l(["same words"], ["same words"]) == [pytest.approx(100)]
    assert rouge_l(["", "a"], ["b", "c"]) == [0, 0]


def test_bart_score_is_the_mean_log_probability(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

    vocabulary = {
        word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", "a", "b", "c", "d"])
    }
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    torch.manual_seed(0)
    layers = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    ffn = {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    config = BartConfig(vocab_size=8, max_position_embeddings=64, **layers, **heads, **ffn)
    model = BartForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = bart_score(tmp_path, ["a b", "c"], ["d", "a b c d"], batch_size=2)
    for source, target, score in zip(["a b", "c"], ["d", "a b c d"], found, strict=True):
        ids = tokenizer(target)["input_ids"]
        total = 0.0
        for position, token in enumerate(ids):
            given = torch.tensor([[config.decoder_start_token_id, *ids[:position]]])
            with torch.no_grad():
                logits = model(
                    input_ids=torch.tensor([tokenizer(source)["input_ids"]]),
                    decoder_input_ids=given,
                ).logits[0, -1]
            total += math.log(torch.softmax(logits, -1)[token].item())
        assert score == pytest.approx(total / len(ids), abs=1e-4) and score < 0
    with pytest.raises(InputError, match="no encoder-decoder model"):
        bart_score(tmp_path / "nowhere", ["a"], ["b"])


def test_the_three_modes(run: Run) -> None:
    """A server that says the experts' words gets 100 everywhere; another's words get less."""
    task = get_task("CAMS")
    script = {
        (example.post, task.question): (
            "CAMS",
            Line(label=example.label, explanation=example.explanation, quotes=example.quotes),
        )
        for example in load_expert(task).examples
    }
    with TeacherServer(script) as server:
        options = ("--endpoint", server.url, "--model", "m", "--task", "CAMS", "--json")
        done = run("data", "quality", *options, "--out", "q")
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout)["quality"]
        sent = [body["messages"] for body in server.requests]
    assert [one["mode"] for one in results] == ["label", "no-label", "zero-shot"]
    assert all((one["score"], one["right"], one["asked"]) == (100, 18, 18) for one in results)
    for messages in sent:
        asked = messages[-1]["content"].split("\n")[1]
        assert not any(asked in message["content"] for message in messages[:-1])
    wrong = {key: ("CAMS", Line(label="job", explanation="Work.")) for key in script}
    with TeacherServer(wrong) as server:
        options = ("--endpoint", server.url, "--model", "m", "--task", "CAMS", "--json")
        results = json.loads(run("data", "quality", *options, "--out", "w").stdout)["quality"]
    assert all(one["score"] < 20 and one["right"] == 3 for one in results)
