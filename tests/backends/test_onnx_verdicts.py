"""Verdicts on spiking models in ONNX files: what is broken is named, what rounding flips is a tie."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from neurofer.backends import onnx as backend
from neurofer.backends import reference
from neurofer.errors import ReadError
from neurofer.ir import BINARY, Contract, Edge, Program, Readout
from neurofer.ir import nodes as n
from neurofer.verify import verify
from tests.networks import convolutional, in_a_row, recurrent, residual, spikes_for
from tests.onnx_models import FORMS, changed, judge


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("name", "source"),
    [("conv.weight", "spike1"), ("pool.theta", "pool"), ("fc1.weight", "spike2"), ("fc2.weight", "output")],
)
def test_a_broken_constant_in_the_file_is_traced_to_its_layer(name, source, form, tmp_path):
    program = convolutional()
    path = tmp_path / "model.onnx"
    onnx.save(changed(backend.model(program, form), name, lambda value: value * 0.5 + 0.75), path)
    row = judge(program, spikes_for(program, density=0.6), backend.read(path, program))
    assert (row.verdict, row.sources) == ("DIVERGENT", [source])
    if source != "output":
        assert row.first_divergence.node == source


def test_a_broken_start_is_traced(tmp_path):
    program = convolutional()
    path = tmp_path / "model.onnx"
    onnx.save(changed(backend.model(program), "spike1.v.value", lambda value: value + 0.5), path)
    row = judge(program, spikes_for(program), backend.read(path, program))
    assert (row.verdict, row.sources) == ("DIVERGENT", ["spike1"])


def test_a_broken_readout_is_found(tmp_path):
    program = convolutional()
    made = backend.model(program)
    (last,) = (node for node in made.graph.node if node.name == "readout")
    last.CopyFrom(onnx.helper.make_node("ReduceSum", [last.input[0], "axis"], ["readout"], "readout", keepdims=0))
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "axis"))
    onnx.save(made, tmp_path / "model.onnx")
    row = judge(program, spikes_for(program), backend.read(tmp_path / "model.onnx", program))
    assert (row.verdict, row.sources, row.spikes_differing) == ("DIVERGENT", ["output"], 0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("steps", "verdict"), [(2, "TIES"), (1, "DIVERGENT")])
def test_a_spike_flipped_by_rounding_is_a_tie_unless_a_decision_changes(steps, verdict, form):
    third = 1 / 3  # and what is added to it is lost in float32
    nodes = {
        "input": n.Input((1,), BINARY),
        "fc": n.Linear(np.array([[third], [third + 1e-12], [9.0]])),
        "spike": n.Neuron(theta=third + 5e-13, compare=">"),
        "output": n.Output(),
    }
    program = in_a_row(nodes, Contract(steps=steps, readout=Readout("last")))
    row = judge(program, np.ones((steps, 1, 1)), form=form)
    assert row.spikes_differing
    assert (row.verdict, row.sources) == (verdict, ["spike"])
    assert ("a decision changed" in row.reason) == (verdict == "DIVERGENT")


def test_another_wiring_is_no_fault_of_a_node(tmp_path):
    program = residual()
    edges = [edge for edge in program.edges if edge != Edge("spike1", "flatten")]
    cut = program.with_nodes(program.nodes, edges)
    network = backend.read(backend.emit(cut, tmp_path / "model.onnx"), program)
    row = judge(program, spikes_for(program), network)
    assert row.verdict == "DIVERGENT"
    assert row.first_divergence.node == "spike3"


def test_silence_proves_nothing():
    program = convolutional()
    (row,) = verify(program, reference.run(program, spikes_for(program) * 0), on=["onnx"])
    assert row.verdict == "SILENT"


def test_a_step_model_of_another_network_is_no_model_of_this_one(tmp_path):
    path = backend.emit(recurrent(), tmp_path / "model.onnx", "step")
    program = recurrent()
    nodes = {("x" if name == "input" else name): node for name, node in program.nodes.items()}
    edges = [replace(edge, source="x") if edge.source == "input" else edge for edge in program.edges]
    other = Program(nodes, tuple(edges), program.contract)
    with pytest.raises(ReadError, match="other inputs"):
        backend.read(path, other)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "steps"), [("conv-snn", 4), ("spiking-fer", 6)])
def test_a_full_size_network_is_the_same_on_a_dyadic_grid(name, steps, form):
    from neurofer.cli.network import resolve

    subject = resolve(name, steps=steps)
    program = subject.lowered
    layers = {key: node for key, node in program.nodes.items() if node.synaptic}
    rounded = {
        key: replace(node, **{k: None if v is None else np.round(v * 256) / 256 for k, v in stored.items()})
        for key, node in layers.items()
        for stored in [{"weight": node.weight, "bias": node.bias}]
    }
    program = program.with_nodes({**program.nodes, **rounded})
    x = np.round(subject.sample().x * 16) / 16
    row = judge(program, x, form=form)
    assert (row.verdict, row.nodes_compared) == ("EXACT", row.nodes_total), row.reason


def test_a_fault_of_ours_is_no_refusal_and_what_the_runtime_raises_is_one(monkeypatch):
    program = convolutional()
    golden = reference.run(program, spikes_for(program))
    for error in (TypeError("ours"), Fail("theirs")):

        def load(_, error=error):
            raise error

        monkeypatch.setattr(backend, "load", load)
        if isinstance(error, Fail):
            (row,) = verify(program, golden, on=["onnx"])
            assert row.verdict == "REFUSED"
            assert "Fail: theirs" in row.reason
        else:
            with pytest.raises(TypeError, match="ours"):
                verify(program, golden, on=["onnx"])
