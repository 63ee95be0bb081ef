import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.errors import PassError
from neurofer.ir import nodes as n
from neurofer.ir.nodes import spikes
from neurofer.passes import to_compare
from tests.passes.equivalence import assert_same
from tests.strategies import chain, frames, programs, rngs


@given(programs(blocks=("spikes", "threshold", "residual", "recurrent"), most=3), st.sampled_from((">", ">=")), rngs)
def test_spikes_are_the_same_on_a_grid(program, compare, rng):
    moved = to_compare(program, compare)
    assert {node.compare for node in moved.nodes.values() if spikes(node)} == {compare}
    assert_same(program, moved, frames(rng, program))


@given(st.floats(2**-20, 2**20, width=32), st.sampled_from((">=", ">")), st.booleans())
def test_every_float32_around_the_threshold_is_told_apart_alike(theta, compare, negative):
    theta = -theta if negative else theta
    single = np.float32(theta)
    near = np.array([np.nextafter(single, np.float32(-np.inf)), single, np.nextafter(single, np.float32(np.inf))])
    program = chain(n.Input((3,)), n.Threshold(theta, compare))
    moved = to_compare(program, ">" if compare == ">=" else ">=")
    assert moved is not program
    assert_same(program, moved, near[None, None])


def test_what_a_soft_reset_subtracts_stays():
    program = chain(n.Input((1,)), ("neuron", n.Neuron(theta=1.0, reset="soft")))
    node = to_compare(program, ">").nodes["neuron"]
    assert (node.theta, node.delta) == (1 - 2.0**-24, 1.0)


def test_all_thresholds_that_cannot_be_moved_are_named():
    program = chain(
        n.Input((2,)),
        ("tenth", n.Neuron(theta=np.array([1.0, 0.1]))),
        ("fine", n.Neuron(theta=0.5)),
        ("zero", n.Threshold(0.0, ">=")),
        ("endless", n.Neuron(theta=-np.inf)),
        ("huge", n.Neuron(theta=1e300)),
    )
    with pytest.raises(PassError) as error:
        to_compare(program, ">")
    assert [p.where for p in error.value.problems] == ["tenth", "zero", "endless", "huge"]
    assert "tenth: the threshold 0.1 is not a float32 value" in str(error.value)
    assert "zero: the threshold 0.0 has no normal float32 beside it" in str(error.value)


def test_a_program_that_compares_so_already_is_returned_as_it_is():
    program = chain(n.Input((1,)), n.Neuron(compare=">"), n.Neuron(theta=None))
    assert to_compare(program, ">") is program
