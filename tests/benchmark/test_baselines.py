from mentallama.benchmark.baselines import run_baselines
from mentallama.benchmark.inference.rules import read_label
from mentallama.tasks import get_task
from mentallama.types import Response, Sample
from tests.conftest import sample


def rows() -> tuple[list[Sample], list[Sample]]:
    words = {"work": "boss shift overtime", "school": "exam homework teacher"}
    train = [
        sample("SAD", label, text=f"{text} {'again ' * n}", split="train", row=n)
        for n in range(6)
        for label, text in words.items()
        if label == "work" or n < 3
    ]
    test = [sample("SAD", label, text=text, row=n) for n, (label, text) in enumerate(words.items())]
    return train, test


def read(responses: tuple[Response, ...], model: str) -> list[str | None]:
    return [read_label(get_task(r.task), r.text)[1] for r in responses if r.model == model]


def test_the_majority_is_learnt_from_training_and_tf_idf_reads_words() -> None:
    train, test = rows()
    found = run_baselines(train, test, "corpus")
    assert read(found.responses, "majority") == ["work", "work"]
    assert read(found.responses, "TF-IDF + LR") == ["work", "school"]
    assert read(found.responses, "keywords") == ["work", "school"]
    assert found.not_trained == ()


def test_each_aspect_has_its_own_majority() -> None:
    labels = {"social": "yes", "physical": "no"}
    train = [
        sample("MultiWD", label, aspect=aspect, split="train", row=n)
        for n in range(2)
        for aspect, label in labels.items()
    ]
    test = [
        sample("MultiWD", label, aspect=aspect, row=n)
        for n, (aspect, label) in enumerate(labels.items())
    ]
    found = run_baselines(train, test, "corpus")
    assert read(found.responses, "majority") == ["yes", "no"]


def test_a_task_without_training_rows_is_named_not_guessed() -> None:
    train, test = rows()
    found = run_baselines(train, [*test, sample("DR", "yes")], "corpus")
    assert found.not_trained == ("DR",)
    assert {r.model for r in found.responses if r.task == "DR"} == {"keywords"}
    assert {r.model for r in found.responses} == {"majority", "keywords", "TF-IDF + LR"}
