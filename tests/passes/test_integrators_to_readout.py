from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.backends.reference import run
from neurofer.ir import BINARY, Contract, Edge, Program, Readout
from neurofer.ir import nodes as n
from neurofer.passes import integrators_to_readout
from tests.passes.equivalence import kinds
from tests.strategies import Sketch, chain, dyadic, frames, neurons, rngs

LAST = Contract(steps=5, readout=Readout("last"))


def accumulator(*behind, integrator=None, contract=LAST):
    """Spikes, an integrator ``sum`` of three values, and what stands behind it."""
    integrator = n.Neuron(theta=None) if integrator is None else integrator
    layer = n.Linear(np.arange(6.0).reshape(3, 2) / 4, np.full(3, 0.25))
    return chain(n.Input((2,), BINARY), ("neuron", n.Neuron()), layer, ("sum", integrator), *behind, contract=contract)


@st.composite
def summed(draw):
    """A network that ends in one or two integrators, added or joined, and linear maps without bias."""
    rng, sketch, shape = draw(rngs), Sketch(), (2, 2, 2)
    sketch.add(n.Input((2, 3, 3), BINARY), "input")
    sketch.add(n.Conv2d(dyadic(rng, (2, 2, 2, 2)), dyadic(rng, 2)))
    spikes = sketch.add(draw(neurons(shape)), "spikes")
    ends = []
    for i in range(draw(st.integers(1, 2))):
        sketch.add(n.Conv2d(dyadic(rng, (2, 2, 1, 1)), dyadic(rng, 2)), sources=[spikes])
        gain = draw(st.sampled_from((1.0, 2.0, rng.choice([0.5, 1.0], shape))))
        ends.append(sketch.add(n.Neuron(theta=None, gain=gain), f"sum{i}"))
    sketch.last = tuple(ends)
    if draw(st.booleans()):
        sketch.add(n.Concat(0))
    if draw(st.booleans()):
        sketch.add(n.Dropout())
    sketch.add(draw(st.sampled_from((n.AvgPool2d(2), n.SumPool2d(1), n.Scale(0.5)))))
    sketch.add(n.Flatten())
    sketch.add(n.Linear(dyadic(rng, (3, sketch.shape[0]))))
    sketch.add(n.Output(), "output")
    return sketch.program(LAST)


@given(summed(), rngs)
def test_the_readout_and_the_spikes_are_the_same(program, rng):
    moved = integrators_to_readout(program)
    assert moved.contract.readout == Readout("sum")
    assert not any(isinstance(node, n.Neuron) and not node.spiking for node in moved.nodes.values())
    x = frames(rng, program)
    before, after = run(program, x), run(moved, x)
    assert np.array_equal(before.unpack("spikes"), after.unpack("spikes"))
    assert np.array_equal(before.read(program.contract.readout), after.read(moved.contract.readout))


def test_a_gain_stays_under_the_name_of_the_integrator():
    moved = integrators_to_readout(accumulator(integrator=n.Neuron(theta=None, gain=0.5)))
    assert moved.nodes["sum"] == n.Scale(0.5)
    assert "sum" not in integrators_to_readout(accumulator()).nodes


def test_of_two_in_a_row_the_last_goes():
    program = accumulator(("second", n.Neuron(theta=None)), ("linear", n.Linear(np.eye(3))))
    moved = integrators_to_readout(program)
    assert n.Neuron in kinds(moved)
    assert "sum" in moved.nodes
    assert "second" not in moved.nodes
    x = frames(np.random.default_rng(1), program)
    assert np.array_equal(run(program, x).read(program.contract.readout), run(moved, x).read(moved.contract.readout))


@pytest.mark.parametrize(
    "program",
    [
        accumulator(contract=replace(LAST, readout=Readout("sum"))),
        accumulator(contract=replace(LAST, readout=Readout("argmax"))),
        accumulator(n.Linear(np.eye(3), np.ones(3))),
        accumulator(n.Relu()),
        accumulator(n.Neuron()),
        accumulator(n.Neuron(theta=None, alpha_mem=0.5)),
        accumulator(integrator=n.Neuron(theta=None, alpha_mem=0.5)),
        accumulator(integrator=n.Neuron(theta=None, offset=0.5)),
        accumulator(integrator=n.Neuron(theta=None, v_init=0.5)),
        accumulator(integrator=n.Neuron(theta=None, alpha_syn=0.5)),
        accumulator(n.Delay(1)),
    ],
)
def test_anything_that_does_not_commute_leaves_the_program_as_it_is(program):
    assert integrators_to_readout(program) is program


def with_edges(*extra, **nodes):
    program = accumulator(("linear", n.Linear(np.eye(3))))
    return Program({**program.nodes, **nodes}, (*program.edges, *extra), program.contract)


@pytest.mark.parametrize(
    "program",
    [
        with_edges(Edge("linear2", "output")),
        with_edges(Edge("linear", "sum", 1)),
        with_edges(Edge("sum", "sum", 1)),
        with_edges(Edge("sum", "output", 1)),
        with_edges(Edge("sum", "spiking"), Edge("spiking", "other"), spiking=n.Neuron(), other=n.Output()),
        with_edges(Edge("linear", "other"), other=n.Output()),
    ],
    ids=["direct", "feedback", "itself", "delayed", "spiking", "output"],
)
def test_other_paths_leave_the_program_as_it_is(program):
    assert integrators_to_readout(program) is program
