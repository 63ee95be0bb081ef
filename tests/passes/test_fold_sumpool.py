import numpy as np
import pytest
from hypothesis import given

from neurofer.ir import BINARY, Contract, Edge, Program
from neurofer.ir import nodes as n
from neurofer.passes import fold_sumpool
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import chain, dyadic, frames, programs, rngs

SPIKES = n.Input((3, 8, 14), BINARY)


@given(programs(blocks=("sumpool", "sumpool", "spikes", "residual", "branch"), image=True), rngs)
def test_spikes_are_the_same(program, rng):
    assert_same(program, fold_sumpool(program), frames(rng, program))


@given(rngs)
def test_pools_vanish_between_spikes_and_layers(rng):
    conv = n.Conv2d(dyadic(rng, (4, 3, 3, 3)), dyadic(rng, (4,)), stride=(1, 2), padding=(1, 0))
    last = n.Conv2d(dyadic(rng, (4, 2, 3, 3)), padding="same", groups=2)
    dense = n.Linear(dyadic(rng, (5, 4 * 2 * 3)), dyadic(rng, (5,)))
    neurons = n.Neuron(), n.Neuron(reset="soft"), n.Neuron()
    program = chain(
        SPIKES, n.SumPool2d((2, 1)), conv, neurons[0], last, neurons[1], n.SumPool2d((2, 2)), n.Flatten(), dense
    )
    folded = fold_sumpool(program)
    assert n.SumPool2d not in kinds(folded)
    assert_same(program, folded, frames(rng, program))


@pytest.mark.parametrize(
    "pool",
    [
        n.SumPool2d((2, 2), (1, 1)),
        n.SumPool2d((2, 2), (2, 2), (1, 1)),
        n.SumPool2d((3, 3)),  # 8 rows are no whole number of windows
    ],
)
def test_other_pools_stay(pool):
    program = chain(SPIKES, pool, n.Conv2d(np.ones((1, 3, 1, 1), np.float32)))
    assert fold_sumpool(program) is program


@pytest.mark.parametrize(
    "reader",
    [
        n.Neuron(),
        n.Conv2d(np.ones((1, 3, 2, 2), np.float32), dilation=2),
        n.Conv2d(np.ones((1, 3, 2, 2), np.float32), padding="same"),  # pads one side alone
    ],
)
def test_pools_stay_before_other_readers(reader):
    program = chain(SPIKES, n.SumPool2d((2, 2)), reader)
    assert fold_sumpool(program) is program


def test_counts_are_no_spikes():
    program = chain(SPIKES, n.SumPool2d((2, 2)), n.SumPool2d((2, 2)), n.Conv2d(np.ones((1, 3, 1, 1), np.float32)))
    assert sum(isinstance(node, n.SumPool2d) for node in fold_sumpool(program).nodes.values()) == 2


def test_a_pool_that_meets_something_else_stays():
    weight = np.ones((1, 3, 1, 1), np.float32)
    nodes = {"in": SPIKES, "pool": n.SumPool2d((2, 2)), "other": n.MaxPool2d((2, 2)), "conv": n.Conv2d(weight)}
    edges = [("in", "pool"), ("in", "other"), ("pool", "conv"), ("other", "conv"), ("conv", "out")]
    program = Program({**nodes, "out": n.Output()}, tuple(Edge(*ends) for ends in edges), Contract(encoder="events"))
    assert fold_sumpool(program) is program
