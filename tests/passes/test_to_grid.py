from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofer.backends import reference, registry
from neurofer.errors import PassError, RefusedError
from neurofer.ir import BINARY, Contract, Domain
from neurofer.ir import nodes as n
from neurofer.ir.dyadic import exponent
from neurofer.passes.proof import prove
from neurofer.passes.rewire import exchange
from neurofer.passes.to_grid import LOSS, to_grid
from tests.networks import convolutional, recurrent, residual, spikes_for
from tests.passes.rough import rough_programs, roughen
from tests.strategies import chain, frames, rngs


def proved(program):
    return all(proof.proved for proof in prove(program).values())


def equal(first, second):
    return all(np.array_equal(first.unpack(k), second.unpack(k)) for k in first.spikes) and all(
        np.array_equal(first.outputs[k], second.outputs[k]) for k in first.outputs
    )


@settings(max_examples=15)
@given(rough_programs(most=3), rngs)
@pytest.mark.parametrize("simulator", registry.SIMULATORS)
def test_what_is_proved_is_equal_bit_for_bit_in_every_simulator(simulator, program, rng):
    program = to_grid(program)
    if not proved(program):
        return
    x = frames(rng, program)
    try:
        network = registry.load(simulator, program, importer="neurofer")
    except RefusedError:
        return
    assert equal(reference.run(program, x), network.run(x))


NETWORKS = {
    "convolutional": convolutional(),
    "soft reset": convolutional(n.Neuron(reset="soft")),
    "LIF": convolutional(n.Neuron(alpha_mem=0.5, gain=0.5), steps=6),
    "residual sum": residual(),
    "two branches": residual(downsample=True),
    "recurrent": recurrent(),
    "recurrent CubaLIF": recurrent(n.Neuron(alpha_mem=0.5, alpha_syn=0.5), steps=6),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_proved_and_still_themselves(name):
    before = roughen(NETWORKS[name], np.random.default_rng(0))
    after = to_grid(before)
    proofs = prove(after)
    assert all(proof.proved for proof in proofs.values()), [proof.reason for proof in proofs.values()]
    x = spikes_for(before)
    first, second = reference.run(before, x), reference.run(after, x)
    assert first.count > 0
    changed = sum(int((first.unpack(k) != second.unpack(k)).sum()) for k in first.spikes)
    assert changed <= 0.02 * first.count  # a fine grid moves a few spikes
    for simulator in registry.SIMULATORS:
        assert equal(second, registry.load(simulator, after, importer="neurofer").run(x))


@settings(max_examples=40)
@given(rough_programs(), rngs)
def test_both_comparisons_agree_after_to_grid(program, rng):
    program = to_grid(program)
    other = {
        name: replace(node, compare=">" if node.compare == ">=" else ">=")
        for name, node in program.nodes.items()
        if isinstance(node, (n.Neuron, n.Threshold)) and node.theta is not None and prove(program)[name].proved
    }
    x = frames(rng, program)
    assert equal(reference.run(program, x), reference.run(exchange(program, other), x))


@settings(max_examples=40)
@given(rough_programs())
def test_a_program_on_its_grid_stays_as_it_is(program):
    once = to_grid(program)
    assert dict(to_grid(once).nodes) == dict(once.nodes)


def test_thresholds_move_by_half_a_step_and_what_soft_reset_subtracts_stays_on_the_grid():
    layer = n.Linear(np.array([[0.3, -0.7]]))
    program = to_grid(chain(n.Input((2,), BINARY), ("fc", layer), ("soft", n.Neuron(reset="soft"))))
    proof, neuron = prove(program)["soft"], program.nodes["soft"]
    assert neuron.theta == 1 - proof.grid / 2
    assert neuron.delta == 1.0


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["convolutional", "residual sum", "recurrent"])
def test_weights_are_integers_of_the_width_times_the_grid(bits, name):
    program = to_grid(roughen(NETWORKS[name], np.random.default_rng(1)), bits=bits)
    for node in program.nodes.values():
        if node.synaptic:
            whole = np.ldexp(node.weight.astype(np.float64), exponent(node.weight))
            assert np.array_equal(whole, np.round(whole))
            assert np.abs(whole).max() < 2 ** (bits - 1)
            assert not np.any(np.signbit(whole) & (whole == 0))
    proofs = prove(program).values()
    assert all(proof.proved and proof.bound < 2 ** (proof.accumulator - 1) for proof in proofs)


