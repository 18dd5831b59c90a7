from pathlib import Path

import pytest

from mentallama.config import load_config
from mentallama.errors import InputError
from mentallama.tuning.recipe import Recipe, find_recipe
from tests.conftest import ROOT
from tests.tuning.conftest import RECIPE

SHIPPED = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_valid_and_found_by_name(name: str) -> None:
    recipe = load_config(find_recipe(name), Recipe)
    assert recipe.name.casefold() == name.casefold()


def test_the_published_models_have_recipes() -> None:
    bases = {
        "mentallama-7b": "meta-llama/Llama-2-7b-hf",
        "mentallama-chat-7b": "meta-llama/Llama-2-7b-chat-hf",
        "mentallama-chat-13b": "meta-llama/Llama-2-13b-chat-hf",
    }
    for name, base in bases.items():
        recipe = load_config(find_recipe(name), Recipe)
        assert (recipe.base, recipe.batch_size, recipe.max_length) == (base, 256, 2048)


def test_a_value_can_be_set_from_the_command_line(recipe_file: Path) -> None:
    recipe = load_config(recipe_file, Recipe, ["epochs=2", "scratch.layers=3", "tasks=[DR, SAD]"])
    assert recipe.scratch is not None
    assert (recipe.epochs, recipe.scratch.layers, recipe.tasks) == (2, 3, ("DR", "SAD"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lerning_rate=1", "unknown key 'lerning_rate'. Did you mean 'learning_rate'?"),
        ("scratch.layer=1", "scratch: unknown key 'layer'. Did you mean 'layers'?"),
        ("epochs=many", "epochs: Input should be a valid number"),
        ("epochs=0", "epochs: Input should be greater than 0"),
        ("batching=packed", "batching: Input should be 'packing' or 'by_length'"),
        ("tasks=[SADD]", "no task is called 'SADD'. Did you mean 'SAD'?"),
        ("base=some/model", "give either base or scratch"),
        ("batch_size=5", "batch_size must be a multiple of device_batch_size"),
        ("max_length=512", "max_length is larger than scratch.context"),
        ("scratch.hidden_size=30", "hidden_size must be a multiple of twice the number of heads"),
        ("epochs", "expected key=value"),
        ("name.first=x", "'name' is not a group of keys"),
        ("epochs=[", "the value is not YAML"),
        ("method=lora", "the group lora belongs to the methods lora and qlora"),
        ("lora.rank=8", "lora.alpha: Field required"),
        ("objective=seq2seq", "needs a scratch.architecture of bart or t5"),
        ("objective=dpo", "objective dpo starts from a tuned model; give base"),
        ("scratch.experts=4", "experts belong to the architecture mixtral"),
        ("scratch.architecture=gpt5", "scratch.architecture: Input should be 'llama'"),
        ("preference.beta=0.1", "the group preference belongs to the objectives dpo and grpo"),
        ("reads=explanation", "reads explanation is for the objective classifier"),
        ("warmup=1.5", "warmup: Input should be less than 1"),
        ("precision=fp16", "precision: Input should be 'auto', 'fp32' or 'bf16'"),
        ("leaks=ignore", "leaks: Input should be 'refuse', 'drop' or 'keep'"),
        ("choose_by=f1", "choose_by: Input should be 'loss' or 'weighted_f1'"),
        ("seed=soon", "seed: Input should be a valid integer"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(recipe_file: Path, override: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        load_config(recipe_file, Recipe, [override])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "expected 'key: value' lines"), ("a: [", "not YAML"), ("- a", "expected 'key: value'")],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_config(path, Recipe)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(RECIPE.replace("learning_rate: 1.0e-2\n", ""))
    with pytest.raises(InputError, match="learning_rate: Field required"):
        load_config(path, Recipe)


def test_an_unknown_recipe_name_suggests_one() -> None:
    with pytest.raises(InputError, match="Did you mean 'mentallama-chat-13b'"):
        find_recipe("mentallama-chat-13")
