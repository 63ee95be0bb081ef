"""Every case proves something: something happens in it, and every wrong reading of it comes out differently."""

import io

import nir
import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.conformance import suite
from neurofer.conformance.cases import select
from neurofer.errors import UsageError
from neurofer.ir import nodes as n
from neurofer.ir import serde
from neurofer.verify import rounding
from tests.conformance.mutants import KEEPS, readings

CASES = suite()
IDS = [case.name for case in CASES]
WIRING = {"branch", "residual-identity", "residual-downsample", "batch", "batch-flatten", "network", "nested"}


def is_wiring(case):
    return case.name in WIRING or case.name.startswith(("recurrent", "nested", "sum-into"))


def comes_out(program, case):
    return reference.run(program, case.inputs).outputs[program.readout]


def differs(program, case):
    """Whether more than the rounding of time constants to float32 tells the outputs apart."""
    found = comes_out(program, case)
    return found.shape != case.expected.shape or not np.allclose(found, case.expected, rtol=0, atol=1e-4)


def test_names_are_unique_and_every_kind_of_nir_is_there():
    assert len(set(IDS)) == len(IDS)
    seen = {type(node) for case in CASES for node in case.graph.nodes.values()}
    missing = {getattr(nir, name) for name in nir.ir.__all__ if isinstance(getattr(nir, name, None), type)} - seen
    assert {kind.__name__ for kind in missing} <= {"NIRNode", "Projection", "TypedNode"}
    assert {case.dt for case in CASES} == {1e-4, 1e-3}
    assert {case.inputs.shape[1] for case in CASES} == {1, 3}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_something_happens(case):
    assert case.expected.std() > 0.1
    assert (case.inputs * 8 == np.round(case.inputs * 8)).all(), "the input is dyadic"
    for name, node in case.program.nodes.items():
        if n.spikes(node):
            rate = case.golden.unpack(name).mean()
            assert 0.1 < rate < 0.9, f"{name} fires at {rate:.0%}"


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_no_membrane_meets_its_threshold_but_where_that_is_the_test(case):
    nearest = []
    for name, node in case.program.nodes.items():
        if n.spikes(node):
            found = rounding.membranes(case.program, case.golden, name)
            nearest += [np.min(np.abs(u - node.theta) / bound) for u, _, bound in found]
    if case.name.endswith("-tie"):
        assert min(nearest) == 0.0
    else:
        assert min(nearest, default=np.inf) > 4.0


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_wrong_reading_comes_out_differently(case):
    told = 0
    for what, program in readings(case.program):
        node, mistake = what.split(": ")
        if program == case.program or (is_wiring(case) and node in case.program.nodes and mistake != "left out"):
            continue
        if mistake in KEEPS:
            continue
        if case.name == "cubalif-tie" and mistake == "exponential":  # its few ties leave little for it to change
            continue
        assert differs(program, case), what
        told += 1
    assert told or case.name == "batch"


@pytest.mark.parametrize("mistake", sorted(KEEPS))
def test_what_nir_leaves_open_and_ties_are_told_by_the_cases_made_for_them(mistake):
    told = set()
    for case in CASES:
        for what, program in readings(case.program):
            if what.endswith(mistake) and program != case.program and differs(program, case):
                told.add(case.name)
    if mistake == ">= for >":
        assert told == {"threshold-tie", "if-tie", "lif-tie", "cubalif-tie"}
    else:  # the membrane of an integrator is its output: there is no hiding where it starts
        assert told == ({"start-v-reset"} if "v_reset" in mistake else {"start-v-leak", "li-v-leak", "cubali-v-leak"})


def test_the_check_of_wrong_readings_can_fail():
    case = next(case for case in CASES if case.name == "conv2d")
    assert not differs(case.program, case)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_samples_of_a_batch_are_not_alike(case):
    samples = case.expected.shape[1]
    for first in range(samples):
        for second in range(first + 1, samples):
            assert not np.array_equal(case.expected[:, first], case.expected[:, second])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_graphs_are_plain_and_survive_a_file(case, tmp_path):
    assert not case.graph.metadata
    path = tmp_path / "case.nir"
    nir.write(path, case.graph)
    again = serde.read(path, dt=case.dt, steps=len(case.inputs))
    assert np.array_equal(comes_out(again, case), case.expected)
    image = io.BytesIO()
    nir.write(image, case.graph)
    for check in (True, False):
        try:
            nir.read(path, type_check=check)
        except ValueError:
            assert check
            assert "groups" in case.name or "rectangular" in case.name


def test_cases_are_selected_by_name_and_kind():
    assert {case.kind for case in select("LIF*")} == {"LIF"}
    assert [case.name for case in select("conv2d-S*")] == ["conv2d-stride", "conv2d-stride-rectangular", "conv2d-same"]
    assert {case.name for case in select("recurrence, nested")} == {"nested-recurrent"}
    with pytest.raises(UsageError, match=r"'nothing\*': no case matches"):
        select("nothing*")
