import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mentallama.benchmark.evaluate import evaluate, forced_label, groups, say_readers
from mentallama.benchmark.inference.cascade import Cascade
from mentallama.benchmark.inference.labeller import Settings, TaskLabeller
from mentallama.benchmark.output import as_json, print_table
from mentallama.benchmark.responses import join_posts, list_own, read_all, read_responses
from mentallama.benchmark.scores import Floats
from mentallama.errors import InputError
from mentallama.io import write_json, write_records
from mentallama.tasks import TASKS, get_task
from mentallama.types import Response, Score, Task
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
    schema = "model task metric variant gold value low high n answered labels_read_by provisional"
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


def test_one_file_named_twice_is_refused(tmp_path: Path, run: Run) -> None:
    write_records(tmp_path / "o" / "r.jsonl", [response("Yes.")])
    with pytest.raises(InputError, match="was read from"):
        read_all([tmp_path / "o", tmp_path / "o" / "r.jsonl"])
    done = run("leaderboard", "o", "o/r.jsonl")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1


def test_one_model_in_two_folders_must_not_answer_a_row_twice(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        reference_csv(tmp_path / folder / "m", "DR.csv", [(YES, "Yes.")])
    with pytest.raises(InputError, match=r"second/m/DR.csv: a response of m to row DR/00001"):
        read_all([tmp_path / "first", tmp_path / "second"])


@pytest.mark.parametrize("command", ["leaderboard", "evaluate"])
def test_results_inside_the_outputs_are_not_read_as_responses(
    tmp_path: Path, run: Run, command: str
) -> None:
    reference_csv(tmp_path / "o" / "m", "DR.csv", [(YES, "Yes."), (NO, "No.")])
    reference_csv(tmp_path / "o" / "n", "DR.csv", [(YES, "No."), (NO, "No.")])
    for out in ("o/board", "o"):
        assert run(command, "o", "--out", out).returncode == 0
    assert list_own([tmp_path / "o"])
    done = run(command, "o")
    assert done.returncode == 0 and "not read" in done.stderr, done.stderr
    assert len(read_responses(tmp_path / "o")) == 4
    # The name alone is no reason to pass a file over.
    write_records(tmp_path / "p" / "predictions.jsonl", [response("Yes.")])
    assert len(read_responses(tmp_path / "p")) == 1
    write_json(tmp_path / "p" / "scores.json", {})
    with pytest.raises(InputError, match="file of responses in this folder"):
        read_responses(tmp_path / "p")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.key)
@pytest.mark.parametrize("change", [str.upper, str.lower, str.title])
def test_a_set_is_found_whatever_the_case_of_its_name(
    tmp_path: Path, task: Task, change: Callable[[str], str]
) -> None:
    gold = f"{task.labels[0].phrase} Reasoning: x"
    reference_csv(tmp_path / "m", f"{change(task.key)}.csv", [(gold, "")])
    assert [row.task for row in read_responses(tmp_path)] == [task.key]


def test_a_stray_table_is_named(tmp_path: Path) -> None:
    reference_csv(tmp_path / "m", "DR.csv", [(YES, "Yes.")])
    (tmp_path / "m" / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"notes.csv: the columns are a, b"):
        read_responses(tmp_path)


def test_the_bootstrap_draws_authors_where_known() -> None:
    """Ten authors of ten posts, each all right or all wrong, are worth ten draws."""
    rows = [response("Yes." if n // 10 < 7 else "No.", n=n, post_id=f"p{n}") for n in range(100)]
    authors = {f"p{n}": f"writer {n // 10}" for n in range(100)}
    by_post = evaluate(rows)
    by_author = evaluate(rows, authors=authors)
    wide, narrow = (by_name(one.scores)["accuracy all"] for one in (by_author, by_post))
    assert wide.value == narrow.value == pytest.approx(70)
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)  # type: ignore[operator]
    assert 2.5 < ratio < 4  # the root of ten
    assert by_author.clusters == "authors (100 rows)" and by_post.clusters == "posts (100 rows)"
    some = evaluate([*rows, response("Yes.", n=100)], authors={"p1": "writer"})
    assert some.clusters == (
        "authors (1 rows), posts (99 rows), single rows that name no post (1 rows)"
    )


class Always:
    """Reads "no" from every text."""

    kind = "always"

    def logits(self, texts: Sequence[str]) -> Floats:
        return np.array([[0.0, 9.0]] * len(texts))

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def test_scores_that_lean_on_an_unproven_labeller_are_provisional(
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = tuple(label.key for label in get_task("DR").labels)
    settings = Settings(kind="always", task="DR", labels=labels, trained_on="invented rows")
    cascade = Cascade(labellers={"DR": TaskLabeller(scorer=Always(), settings=settings)})
    leaning = [response("The film is about a poet and nothing else happens.")]
    own = [replace(response("Yes.", n=1), model="plain")]
    found = evaluate([*leaning, *own], labeller=cascade)
    reasons = {model: group.provisional for (_, model, _), group in groups(found).items()}
    assert reasons == {"m": "it has no accuracy card", "plain": None}
    written = json.loads(as_json(found))["scores"]
    assert {(s["model"], s["provisional"]) for s in written} == set(reasons.items())
    assert {s["labels_read_by"] for s in written} == {
        "anchored phrases, then always (invented rows)"
    }
    assert len(say_readers(groups(found).values())) == 2
    print_table(found)
    printed = capsys.readouterr().out
    assert printed.count("provisional") == 3 and "then always (invented rows): DR" in printed
