"""sinabs on its own neurons is the reference, spike by spike."""

import numpy as np
import pytest

from neurofer.backends import reference, registry
from neurofer.ir import Contract
from neurofer.ir import nodes as n
from neurofer.verify.compare import compare
from tests.backends.hosted import MORE, NETWORKS, assert_exact, constant, image, judge, needs
from tests.networks import convolutional, in_a_row, spikes_for
from tests.verify.test_compare import BREAKS, LIF

pytestmark = needs("sinabs")


@pytest.mark.parametrize("kind", [*NETWORKS, *MORE])
def test_networks_are_exact(kind):
    assert_exact(judge((NETWORKS | MORE)[kind], "sinabs"))


def test_a_constant_image_is_exact():
    assert_exact(judge(constant(), "sinabs", x=image()))


@pytest.mark.parametrize("kind", BREAKS)
def test_what_is_broken_is_named(kind):
    program = convolutional(LIF)
    damage, culprit = BREAKS[kind]
    golden = reference.run(program, spikes_for(program))
    network = registry.load("sinabs", damage(program))
    verdict = compare(program, golden, network, network.run(golden.inputs), target="sinabs", importer="neurofer")
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == [culprit]


def test_its_importer_fires_more_than_once_and_subtracts():
    verdict = judge(NETWORKS["residual"], "sinabs", "stock")
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.sources == ["spike1"]
    assert "spike1: sinabs fires as often per step as the threshold fits" in verdict.reason
    assert verdict.nodes_compared == 3


def test_its_importer_raises_on_a_leak_per_neuron():
    verdict = judge(NETWORKS["LIF"], "sinabs", "stock")
    assert verdict.verdict == "REFUSED"
    assert "sinabs raised ValueError: The truth value of an array" in verdict.reason


def test_names_that_its_importer_cannot_tell_apart_are_told():
    nodes = {"input": n.Input((2,)), "a.b": n.Linear(np.eye(3, 2)), "a_b": n.Neuron(reset="soft"), "output": n.Output()}
    verdict = judge(in_a_row(nodes, Contract(steps=4)), "sinabs", "stock")
    assert "a_b: the importer names its module 'a_b' and overwrites that of 'a.b'" in verdict.reason
