"""What the tuner is told: a reward that cannot be had cheaply, scores worked out by hand, pairs."""

import json
import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from mentallama import feedback
from mentallama.cli.pairs import pairs as pairs_command
from mentallama.cli.shared import read_any_samples
from mentallama.data.faults import CONTENT
from mentallama.data.reply import Explained
from mentallama.dataset import Manifest, write_manifest, write_samples
from mentallama.errors import InputError
from mentallama.feedback import verifiable
from mentallama.feedback.checks import pairs_from_checks
from mentallama.io import write_records
from mentallama.tuning.pairs import count_pairs, read_pairs
from mentallama.types import Sample
from tests.conftest import sample

POST = (
    "third exam this week and I have not slept. the boiler broke on top of it and nobody picks up "
    "when I call. I keep staring at the same page until the light goes"
)
STRESS = sample("dreaddit", "yes", text=POST)
YES = "Yes, the poster suffers from stress. Reasoning: "
NO = "No, the poster does not suffer from stress. Reasoning: "
HONEST = (
    'The poster mentions a "third exam this week" and a lack of sleep, and household trouble adds '
    "to the load. All of it together shows that the poster suffers from stress."
)


def test_an_honest_answer_earns_everything() -> None:
    assert feedback.reward(STRESS, YES + HONEST) == {
        "label": 1.0, "grounded": 1.0, "consistent": 1.0, "total": pytest.approx(1.0),
    }  # fmt: skip
    assert feedback.reward_weights() == {"label": 0.6, "grounded": 0.2, "consistent": 0.2}


PLAIN = "Much comes at once and there is no rest, which the tone of the text shows clearly."


@pytest.mark.parametrize(
    ("text", "label", "grounded", "consistent"),
    [
        # No quote, no statement.
        (YES + PLAIN, 1, 0.4, 0.5),
        # Two of the four words that are needed; one of two quotes stands.
        (YES + PLAIN + ' It says "third exam" only.', 1, 0.5, 0.5),
        (YES + PLAIN + ' It says "third exam this week" and "I am on fire".', 1, 0.5, 0.5),
        (YES + PLAIN + ' It says "I am on fire".', 1, 0, 0.5),
        # One statement for the verdict and one against it.
        (
            f"{YES}{PLAIN} So the poster suffers from stress. "
            "Still, the poster does not suffer from stress.",
            1, 0.4, 0.5,
        ),
        (f"{YES}{PLAIN} Hence the poster does not suffer from stress.", 1, 0.4, 0),
        # Wrong, but its reasons hold together.
        (f"{NO}{PLAIN} Hence the poster does not suffer from stress.", 0, 0.4, 1),
        # No verdict: nothing for the label, nothing to be consistent with.
        (f"Reasoning: {PLAIN}", 0, 0.4, 0),
    ],
)  # fmt: skip
def test_parts_by_hand(text: str, label: float, grounded: float, consistent: float) -> None:
    parts = feedback.reward(STRESS, text)
    assert (parts["label"], parts["grounded"], parts["consistent"]) == (label, grounded, consistent)
    assert parts["total"] == pytest.approx(0.6 * label + 0.2 * grounded + 0.2 * consistent)


