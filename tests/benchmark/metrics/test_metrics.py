"""Every metric against golden values; what is missing is said, never zero."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mentallama.benchmark.metrics import METRICS
from mentallama.benchmark.metrics.metric import Models, Text
from tests.benchmark.metrics import independent

GOLDEN = json.loads((Path(__file__).parent.parent.parent / "golden" / "metrics.json").read_text())


def in_full(explanation: str) -> str:
    return f"answer. Reasoning: {explanation}"


TEXTS = [
    Text(
        hypothesis=h,
        reference=r,
        post="a post",
        hypothesis_in_full=in_full(h),
        reference_in_full=in_full(r),
    )
    for h, r in GOLDEN["pairs"]
]
WORDS = ["a", "post", "answer", ".", "Reasoning", ":"]
WORDS += [word for pair in GOLDEN["pairs"] for text in pair for word in text.split()]
BY_NAME = {metric.name: metric for metric in METRICS}
BART = [name for name in BY_NAME if name.startswith("BARTScore")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Return weights for every metric, made on the spot."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("weights")
    independent.save_bart(folder / "bart", WORDS)
    independent.save_bert(folder / "bert", WORDS)
    return Models(bartscore=str(folder / "bart"), bertscore=str(folder / "bert"))


@pytest.mark.parametrize("name", BY_NAME)
def test_golden_values(name: str, models: Models) -> None:
    """A metric without golden values fails here."""
    assert BY_NAME[name].score(TEXTS, models) == pytest.approx(GOLDEN[name], abs=1e-4)
    assert BY_NAME[name].signature(models)


def test_golden_values_follow_from_the_definitions(models: Models) -> None:
    bart, bert = Path(str(models.bartscore)), Path(str(models.bertscore))
    defined: dict[str, Callable[[Text], float]] = {
        "chrF": lambda t: independent.chrf(t.hypothesis, t.reference),
        "BERTScore": lambda t: independent.bert_f1(bert, t.hypothesis, t.reference),
        "BARTScore post->hyp": lambda t: independent.log_chance(bart, t.post, t.hypothesis),
        "BARTScore ref->hyp": lambda t: independent.log_chance(bart, t.reference, t.hypothesis),
        "BARTScore hyp->ref": lambda t: independent.log_chance(bart, t.hypothesis, t.reference),
        "BARTScore hyp->ref, label in": lambda t: independent.log_chance(
            bart, t.hypothesis_in_full, t.reference_in_full
        ),
    }
    for name, definition in defined.items():
        assert GOLDEN[name] == pytest.approx([definition(text) for text in TEXTS], abs=1e-4), name
    both = zip(GOLDEN["BARTScore ref->hyp"], GOLDEN["BARTScore hyp->ref"], strict=True)
    assert GOLDEN["BARTScore F"] == pytest.approx([(p + r) / 2 for p, r in both], abs=1e-6)


def test_chrf_by_hand() -> None:
    """Of "abc" and "abd" 2 of 3 letters are shared, 1 of 2 pairs, 0 of 1: (2/3 + 1/2) / 3."""
    (found,) = BY_NAME["chrF"].score([Text(hypothesis="abc", reference="abd", post="")], Models())
    assert found == pytest.approx(100 * 7 / 18)
    assert independent.chrf("abc", "abd") == pytest.approx(100 * 7 / 18)


def test_without_weights_nothing_is_computed() -> None:
    missing = {name: metric.missing(Models()) for name, metric in BY_NAME.items()}
    assert {name for name, why in missing.items() if why} == {"BERTScore", *BART}
    assert "no weights given" in str(missing["BERTScore"])


def test_bartscore_directions_say_what_they_are(models: Models) -> None:
    assert len(BART) == 5
    assert len({BY_NAME[name].signature(models) for name in BART}) == len(BART)
    assert "label sentence in" in BY_NAME["BARTScore hyp->ref, label in"].signature(models)


@contextmanager
def runs_of(kind: str) -> Iterator[list[int]]:
    """Count the rows of each run of a kind of module."""
    from torch.nn.modules import module

    seen: list[int] = []

    def count(one: Any, arguments: tuple[Any, ...], given: dict[str, Any], _: object) -> None:
        if type(one).__name__ == kind:
            seen.append(len(given["input_ids"] if "input_ids" in given else arguments[0]))

    hook = module.register_module_forward_hook(count, with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def test_five_bartscores_take_four_passes(models: Models) -> None:
    slow = replace(models, engine="transformers")
    fresh = [replace(text, post="post") for text in TEXTS]
    with runs_of("BartEncoder") as rows:
        for name in BART:
            BY_NAME[name].score(fresh, slow)
    assert sum(rows) == 4 * len(TEXTS)


def test_bertscore_loads_its_model_once(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    import bert_score.scorer

    loads: list[str] = []
    load = bert_score.scorer.get_model

    def counted(name: str, *arguments: Any) -> Any:
        loads.append(name)
        return load(name, *arguments)

    monkeypatch.setattr(bert_score.scorer, "get_model", counted)
    # A path of its own, so that nothing that was loaded before is met again.
    fresh = Models(bertscore=f"{models.bertscore}/.")
    for _ in range(3):
        BY_NAME["BERTScore"].score(TEXTS, fresh)
        BY_NAME["BERTScore"].signature(fresh)
    assert len(loads) == 1


def test_bertscore_of_equal_texts_is_100(models: Models) -> None:
    same = [replace(text, hypothesis=text.reference) for text in TEXTS]
    assert BY_NAME["BERTScore"].score(same, models) == pytest.approx([100] * 4, abs=0.01)


def test_bertscore_names_its_weights_and_versions(models: Models, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    first = BY_NAME["BERTScore"].signature(models)
    assert "|layer 2|" in first and "bert-score 0." in first
    AutoTokenizer.from_pretrained(models.bertscore).save_pretrained(tmp_path)
    other = AutoModel.from_pretrained(models.bertscore)
    other.save_pretrained(tmp_path)
    assert BY_NAME["BERTScore"].signature(Models(bertscore=str(tmp_path))) == first
    other.embeddings.word_embeddings.weight.data += 0.1
    other.save_pretrained(tmp_path / "changed")
    AutoTokenizer.from_pretrained(models.bertscore).save_pretrained(tmp_path / "changed")
    assert BY_NAME["BERTScore"].signature(Models(bertscore=str(tmp_path / "changed"))) != first
