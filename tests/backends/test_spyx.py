"""spyx's own importer: what a user gets is told, with its cause."""

from tests.backends.hosted import NETWORKS, judge, needs

pytestmark = needs("spyx")


def test_it_fires_a_step_late():
    verdict = judge(NETWORKS["residual"], "spyx", "stock")
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.sources[0] == "spike1"
    assert "spike1: spyx fires on the membrane of the step before" in verdict.reason
    assert verdict.spikes_differing > 100


def test_it_finds_no_way_through_a_second_branch():
    verdict = judge(NETWORKS["second branch"], "spyx", "stock")
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.nodes_compared == 3
    assert "spike1: spyx follows one of its edges" in verdict.reason
