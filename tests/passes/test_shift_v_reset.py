import numpy as np
from hypothesis import given

from neurofer.ir import nodes as n
from neurofer.passes import shift_v_reset
from tests.passes.equivalence import assert_same
from tests.strategies import chain, frames, programs, rngs


@given(programs(), rngs)
def test_spikes_are_the_same(program, rng):
    shifted = shift_v_reset(program)
    assert all(np.all(node.v_reset == 0) for node in shifted.nodes.values() if isinstance(node, n.Neuron))
    assert_same(program, shifted, frames(rng, program))


def test_threshold_start_and_leak_move_with_the_membrane():
    neuron = n.Neuron(0.5, 1.0, 0.25, 1.0, v_reset=-0.5, v_init=0.75)
    node = shift_v_reset(chain(n.Input((1,)), ("neuron", neuron))).nodes["neuron"]
    assert node == n.Neuron(0.5, 1.0, 0.5, 1.5, v_reset=0.0, v_init=1.25)


def test_a_neuron_without_leak_keeps_its_kind():
    program = chain(n.Input((2,)), ("neuron", n.Neuron(v_reset=np.array([-0.5, 0.25]))))
    assert shift_v_reset(program).nodes["neuron"].kind == "IF"


def test_other_neurons_are_returned_as_they_are():
    program = chain(n.Input((1,)), n.Neuron(), n.Neuron(reset="soft"), n.Neuron(theta=None))
    assert shift_v_reset(program) is program
