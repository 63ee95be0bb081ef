import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.errors import PassError
from neurofer.ir import BINARY, Domain
from neurofer.ir import nodes as n
from neurofer.passes import lower_maxpool
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import chain, frames, programs, rngs


@given(programs(blocks=("maxpool", "maxpool", "spikes", "branch", "recurrent"), image=True), rngs)
def test_spikes_are_the_same(program, rng):
    lowered = lower_maxpool(program)
    assert n.MaxPool2d not in kinds(lowered)
    assert_same(program, lowered, frames(rng, program))


@given(st.sampled_from((1, 2, 3)), st.sampled_from((1, 2)), st.integers(0, 2), rngs)
def test_the_maximum_itself_is_the_same(kernel, stride, padding, rng):
    pool = n.MaxPool2d(kernel, stride, min(padding, kernel - 1))
    program = chain(n.Input((2, 5, 4), BINARY), ("pool", pool))
    lowered = lower_maxpool(program)
    assert list(lowered.nodes) == ["input0", "pool.sum", "pool", "output"]
    assert lowered.domains["pool"] == BINARY
    assert_same(program, lowered, frames(rng, program))


def test_all_max_pooling_of_other_values_is_named():
    pools = chain(
        n.Input((1, 8, 8), Domain("code", 255)),
        ("codes", n.MaxPool2d(2)),
        ("conv", n.Conv2d(np.ones((1, 1, 1, 1)))),
        ("reals", n.MaxPool2d(2)),
        ("neuron", n.Neuron()),
        ("spikes", n.MaxPool2d(1)),
    )
    with pytest.raises(PassError) as error:
        lower_maxpool(pools)
    assert [p.where for p in error.value.problems] == ["codes", "reals"]
    assert "codes: the maximum is taken of code 0..255 values" in str(error.value)
    assert "reals: the maximum is taken of real values" in str(error.value)
    left = lower_maxpool(pools, strict=False)
    assert [name for name, node in left.nodes.items() if isinstance(node, n.MaxPool2d)] == ["codes", "reals"]
    assert isinstance(left.nodes["spikes"], n.Threshold)


def test_a_name_that_is_taken_gets_a_number():
    program = chain(n.Input((1, 2, 2), BINARY), ("pool.sum", n.Neuron()), ("pool", n.MaxPool2d(2)))
    assert list(lower_maxpool(program).nodes) == ["input0", "pool.sum", "pool.sum2", "pool", "output"]


def test_a_program_without_max_pooling_is_returned_as_it_is():
    program = chain(n.Input((3,)), n.Neuron())
    assert lower_maxpool(program) is program