HACKS = {
    "empty": "",
    "nan": "nan",
    "only the label": "Yes, the poster suffers from stress.",
    "the label and nothing": YES,
    "the label again and again": YES + "The poster suffers from stress. " * 4,
    "both labels": f"{YES.replace('Reasoning: ', '')}{NO}{HONEST}",
    "both words": f"Yes and no. Reasoning: {HONEST}",
    "the post copied": f"{YES}{POST}.",
    "the post copied behind a statement": f"{YES}The poster suffers from stress. {POST}.",
    "the post quoted": f'{YES}The post shows it: "{POST}".',
    "quotes in a row": f'{YES}The post says "third exam this week", "I have not slept", "the '
    'boiler broke", "nobody picks up when I call" and "the same page".',
    "one word quoted everywhere": f'{YES}The "exam" is an "exam" and the "exam" shows an "exam", '
    'so this "exam" is what the "exam" means in all of it.',
    "one phrase quoted everywhere": f'{YES}The "third exam" is hard, a "third exam" weighs, and '
    'the "third exam" makes this poster tired and worn all day.',
    "an invented quote": f'{YES}{PLAIN} It says "my heart is pounding all day".',
    "one sentence three times": YES + f"{PLAIN} " * 3,
    "overlong": YES + " ".join(f"Point {n} of many says a little more." for n in range(90)),
    "cut off": YES + HONEST.rsplit(" ", 6)[0],
    "against itself": f"{YES}{PLAIN} All in all the poster does not suffer from stress.",
    "a wrong label with good reasons": NO + HONEST,
    "no verdict": 'Reasoning: Much comes at once: "third exam this week" and a broken boiler.',
    "the prompt": STRESS.prompt,
    "a list of options": "A) Yes B) No",
}


@pytest.mark.parametrize("name", HACKS)
def test_no_trick_earns_what_an_honest_answer_does(name: str) -> None:
    parts = feedback.reward(STRESS, HACKS[name])
    modest = feedback.reward(STRESS, YES + PLAIN + " So the poster suffers from stress.")
    assert parts["total"] < modest["total"] < feedback.reward(STRESS, YES + HONEST)["total"]
    assert all(0 <= value <= 1 for value in parts.values())


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("empty", "too short"),
        ("only the label", "too short"),
        ("the label again and again", "no reasons of its own"),
        ("the post copied", "copies the post"),
        ("the post copied behind a statement", "copies the post"),
        ("quotes in a row", "mostly quotes"),
        ("one sentence three times", "repetition"),
        ("overlong", "too long"),
        ("cut off", "cut off"),
    ],
)
def test_reasons_with_a_fault_earn_nothing(name: str, fault: str) -> None:
    found = feedback.examine(STRESS, HACKS[name])
    assert fault in found.faults
    assert (found.grounded, found.consistent) == (0, 0)


def test_the_faults_that_spoil_are_those_of_the_data_checks() -> None:
    """A fault that is renamed there would silently stop to count here."""
    assert not verifiable._SPOIL - set(CONTENT)


def test_all_words_of_a_short_post_are_enough() -> None:
    row = sample("SAD", "work", text="rota again")
    text = (
        'This post shows the stress cause related to work. Reasoning: The words "rota again" point '
        "to a schedule that keeps changing, which belongs to a job."
    )
    assert feedback.reward(row, text)["grounded"] == 1.0


def test_gold_answers_of_the_corpus_earn_the_label(corpus_folder: Path) -> None:
    rows = random.Random(0).sample(read_any_samples(corpus_folder), 150)
    found = [feedback.examine(row, row.response) for row in rows]
    assert {one.label for one in found} == {1.0}
    assert sum(bool(one.faults) for one in found) <= 15


def yes_no(answers: str) -> list[str]:
    words = {"y": "Yes, the poster suffers from stress.", "n": "No.", "-": "Hm."}
    return [words[letter] for letter in answers]


def test_weighted_f1_by_hand() -> None:
    """Unanswered rows count as wrong; tasks weigh the same."""
    golds = ["yes", "yes", "yes", "no"]
    rows = [sample("dreaddit", gold, text=f"post {n}", row=n) for n, gold in enumerate(golds)]
    # yes: 2 of 2 right, 1 missed: F1 0.8; no: 1 right of 1: F1 1. Weighted 0.75 * 0.8 + 0.25.
    one = feedback.weighted_f1(rows, yes_no("yy-n"))
    assert one.weighted_f1 == pytest.approx(85.0)
    assert (one.by_task["dreaddit"].n, one.by_task["dreaddit"].answered) == (4, 3)
    sad = [sample("SAD", "work", text="late shift", row=9), sample("SAD", "school", row=10)]
    both = feedback.weighted_f1([*rows, *sad], [*yes_no("yy-n"), sad[0].response, "no idea"])
    assert both.by_task["SAD"].weighted_f1 == pytest.approx(50.0)
    assert both.weighted_f1 == pytest.approx((85.0 + 50.0) / 2)
    gold = feedback.weighted_f1(rows, [row.response for row in rows])
    assert gold.weighted_f1 == pytest.approx(100.0)
    with pytest.raises(InputError, match="no validation sample"):
        feedback.weighted_f1([], [])


