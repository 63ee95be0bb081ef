"""Judging an output: what is exact, what is a tie, and what is not."""

from dataclasses import replace

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.conformance.cases import suite
from neurofer.conformance.compare import judge
from neurofer.ir import nodes as n


def one(name):
    return next(case for case in suite() if case.name == name)


def fired_at_ties(case):
    """What `>=` for `>` gives."""
    nodes = {k: replace(v, compare=">=") if n.spikes(v) else v for k, v in case.program.nodes.items()}
    return reference.run(case.program.with_nodes(nodes), case.inputs).outputs["output"]


@pytest.mark.parametrize("name", ["affine", "li", "lif", "batch"])
def test_the_expected_output_is_exact_in_float32_too(name):
    case = one(name)
    for kind in (np.float32, np.float64):
        found = judge(case, case.expected.astype(kind))
        assert (found.word, found.differing, found.entries) == ("exact", 0, case.expected.size)


def test_a_batch_of_one_may_be_left_out_and_one_of_three_not():
    assert judge(one("lif"), one("lif").expected[:, 0]).word == "exact"
    assert judge(one("batch"), one("batch").expected[:, 0]).word == "silently wrong"


@pytest.mark.parametrize("name", ["if-tie", "lif-tie", "cubalif-tie", "threshold-tie"])
def test_spikes_at_the_threshold_are_ties_and_counted(name):
    case = one(name)
    found = judge(case, fired_at_ties(case))
    assert found.word == "ties"
    assert found.differing >= 4
    assert "the membrane meets the threshold" in found.reason


def test_a_spike_away_from_the_threshold_is_wrong_also_in_a_case_of_ties():
    case = one("if-tie")
    output = fired_at_ties(case)
    quiet = np.argwhere((output[:5] == 0) & (case.expected[:5] == 0))[0]
    output[tuple(quiet)] = 1
    assert judge(case, output).word == "silently wrong"


def test_rounding_of_values_is_a_tie_and_more_is_wrong():
    case = one("li")
    step = np.spacing(np.abs(case.expected).astype(np.float32)).astype(np.float64)
    assert judge(case, case.expected + 2 * step).word == "ties"
    found = judge(case, case.expected + 1e-3)
    assert (found.word, found.differing) == ("silently wrong", case.expected.size)


def test_the_first_difference_is_told():
    case = one("batch")
    output = case.expected.copy()
    output[7:, 2, 3] = 1 - output[7:, 2, 3]
    found = judge(case, output)
    assert (found.word, found.differing) == ("silently wrong", 33)
    assert (found.first.step, found.first.sample, found.first.index) == (7, 2, [3])
    assert (found.first.expected, found.first.got) == (case.expected[7, 2, 3], output[7, 2, 3])
    assert "first at step 7, sample 2, [3]" in found.reason
    assert f"instead of {int(case.expected.sum())}" in found.reason


def test_values_where_spikes_belong_are_said_to_be_values():
    case = one("lif")
    assert "values that are no spikes" in judge(case, case.expected * 0.5).reason


def test_a_node_left_out_is_no_tie_though_every_first_difference_is_at_the_threshold():
    case = one("cubalif-tie")
    assert judge(case, case.inputs[..., :4]).word == "silently wrong"
