import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurofer.backends.reference import run
from neurofer.ir import BINARY
from neurofer.ir import nodes as n
from neurofer.passes import lower_avgpool
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import Sketch, chain, dyadic, frames, programs, rngs


@given(programs(blocks=("avgpool", "dropout", "residual", "branch", "spikes"), image=True), rngs)
def test_areas_of_a_power_of_two_change_no_spike(program, rng):
    assert_same(program, lower_avgpool(program), frames(rng, program))


@given(rngs)
def test_a_pool_before_weights_becomes_a_sum_of_whole_numbers(rng):
    linear = n.Linear(dyadic(rng, (3, 8)), dyadic(rng, 3))
    program = chain(
        n.Input((2, 4, 4), BINARY), ("pool", n.AvgPool2d(2)), n.Flatten(), n.Dropout(), ("linear", linear), n.Neuron()
    )
    lowered = lower_avgpool(program)
    assert lowered.nodes["pool"] == n.SumPool2d(2)
    assert lowered.input_domain("linear").kind == "integer"
    assert lowered.nodes["linear"] == n.Linear(linear.weight / np.float32(4), linear.bias)
    assert_same(program, lowered, frames(rng, program))


@given(rngs)
def test_other_areas_round_each_weight_once(rng):
    weight = rng.normal(size=(3, 2, 1, 1)).astype(np.float32)
    program = chain(n.Input((2, 7, 7), BINARY), n.AvgPool2d(3, 2, 1), ("conv", n.Conv2d(weight, dyadic(rng, 3))))
    lowered = lower_avgpool(program)
    assert n.AvgPool2d not in kinds(lowered)
    assert lowered.nodes["conv"].weight.dtype == np.float32
    x = frames(rng, program)
    bound = 9 * np.abs(lowered.nodes["conv"].weight).sum(axis=1).max() * 2.0**-24 + 1e-12
    assert np.abs(run(program, x).outputs["output"] - run(lowered, x).outputs["output"]).max() <= bound


def forked(other):
    """A pool that feeds a Conv2d and, through ``other``, a second one."""
    sketch = Sketch()
    sketch.add(n.Input((1, 4, 4), BINARY), "input")
    sketch.add(n.AvgPool2d(2), "pool")
    first = sketch.add(n.Conv2d(np.ones((1, 1, 1, 1))), "first", ["pool"])
    sketch.add(other, "other", ["pool"])
    second = sketch.add(n.Conv2d(np.full((1, 1, 1, 1), 2.0)), "second")
    sketch.add(n.Neuron(), "neuron", [first, second])
    sketch.add(n.Output(), "output")
    return sketch.program()


@given(rngs)
def test_every_layer_behind_the_pool_is_divided(rng):
    program = forked(n.Dropout())
    lowered = lower_avgpool(program)
    assert [lowered.nodes[name].weight.item() for name in ("first", "second")] == [0.25, 0.5]
    assert_same(program, lowered, frames(rng, program))


@given(st.sampled_from((n.Relu(), n.Neuron(), n.Scale(2.0), n.Threshold(0.5))))
def test_a_pool_that_also_feeds_something_else_stays(other):
    program = forked(other)
    assert lower_avgpool(program) is program


def test_a_pool_whose_layer_has_another_input_stays():
    sketch = Sketch()
    sketch.add(n.Input((1, 2, 2), BINARY), "input")
    sketch.add(n.AvgPool2d(1), "pool")
    sketch.add(n.Conv2d(np.ones((1, 1, 1, 1))), "conv", ["pool", "input"])
    sketch.add(n.Output(), "output")
    program = sketch.program()
    assert lower_avgpool(program) is program


def test_a_pool_before_the_output_stays():
    program = chain(n.Input((1, 2, 2)), n.AvgPool2d(2))
    assert lower_avgpool(program) is program
