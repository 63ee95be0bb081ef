from dataclasses import replace

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.cli.bench.workload import Case, activity, calibrated, make
from neurofer.energy import count
from neurofer.errors import UsageError
from neurofer.ir import nodes as n
from neurofer.passes import prove
from neurofer.train.checkpoint import save_checkpoint
from neurofer.train.networks import build_network
from neurofer.train.recipe import load_recipe


def test_layers_fire_at_the_rate_asked_for(tiny):
    happened = activity(tiny)
    assert happened.rate == pytest.approx(0.1, abs=0.01)
    assert tiny.weights == "random, 10% per step"
    assert tiny.title == "spiking-fer 32x32 T=6 batch 1"


def test_weights_are_integers_of_eight_bits(tiny):
    for name, node in tiny.exact.nodes.items():
        if isinstance(node, n.Conv2d):
            units = node.weight / prove(tiny.exact)[name].grid
            assert np.array_equal(units, np.round(units)), name
            assert np.abs(units).max() <= 127, name


def test_max_pooling_is_left_to_each_runtime(tiny):
    assert isinstance(tiny.exact.nodes["maxpool"], n.MaxPool2d)


def test_images_enter_as_integers(tiny_images):
    assert tiny_images.x.dtype == np.uint8
    assert tiny_images.x.shape == (2, 1, 16, 16)
    assert tiny_images.exact.domains["input"].kind == "code"


def test_another_density_draws_other_events_and_keeps_the_weights(tiny):
    made = calibrated(tiny, replace(tiny.case, density=0.4, rate=0.05))
    assert made.x.mean() == pytest.approx(0.4, abs=0.02)
    assert made.x.shape == tiny.x.shape
    assert activity(made).rate == pytest.approx(0.05, abs=0.01)
    assert np.array_equal(made.exact.nodes["conv1"].weight, tiny.exact.nodes["conv1"].weight)


def test_operations_are_those_of_the_reference(tiny):
    happened, trace = activity(tiny), reference.run(tiny.exact, tiny.x)
    assert happened.operations == {name: found.acs for name, found in count(tiny.exact, trace).items() if found.acs}
    assert happened.readout == pytest.approx(trace.read(tiny.exact.contract.readout), rel=1e-5)


def test_trained_weights_keep_their_thresholds(tmp_path):
    recipe = load_recipe("digits")
    path = save_checkpoint(tmp_path / "mine.safetensors", build_network(recipe), recipe, {})
    made = make(Case(str(path), batch=3))
    assert made.weights == "trained (mine.safetensors)"
    assert made.x.shape[-4] == 3
    thresholds = {node.theta for node in made.plain.nodes.values() if isinstance(node, n.Neuron) and node.spiking}
    assert thresholds == {1.0}


def test_only_a_recipe_has_rivals(network_file):
    with pytest.raises(UsageError, match="only a recipe's spiking network"):
        make(Case(str(network_file)))
