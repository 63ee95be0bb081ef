import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.errors import PassError
from neurofer.ir import BINARY, Contract, Domain
from neurofer.ir import nodes as n
from neurofer.passes import lower_maxpool, lower_threshold
from tests.passes.equivalence import assert_same, kinds
from tests.strategies import chain, frames, programs, rngs


@given(programs(blocks=("maxpool", "spikes"), image=True), rngs)
def test_lowered_max_pooling_keeps_its_spikes(program, rng):
    thresholds = lower_maxpool(program)
    neurons = lower_threshold(thresholds)
    assert n.Threshold not in kinds(neurons)
    assert_same(thresholds, neurons, frames(rng, program))


@given(
    st.sampled_from(((">=", 1.0), (">=", 0.5), (">=", 0.25), (">", 0.0), (">", 0.5), (">", 0.75))),
    st.sampled_from((BINARY, Domain("integer", 5), Domain("code", 255))),
    rngs,
)
def test_no_input_is_remembered(condition, domain, rng):
    threshold = n.Threshold(condition[1], condition[0])
    program = chain(n.Input((6,), domain), ("threshold", threshold), contract=Contract(steps=12))
    lowered = lower_threshold(program)
    assert lowered.nodes["threshold"].kind == "IF"
    assert_same(program, lowered, frames(rng, program))


def test_all_thresholds_a_neuron_would_remember_below_are_named():
    program = chain(
        n.Input((2,), Domain("integer", 3)),
        ("two", n.Threshold(1.5, ">")),
        ("one", n.Threshold(1.0, ">")),
        ("more", n.Threshold(1.25, ">=")),
        ("none", n.Threshold(np.array([0.5, 0.0]), ">=")),
        ("linear", n.Linear(np.eye(2))),
        ("real", n.Threshold(0.5)),
    )
    with pytest.raises(PassError) as error:
        lower_threshold(program)
    assert [p.where for p in error.value.problems] == ["two", "one", "more", "none", "real"]
    assert "a neuron remembers inputs below its threshold 1.5" in str(error.value)
    assert "instead: a threshold with 0 < theta <= 1 for the comparison >=" in str(error.value)
    assert "real: its input is real" in str(error.value)


def test_a_program_without_thresholds_is_returned_as_it_is():
    program = chain(n.Input((3,)), n.Neuron())
    assert lower_threshold(program) is program
