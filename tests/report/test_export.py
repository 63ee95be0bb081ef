"""The export as a library has it: a program of one's own becomes a verified bundle, without a command line."""

import numpy as np
import pytest

from neurofer.backends.targets import load_target
from neurofer.errors import RefusedError, WriteError
from neurofer.ir.nodes import Neuron
from neurofer.report import Order, Subject, export_bundle, open_bundle


@pytest.mark.parametrize(("target", "verdicts"), [("nir", 6), ("norse", 2), ("onnx", 1)])
def test_a_program_becomes_a_verified_bundle(tmp_path, program, target, verdicts):
    told = []
    order = Order(Subject("mine", program, "file"), load_target(target), samples=2, tell=told.append)
    report, code = export_bundle(order, tmp_path / "out")
    assert code == 0
    assert [row.verdict for row in report.verification.targets] == ["EXACT"] * verdicts
    bundle = open_bundle(tmp_path / "out")
    assert bundle.golden(bundle.program()).samples == 2
    assert told[0] == f"writing for {target} ..."
    assert "command" not in (tmp_path / "out" / "report.md").read_text()


def test_who_verifies_and_how_dense_the_drawn_spikes_are_is_asked_for(tmp_path, program):
    order = Order(Subject("mine", program, "file"), load_target("nir"), density=1.0, importers=("neurofer",))
    report, _ = export_bundle(order, tmp_path / "out")
    assert {row.importer for row in report.verification.targets} == {"neurofer"}
    assert "density 1 " in report.sample


def test_what_is_refused_leaves_nothing(tmp_path, program):
    soft = program.with_nodes({**program.nodes, "a": Neuron(theta=1.0, reset="soft")})
    order = Order(Subject("mine", soft, "file"), load_target("norse"))
    with pytest.raises(RefusedError):
        export_bundle(order, tmp_path / "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(WriteError, match="exists already"):
        export_bundle(order, tmp_path / "out", force=True)


def test_the_sample_is_the_same_for_the_same_seed(tmp_path, program):
    subject, target = Subject("mine", program, "file"), load_target("onnx")
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        export_bundle(Order(subject, target, seed=seed), tmp_path / name)
        found.append(open_bundle(tmp_path / name).golden(program).inputs["input"])
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
