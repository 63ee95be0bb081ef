from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.backends import reference
from neurofer.backends.network import Network
from neurofer.ir import Contract, Readout
from neurofer.ir import nodes as n
from neurofer.verify import stateless
from neurofer.verify.compare import compare
from neurofer.verify.rounding import readout_bound
from tests.ann import deep_relu_net, images, line, linear, residual_net, with_changed_weight
from tests.strategies import rngs


def one_by_one(node, x):
    """A Linear in float32 that adds one term after the other: the order in which rounding adds up most."""
    total = np.zeros((len(x), len(node.weight)), np.float32)
    for column in range(x.shape[1]):
        total += x[:, column : column + 1] * node.weight[:, column].astype(np.float32)
    return total if node.bias is None else total + node.bias.astype(np.float32)


def float32(program):
    """The program in float32, one rounding per operation."""

    def step(node):
        function = one_by_one if isinstance(node, n.Linear) else reference.stateless
        return lambda x, state: (function(node, x).astype(np.float32), state)

    steps = {name: step(node) for name, node in program.nodes.items()}
    return Network(program, steps, lambda x: np.asarray(x, np.float32), np.asarray, np.concatenate, "float32")


def verdict(program, x, run=None):
    """Compare a float32 run of ``run`` with the reference's run of ``program``."""
    network = float32(run or program)
    golden = reference.run(program, x)
    return compare(program, golden, network, network.run(x), target="float32", importer="neurofer")


def gap_and_bound(program, x, run=None):
    golden = reference.run(program, x)
    ours, theirs = (t.read(program.contract.readout) for t in (golden, float32(run or program).run(x)))
    return np.abs(ours - theirs), readout_bound(program, golden)


@given(rngs, st.integers(1, 12), st.integers(1, 40), st.booleans())
def test_float32_never_leaves_the_bound(rng, depth, width, thin):
    program = deep_relu_net(rng, depth=depth, width=width, thin=thin)
    gap, bound = gap_and_bound(program, images(rng, program) * 10.0 ** rng.integers(-3, 4))
    assert np.all(gap <= bound)


def test_a_long_thin_net_needs_the_roundings_of_all_its_layers():
    rng = np.random.default_rng(3)
    layers = [n.Linear(rng.uniform(0.7, 1.4, (1, 1)).astype(np.float32)) for _ in range(200)]
    program = line(n.Input((1,)), *layers)
    gap, bound = gap_and_bound(program, np.abs(images(rng, program, 64)) + 1)
    one_layer = 3 * 2.0**-23 * np.abs(reference.run(program, np.ones((1, 1), np.float32)).outputs["output"]).max()
    assert np.all(gap <= bound)
    assert gap.max() > one_layer  # so a bound that forgets the layers before would fail here


@given(rngs)
def test_float32_never_leaves_the_bound_of_a_residual_net(rng):
    program = residual_net(rng)
    gap, bound = gap_and_bound(program, images(rng, program))
    assert np.all(gap <= bound)


@given(rngs, st.integers(0, 4))
def test_one_changed_weight_leaves_the_bound(rng, layer):
    program = deep_relu_net(rng, depth=4, width=8)
    name = [name for name, node in program.nodes.items() if isinstance(node, n.Linear)][layer]
    x = images(rng, program, 8)
    changed = with_changed_weight(program, name, 2.0)
    exact = [reference.run(p, x).outputs["output"] for p in (program, changed)]
    if np.abs(exact[0] - exact[1]).max() < 1e-2:
        return  # it feeds units that ReLU keeps silent
    gap, bound = gap_and_bound(program, x, changed)
    assert np.any(gap > bound)


@pytest.mark.parametrize("name", ["stem", "block.conv", "fc"])
def test_a_changed_weight_is_found_in_its_node(name):
    rng = np.random.default_rng(0)
    program = residual_net(rng)
    row = verdict(program, images(rng, program), with_changed_weight(program, name, 1.0001))
    assert (row.verdict, row.sources) == ("DIVERGENT", [name])
    assert name in row.reason


def test_depth_does_not_hide_a_changed_weight():
    rng = np.random.default_rng(1)
    program = deep_relu_net(rng, depth=30, width=64)
    x = images(rng, program)
    changed = with_changed_weight(program, "linear5", 1.0001)
    gap, bound = gap_and_bound(program, x, changed)
    assert np.all(gap <= bound)  # from end to end it could be rounding
    row = verdict(program, x, changed)
    assert (row.verdict, row.sources) == ("DIVERGENT", ["linear5"])


def test_a_faithful_run_is_a_tie_and_says_how_far():
    rng = np.random.default_rng(0)
    program = residual_net(rng)
    row = verdict(program, images(rng, program))
    assert row.verdict == "TIES"
    assert row.nodes_compared == row.nodes_total == len(program.nodes) - 1
    assert "within float32 rounding" in row.reason


def test_equal_outputs_are_exact():
    program = line(n.Input((2,)), n.Linear(np.array([[0.5, 2.0]])), n.Relu())
    row = verdict(program, np.array([[1.0, 3.0]]))
    assert row.verdict == "EXACT"


def test_rounding_that_changes_a_decision_is_no_tie():
    third = np.float64(1) / 3
    weight = np.array([[third], [np.nextafter(third, 1)]])  # equal in float32, the second larger in float64
    row = verdict(line(n.Input((1,)), n.Linear(weight)), np.ones((1, 1)))
    assert row.verdict == "DIVERGENT"
    assert "a decision changed" in row.reason


def test_nan_is_the_fault_of_the_node_it_comes_from():
    program = line(n.Input((1,)), n.Linear(np.ones((2, 1), np.float32)), n.Relu())
    broken = program.with_nodes({**program.nodes, "linear1": n.Linear(np.full((2, 1), np.nan))})
    assert verdict(program, np.ones((1, 1)), broken).sources == ["linear1"]


def test_several_steps_are_read_as_the_contract_says():
    rng = np.random.default_rng(0)
    contract = Contract(steps=3, encoder="events", readout=Readout("sum"))
    program = line(n.Input((4,)), linear(rng, 4, 6), n.Relu(), linear(rng, 6, 3), contract=contract)
    x = rng.normal(size=(3, 2, 4))
    assert verdict(program, x).verdict == "TIES"
    golden = reference.run(program, x)
    total = readout_bound(program, golden)
    last = readout_bound(program.with_contract(replace(contract, readout=Readout("last"))), golden)
    assert np.all(total > last)


def test_what_spikes_or_remembers_is_not_stateless():
    assert stateless.stateless(line(n.Input((1,)), n.Relu()))
    for node in (n.Neuron(), n.Neuron(theta=None), n.Threshold(0.5), n.Delay(1)):
        assert not stateless.stateless(line(n.Input((1,)), node))
