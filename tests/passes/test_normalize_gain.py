import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.errors import PassError
from neurofer.ir import nodes as n
from neurofer.passes import normalize_gain
from tests.passes.equivalence import assert_same
from tests.strategies import chain, frames, programs, rngs


@given(programs(), st.sampled_from(("one", "leak")), rngs)
def test_spikes_are_the_same(program, gain, rng):
    normal = normalize_gain(program, gain=gain)
    for name, node in normal.nodes.items():
        if isinstance(node, n.Neuron) and node.spiking:
            leak = np.where(np.equal(node.alpha_mem, 1.0), 1.0, np.subtract(1.0, node.alpha_mem))
            assert np.all(np.asarray(node.gain) == (1.0 if gain == "one" else leak))
        else:
            assert node == program.nodes[name]
    assert_same(program, normal, frames(rng, program))


def test_every_membrane_value_is_scaled():
    neuron = n.Neuron(0.5, 2.0, 0.25, 3.0, v_reset=-1.0, v_init=0.5, alpha_syn=0.5, w_in=0.75, i_init=1.0)
    node = normalize_gain(chain(n.Input((1,)), ("neuron", neuron)), gain="one").nodes["neuron"]
    expected = n.Neuron(0.5, 1.0, 0.125, 1.5, v_reset=-0.5, v_init=0.25, alpha_syn=0.5, w_in=0.75, i_init=1.0)
    assert node == expected


def test_all_gains_that_would_round_are_named():
    program = chain(
        n.Input((2,)),
        ("third", n.Neuron(gain=1 / 3)),
        ("negative", n.Neuron(gain=np.array([1.0, -1.0]))),
        ("zero", n.Neuron(gain=0.0)),
        ("three", n.Neuron(gain=np.array([0.5, 3.0]))),
        ("fine", n.Neuron(gain=4.0)),
    )
    with pytest.raises(PassError) as error:
        normalize_gain(program, gain="one")
    assert [p.where for p in error.value.problems] == ["third", "negative", "zero", "three"]
    assert "negative: its gain -1 is not positive" in str(error.value)
    assert "three: its membrane would be scaled by 0.333" in str(error.value)


def test_neurons_with_that_gain_and_integrators_are_returned_as_they_are():
    program = chain(n.Input((1,)), n.Neuron(alpha_mem=0.9, gain=1.0 - 0.9), n.Neuron(), n.Neuron(theta=None, gain=3.0))
    assert normalize_gain(program, gain="leak") is program
