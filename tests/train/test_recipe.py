import msgspec
import pytest

from neurofer.errors import UsageError
from neurofer.train.recipe import contract, load_recipe, override, parse_recipe, recipe_names


def test_known_recipes_load_under_their_names():
    assert {"conv-snn", "conv-snn-ferplus", "digits", "spiking-fer"} <= set(recipe_names())
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_conv_snn_is_trained_as_in_table_5():
    recipe = load_recipe("conv-snn")
    assert (recipe.training.lr, recipe.training.batch, recipe.training.epochs) == (1e-3, 16, 100)
    assert (recipe.contract.steps, recipe.training.optimizer, recipe.training.loss) == (4, "adam", "mse")
    assert recipe.data.shape == (1, 48, 48)


def test_spiking_fer_is_trained_as_in_section_4_3():
    recipe = load_recipe("spiking-fer")
    training = recipe.training
    assert (training.optimizer, training.lr, training.momentum) == ("sgd", 0.01, 0.9)
    assert (training.schedule, training.epochs, training.loss) == ("cosine", 500, "cross-entropy")
    assert (recipe.contract.steps, recipe.contract.reset, recipe.contract.encoder) == (6, "hard", "events")


def test_a_path_loads_as_well_as_a_name(checkout):
    assert load_recipe(checkout / "models" / "digits.toml") == load_recipe("digits")


def test_contract_carries_steps_encoder_readout_and_scale():
    made = contract(load_recipe("digits"), dt=1e-3)
    assert (made.dt, made.steps, made.encoder, made.readout.reduction) == (1e-3, 4, "constant", "rate")
    assert made.preprocessing == "divided by 16"
    assert contract(load_recipe("spiking-fer")).preprocessing == ""


@pytest.mark.parametrize("name", ["resnet", "", "digits/", "../models/digits", "/nowhere/x.toml"])
def test_unknown_recipe_names_the_known_ones(name):
    with pytest.raises(UsageError) as error:
        load_recipe(name)
    assert "the recipes are conv-snn, conv-snn-ferplus, digits, spiking-fer" in str(error.value)


def test_what_is_no_toml_is_named(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_bytes(b"[network\n")
    with pytest.raises(UsageError, match=r"broken.toml: this is no TOML"):
        load_recipe(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"broken.toml: this is no TOML"):
        load_recipe(path)


def changed(section, **values):
    table = msgspec.to_builtins(load_recipe("digits"))
    (table[section] if section else table).update(values)
    return table


def test_all_unknown_keys_are_named_with_the_known_ones():
    table = changed("training", learning_rate=1, batches=2) | {"extra": 1}
    with pytest.raises(UsageError) as error:
        parse_recipe(table, "mine.toml")
    text = str(error.value)
    assert text.startswith("mine.toml: unknown keys")
    assert "training.learning_rate: no such key (instead: one of optimizer, lr, batch" in text
    assert "training.batches: no such key" in text
    assert "extra: no such key" in text


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        ("contract", {"steps": 0}, "$.contract.steps"),
        ("contract", {"reset": "zero"}, "$.contract.reset"),
        ("contract", {"encoder": "rate"}, "$.contract.encoder"),
        ("data", {"shape": [8, 8]}, "$.data.shape"),
        ("data", {"scale": 0}, "$.data.scale"),
        ("training", {"lr": "fast"}, "$.training.lr"),
        ("training", {"epochs": 0}, "$.training.epochs"),
        ("training", {"optimizer": "lion"}, "$.training.optimizer"),
        ("network", {"architecture": "alexnet"}, "the architectures are conv-cnn"),
        ("", {"network": 3}, "$.network"),
    ],
)
def test_wrong_values_are_named(section, values, words):
    with pytest.raises(UsageError) as error:
        parse_recipe(changed(section, **values), "mine.toml")
    assert words in str(error.value)
    assert "mine.toml" in str(error.value)


def test_missing_section_is_named():
    table = changed("")
    del table["data"]
    with pytest.raises(UsageError, match="missing required field `data`"):
        parse_recipe(table, "mine.toml")


def test_override_changes_what_is_asked_and_checks_it():
    recipe = load_recipe("spiking-fer")
    other = override(recipe, steps=3, reset="soft", size=128, folds=4, fold=3, split="subject", augment=["hflip"])
    assert (other.contract.steps, other.contract.reset, other.data.shape) == (3, "soft", (2, 128, 128))
    assert (other.data.folds, other.data.fold, other.data.split, other.data.augment) == (4, 3, "subject", ("hflip",))
    assert other.training == recipe.training
    assert override(recipe) == recipe
    with pytest.raises(UsageError, match=r"contract\.reset"):
        override(recipe, reset="none")
