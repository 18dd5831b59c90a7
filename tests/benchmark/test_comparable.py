"""Two results side by side: what is compared, what is refused and what is only said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mentallama.benchmark.comparable import Result, compare_results, read_result
from mentallama.benchmark.evaluate import evaluate
from mentallama.benchmark.inference.linear import fit_linear
from mentallama.benchmark.inference.store import load_labellers, save_labeller
from mentallama.benchmark.inference.train import train_labeller
from mentallama.benchmark.output import scores_object
from mentallama.errors import CheckError, InputError
from mentallama.io import write_json
from mentallama.tasks import get_task
from mentallama.tasks.versions import label_set_version
from mentallama.types import GoldSource, Response
from tests.conftest import Run, sample

LABELS = ("work", "family", "work", "health")


def answers(model: str, said: tuple[str, ...], gold: GoldSource = "release") -> list[Response]:
    task = get_task("SAD")
    phrases = {label.key: label.phrase for label in task.labels}
    return [
        Response(
            sample_id=f"SAD/{number:05d}", task="SAD", text=phrases[own], model=model, gold=right,
            reference=f"{phrases[right]} Reasoning: invented reason {number}.", gold_source=gold,
        )
        for number, (own, right) in enumerate(zip(said, LABELS, strict=False), 1)
    ]  # fmt: skip


def result(path: Path, responses: list[Response], **changes: Any) -> Result:
    found = scores_object(evaluate(responses, resamples=100))
    write_json(path, {**found, **changes})
    return read_result(path)


def test_a_label_set_version_follows_the_words_and_nothing_else() -> None:
    task = get_task("SAD")
    version = label_set_version(task)
    assert len(version) == 12
    assert label_set_version(replace(task, labels=task.labels[::-1], title="x")) == version
    for name in ("key", "phrase", "completion"):
        first = replace(task.labels[0], **{name: "another word"})
        assert label_set_version(replace(task, labels=(first, *task.labels[1:]))) != version


def test_difference_by_hand(tmp_path: Path) -> None:
    """All four right against three of four: accuracy 100 and 75."""
    a = result(tmp_path / "a.json", answers("my-model", LABELS))
    b = result(tmp_path / "b.json", answers("other", ("work", "family", "work", "work")))
    pairs, notes = compare_results(a, b)
    (accuracy,) = [p for p in pairs if (p.a.metric, p.a.variant) == ("accuracy", "all")]
    assert (accuracy.a.value, accuracy.b.value, accuracy.difference) == (100, 75, 25)
    assert (accuracy.a.model, accuracy.b.model, accuracy.a.n) == ("my-model", "other", 4)
    assert notes == []


def test_other_label_sets_are_refused(tmp_path: Path) -> None:
    a = result(tmp_path / "a.json", answers("m", LABELS))
    b = result(tmp_path / "b.json", answers("m", LABELS), label_sets={"SAD": "0" * 12})
    with pytest.raises(CheckError, match=r"a\.json and .*b\.json cannot .* SAD: the label set"):
        compare_results(a, b)


def test_other_golds_and_variants_are_refused(tmp_path: Path) -> None:
    a = result(tmp_path / "a.json", answers("m", LABELS))
    people = result(tmp_path / "b.json", answers("m", LABELS, "human"))
    with pytest.raises(CheckError, match="the gold is 'release' in the first and 'human'"):
        compare_results(a, people)
    one, other = (
        replace(a, items=tuple(i for i in a.items if i.variant == variant))
        for variant in ("answered", "all")
    )
    with pytest.raises(CheckError, match="the variant of weighted_f1 is 'answered'"):
        compare_results(one, other)


def test_other_rows_are_said_and_their_order_and_ids_do_not_count(tmp_path: Path) -> None:
    rows = answers("m", LABELS)
    a = result(tmp_path / "a.json", rows)
    same = [replace(row, sample_id=f"SAD/test/{row.sample_id}") for row in reversed(rows)]
    assert compare_results(a, result(tmp_path / "b.json", same))[1] == []
    (note,) = compare_results(a, result(tmp_path / "c.json", rows[:3]))[1]
    assert "the rows differ (4 and 3;" in note
    changed = [replace(rows[0], reference="other"), *rows[1:]]
    (note,) = compare_results(a, result(tmp_path / "d.json", changed))[1]
    assert "the rows differ (4 and 4;" in note


def test_another_reader_of_labels_is_said(tmp_path: Path) -> None:
    a = result(tmp_path / "a.json", answers("m", LABELS))
    found = json.loads((tmp_path / "a.json").read_text())
    for score in found["scores"]:
        score["labels_read_by"] = "another reader"
    write_json(tmp_path / "b.json", found)
    (note,) = compare_results(a, read_result(tmp_path / "b.json"))[1]
    assert note.endswith("in the first, by another reader in the second")


def test_several_models_are_paired_by_name_or_as_told(tmp_path: Path) -> None:
    wrong = ("family",) * 4
    a = result(tmp_path / "a.json", [*answers("x", LABELS), *answers("y", wrong)])
    b = result(tmp_path / "b.json", [*answers("y", wrong), *answers("z", LABELS)])
    assert {(p.a.model, p.b.model) for p in compare_results(a, b)[0]} == {("y", "y")}
    told = compare_results(a, b, ("x", "z"))[0]
    assert {(p.a.model, p.b.model) for p in told} == {("x", "z")}
    with pytest.raises(InputError, match="no metric of one model"):
        compare_results(a, b, ("z", "x"))


def explained(path: Path, signature: str, **changes: Any) -> Result:
    score = {
        "model": "m", "task": "SAD", "kind": "model", "metric": "chrF", "value": 50.0, "low": 40.0,
        "high": 60.0, "n": 4, "without": 0, "gold": "release", "rows": "abc", "why_not": None,
        "signature": signature,
    }  # fmt: skip
    write_json(path, {"explanations": [score | changes], "label_sets": {"SAD": "1"}})
    return read_result(path)


def test_other_metric_signatures_are_refused(tmp_path: Path) -> None:
    a = explained(tmp_path / "a.json", "chrF2|2.6.0")
    assert compare_results(a, explained(tmp_path / "b.json", "chrF2|2.6.0"))[0][0].difference == 0
    with pytest.raises(CheckError, match=r"signature of chrF is 'chrF2\|2\.6\.0' in the first"):
        compare_results(a, explained(tmp_path / "c.json", "chrF3|2.6.0"))
    silent = explained(tmp_path / "d.json", "", value=None, why_not="no weights")
    assert compare_results(a, silent)[0][0].difference is None


def test_results_without_versions_get_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "old.json", {"scores": []})
    with pytest.raises(InputError, match=r"old\.json: not scores that .* \(label_sets"):
        read_result(tmp_path / "old.json")
    write_json(tmp_path / "list.json", [1])
    with pytest.raises(InputError, match="neither 'scores' nor"):
        read_result(tmp_path / "list.json")


def test_a_labeller_of_other_words_is_refused(tmp_path: Path) -> None:
    """The keys are the same, a phrase was changed since: what it learnt is not what is asked."""
    texts = {
        "yes": "low mood stays for weeks and months",
        "no": "the picnic was sunny and cheerful",
    }
    rows = [
        sample("DR", key, text=f"{n} invented", explanation=f"{texts[key]} {n}.", row=n)
        for n in range(120)
        for key in [("yes", "no")[n % 2]]
    ]
    labeller = train_labeller(get_task("DR"), rows, fit_linear, trained_on="rows", beside={})
    save_labeller(labeller, tmp_path)
    assert load_labellers(str(tmp_path))["DR"].settings.label_set == label_set_version(
        get_task("DR")
    )
    settings = json.loads((tmp_path / "labeller.json").read_text())
    write_json(tmp_path / "labeller.json", {**settings, "label_set": "0" * 12})
    with pytest.raises(InputError, match="whose wording has changed since"):
        load_labellers(str(tmp_path))


def test_from_the_command_line(run: Run, tmp_path: Path, corpus_folder: Path) -> None:
    """evaluate, leaderboard and explanations write what compare reads; a refusal exits 1."""
    run("generate", "--model", "gold", "--data", corpus_folder, "--out", "out/gold.jsonl")
    run("evaluate", "out", "--out", "scores")
    run("leaderboard", "out", "--out", "board", "--labeller", "none")
    found = run("benchmark", "explanations", "out", "--json", "--limit", "4", "--resamples", "100")
    (tmp_path / "e.json").write_text(found.stdout)
    done = run("compare", "scores/scores.json", "board/leaderboard.json", "--json")
    assert done.returncode == 0, done.stderr
    compared = json.loads(done.stdout)
    assert {pair["difference"] for pair in compared["compared"]} == {0.0}
    assert len({pair["a"]["task"] for pair in compared["compared"]}) == 10
    assert compared["notes"] == []
    done = run("compare", "e.json", "e.json")
    assert done.returncode == 0 and "chrF" in done.stdout, done.stderr
    changed = json.loads((tmp_path / "scores" / "scores.json").read_text())
    changed["label_sets"]["DR"] = "0" * 12
    write_json(tmp_path / "other.json", changed)
    done = run("compare", "scores/scores.json", "other.json")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "scores/scores.json and other.json cannot be compared: DR: the label set" in done.stderr
