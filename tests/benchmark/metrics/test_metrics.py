"""Every metric against golden values; what is missing is said, never zero."""

import json
from collections import Counter
from pathlib import Path

import pytest

from mentallama.benchmark.metrics import METRICS
from mentallama.benchmark.metrics.metric import Models, Text

GOLDEN = json.loads((Path(__file__).parent.parent.parent / "golden" / "metrics.json").read_text())
TEXTS = [Text(hypothesis=h, reference=r, post="a post") for h, r in GOLDEN["pairs"]]
BY_NAME = {metric.name: metric for metric in METRICS}


@pytest.mark.parametrize("name", [name for name in BY_NAME if name in GOLDEN])
def test_golden_values(name: str) -> None:
    assert BY_NAME[name].score(TEXTS, Models()) == pytest.approx(GOLDEN[name], abs=1e-6)
    assert BY_NAME[name].signature(Models())


def test_chrf_by_its_definition() -> None:
    """F2 of the mean precision and the mean recall of runs of 1 to 6 characters without spaces."""

    def runs(text: str, n: int) -> Counter[str]:
        plain = text.replace(" ", "")
        return Counter(plain[i : i + n] for i in range(len(plain) - n + 1))

    for text, found in zip(TEXTS, BY_NAME["chrF"].score(TEXTS, Models()), strict=True):
        precision, recall = [], []
        for n in range(1, 7):
            own, other = runs(text.hypothesis, n), runs(text.reference, n)
            common = (own & other).total()
            precision.append(common / own.total())
            recall.append(common / other.total())
        p, r_ = sum(precision) / 6, sum(recall) / 6
        assert found == pytest.approx(
            100 * 5 * p * r_ / (4 * p + r_) if common or p else 0, abs=0.5
        )


def test_without_weights_nothing_is_computed() -> None:
    missing = {name: metric.missing(Models()) for name, metric in BY_NAME.items()}
    assert {name for name, why in missing.items() if why} == {
        "BERTScore", "BARTScore post->hyp", "BARTScore ref->hyp", "BARTScore hyp->ref",
        "BARTScore F", "BARTScore hyp->ref, label in",
    }  # fmt: skip
    assert "no weights given" in str(missing["BERTScore"])


def test_bartscore_directions_differ_and_say_so(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.tiny_models import save_bart

    words = [w for pair in GOLDEN["pairs"] for text in pair for w in text.split()]
    save_bart(tmp_path, [*words, "post"])
    models = Models(bartscore=str(tmp_path))
    names = [name for name in BY_NAME if name.startswith("BARTScore")]
    scores = {name: BY_NAME[name].score(TEXTS, models) for name in names}
    precision, recall = scores["BARTScore ref->hyp"], scores["BARTScore hyp->ref"]
    assert precision != recall
    halves = [(p + r) / 2 for p, r in zip(precision, recall, strict=True)]
    assert scores["BARTScore F"] == pytest.approx(halves)
    assert len({BY_NAME[name].signature(models) for name in names}) == len(names)
    assert "label sentence in" in BY_NAME["BARTScore hyp->ref, label in"].signature(models)


def test_bertscore_of_equal_texts_is_100(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("bert_score")
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = sorted({w for pair in GOLDEN["pairs"] for text in pair for w in text.split()})
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path)
    BertTokenizerFast(str(tmp_path / "vocab.txt"), model_max_length=64).save_pretrained(tmp_path)
    models = Models(bertscore=str(tmp_path))
    same = [Text(hypothesis=t.reference, reference=t.reference, post="") for t in TEXTS]
    assert BY_NAME["BERTScore"].score(same, models) == pytest.approx([100] * 4, abs=0.01)
    assert max(BY_NAME["BERTScore"].score(TEXTS, models)) < 99.99
    assert "layer 2" in BY_NAME["BERTScore"].signature(models)