def test_it_is_the_benchmarks_score(corpus_folder: Path) -> None:
    from mentallama.benchmark.evaluate import evaluate
    from mentallama.types import Response

    rows = [s for s in read_any_samples(corpus_folder) if s.post.task == "SAD"][:60]
    texts = [row.response if n % 3 else rows[n - 1].response for n, row in enumerate(rows)]
    responses = [
        Response(
            sample_id=f"{n}", task="SAD", text=text, model="m", gold=str(row.post.label),
            reference=row.response,
        )
        for n, (row, text) in enumerate(zip(rows, texts, strict=True))
    ]  # fmt: skip
    (expected,) = [
        score.value
        for score in evaluate(responses, resamples=1).scores
        if (score.metric, score.variant) == ("weighted_f1", "all")
    ]
    assert feedback.weighted_f1(rows, texts).weighted_f1 == pytest.approx(expected)


def tiny(kind: str, rows: list[Sample]) -> tuple[object, object]:
    """Return a model with random weights and its tokenizer."""
    import torch

    from mentallama.tuning.recipe import Scratch
    from mentallama.tuning.rows import list_classes
    from mentallama.tuning.scratch import build_model, train_tokenizer

    torch.manual_seed(0)
    sizes = {"vocabulary": 320, "hidden_size": 32, "feed_forward_size": 64, "context": 192}
    scratch = Scratch.model_validate({"architecture": kind, "layers": 1, "heads": 2, **sizes})
    tokenizer = train_tokenizer(scratch, [row.prompt for row in rows])
    return build_model(scratch, tokenizer, list_classes(["dreaddit"])), tokenizer


@pytest.mark.parametrize("kind", ["llama", "bart", "bert"])
def test_a_model_in_training_answers_and_goes_on_as_if_it_had_not(kind: str) -> None:
    import torch

    rows = [
        sample("dreaddit", gold, text=f"post {n} " * n, row=n)
        for n, gold in enumerate(["yes", "no", "yes"], 1)
    ]
    model, tokenizer = tiny(kind, rows)
    model.train()  # type: ignore[attr-defined]
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    scores = feedback.validate(model, tokenizer, rows)
    assert torch.equal(torch.rand(4), expected)
    assert model.training  # type: ignore[attr-defined]
    assert scores["weighted_f1"] == scores["weighted_f1_dreaddit"]
    # A classifier always answers; random weights that write never do.
    assert scores["answered"] == (100 if kind == "bert" else 0)


def write_outputs(folder: Path, **models: list[tuple[str, str]]) -> Path:
    """Write rows of gold and text in the reference layout, one folder a model."""
    from mentallama.io import write_csv

    for model, rows in models.items():
        write_csv(folder / model / "dreaddit.csv", ("goldens", "generated_text"), rows)
    return folder


@pytest.fixture
def posts(tmp_path: Path) -> tuple[Path, list[Sample]]:
    """Return a folder with four test posts of one set."""
    rows = [
        sample(
            "dreaddit", gold, text=f"{POST}, day {n}", explanation=f"{PLAIN} Day {n}.", row=n
        )
        for n, gold in enumerate(["yes", "no", "yes", "yes"], 1)
    ]  # fmt: skip
    folder = tmp_path / "data"
    files = (write_samples(folder, rows),)
    write_manifest(folder, Manifest(source="test", gold_source="corpus", version="0", files=files))
    return folder, rows


