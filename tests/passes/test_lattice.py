from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from neurofer.backends import reference
from neurofer.ir import BINARY, Contract, Domain
from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.passes.lattice import lattices
from neurofer.passes.proof import prove
from neurofer.passes.to_grid import to_grid
from tests.passes import shuffled
from tests.passes.rough import rough_programs
from tests.strategies import chain, frames, rngs


def runs_the_same(program, x, rng):
    exact, other = reference.run(program, x), shuffled.load(program, rng).run(x)
    return all(np.array_equal(exact.unpack(k), other.unpack(k)) for k in exact.spikes) and all(
        np.array_equal(exact.outputs[k], other.outputs[k]) for k in exact.outputs
    )


@settings(max_examples=60)
@given(rough_programs(), rngs)
def test_a_proved_program_is_the_same_in_every_order_of_summation(program, rng):
    program = to_grid(program)
    if all(proof.proved for proof in prove(program).values()):
        assert runs_the_same(program, frames(rng, program), rng)


def worst_inputs(weight, top, steps, rng):
    """For each row: all that pushes down, all that pushes up, and one after the other, at every step or at random."""
    down, up = top * (weight < 0), top * (weight > 0)
    t = np.arange(steps)[:, None, None]
    turn = rng.integers(0, steps + 1)
    mixed = np.where(rng.random((steps, 1, 1)) < 0.5, down, up)
    trains = [np.broadcast_to(down, (steps, *down.shape)), np.broadcast_to(up, (steps, *up.shape))]
    trains += [np.where(t < turn, down, up), np.where(t < turn, up, down), mixed]
    return np.concatenate(trains, axis=1).astype(np.float32)


NEURONS = {
    "IF": n.Neuron(),
    "IF, soft": n.Neuron(reset="soft", delta=0.75),
    "IF to another reset value": n.Neuron(v_reset=-0.5, v_init=0.25, offset=0.125),
    "LIF": n.Neuron(alpha_mem=0.5, gain=0.5),
    "LIF, soft, whole input": n.Neuron(alpha_mem=0.5, reset="soft", compare=">"),
    "LIF of leak 1/4": n.Neuron(alpha_mem=0.75, gain=0.25, v_reset=0.5, offset=0.125),
    "CubaLIF": n.Neuron(alpha_mem=0.5, gain=0.5, alpha_syn=0.5, w_in=1.0),
    "integrator": n.Neuron(theta=None),
    "leaky integrator": n.Neuron(alpha_mem=0.5, theta=None, offset=0.25),
}


def membranes(node, x, step):
    """The membrane after every step, in the arithmetic of ``step``."""
    state, seen = None, []
    for frame in x:
        state = step(node, frame, state)
        seen.append(np.asarray(state[0], np.float64))
    return np.stack(seen)


@settings(max_examples=25)
@given(st.sampled_from(sorted(NEURONS)), st.sampled_from([BINARY, Domain("integer", 3), Domain("code", 255)]), rngs)
def test_membranes_at_the_bound_are_exact(name, domain, rng):
    fan_in, steps = int(rng.integers(3, 60)), int(rng.integers(1, 9))
    layer = n.Linear(rng.normal(size=(4, fan_in)), rng.normal(size=4))
    program = to_grid(
        chain(n.Input((fan_in,), domain), ("fc", layer), ("neuron", NEURONS[name]), contract=Contract(steps=steps))
    )
    assume(all(proof.proved for proof in prove(program).values()))  # two bits a step are too many for eight steps
    layer, neuron = program.nodes["fc"], program.nodes["neuron"]
    x = worst_inputs(layer.weight, domain.max, steps, rng)

    def exact(node, frame, state):
        return reference.neuron_step(node, reference.stateless(layer, frame.astype(np.float64)), state)[2]

    def single(node, frame, state):
        return shuffled._neuron(node, shuffled._weighted(layer, frame[:, None, :], rng), state, rng)[1]

    def one_by_one(node, frame, state):
        # spikes enter the membrane one at a time, as in simulators that are driven by events
        if node.alpha_syn is not None:
            return single(node, frame, state)
        v = np.asarray(node.v_init if state is None else state[0], np.float32)
        taps = layer.weight.astype(np.float32) * frame[:, None, :] * np.float32(node.gain)
        bias = [np.float32(node.gain) * layer.bias.astype(np.float32), np.float32(node.offset)]
        u = shuffled.add([np.float32(node.alpha_mem) * v, *np.moveaxis(taps, -1, 0), *bias], rng)
        return shuffled._fired(node, u, rng)

    wanted = membranes(neuron, x, exact)
    assert np.array_equal(membranes(neuron, x, single), wanted)
    assert np.array_equal(membranes(neuron, x, one_by_one), wanted)
    bound = lattices(program)["neuron"]
    peak = np.ldexp(np.abs(wanted).max(), bound.exponent)
    assert peak <= bound.units < 2**24
    assert np.array_equal(np.ldexp(wanted, bound.exponent) % 1, np.zeros_like(wanted))