def test_eight_bits_use_the_width():
    program = to_grid(roughen(convolutional(), np.random.default_rng(1)), bits=8)
    whole = np.ldexp(program.nodes["conv"].weight, exponent(program.nodes["conv"].weight))
    assert 64 <= np.abs(whole).max() <= 127


@pytest.mark.parametrize("bits", [None, 16, 8])
def test_a_layer_behind_an_integrator_keeps_its_weights_and_says_why_it_is_not_proved(bits):
    rng = np.random.default_rng(0)
    nodes = [
        ("fc", n.Linear(rng.normal(size=(64, 64)))),
        ("sum", n.Neuron(theta=None)),
        ("read", n.Linear(rng.normal(size=(3, 64)))),
    ]
    before = chain(n.Input((64,), Domain("integer", 100)), *nodes)
    after = to_grid(before, bits=bits)
    proofs = prove(after)
    assert [proofs[name].proved for name in ("fc", "sum", "read")] == [True, True, False]
    assert "float64 is exact" in proofs["read"].reason
    a, b = before.nodes["read"].weight, after.nodes["read"].weight
    assert np.linalg.norm(a - b) < 0.02 * np.linalg.norm(a)


def test_no_grid_is_so_coarse_that_it_makes_another_network():
    rng = np.random.default_rng(0)
    leaky = n.Neuron(alpha_mem=0.5, gain=0.5)
    for steps in range(4, 24, 4):
        before = chain(
            n.Input((400,), BINARY), ("fc", n.Linear(rng.normal(size=(3, 400)))), leaky, contract=Contract(steps=steps)
        )
        a, b = before.nodes["fc"].weight, to_grid(before).nodes["fc"].weight
        assert np.linalg.norm(a - b) <= LOSS * np.linalg.norm(a)
    assert not proved(to_grid(before))


def test_neurons_without_a_layer_and_behind_a_delay_are_on_a_grid_too():
    soft = n.Neuron(reset="soft", theta=1.3, delta=0.7)
    program = chain(
        n.Input((2,), BINARY), ("alone", soft), ("fc", n.Linear(np.full((2, 2), 0.3))), n.Delay(1.0), ("late", soft)
    )
    assert proved(to_grid(program))


def test_what_has_no_grid_is_refused_all_at_once():
    norm = n.BatchNorm(np.zeros(2), np.ones(2), np.ones(2), np.zeros(2))
    with pytest.raises(PassError, match="cannot be put on a grid") as error:
        to_grid(chain(("x", n.Input((2,))), ("bn", norm), n.Neuron()))
    assert [problem.where for problem in error.value.problems] == ["x", "bn"]


def test_a_leak_that_is_not_dyadic_is_left_and_told():
    program = to_grid(
        chain(
            n.Input((2,), BINARY),
            ("fc", n.Linear(np.full((2, 2), 0.3))),
            ("lif", n.Neuron(alpha_mem=2 / 3, gain=1 / 3)),
        )
    )
    proofs = prove(program)
    assert proofs["fc"].proved
    assert proofs["lif"].reason == "alpha_mem = 0.666667 is not dyadic"
    assert program.nodes["lif"].alpha_mem == 2 / 3


@given(st.integers(0, 40))
def test_zero_weights_are_no_obstacle(seed):
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(2, 3)) * (rng.random((2, 3)) < 0.3)
    assert proved(to_grid(chain(n.Input((3,), BINARY), n.Linear(weight), n.Neuron())))
