"""NEST's neurons and connections are the reference, spike by spike; what they cannot be is refused."""

import numpy as np
import pytest

from neurofer.backends import nest, registry
from neurofer.errors import RefusedError
from neurofer.ir import BINARY, Contract
from neurofer.ir import nodes as n
from tests.backends.hosted import LIF, MORE, NETWORKS, assert_exact, constant, image, judge, needs
from tests.networks import convolutional, in_a_row, recurrent, replaced

runs = needs("nest")


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=runs) for kind in NETWORKS])
def test_networks_are_exact(kind):
    assert_exact(judge(NETWORKS[kind], "nest"))


@pytest.mark.parametrize("x", [pytest.param(image(), marks=runs)])
def test_a_constant_image_is_exact(x):
    assert_exact(judge(constant(), "nest", x=x))


@pytest.mark.parametrize("steps", [pytest.param(200, marks=runs)])
def test_a_membrane_that_meets_its_threshold_after_many_steps_fires(steps):
    nodes = {
        "input": n.Input((2,), BINARY),
        "fc": n.Linear(np.array([[0.0078125, 0.0]], np.float32)),
        "spike": n.Neuron(),
        "output": n.Output(),
    }
    verdict = judge(in_a_row(nodes, Contract(steps=steps)), "nest", x=np.ones((steps, 1, 2), np.uint8))
    assert_exact(verdict, least=1)


@pytest.mark.parametrize("kind", MORE)
def test_soft_reset_and_synapses_are_refused(kind):
    with pytest.raises(RefusedError, match="not supported"):
        registry.load("nest", MORE[kind])


def test_a_threshold_that_nest_cannot_have_is_refused():
    program = convolutional(n.Neuron(theta=-0.5, v_reset=-1.0))
    with pytest.raises(RefusedError, match="spike1: NEST's neuron would fire before its first input"):
        registry.load("nest", program)
    with pytest.raises(RefusedError, match="spike2: NEST's reset potential must be below the threshold"):
        registry.load("nest", convolutional(n.Neuron(v_reset=2.0)))


def test_the_time_constant_gives_the_leak_to_the_last_bit():
    for alpha in (0.5, 0.75, 0.25, 0.875, 0.9375):
        assert np.exp(-1.0 / nest._tau(np.asarray(alpha))) == alpha
    assert np.exp(-1.0 / nest._tau(np.asarray(1.0))) == 1.0
    assert np.exp(-1.0 / nest._tau(np.asarray(0.0))) == 0.0


def test_a_loop_with_fewer_steps_of_delay_than_layers_is_refused():
    program = recurrent(LIF)
    hidden = {**program.nodes, "more": n.Linear(np.eye(5, dtype=np.float32)), "inner": n.Neuron()}
    edges = [e for e in program.edges if (e.source, e.target) != ("spike", "w_rec")]
    edges += [type(e)(*pair) for e in edges[:1] for pair in (("spike", "more"), ("more", "inner"), ("inner", "w_rec"))]
    with pytest.raises(RefusedError, match="a loop has more layers than steps of delay"):
        registry.load("nest", program.with_nodes(hidden, edges))


def test_a_membrane_that_feeds_neurons_is_refused():
    program = replaced(convolutional(), spike1=n.Neuron(theta=None))
    with pytest.raises(RefusedError, match="pool: the membrane of spike1 enters it, and only spikes travel"):
        registry.load("nest", program)


@pytest.mark.parametrize("simulator", ["nest", "brian2"])
def test_a_network_without_neurons_is_refused(simulator):
    nodes = {"input": n.Input((2,), BINARY), "fc": n.Linear(np.eye(2, dtype=np.float32)), "output": n.Output()}
    with pytest.raises(RefusedError, match="there is no neuron"):
        registry.load(simulator, in_a_row(nodes, Contract(steps=2)))