def test_responses_become_pairs_with_the_posts_prompts(
    posts: tuple[Path, list[Sample]], tmp_path: Path
) -> None:
    data, rows = posts
    golds = [row.response for row in rows]
    elsewhere = f"{YES}Nothing of the data."
    folder = write_outputs(
        tmp_path / "outputs",
        good=list(zip([*golds, elsewhere], [YES + HONEST, NO + PLAIN, YES, YES, YES], strict=True)),
        fair=list(zip(golds[:3], [YES + PLAIN, YES + HONEST, YES], strict=True)),
        poor=list(zip(golds[:3], [NO + HONEST, "Hm.", NO + PLAIN], strict=True)),
    )  # fmt: skip
    out = tmp_path / "pairs.jsonl"
    arguments = ["responses", str(folder), "--data", str(data), "--out", str(out), "--json"]
    done = CliRunner().invoke(pairs_command, arguments)
    assert done.exit_code == 0, done.output
    assert "2 of 2 pairs are about posts of evaluation splits" in done.stderr
    first, second = read_pairs(out)
    assert (first.chosen_from, first.rejected_from) == ("good", "poor")
    assert (first.prompt, first.sample_id, first.split) == (rows[0].prompt, rows[0].id, "test")
    # A wrong verdict is rejected rather than none.
    assert (second.chosen_from, second.rejected_from) == ("good", "fair")
    (counts,) = json.loads(done.stdout)["pairs"]
    assert counts["none"] == {
        "no right answer without a fault": 1,
        "fewer than two different answers": 1,
        "its post is not in the data": 1,
    }
    assert (counts["questions"], counts["paired"]) == (5, 2)
    every = CliRunner().invoke(pairs_command, [*arguments, "--every"])
    assert every.exit_code == 0
    # Of the first question also good over fair, by its quote, and fair over poor.
    assert sorted(
        (pair.chosen_from, pair.rejected_from, pair.margin) for pair in read_pairs(out)[:3]
    ) == [("fair", "poor", 1.0), ("good", "fair", 0.55), ("good", "poor", 1.0)]


def test_the_ratings_command_finds_prompts_by_sample(
    posts: tuple[Path, list[Sample]], tmp_path: Path
) -> None:
    data, rows = posts
    marks = [
        {
            "item_id": model, "rater": rater, "aspect": "overall", "value": value,
            "response": f"answer of {model}", "sample_id": rows[0].id, "model": model,
        }
        for model, value in (("a", 1), ("b", 3))
        for rater in ("x", "y")
    ]  # fmt: skip
    room, out = tmp_path / "room.jsonl", tmp_path / "pairs.jsonl"
    room.write_text("\n".join(map(json.dumps, marks)))
    arguments = ["ratings", str(room), "--data", str(data), "--out", str(out)]
    done = CliRunner().invoke(pairs_command, arguments)
    assert done.exit_code == 0, done.output
    (pair,) = read_pairs(out)
    assert (pair.chosen, pair.margin, pair.prompt) == ("answer of b", 2.0, rows[0].prompt)
    none = CliRunner().invoke(pairs_command, [*arguments, "--raters", "3"])
    assert none.exit_code == 1
    assert "no pair from 1 questions" in str(none.exception)
    assert "fewer than two answers with 3 raters each" in none.output


GOOD = "The text speaks of pressure that does not let up, and of nights without any rest at all."


