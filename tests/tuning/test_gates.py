"""Each gate refuses what it is there for, and passes what is right."""

import json
from pathlib import Path
from typing import Any

import pytest

from mentallama.dataset import Manifest, write_manifest, write_samples
from mentallama.errors import CheckError, InputError
from mentallama.tuning import gates
from mentallama.tuning.material import choose_evenly, read_material
from mentallama.tuning.scratch import train_tokenizer
from mentallama.types import Sample
from tests.conftest import sample
from tests.tuning.conftest import mini

LONG = "the lift was out again so I carried the boxes up nine floors before the landlord came round"
TEXTS = [f"{word} {LONG} {word}" for word in ("tea", "rain", "wool", "salt", "moss", "clay")]
OTHER = "my cousin keeps asking for money and I never know how to say no to her at dinner"


def folder_of(path: Path, rows: dict[str, list[Sample]]) -> Path:
    files = [write_samples(path, samples) for samples in rows.values()]
    write_manifest(
        path, Manifest(source="test", gold_source="corpus", version="0", files=tuple(files))
    )
    return path


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Six training rows: one word for word in another task's test set, one with a word changed."""
    near = OTHER.replace("dinner", "breakfast")
    train = [*("post about " + w + " and nothing else today" for w in "abcd"), OTHER, near]
    return folder_of(
        tmp_path / "data",
        {
            "train": [sample(text=t, split="train", row=i) for i, t in enumerate(train, 1)],
            "valid": [sample(text="quite another thing here", split="valid", row=1)],
            "test": [sample("DR", "yes", text=OTHER, split="test", row=1)],
        },
    )


def test_a_leak_is_refused_with_its_numbers(leaky: Path) -> None:
    with pytest.raises(CheckError, match=r"2 of 6 training rows .* \(1 word for word\)"):
        read_material(mini(leaks="refuse"), leaky, None)


def test_leaks_may_be_dropped_or_kept_and_are_counted(leaky: Path) -> None:
    dropped = read_material(mini(leaks="drop"), leaky, None)
    assert (len(dropped.train), dropped.leaks.rows, dropped.leaks.exact) == (4, 2, 1)
    assert dropped.leaks.action == "dropped"
    kept = read_material(mini(leaks="keep"), leaky, None)
    assert (len(kept.train), kept.leaks.rows, kept.leaks.action) == (6, 2, "kept")


def test_a_row_without_loss_is_refused() -> None:
    with pytest.raises(CheckError, match=r"1 of 2 rows bear no loss \(row 2 first\)"):
        gates.need_loss([{"labels": [-100, 5]}, {"labels": [-100, -100]}])


def test_a_model_with_nothing_to_train_is_refused() -> None:
    import torch

    layer = torch.nn.Linear(3, 2)
    assert gates.need_trainable(layer) == (8, 8)
    layer.requires_grad_(False)
    with pytest.raises(CheckError, match="none of 8 parameters would be trained"):
        gates.need_trainable(layer)


@pytest.fixture
def tokenizer() -> Any:
    scratch = mini().scratch
    assert scratch
    return train_tokenizer(scratch, [LONG])


def test_a_bare_base_is_served_bare(tokenizer: Any) -> None:
    gates.need_served_template(tokenizer, mini())
    turns = [{"role": "user", "content": "a"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text == "<s>a"


TEMPLATE = "{{ bos_token }}{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}"


def test_a_chat_base_needs_the_recipes_word(tokenizer: Any) -> None:
    tokenizer.chat_template = TEMPLATE
    with pytest.raises(CheckError, match="would be served with it, but would be tuned without"):
        gates.need_served_template(tokenizer, mini())
    gates.need_served_template(tokenizer, mini(template="chat"))
    assert tokenizer.chat_template == TEMPLATE
    gates.need_served_template(tokenizer, mini(template="raw"))
    assert "INST" not in tokenizer.chat_template


def test_chat_needs_a_chat_template(tokenizer: Any) -> None:
    with pytest.raises(CheckError, match="has no chat template"):
        gates.need_served_template(tokenizer, mini(template="chat"))


def test_chat_rows_are_those_that_a_chat_server_sends(tokenizer: Any) -> None:
    from mentallama.encoding import encode_pair, encode_prompt

    tokenizer.chat_template = TEMPLATE
    row = sample(text=LONG)
    turns = [{"role": "user", "content": row.prompt}]
    served = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
    pair = encode_pair(tokenizer, row.prompt, row.response, 512, chat=True)
    assert pair and pair.prompt == list(served["input_ids"])
    assert pair.prompt == encode_prompt(tokenizer, row.prompt, 512, chat=True).prompt
    assert tokenizer.decode(pair.answer[:-1]) == row.response


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    """A learning rate beyond reason blows the weights up; the run says so and exits 1."""
    from mentallama.tuning.run import tune
    from tests.tuning.conftest import write_data

    data = write_data(tmp_path / "data")
    recipe = mini(learning_rate=1e30, epochs=4, schedule="constant", report_to=())
    with pytest.raises(CheckError, match=r"the loss of step .* is (nan|inf): lower learning_rate"):
        tune(recipe, data, tmp_path / "out")


def test_missing_weights_are_never_random_in_silence(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from mentallama.pretrained import load_pretrained
    from mentallama.tuning.run import tune
    from tests.tuning.conftest import write_data

    recipe = mini(epochs=1, evaluations=1, report_to=())
    model = tune(recipe, write_data(tmp_path / "data"), tmp_path / "out").folder
    tensors = load_file(model / "model.safetensors")
    del tensors["model.layers.0.mlp.up_proj.weight"]
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"1 of its tensors are missing .*up_proj"):
        load_pretrained("CausalLM", str(model))
    with pytest.raises(InputError, match="tensors are missing"):
        load_pretrained("SequenceClassification", str(model))


def test_validation_answers_are_spread_over_the_sets() -> None:
    rows = [sample(row=i) for i in range(1, 20)]
    rows += [sample("DR", "yes", row=i) for i in range(1, 4)]
    chosen = choose_evenly(rows, 8, seed=0)
    assert sorted(row.post.task for row in chosen) == ["DR"] * 3 + ["SAD"] * 5
    assert choose_evenly(rows, 100, seed=0) != rows and len(choose_evenly(rows, 100, 0)) == 22


def test_the_card_says_what_was_overridden(tmp_path: Path) -> None:
    from mentallama.tuning.card import model_card

    result: dict[str, Any] = json.loads(
        '{"parameters": 9, "trainable": 9, "rows_by_task": {"SAD": 3}, "chosen_by": "loss",'
        '"best": 1.0, "best_valid_loss": 1.0, "kl_to_base": null, "expert_load": null,'
        '"train": {"rows": 3, "tokens": 9, "answer_tokens": 4, "shortened": 0, "dropped": 0},'
        '"valid": {"rows": 3, "shortened": 0, "dropped": 0}, "leaks": {"rows": 2, "of": 3,'
        '"exact": 1, "evaluation_posts": 7, "action": "kept"}}'
    )
    card = model_card(mini(template="raw"), result, data_hash="x")
    assert "kept on purpose: scores of this model on those sets are inflated" in card
    assert "A template that the base had was replaced, as the recipe says." in card