def over(extra):
    """Sums of 2^23 and three times -1/2^k units: just under the bound, or with ``extra`` just over it."""
    weight = np.array([[2.0**23 + extra, 2.0**23 - 4, 1.0, 1.0]])
    return chain(n.Input((4,), BINARY), ("fc", n.Linear(weight)), ("out", n.Neuron(theta=2.0**24 + 1)))


def test_just_over_the_bound_is_not_proved_and_differs():
    program, spikes = over(4), np.ones((1, 1, 4))
    proof = prove(program)["fc"]
    assert not proof.proved
    assert "a partial sum can reach" in proof.reason
    assert "16777216 is the limit; float64 is exact" in proof.reason
    sums = {float(shuffled._weighted(program.nodes["fc"], spikes, np.random.default_rng(s))[0, 0]) for s in range(50)}
    assert sums == {2.0**24, 2.0**24 + 2}


def test_just_under_the_bound_is_proved_and_does_not_differ():
    program, spikes = over(1), np.ones((1, 1, 4))
    assert prove(program)["fc"].proved
    assert prove(program)["fc"].bound == 2**24 - 1
    sums = {float(shuffled._weighted(program.nodes["fc"], spikes, np.random.default_rng(s))[0, 0]) for s in range(50)}
    assert sums == {2.0**24 - 1}


def test_partial_sums_of_many_branches_count_although_the_total_is_small():
    # five branches of constant value: the total is as large as one of them, three of them alone are too large
    first, *rest = [n.Linear(np.zeros((1, 1)), np.array([sign * 3.0 * 2**21])) for sign in (1, -1, 1, -1, 1)]
    nodes = [n.Input((1,), BINARY), ("first", first), ("neuron", n.Neuron())]
    program = chain(*nodes, contract=Contract(steps=1))
    edges = list(program.edges)
    for k in range(len(rest)):
        edges += [replace(program.edges[0], target=f"branch{k}"), replace(program.edges[1], source=f"branch{k}")]
    others = {f"branch{k}": node for k, node in enumerate(rest)}
    assert prove(program)["neuron"].proved
    assert not prove(program.with_nodes({**program.nodes, **others}, edges))["neuron"].proved


def test_a_delayed_edge_carries_zero_at_first():
    program = chain(
        n.Input((1,), BINARY), ("fc", n.Linear(np.zeros((1, 1)), np.array([5.0]))), ("sum", n.Neuron(theta=None))
    )
    edges = [replace(edge, delay=1) if edge.target == "sum" else edge for edge in program.edges]
    assert lattices(program)["sum"].low == 5.0
    assert lattices(program.with_nodes(program.nodes, edges))["sum"].low == 0.0


@pytest.mark.parametrize(
    ("node", "bounds"),
    [
        (n.SumPool2d(2, 2, 1), (0, 0.0, 4.0)),
        (n.AvgPool2d(2), (2, 0.0, 1.0)),
        (n.AvgPool2d(3), (None, -np.inf, np.inf)),
        (n.Scale(-0.75), (2, -0.75, 0.0)),
        (n.Scale(1 / 3), (None, -np.inf, np.inf)),
        (n.Relu(), (0, 0.0, 1.0)),
        (n.Delay(2.0), (0, 0.0, 1.0)),
        (n.Conv2d(np.array([[[[0.5]], [[-2.0]]]]), np.array([0.25])), (2, -1.75, 0.75)),
        (n.Neuron(theta=None), (0, 0.0, 4.0)),
        (n.Neuron(alpha_mem=0.5, theta=None), (4, 0.0, 1.875)),
        (n.Neuron(alpha_mem=0.9, theta=None), (None, -np.inf, np.inf)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, n.Node) else "",
)
def test_bounds_of_single_nodes(node, bounds):
    found = lattices(chain(n.Input((2, 4, 4), BINARY), ("node", node)))["node"]
    assert (found.exponent, found.low, found.high) == bounds


def test_an_integrator_in_a_loop_has_no_bound():
    program = chain(n.Input((1,), BINARY), ("sum", n.Neuron(theta=None)), ("back", n.Linear(np.ones((1, 1)))))
    edges = (*program.edges, replace(program.edges[1], source="back", target="sum", delay=1))
    proof = prove(program.with_nodes(program.nodes, edges))["sum"]
    assert not proof.proved
    assert "feeds itself and may grow without bound" in proof.reason


@given(st.integers(-60, 60), rngs)
def test_the_exponent_is_the_lowest_bit_that_any_value_has(k, rng):
    whole = rng.integers(-(2**20), 2**20, 50)
    whole[rng.integers(50)] |= 1
    assert exponent(np.ldexp(whole.astype(np.float64), -k)) == k
    assert exponent(np.ldexp(whole.astype(np.float32), -k)) == k


def test_the_exponent_of_values_far_apart():
    assert exponent([2.0**60, 2.0**-30]) == 30
    assert exponent([0.0, 0.0]) == 0
    assert exponent([3.0, np.inf]) > 1000
    assert exponent(0.1) > 50
