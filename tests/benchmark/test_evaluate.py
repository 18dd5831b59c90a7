import csv
import json
from pathlib import Path

import pytest

from mentallama.benchmark.evaluate import evaluate, forced_label
from mentallama.benchmark.responses import join_posts, read_responses
from mentallama.errors import InputError
from mentallama.io import write_records
from mentallama.tasks import TASKS, get_task
from mentallama.types import Response, Score
from tests.conftest import Run, sample


def response(
    text: str, gold: str = "yes", task: str = "DR", n: int = 0, **more: object
) -> Response:
    return Response(
        sample_id=f"{task}/{n}", task=task, text=text, model="m", gold=gold, reference="", **more
    )  # type: ignore[arg-type]


def by_name(scores: tuple[Score, ...]) -> dict[str, Score]:
    return {f"{score.metric} {score.variant}": score for score in scores}


def reference_csv(folder: Path, name: str, rows: list[tuple[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["goldens", "generated_text"])
        writer.writerows(rows)
    return folder / name


YES = "Yes, the poster suffers from depression. Reasoning: x"
NO = "No, the poster does not suffer from depression. Reasoning: x"


def test_the_three_variants_differ_as_they_should() -> None:
    """Two right, one wrong, one abstained that the reference script counts as "no"."""
    rows = [
        response("Yes.", "yes", n=0),
        response("No.", "no", n=1),
        response("No.", "yes", n=2),
        response("The film is about a poet.", "no", n=3),
    ]
    scores = by_name(evaluate(rows).scores)
    assert scores["accuracy answered"].value == pytest.approx(200 / 3)
    assert scores["accuracy all"].value == pytest.approx(50)
    assert scores["accuracy forced"].value == pytest.approx(75)
    assert scores["coverage all"].value == pytest.approx(75)
    assert {(score.n, score.answered) for score in scores.values()} == {(4, 3)}


@pytest.mark.parametrize(
    ("task", "text", "label"),
    [
        ("DR", "I know nothing", "no"),
        ("DR", "the eyes hurt", "yes"),
        ("DR", "nothing to see here, really. " * 3 + "Yes.", "no"),
        ("SAD", "", "other"),
        ("SAD", "homework at school", "school"),
        ("SAD", "homework", "work"),
        ("SAD", "emotion turmoil", "other"),
        ("CAMS", "no cause", "none"),
        ("t-sid", "suicide and depression", "depression"),
        ("swmh", "depression and suicide", "suicide"),
        ("swmh", "a nice day", "none"),
    ],
)
def test_forced_classes_repeat_the_reference_script_with_its_faults(
    task: str, text: str, label: str
) -> None:
    assert forced_label(get_task(task), text) == label


def test_without_any_verdict_f1_is_missing_not_zero() -> None:
    scores = by_name(evaluate([response("Hm.")]).scores)
    assert scores["weighted_f1 answered"].value is None
    assert scores["weighted_f1 all"].value == 0
    assert scores["coverage all"].value == 0


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
def test_gold_against_itself_is_perfect(task: object) -> None:
    value = get_task(task.key)  # type: ignore[attr-defined]
    rows = [
        response(label.phrase + " Reasoning: x", label.key, value.key, n)
        for n, label in enumerate(value.labels)
    ]
    scores = by_name(evaluate(rows).scores)
    assert scores["weighted_f1 all"].value == 100
    assert scores["coverage all"].value == 100


def test_a_folder_per_model_and_one_file_per_set(tmp_path: Path, run: Run) -> None:
    reference_csv(tmp_path / "out" / "model-a", "DR.csv", [(YES, "Yes."), (NO, "")])
    reference_csv(
        tmp_path / "out" / "model-b", "SAD.csv", [("school. Reasoning: x", "School. Reasoning: y")]
    )
    done = run("evaluate", "out", "--json")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)["scores"]
    assert {(s["model"], s["task"]) for s in scores} == {("model-a", "DR"), ("model-b", "SAD")}
    first = next(s for s in scores if s["metric"] == "weighted_f1" and s["variant"] == "answered")
    schema = "model task metric variant gold value low high n answered"
    assert set(first) == set(schema.split())
    assert (first["value"], first["n"], first["answered"]) == (100.0, 2, 1)
    assert {s["variant"] for s in scores} == {"answered", "all", "forced"}


def test_a_third_column_of_labels_is_allowed(tmp_path: Path) -> None:
    path = reference_csv(tmp_path / "m", "DR.csv", [(YES, "Yes.")])
    path.write_text(
        path.read_text().replace("text\n", "text,labels\n").replace("Yes.\n", "Yes.,yes\n")
    )
    assert len(read_responses(path)) == 1


def test_posts_are_found_by_their_gold_answer(tmp_path: Path) -> None:
    known = sample("DR", "yes", explanation="The weeks are empty.")
    twice = [sample("DR", "no", text=text, explanation="Same words.") for text in ("a", "b")]
    path = reference_csv(
        tmp_path / "m", "DR.csv", [(known.response, "Yes."), (twice[0].response, "No."), (YES, "")]
    )
    joined = join_posts(read_responses(path), [known, *twice])
    assert [row.post_id for row in joined] == [known.post.id, None, None]


def test_our_own_file_is_read_back(tmp_path: Path) -> None:
    rows = [response("Yes.", n=n, aspect=None, post_id="p1") for n in range(3)]
    for name in ("r.jsonl", "r.parquet"):
        write_records(tmp_path / name, rows)
        assert read_responses(tmp_path / name) == rows


@pytest.mark.parametrize("missing", ["null", "NaN"])
def test_a_missing_text_is_an_empty_response(tmp_path: Path, missing: str) -> None:
    write_records(tmp_path / "r.jsonl", [response("Yes.")])
    path = tmp_path / "r.jsonl"
    path.write_text(path.read_text().replace('"Yes."', missing))
    assert [row.text for row in read_responses(path)] == [""]


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    write_records(tmp_path / "r.jsonl", [response("Yes."), response("No.")])
    with pytest.raises(InputError, match="rows 1 and 2 have the same id"):
        read_responses(tmp_path / "r.jsonl")
