"""rockpool's own importer: what a user gets is told, in its own words."""

import numpy as np

from neurofer.ir import BINARY, Contract
from neurofer.ir import nodes as n
from tests.backends.hosted import NETWORKS, judge, needs
from tests.networks import grid, in_a_row

pytestmark = needs("rockpool")


def test_it_has_no_convolution():
    verdict = judge(NETWORKS["IF"], "rockpool", "stock")
    assert verdict.verdict == "REFUSED"
    assert "Cannot convert" in verdict.reason


def test_a_cubalif_is_another_neuron_there():
    nodes = {
        "input": n.Input((6,), BINARY),
        "fc": n.Linear(grid(np.random.default_rng(4), 8, 6, scale=0.8)),
        "spike": n.Neuron(alpha_syn=0.5, alpha_mem=0.75),
        "output": n.Output(),
    }
    verdict = judge(in_a_row(nodes, Contract(steps=20)), "rockpool", "stock")
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.sources == ["spike"]
    assert "spike: rockpool guesses dt" in verdict.reason
