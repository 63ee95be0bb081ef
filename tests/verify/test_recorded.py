"""Without replay, what a simulator recorded tells sources from what they caused, and blames nobody it cannot prove."""

from dataclasses import replace

import pytest

from neurofer.backends import reference, registry
from neurofer.ir import nodes as n
from neurofer.verify.compare import compare
from tests.networks import convolutional, recurrent, replaced, residual, spikes_for
from tests.verify.test_compare import BREAKS, LIF, with_neuron


def judge(program, broken):
    """The verdict on a simulator that runs ``broken``, and whose nodes cannot be run one by one."""
    golden = reference.run(program, spikes_for(program))
    network = registry.load("norse", broken)
    trace = network.run(golden.inputs)
    return compare(program, golden, replace(network, steps={}), trace, target="norse", importer="neurofer")


@pytest.mark.parametrize("kind", BREAKS)
def test_what_is_broken_is_named(kind):
    program = convolutional(LIF)
    damage, culprit = BREAKS[kind]
    verdict = judge(program, damage(program))
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == [culprit]


def test_a_cascade_has_one_source():
    program = residual(downsample=True)
    assert judge(program, with_neuron(program, "spike1", theta=1.25, delta=None)).sources == ["spike1"]


def test_what_comes_back_over_a_delayed_edge_is_not_blamed_twice():
    program = recurrent()
    verdict = judge(program, with_neuron(program, "spike", theta=1.25, delta=None))
    assert verdict.sources == ["spike"]


def test_a_wrong_readout_is_found_though_every_spike_is_equal():
    program = convolutional()
    verdict = judge(program, replaced(program, fc2=n.Linear(program.nodes["fc2"].weight + 0.125)))
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == ["output"]


def test_the_same_network_is_exact():
    program = convolutional(LIF)
    assert judge(program, program).verdict == "EXACT"
