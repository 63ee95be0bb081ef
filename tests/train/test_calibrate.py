import msgspec
import numpy as np
import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn

from neurofer.errors import UsageError
from neurofer.train.calibrate import draw_sample, seeded
from neurofer.train.networks import forward, present
from neurofer.train.recipe import load_recipe, override, parse_recipe


def narrow(**contract):
    table = msgspec.to_builtins(override(load_recipe("spiking-fer"), size=64, **contract))
    table["network"]["options"]["width"] = table["baseline"]["options"]["width"] = 8
    return parse_recipe(table, "narrow")


def rates(recipe, network, sample):
    found = {}
    for name, part in network.named_modules():
        if isinstance(part, neuron.BaseNode):
            part.register_forward_hook(lambda *call, name=name: found.__setitem__(name, float(call[-1].mean())))
    with torch.no_grad():
        forward(network, present(recipe, "network", sample, np.random.default_rng(1)))
    return found


RECIPES = [
    (load_recipe("digits"), 5),
    (override(load_recipe("digits"), reset="soft"), 5),
    (override(load_recipe("digits"), encoder="poisson"), 5),
    (narrow(), 20),
    (narrow(reset="soft"), 20),
]


@pytest.mark.parametrize(("recipe", "neurons"), RECIPES, ids=["hard", "soft", "poisson", "fer-hard", "fer-soft"])
def test_every_layer_spikes_on_a_sample_it_was_not_calibrated_with(recipe, neurons):
    network = seeded(recipe, 0, sample=draw_sample(recipe, samples=8))
    found = rates(recipe, network, draw_sample(recipe, samples=8, seed=1))
    assert len(found) == neurons
    assert all(0.01 < rate < 0.5 for rate in found.values()), found


def test_statistics_are_those_of_the_sample():
    recipe = load_recipe("digits")
    sample = draw_sample(recipe, samples=16)
    network = seeded(recipe, 0, sample=sample)
    with torch.no_grad():
        out = network.conv1(torch.from_numpy(sample))
    assert torch.allclose(network.bn1.running_mean, out.mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(network.bn1.running_var, out.var((0, 2, 3)), atol=1e-6)
    assert not any(part.training for part in network.modules())
    assert {part.momentum for part in network.modules() if isinstance(part, nn.BatchNorm2d)} == {0.1}


@pytest.mark.parametrize("which", ["network", "baseline"])
def test_weights_follow_the_seed(which):
    recipe = narrow()
    states = [seeded(recipe, seed, which=which).state_dict() for seed in (0, 0, 1)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["fc.weight"], states[2]["fc.weight"])


def test_no_hook_stays():
    assert not [name for name, part in seeded(load_recipe("digits")).named_modules() if part._forward_hooks]


def test_an_empty_sample_is_refused():
    recipe = load_recipe("digits")
    with pytest.raises(UsageError, match="fc1: the layer's output does not vary"):
        seeded(recipe, sample=np.zeros((2, 1, 8, 8), np.float32))


def test_drawn_events_are_binary_and_sparse():
    frames = draw_sample(narrow(), samples=3)
    assert frames.shape == (3, 6, 2, 64, 64)
    assert frames.dtype == np.uint8
    assert 0.09 < frames.mean() < 0.11
