"""The preference stage on a model that trains within seconds."""

import json
from pathlib import Path
from typing import Any

import pytest

from mentallama import feedback
from mentallama.dataset import read_samples
from mentallama.errors import InputError
from mentallama.tuning.pairs import Pair, write_pairs
from mentallama.tuning.run import TunedModel, tune
from tests.tuning.conftest import CAUSES, mini

PHRASE = "This post shows the stress cause related to"
NAMES = {
    "school": "school",
    "family": "family issues",
    "work": "work",
    "health": "health issues",
}


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = mini(name="base", epochs=12, report_to=())
    return tune(recipe, data, tmp_path_factory.mktemp("base") / "out").folder


def preference(base: Path, objective: str, **changes: Any) -> Any:
    return mini(
        objective=objective,
        scratch=None,
        base=str(base),
        epochs=5,
        evaluations=5,
        report_to=(),
        **changes,
    )


@pytest.fixture(scope="module")
def pairs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One pair per training row: the right cause against the next one."""
    made = []
    for number, sample in enumerate(read_samples(data, splits=["train"])):
        right = CAUSES[number % 4]
        wrong = CAUSES[(number + 1) % 4]
        made.append(
            Pair(
                id=f"pair-{number}",
                task="SAD",
                prompt=sample.prompt,
                chosen=f"{PHRASE} {NAMES[right]}. Reasoning: It is the {right} thing.",
                rejected=f"{PHRASE} {NAMES[wrong]}. Reasoning: It is the {wrong} thing.",
                source="responses",
                reason="right label",
                margin=1.0,
                chosen_from="one",
                rejected_from="other",
                sample_id=sample.id,
                split="train",
            )
        )
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    write_pairs(path, made)
    return path


def curve(out: Path, name: str) -> list[float]:
    entries = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [entry[name] for entry in entries if name in entry]


@pytest.fixture(scope="module")
def dpo(base: Path, data: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("dpo") / "out"
    recipe = preference(base, "dpo", learning_rate=1e-3, preference={"beta": 0.1})
    return tune(recipe, data, out, pairs=pairs), out


def test_twenty_steps_of_dpo_raise_the_margin(dpo: tuple[TunedModel, Path]) -> None:
    tuned, out = dpo
    margins = curve(out, "rewards/margins")
    assert margins[-1] > margins[0] + 0.1
    assert json.loads((out / "log.jsonl").read_text().splitlines()[-1])["step"] <= 20
    assert tuned.valid.rows + tuned.train.rows == 16


def test_the_distance_from_the_base_is_reported(
    dpo: tuple[TunedModel, Path], base: Path, data: Path, pairs: Path, tmp_path: Path
) -> None:
    tuned, _ = dpo
    assert tuned.kl_to_base is not None and tuned.kl_to_base > 0
    assert "KL to the base" in (tuned.folder / "README.md").read_text()
    still = preference(base, "dpo", learning_rate=1e-12, preference={"beta": 0.1})
    unmoved = tune(still, data, tmp_path / "out", pairs=pairs)
    assert unmoved.kl_to_base == pytest.approx(0, abs=1e-6)


def test_an_adapter_is_measured_against_itself_switched_off(
    base: Path, data: Path, pairs: Path, tmp_path: Path
) -> None:
    recipe = preference(
        base,
        "dpo",
        learning_rate=1e-2,
        preference={"beta": 0.1},
        method="lora",
        lora={"rank": 4, "alpha": 8},
    )
    tuned = tune(recipe, data, tmp_path / "out", pairs=pairs)
    assert tuned.kl_to_base is not None and tuned.kl_to_base > 1e-5
    assert tuned.trainable < tuned.parameters


def test_a_reward_model_learns_which_answer_is_better(
    base: Path, data: Path, pairs: Path, tmp_path: Path
) -> None:
    recipe = preference(base, "reward", learning_rate=1e-2)
    tune(recipe, data, tmp_path / "out", pairs=pairs)
    losses = curve(tmp_path / "out", "eval_loss")
    assert losses[-1] < losses[0]
    assert curve(tmp_path / "out", "margin")


def test_grpo_raises_its_reward(base: Path, data: Path, tmp_path: Path) -> None:
    recipe = preference(
        base,
        "grpo",
        learning_rate=2e-3,
        batch_size=16,
        device_batch_size=16,
        preference={"beta": 0.02, "generations": 8, "max_new_tokens": 64, "temperature": 1.0},
    )
    tuned = tune(recipe, data, tmp_path / "out", feedback=feedback)
    rewards = curve(tmp_path / "out", "reward")
    quarter = len(rewards) // 4
    assert sum(rewards[-quarter:]) > sum(rewards[:quarter])
    assert curve(tmp_path / "out", "rewards/label/mean")
    assert tuned.chosen_by == "reward" and tuned.kl_to_base is not None


def test_pairs_are_asked_for_where_they_are_needed_only(
    base: Path, data: Path, pairs: Path, tmp_path: Path
) -> None:
    recipe = preference(base, "dpo", preference={"beta": 0.1})
    with pytest.raises(InputError, match="objective dpo needs --pairs FILE"):
        tune(recipe, data, tmp_path / "out")
    with pytest.raises(InputError, match="--pairs is for the objectives dpo and reward"):
        tune(mini(), data, tmp_path / "out", pairs=pairs)


def test_pairs_on_test_posts_are_refused(
    base: Path, data: Path, pairs: Path, tmp_path: Path
) -> None:
    from mentallama.errors import CheckError

    recipe = preference(base, "dpo", preference={"beta": 0.1}, leaks="refuse")
    with pytest.raises(CheckError, match="also stands in an evaluation split"):
        tune(recipe, data, tmp_path / "out", pairs=pairs)
