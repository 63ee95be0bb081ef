"""brian2 on its own neurons is the reference, spike by spike."""

import pytest

from neurofer.backends import reference, registry
from neurofer.verify.compare import compare
from tests.backends.hosted import MORE, NETWORKS, assert_exact, constant, image, judge, needs
from tests.networks import convolutional, spikes_for
from tests.verify.test_compare import BREAKS, LIF

pytestmark = needs("brian2")


@pytest.mark.parametrize("kind", [*NETWORKS, *MORE])
def test_networks_are_exact(kind):
    assert_exact(judge((NETWORKS | MORE)[kind], "brian2"))


def test_a_constant_image_is_exact():
    assert_exact(judge(constant(), "brian2", x=image()))


@pytest.mark.parametrize("kind", BREAKS)
def test_what_is_broken_is_named(kind):
    program = convolutional(LIF)
    damage, culprit = BREAKS[kind]
    golden = reference.run(program, spikes_for(program))
    network = registry.load("brian2", damage(program))
    verdict = compare(program, golden, network, network.run(golden.inputs), target="brian2", importer="neurofer")
    assert verdict.verdict == "DIVERGENT"
    assert verdict.sources == [culprit]
