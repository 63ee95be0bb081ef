"""Every way to break a network is found, at the right node and step; what is the same is EXACT."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from neurofer.backends import reference, registry
from neurofer.backends.network import Network
from neurofer.ir import BINARY, Contract, Readout, Spikes
from neurofer.ir import nodes as n
from neurofer.verify.compare import compare
from tests.networks import convolutional, in_a_row, recurrent, replaced, residual, spikes_for

SIMULATORS = registry.SIMULATORS
LIF = n.Neuron(alpha_mem=0.5, gain=0.5, theta=0.25)


def judge(program, broken, target="norse", x=None):
    """The verdict on a simulator that runs ``broken`` instead of ``program``."""
    golden = reference.run(program, spikes_for(program) if x is None else x)
    network = registry.load(target, broken)
    return compare(program, golden, network, network.run(golden.inputs), target=target, importer="neurofer")


@pytest.mark.parametrize("target", SIMULATORS)
@pytest.mark.parametrize("program", [convolutional(LIF), residual(), residual(downsample=True), recurrent()])
def test_the_same_network_is_exact(program, target):
    verdict = judge(program, program, target)
    assert verdict.verdict == "EXACT"
    assert verdict.spikes_differing == 0
    assert verdict.spikes_compared > 10
    assert verdict.nodes_compared == verdict.nodes_total
    assert verdict.first_divergence is None


def broken_weight(program):
    conv = program.nodes["conv"]
    weight = conv.weight.copy()
    weight[2, 1, 1, 1] += 0.5
    return replaced(program, conv=replace(conv, weight=weight))


def with_neuron(program, name, **changes):
    return replaced(program, **{name: replace(program.nodes[name], **changes)})


BREAKS = {
    "weight": (broken_weight, "spike1"),
    "threshold": (lambda p: with_neuron(p, "spike2", theta=0.375, delta=None), "spike2"),
    "dt": (lambda p: with_neuron(p, "spike1", alpha_mem=0.75, gain=0.25), "spike1"),
    "reset": (lambda p: with_neuron(p, "spike2", reset="soft"), "spike2"),
}


@pytest.mark.parametrize("target", SIMULATORS)
@pytest.mark.parametrize("kind", BREAKS)
def test_what_is_broken_is_named(kind, target):
    program = convolutional(LIF)
    damage, culprit = BREAKS[kind]
    broken = damage(program)
    verdict = judge(program, broken, target)
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == [culprit]
    assert culprit in verdict.reason
    x = spikes_for(program)
    expected = reference.run(program, x).unpack(culprit) != reference.run(broken, x).unpack(culprit)
    first = verdict.first_divergence
    assert first.node == culprit
    assert first.step == int(expected.any(axis=tuple(range(1, expected.ndim))).argmax())
    assert expected[first.step, first.sample, *first.neuron]
    assert first.margin == first.membrane - first.threshold


def test_a_wrong_readout_is_found_though_every_spike_is_equal():
    program = convolutional()
    weight = program.nodes["fc2"].weight.copy()
    weight += 0.125
    verdict = judge(program, replaced(program, fc2=n.Linear(weight)))
    assert verdict.spikes_differing == 0
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == ["output"]


def test_no_spike_proves_nothing():
    program = convolutional()
    x = np.zeros((8, 1, 2, 8, 8), np.uint8)
    silent = replaced(program, conv=replace(program.nodes["conv"], bias=None))
    assert judge(silent, silent, x=x).verdict == "SILENT"


def test_rounding_at_the_threshold_is_a_tie():
    # in float32 0.1 + 0.2 reaches 0.3, in float64 the same numbers do not
    weight = np.array([[0.1, 0.2]], np.float32)
    nodes = {
        "input": n.Input((2,), BINARY),
        "fc": n.Linear(weight),
        "spike": n.Neuron(theta=float(np.float32(0.3))),
        "output": n.Output(),
    }
    program = in_a_row(nodes, Contract(steps=3))
    x = np.array([[[1, 1]], [[0, 0]], [[1, 1]]], np.uint8)
    verdict = judge(program, program, "spikingjelly", x)
    assert verdict.verdict == "TIES"
    assert verdict.first_divergence.node == "spike"
    assert abs(verdict.first_divergence.margin) < 1e-7


def test_a_threshold_moved_by_more_than_rounding_is_no_tie():
    nodes = {
        "input": n.Input((2,), BINARY),
        "fc": n.Linear(np.array([[0.1, 0.2]], np.float32)),
        "spike": n.Neuron(theta=0.3001),
        "output": n.Output(),
    }
    program = in_a_row(nodes, Contract(steps=3))
    broken = replaced(program, spike=n.Neuron(theta=0.2999))
    verdict = judge(program, broken, "spikingjelly", np.ones((3, 1, 2), np.uint8))
    assert verdict.verdict == "DIVERGENT"


def test_a_cascade_has_one_source():
    program = residual(downsample=True)
    broken = with_neuron(program, "spike1", theta=1.25, delta=None)
    verdict = judge(program, broken, "snntorch")
    assert verdict.sources == ["spike1"]
    assert verdict.spikes_differing > sum(
        int((reference.run(program, x).unpack("spike1") != reference.run(broken, x).unpack("spike1")).sum())
        for x in [spikes_for(program)]
    )


def test_a_tie_does_not_hide_a_wrong_readout():
    def network(head):
        nodes = {
            "input": n.Input((2,), BINARY),
            "fc": n.Linear(np.array([[0.1, 0.2], [1.0, 1.0]], np.float32)),
            "spike": n.Neuron(theta=np.array([np.float32(0.3), 1.0])),
            "head": n.Linear(np.array([[1.0, head]], np.float32)),
            "output": n.Output(),
        }
        return in_a_row(nodes, Contract(steps=3))

    x = np.array([[[1, 1]], [[0, 0]], [[1, 1]]], np.uint8)
    assert judge(network(1.0), network(1.0), "spikingjelly", x).verdict == "TIES"
    verdict = judge(network(1.0), network(1.5), "spikingjelly", x)
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == ["spike", "output"]


def recorded(program, spikes=None, outputs=None):
    """The verdict on a simulator that recorded some of what the reference did, and these outputs."""
    golden = reference.run(program, spikes_for(program))
    kept = golden.spikes if spikes is None else {name: golden.spikes[name] for name in spikes}
    trace = replace(golden, spikes=kept, outputs=golden.outputs if outputs is None else outputs(golden))
    return compare(program, golden, reference.load(program), trace, target="norse", importer="stock")


def test_a_run_that_records_no_spike_proves_nothing():
    verdict = recorded(convolutional(), spikes=[])
    assert (verdict.verdict, verdict.spikes_compared, verdict.nodes_compared) == ("SILENT", 0, 0)
    assert "no spikes of spike1, pool, spike2 were recorded" in verdict.reason


def test_a_run_that_records_only_a_quiet_node_proves_nothing():
    program = with_neuron(convolutional(LIF), "spike2", theta=1e6, delta=None)
    verdict = recorded(program, spikes=["spike2"])
    assert verdict.verdict == "SILENT"
    assert "spike1, pool" in verdict.reason


def test_nodes_that_were_not_recorded_are_named():
    verdict = recorded(convolutional(LIF), spikes=["spike1"])
    assert verdict.verdict == "EXACT"
    assert verdict.reason == "every spike is equal; no spikes of pool, spike2 were recorded"


@pytest.mark.parametrize("reduction", ["last", "rate", "sum", "argmax"])
def test_an_output_that_is_no_number_is_another_one(reduction):
    program = convolutional(LIF)
    program = program.with_contract(replace(program.contract, readout=Readout(reduction)))
    verdict = recorded(program, outputs=lambda golden: {k: np.full_like(v, np.nan) for k, v in golden.outputs.items()})
    assert verdict.verdict == "DIVERGENT"
    assert "is not a number" in verdict.reason


def test_a_run_sample_by_sample_is_replayed_so():
    """A sum at the threshold that comes out lower where a sample runs alone is a tie, and no other wiring."""

    @dataclass(frozen=True)
    class OneByOne(Network):
        batched = False

        def run(self, inputs):
            traces = [super(OneByOne, self).run(inputs[:, k : k + 1]) for k in range(inputs.shape[1])]
            trains = np.concatenate([trace.unpack("spike") for trace in traces], axis=1)
            outputs = np.concatenate([trace.outputs["output"] for trace in traces], axis=1)
            return replace(traces[0], samples=2, spikes={"spike": Spikes.pack(trains)}, outputs={"output": outputs})

    nodes = {"input": n.Input((2,), BINARY), "fc": n.Linear(np.ones((1, 2))), "spike": n.Neuron(theta=2.0)}
    program = in_a_row({**nodes, "output": n.Output()}, Contract(steps=2, readout=Readout("argmax")))
    x = np.ones((2, 2, 2), np.uint8)
    golden, exact = reference.run(program, x), reference.load(program)
    steps = {**exact.steps, "fc": lambda x, state: (x @ np.ones((2, 1)) - (len(x) == 1) * 1e-7, state)}
    network = OneByOne(program, steps, exact.lift, exact.drop, exact.join, "")
    verdict = compare(program, golden, network, network.run(x), target="norse", importer="stock")
    assert verdict.verdict == "TIES", verdict.reason
    assert verdict.sources == ["spike"]
