"""Our importers, on the neurons of three simulators: not one spike differs from the reference on dyadic programs."""

import importlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurofer.backends import reference
from neurofer.errors import RefusedError
from neurofer.ir import BINARY, Contract
from neurofer.ir import nodes as n
from tests.strategies import chain, frames, neurons, programs, rngs

SIMULATORS = ("norse", "snntorch", "spikingjelly")


@pytest.fixture(scope="module", params=SIMULATORS)
def simulator(request):
    return importlib.import_module(f"neurofer.backends.{request.param}")


def assert_same(simulator, program, x):
    try:
        network = simulator.load(program)
    except RefusedError as error:
        assume(False)  # snnTorch's limits; which they are is tested below
        raise AssertionError from error
    expected, found = reference.run(program, x), network.run(x)
    assert set(found.spikes) == set(expected.spikes)
    for name in expected.spikes:
        assert np.array_equal(found.unpack(name), expected.unpack(name)), name
    for name, values in expected.outputs.items():
        assert np.array_equal(found.outputs[name], values), name


@settings(max_examples=25)
@given(program=programs(), rng=rngs)
def test_no_spike_differs(simulator, program, rng):
    assert_same(simulator, program, frames(rng, program))


@settings(max_examples=40)
@given(data=st.data(), rng=rngs)
def test_a_neuron_of_any_kind(simulator, data, rng):
    neuron = data.draw(neurons((3,), spiking=data.draw(st.booleans())))
    program = chain(("input", n.Input((3,))), ("neuron", neuron), contract=Contract(steps=6))
    assert_same(simulator, program, frames(rng, program))


@pytest.mark.parametrize(
    "node",
    [
        n.Conv1d(np.ones((2, 2, 2), np.float32), padding="same"),
        n.Conv1d(np.ones((2, 1, 3), np.float32), None, 2, 2, 2, 2),
    ],
)
def test_convolution_in_one_dimension(simulator, node):
    program = chain(("input", n.Input((2, 7), BINARY)), ("conv", node), ("if", n.Neuron(theta=2.0)))
    assert_same(simulator, program, frames(np.random.default_rng(0), program))


@pytest.mark.parametrize(
    "node",
    [
        n.Conv2d(np.ones((2, 1, 2, 3), np.float32), padding="same", groups=2),
        n.SumPool2d(3, 2, 2),  # torch pads by half a kernel at most
        n.AvgPool2d((2, 4), 1, (1, 3)),
        n.MaxPool2d(3, 1, 2),
        n.Delay(2),
        n.Delay(np.arange(24).reshape(2, 3, 4) % 4),
        n.Flatten(1, 2),
        n.Relu(),
        n.Threshold(1.0, ">="),
    ],
)
def test_nodes_without_neurons(simulator, node):
    program = chain(("input", n.Input((2, 3, 4), BINARY)), ("node", node), contract=Contract(steps=5))
    assert_same(simulator, program, frames(np.random.default_rng(0), program))


def test_padding_never_wins_a_maximum(simulator):
    program = chain(("input", n.Input((1, 3, 3))), ("pool", n.MaxPool2d(3, 1, 1)))
    assert_same(simulator, program, np.full((1, 1, 1, 3, 3), -0.5))


def test_a_threshold_that_is_no_float32(simulator):
    """0.1 lies below float32's 0.1: a float32 membrane of 0.1 fires in float64, and must here."""
    below = float(np.nextafter(np.float32(0.3), np.float32(1))) - 1e-9  # its nearest float32 lies above it
    for theta, compare in ((0.1, ">="), (0.1, ">"), (0.7, ">="), (below, ">=")):
        x = np.full((1, 1, 1), np.float32(theta))
        program = chain(("input", n.Input((1,))), ("t", n.Threshold(theta, compare)))
        assert_same(simulator, program, x)
        assert_same(simulator, chain(("input", n.Input((1,))), ("if", n.Neuron(theta=theta, compare=compare))), x)


def test_a_constant_input(simulator):
    nodes = [("input", n.Input((2,))), ("fc", n.Linear(np.array([[0.5, 0.25]], np.float32))), ("if", n.Neuron())]
    program = chain(*nodes, contract=Contract(steps=4, encoder="constant"))
    assert_same(simulator, program, np.array([[1.0, 0.0], [2.0, 1.0]]))


def test_a_second_run_starts_anew(simulator):
    program = chain(("input", n.Input((2,))), ("if", n.Neuron(reset="soft", alpha_mem=0.5)), contract=Contract(steps=3))
    network = simulator.load(program)
    x = np.full((3, 1, 2), 0.75)
    first, second = network.run(x), network.run(x)
    assert np.array_equal(first.unpack("if"), second.unpack("if"))
    assert first.count > 0


def test_snntorch_names_its_limits():
    from neurofer.backends import snntorch

    nodes = [("up", n.Neuron(alpha_mem=1.5)), ("drive", n.Neuron(alpha_syn=0.5, offset=0.25))]
    with pytest.raises(RefusedError) as caught:
        snntorch.load(chain(("input", n.Input((1,))), *nodes))
    assert [problem.where for problem in caught.value.problems] == ["up", "drive"]
