import numpy as np
import pytest

from neurofer.ir import BINARY, REAL, Contract
from neurofer.ir import nodes as n
from neurofer.passes.proof import prove
from tests.strategies import chain


def proof_of(neuron, *, weight=0.5, domain=BINARY, steps=4):
    layer = n.Linear(np.full((1, 2), weight))
    return prove(chain(n.Input((2,), domain), ("fc", layer), ("neuron", neuron), contract=Contract(steps=steps)))


def test_a_proof_says_grid_bound_and_width():
    proof = proof_of(n.Neuron())["fc"]
    assert (proof.grid, proof.bound, proof.accumulator, proof.proved, proof.reason) == (0.5, 2.0, 3, True, "")


@pytest.mark.parametrize(
    ("neuron", "words"),
    [
        (n.Neuron(alpha_mem=0.9, gain=0.1), "alpha_mem = 0.9 is not dyadic"),
        (n.Neuron(alpha_mem=0.25), "gain / (1 - alpha_mem) = 1.33333 is not dyadic"),
        (n.Neuron(alpha_mem=0.5, offset=0.1), "offset = 0.1 is not dyadic"),
        (n.Neuron(alpha_syn=0.3, w_in=1.0), "alpha_syn = 0.3 is not dyadic"),
        (n.Neuron(reset="soft", delta=0.7), "delta = 0.7 is not dyadic"),
        (n.Neuron(alpha_mem=1 - 2.0**-20, gain=2.0**-20), "a partial sum can reach"),
        (n.Neuron(alpha_mem=0.5, gain=2.0**-130), "is not dyadic"),
    ],
)
def test_why_a_neuron_is_not_proved(neuron, words):
    proof = proof_of(neuron)["neuron"]
    assert not proof.proved
    assert words in proof.reason


def test_a_leak_is_proved_as_far_as_the_steps_allow():
    neuron = n.Neuron(alpha_mem=0.5, gain=0.5)
    found = [proof_of(neuron, steps=steps)["neuron"] for steps in (4, 20, 40, 4000)]
    assert [proof.proved for proof in found] == [True, True, False, False]
    assert found[3].reason.startswith("its values leave float32's range")


def test_an_analog_input_proves_nothing():
    found = proof_of(n.Neuron(), domain=REAL)
    assert [proof.reason for proof in found.values()] == ["the input is analog; give it as integers"] * 2


def test_a_threshold_that_float32_moves_past_a_sum_is_not_proved():
    theta = 1.0 + 2.0**-30  # float32 makes it 1, which the sums can be
    assert "its threshold is no float32 value" in proof_of(n.Neuron(theta=theta))["neuron"].reason
    assert proof_of(n.Neuron(theta=0.9))["neuron"].proved  # no sum lies between 0.9 and its float32


def test_a_node_that_no_spike_depends_on_says_so():
    nodes = [n.Input((2,), BINARY), ("a", n.Linear(np.full((1, 2), 1 / 3))), ("sum", n.Neuron(theta=None))]
    reason = prove(chain(*nodes))["sum"].reason
    assert reason.endswith("; no spike depends on it")
    assert "no spike" not in prove(chain(*nodes, ("b", n.Neuron())))["sum"].reason
