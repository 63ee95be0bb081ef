import numpy as np
from hypothesis import given

from neurofer.ir import BINARY
from neurofer.ir import nodes as n
from neurofer.passes import lower
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import chain, dyadic, frames, programs, rngs


@given(programs(image=True), rngs)
def test_dyadic_networks_keep_every_spike(program, rng):
    lowered = lower(program)
    assert not kinds(lowered) & {n.Dropout, n.BatchNorm, n.MaxPool2d}
    assert_same(program, lowered, frames(rng, program))


@given(rngs)
def test_a_captured_network_comes_down_to_what_nir_has(rng):
    norm = n.BatchNorm(np.zeros(2), np.full(2, 0.25), np.ones(2), np.zeros(2), 0.0)
    program = chain(
        n.Input((1, 8, 8), BINARY),
        ("conv", n.Conv2d(dyadic(rng, (2, 1, 3, 3)), padding=1)),
        ("dropped", n.Dropout()),
        ("norm", norm),
        ("neuron", n.Neuron()),
        ("max", n.MaxPool2d(2)),
        ("mean", n.AvgPool2d(4)),
        ("flat", n.Flatten()),
        ("head", n.Linear(dyadic(rng, (3, 2)))),
        ("out", n.Neuron()),
    )
    lowered = lower(program)
    assert list(lowered.nodes) == [
        "input0",
        "conv",
        "neuron",
        "max.sum",
        "max",
        "mean",
        "flat",
        "head",
        "out",
        "output",
    ]
    assert isinstance(lowered.nodes["mean"], n.SumPool2d)
    assert_same(program, lowered, frames(rng, program))


def test_max_pooling_of_real_values_is_left_to_the_target():
    program = chain(n.Input((1, 2, 2)), n.MaxPool2d(2))
    assert lower(program) is program
