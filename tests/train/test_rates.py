import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.errors import UsageError
from neurofer.ir import BINARY, Contract, Edge, Program
from neurofer.ir import nodes as n
from neurofer.passes import prove, to_grid
from neurofer.train.rates import calibrate_rates

RATES = (0.02, 0.08, 0.25)


def network(**neuron) -> Program:
    """Convolution, pooling, a sum of two branches and a linear layer, with random weights."""
    rng = np.random.default_rng(0)
    scale = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    nodes = {
        "input": n.Input((2, 16, 16), BINARY),
        "conv1": n.Conv2d(scale(8, 2, 3, 3), scale(8), padding=1),
        "spike1": n.Neuron(**neuron),
        "pool": n.MaxPool2d(2, 2),
        "conv2": n.Conv2d(scale(8, 8, 3, 3), padding=1),
        "spike2": n.Neuron(**neuron),
        "flatten": n.Flatten(),
        "fc": n.Linear(scale(200, 512)),
        "spike3": n.Neuron(alpha_mem=0.5, gain=0.5, **neuron),
        "output": n.Output(),
    }
    names = list(nodes)
    edges = (*map(Edge, names, names[1:]), Edge("pool", "flatten"))
    return Program(nodes, edges, Contract(steps=6))


def events(density=0.2, samples=2):
    return (np.random.default_rng(1).random((6, samples, 2, 16, 16)) < density).astype(np.uint8)


def rates(program, x):
    trains = reference.run(program, x).spikes
    return {name: train.unpack().mean() for name, train in trains.items()}


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("rate", RATES)
def test_every_layer_fires_at_the_asked_rate(rate, reset):
    made = calibrate_rates(network(reset=reset), events(), rate)
    assert rates(made, events()) == pytest.approx(dict.fromkeys(("spike1", "spike2", "spike3"), rate), abs=2e-3)


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("rate", RATES)
def test_a_program_stays_on_its_grid(rate, reset):
    exact = to_grid(network(reset=reset), bits=8)
    made = calibrate_rates(exact, events(), rate)
    assert rates(made, events()) == pytest.approx(dict.fromkeys(("spike1", "spike2", "spike3"), rate), abs=5e-3)
    assert all(proof.proved for proof in prove(made).values())
    for name, node in made.nodes.items():
        if isinstance(node, n.Neuron):
            unit = prove(made)[name].grid
            assert unit == prove(exact)[name].grid
            assert node.theta / unit % 1 == 0.5
            assert node.delta is None or (
                node.delta / unit % 1 == 0 and node.delta == pytest.approx(node.theta, rel=0.02)
            )


def test_without_a_grid_a_soft_reset_subtracts_the_threshold():
    made = calibrate_rates(network(reset="soft"), events(), 0.1)
    assert all(node.delta == node.theta for node in made.nodes.values() if isinstance(node, n.Neuron))


def test_only_thresholds_change():
    program = network()
    made = calibrate_rates(program, events(), 0.08)
    assert {name for name, node in made.nodes.items() if node is not program.nodes[name]} == {
        "spike1",
        "spike2",
        "spike3",
    }
    assert (made.edges, made.contract) == (program.edges, program.contract)


def test_the_same_input_gives_the_same_thresholds():
    made = [calibrate_rates(network(), events(), 0.08) for _ in range(2)]
    assert [node.theta for node in made[0].nodes.values() if isinstance(node, n.Neuron)] == [
        node.theta for node in made[1].nodes.values() if isinstance(node, n.Neuron)
    ]


def test_pooling_by_a_threshold_and_integrators_are_left_alone():
    nodes = {
        "input": n.Input((2, 16, 16), BINARY),
        "pool.sum": n.SumPool2d(2, 2),
        "pool": n.Threshold(0.5),
        "flatten": n.Flatten(),
        "fc": n.Linear(np.random.default_rng(0).normal(size=(100, 128)).astype(np.float32)),
        "sum": n.Neuron(theta=None),
        "output": n.Output(),
    }
    names = list(nodes)
    program = Program(nodes, tuple(map(Edge, names, names[1:])), Contract(steps=6))
    assert calibrate_rates(program, events(), 0.08).nodes == program.nodes


@pytest.mark.parametrize("rate", [0, 1, -0.1, 8])
def test_a_rate_is_between_zero_and_one(rate):
    with pytest.raises(UsageError, match="no rate of spikes per step"):
        calibrate_rates(network(), events(), rate)


def test_loops_are_refused_by_name():
    program = network()
    looped = Program(program.nodes, (*program.edges, Edge("spike2", "conv2", delay=1)), program.contract)
    with pytest.raises(UsageError, match="spike2 -> conv2"):
        calibrate_rates(looped, events(), 0.08)
