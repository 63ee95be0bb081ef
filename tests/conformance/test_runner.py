"""Running: each word for what earns it, and no simulator stops the table."""

import copy
import multiprocessing
import os
import time

import numpy as np
import pytest

from neurofer.conformance import Simulator, run, suite
from neurofer.conformance.cases import select
from neurofer.conformance.hosted import SaysNoError
from neurofer.conformance.registered import Registered, simulators
from neurofer.conformance.runner import attempt
from neurofer.errors import MissingPackageError, RefusedError, SimulatorError, UsageError
from tests.conformance.simulators import Failing, Right

SCALES = select("scale*")
SOME = (*SCALES, *select("affine"))


def words(report):
    return [result.word for result in report.results]


def test_the_reference_in_float32_is_exact_but_for_rounding():
    report = run(Right(), timeout=None)
    assert len(report.results) == len(suite())
    assert set(words(report)) == {"exact"}


WAYS = {
    "refuses": ("refused", "Refused: no Scale here"),
    "says no": ("refused", "NotImplementedError: there is no Scale"),
    "asserts": ("refused", "AssertionError: a Scale"),
    "fails": ("crashes", "at import: KeyError: 'Scale'"),
    "fails in numpy": ("crashes", "at import: ValueError: cannot reshape"),
    "raises": ("crashes", "at run: ValueError: in the middle"),
    "exits": ("crashes", "at run: SystemExit: done here"),
    "zeros": ("silently wrong", "first at step 0"),
    "another shape": ("silently wrong", "an output [40, 2] instead of [40, 1, 5] [steps, samples, ...]"),
    "two outputs": ("silently wrong", "2 outputs instead of one"),
    "not a number": ("silently wrong", "no number instead of"),
    "words": ("crashes", "at run: ValueError: could not convert"),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_fail_has_its_word_and_its_reason(way):
    word, reason = WAYS[way]
    results = run(Failing(way), SOME, timeout=None).results
    assert [r.word for r in results] == [word, word, "exact"]
    assert reason in results[0].reason
    assert (results[0].differing > 0) == (word == "silently wrong")


DEATHS = {
    "segfaults": "the process was ended by SIGSEGV",
    "leaves": "the process left with exit code 5",
    "hangs": "no answer in 1 s",
    "prints": "no answer in 1 s",
    "holds on": "no answer in 1 s",
}


@pytest.mark.parametrize("way", DEATHS)
def test_a_process_that_dies_or_hangs_stops_neither_the_table_nor_other_simulators(way, capfd, monkeypatch):
    monkeypatch.setattr("neurofer.conformance.runner._GRACE", 0.3)
    report = run([Failing(way), Right()], SOME, timeout=1.0)
    assert words(report) == ["crashes", "crashes", "exact", "exact", "exact", "exact"]
    assert [r.reason for r in report.results[:2]] == [DEATHS[way]] * 2
    assert not multiprocessing.active_children()
    said = capfd.readouterr()
    assert not said.out
    assert not said.err


def test_a_stopped_simulator_can_end_what_it_started(tmp_path):
    class Parent(Simulator):
        name = "parent"

        def load(self, graph, dt):
            def running(_):
                try:
                    time.sleep(1000)
                finally:
                    (tmp_path / "ended").touch()

            return running

    assert words(run(Parent(), SOME[:1], timeout=0.5)) == ["crashes"]
    assert (tmp_path / "ended").exists()


def test_without_a_time_limit_all_runs_in_this_process():
    class Here(Right):
        def load(self, graph, dt):
            self.process = os.getpid()
            return super().load(graph, dt)

    here, apart = Here(), Here()
    run(here, SOME[:1], timeout=None)
    run(apart, SOME[:1])
    assert here.process == os.getpid()
    assert not hasattr(apart, "process")


def test_a_simulator_gets_a_graph_and_an_input_of_its_own():
    class Greedy(Right):
        def load(self, graph, dt):
            right = super().load(copy.deepcopy(graph), dt)
            graph.nodes["affine"].weight[:] = 0

            def running(x):
                y = right(x)
                x[:] = 7
                return y

            return running

    (case,) = select("affine")
    before = case.graph.nodes["affine"].weight.copy()
    assert words(run(Greedy(), [case, case], timeout=None)) == ["exact", "exact"]
    assert np.array_equal(case.graph.nodes["affine"].weight, before)
    assert case.inputs.max() == 2.0


def test_progress_tells_every_result():
    told = []
    run([Right(), Failing("zeros")], SOME, progress=lambda *it: told.append((it[0].simulator, *it[1:])))
    assert sorted(told) == [(name, k, 3) for name in ("right", "zeros") for k in (1, 2, 3)]


def test_results_stand_in_the_order_of_simulators_and_cases_however_they_come():
    report = run([Right(), Failing("zeros")], SOME, jobs=2)
    assert [(r.simulator, r.case) for r in report.results] == [(s, c.name) for s in ("right", "zeros") for c in SOME]


def test_two_simulators_of_one_name_are_an_error():
    with pytest.raises(UsageError, match="simulators share a name"):
        run([Right(), Right()], SOME)


# -- the registry's ---------------------------------------------------------------------------------------------------


class Missing(Simulator):
    name = "missing"

    def load(self, graph, dt):
        raise MissingPackageError("missing is not installed", next_step="pip install missing")


def test_what_is_not_set_up_is_not_run_and_asked_once():
    report = run(Missing(), SOME)
    assert words(report) == ["not run"] * 3
    assert "pip install missing" in report.results[0].reason
    assert [r.seconds > 0 for r in report.results] == [True, False, False]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (RefusedError("no form for it"), "refused"),
        (SaysNoError("NotImplementedError: no Linear"), "refused"),
        (SimulatorError("KeyError: 'lif'"), "crashes"),
        (SimulatorError("sinabs crashed with SIGSEGV"), "crashes"),
        (ValueError("where?"), "crashes"),
    ],
)
def test_an_importer_elsewhere_says_no_when_it_first_runs(error, word, monkeypatch):
    def running(_):
        raise error

    monkeypatch.setattr(Registered, "load", lambda *_: running)
    assert attempt(Registered("norse"), SOME[0]).word == word


def test_simulators_are_those_of_the_registry_by_the_route_that_is_wanted(monkeypatch):
    from neurofer.backends import registry

    monkeypatch.setattr(registry, "SIMULATORS", ("norse",))
    monkeypatch.setattr(registry, "HOSTED", {"nest": ("neurofer",)})
    monkeypatch.setattr(registry, "importers", lambda name: ("neurofer",) if name == "nest" else ("neurofer", "stock"))
    monkeypatch.setattr(registry, "version", lambda name: f"{name} 1")
    titles = {route: [(s.name, s.importer) for s in simulators(route=route)] for route in ("stock", "neurofer", None)}
    assert titles["stock"] == [("norse", "stock"), ("nest", "neurofer")]
    assert titles["neurofer"] == [("norse", "neurofer"), ("nest", "neurofer")]
    assert titles[None] == [("norse", "stock"), ("norse", "neurofer"), ("nest", "neurofer")]