def test_experts_are_chosen_over_faulty_gold_explanations(tmp_path: Path) -> None:
    def rows(split: str, *given: tuple[str, str, str]) -> object:
        samples = [
            sample("dreaddit", label, text=text, explanation=reasons, split=split, row=n)  # type: ignore[arg-type]
            for n, (text, label, reasons) in enumerate(given, 1)
        ]
        return write_samples(tmp_path, samples)

    files = (
        rows(
            "test",
            ("one post", "yes", "Too short."),
            ("two posts", "yes", f"{GOOD} Here too."),
            ("red posts", "yes", f"{GOOD} But no."),
            ("no pairs", "yes", GOOD),
        ),
        rows(
            "expert",
            ("one post", "yes", GOOD),
            ("two posts", "yes", GOOD),
            ("red posts", "no", GOOD),
        ),
    )
    manifest = Manifest(source="test", gold_source="corpus", version="0", files=files)  # type: ignore[arg-type]
    write_manifest(tmp_path, manifest)
    found = pairs_from_checks(tmp_path)
    (pair,) = found.pairs
    assert (pair.chosen_from, pair.rejected_from) == ("gold, expert split", "gold, test split")
    assert pair.reason == "no fault of content against too short"
    (counts,) = count_pairs(found)
    assert counts.none == {
        "no answer with a fault of content": 1,
        "annotated in two ways": 1,
        "explained once": 1,
    }


def test_a_teacher_that_did_not_know_the_label_gives_pairs(tmp_path: Path) -> None:
    from mentallama.data.expert import question_id

    posts = [sample("dreaddit", "yes", text=f"post {n}").post for n in range(4)]

    def explained(number: int, mode: str, verdict: str, text: str = GOOD) -> Explained:
        return Explained(
            id=question_id(posts[number]), task="dreaddit", aspect=None, label="yes",
            outcome="explained" if text else "empty", verdict=verdict, explanation=text, quotes=(),
            mode=mode, model="teacher", prompt_hash="", prompt_tokens=0, answer_tokens=0,
        )  # fmt: skip

    write_records(tmp_path / "posts.jsonl", posts)
    told = [explained(n, "label", "yes") for n in (0, 1, 3)]
    told.append(explained(2, "label", "yes", "Too short."))
    write_records(tmp_path / "explanations.jsonl", told)
    other = f"{GOOD} Much of it passes."
    blind = [
        explained(0, "no-label", "no", other),
        explained(1, "no-label", "yes", other),
        explained(2, "no-label", "yes", other),
        explained(3, "no-label", "no", ""),
    ]
    write_records(tmp_path / "blind.jsonl", blind)
    found = pairs_from_checks(tmp_path)
    wrong, right = found.pairs
    assert (wrong.chosen_from, wrong.rejected_from) == ("teacher (label)", "teacher (no-label)")
    assert wrong.rejected.startswith("No, the poster does not suffer from stress. Reasoning:")
    assert wrong.reason == "no fault of content against verdict against the label"
    assert (right.chosen_from, right.rejected_from) == ("teacher (no-label)", "teacher (label)")
    assert right.chosen.startswith("Yes, the poster suffers from stress. Reasoning:")
    assert [gap.reason for gap in found.none] == [
        "no answer with a fault of content",
        "explained once",
    ]
    assert len({pair.id for pair in found.pairs}) == 2


def test_released_outputs_add_up(outputs: Path, imhi: Path, tmp_path: Path) -> None:
    """Every question of three models on one set gives a pair or a reason, and no post is shown."""
    for model in ("Mentallama-7B", "Mentallama-33B", "llama2-chat-13B"):
        (tmp_path / model).mkdir()
        shutil.copy(outputs / model / "dreaddit.csv", tmp_path / model)
    samples = [s for s in read_any_samples(imhi) if s.post.task == "dreaddit"]
    found = feedback.pairs_from_outputs(tmp_path, samples)
    (counts,) = count_pairs(found)
    assert counts.questions == counts.paired + sum(counts.none.values()) == 414
    assert counts.pairs == counts.paired > 200
    texts = {sample.prompt: sample for sample in samples}
    for pair in found.pairs:
        assert texts[pair.prompt].post.split == pair.split == "test"
        assert pair.chosen_from != pair.rejected_from
        assert '"' not in pair.reason
    assert "its post is not in the data" not in counts.none
    none = feedback.pairs_from_outputs(tmp_path, [s for s in samples if s.post.split == "train"])
    assert [gap.reason for gap in none.none] == ["its post is not in the data"] * 414
