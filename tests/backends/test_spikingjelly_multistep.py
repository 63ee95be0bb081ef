"""SpikingJelly in multi-step mode is the reference, spike by spike; its faults are named."""

import pytest

from neurofer.backends import reference, registry
from neurofer.errors import RefusedError
from neurofer.ir import nodes as n
from neurofer.verify import verify
from neurofer.verify.compare import compare
from tests.networks import convolutional, recurrent, replaced, residual, spikes_for

TARGET = "spikingjelly-multistep"
NETWORKS = {
    "IF": convolutional(),
    "IF soft": convolutional(n.Neuron(reset="soft")),
    "IF >": convolutional(n.Neuron(compare=">")),
    "LIF": convolutional(n.Neuron(alpha_mem=0.5, gain=0.5, theta=0.25)),
    "CubaLIF": convolutional(n.Neuron(alpha_syn=0.5, alpha_mem=0.75)),
    "two branches": residual(downsample=True),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_are_exact(kind):
    program = NETWORKS[kind]
    golden = reference.run(program, spikes_for(program))
    (verdict,) = verify(program, golden, on=[TARGET])
    assert (verdict.verdict, verdict.importer) == ("EXACT", "neurofer"), verdict.reason
    assert verdict.spikes_compared > 50
    assert verdict.nodes_compared == verdict.nodes_total


def test_a_broken_threshold_is_named():
    program = convolutional()
    golden = reference.run(program, spikes_for(program))
    network = registry.load(TARGET, replaced(program, spike2=n.Neuron(theta=0.75)))
    verdict = compare(program, golden, network, network.run(golden.inputs), target=TARGET, importer="neurofer")
    assert (verdict.verdict, verdict.sources) == ("DIVERGENT", ["spike2"])


def test_recurrence_is_refused_with_the_way_out():
    with pytest.raises(RefusedError, match="spikingjelly, which runs step by step"):
        registry.load(TARGET, recurrent())
