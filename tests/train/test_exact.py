import msgspec
import numpy as np
import pytest
import torch

from neurofer.capture import capture
from neurofer.data.dataset import Arrays, Dataset
from neurofer.ir.dyadic import exponent
from neurofer.passes import prove
from neurofer.train.checkpoint import load_checkpoint
from neurofer.train.exact import _GridRun, fine_tune
from neurofer.train.grid import deploy
from neurofer.train.loop import train
from neurofer.train.recipe import Recipe, contract, load_recipe, parse_recipe


@pytest.fixture(scope="module")
def bars_of_integers(bars) -> Dataset:
    """The bars as 8-bit images."""
    parts = (bars.train, bars.validation, bars.test)
    whole = (Arrays((np.round(part.x * 255) / 255).astype(np.float32), part.y) for part in parts)
    return Dataset(bars.name, *whole)


@pytest.fixture(scope="module")
def images(small) -> Recipe:
    table = msgspec.to_builtins(small)
    table["contract"] |= {"encoder": "constant"}
    table["data"]["scale"] = 255.0
    table["network"]["options"] |= {"channels": 8, "hidden": [16, 16]}
    return parse_recipe(table, "small")


@pytest.fixture(scope="module")
def trained(images, bars_of_integers, tmp_path_factory):
    path = tmp_path_factory.mktemp("float") / "float.safetensors"
    train(images, bars_of_integers, path, epochs=3)
    return load_checkpoint(path)[0]


def captured(module, recipe):
    return capture(module.eval(), recipe.data.shape, contract=contract(recipe))


@pytest.mark.parametrize("bits", [8, None])
def test_the_checkpoint_is_what_was_trained_and_needs_no_rounding(images, bars_of_integers, trained, tmp_path, bits):
    tuned = fine_tune(images, trained, bars_of_integers, tmp_path / "exact.safetensors", bits=bits, epochs=2)
    module, recipe, metrics = load_checkpoint(tuned.path)
    assert recipe == images
    assert (metrics["exact"], metrics["bits"], metrics["test_accuracy"]) == (True, bits, tuned.accuracy)
    program = deploy(captured(module, recipe), recipe, bits=bits)
    assert all(proof.proved for proof in prove(program).values())
    run = _GridRun(images, module, bars_of_integers, bits)
    assert run.rate(program, bars_of_integers.test) == tuned.accuracy
    # what is on the grid stays there: baked and captured again, the program is the same bit for bit
    again = deploy(captured(run.bake(program), recipe), recipe, bits=bits)
    assert dict(again.nodes) == dict(program.nodes)
    assert not tmp_path.joinpath("exact.safetensors.resume").exists()


def test_training_sees_the_weights_that_are_exported(images, bars_of_integers, trained):
    run = _GridRun(images, trained, bars_of_integers, 8)
    program = run.program()
    for name, divisor in run.divisors.items():
        seen = run.module.get_submodule(name).weight.detach().numpy()
        assert np.allclose(seen, program.nodes[name].weight * divisor, rtol=1e-6, atol=1e-9), name
        whole = np.ldexp(program.nodes[name].weight, exponent(program.nodes[name].weight))
        assert np.abs(whole).max() <= 127
    assert run.divisors["conv1"] == 255.0


def test_the_gradient_passes_the_rounding(images, bars_of_integers, trained):
    run = _GridRun(images, trained, bars_of_integers, 8)
    run.program()
    before = run._fit(1)
    assert np.isfinite(before)
    gradients = [p.grad for p in run.module.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    assert any(bool(g.any()) for g in gradients)


def test_an_interrupted_run_ends_the_same(images, bars_of_integers, trained, tmp_path):
    def stop(epoch):
        if epoch.number == 1:
            raise KeyboardInterrupt

    whole = fine_tune(images, trained, bars_of_integers, tmp_path / "a.safetensors", bits=8, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(images, trained, bars_of_integers, tmp_path / "b.safetensors", bits=8, epochs=2, progress=stop)
    resumed = fine_tune(images, trained, bars_of_integers, tmp_path / "b.safetensors", bits=8, epochs=2)
    assert resumed.epochs == whole.epochs
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.slow
def test_digits_lose_less_than_half_a_point_at_eight_bits(tmp_path):
    from neurofer import data

    recipe = load_recipe("digits")
    digits = data.load(recipe.data)
    path = train(recipe, digits, tmp_path / "float.safetensors").path
    tuned = fine_tune(recipe, load_checkpoint(path)[0], digits, tmp_path / "exact.safetensors", bits=8)
    assert tuned.accuracy >= tuned.float_accuracy - 0.005


@pytest.mark.slow
def test_fine_tuning_wins_back_what_coarse_rounding_loses(tmp_path):
    from neurofer import data

    recipe = load_recipe("digits")
    digits = data.load(recipe.data)
    path = train(recipe, digits, tmp_path / "float.safetensors", epochs=6).path
    tuned = fine_tune(recipe, load_checkpoint(path)[0], digits, tmp_path / "exact.safetensors", bits=3, epochs=4)
    assert tuned.rounded_accuracy < tuned.float_accuracy - 0.02
    assert tuned.accuracy > tuned.rounded_accuracy + 0.01
