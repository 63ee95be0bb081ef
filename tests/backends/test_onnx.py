import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import onnx
import pytest
from hypothesis import given, settings

from neurofer.backends import onnx as backend
from neurofer.backends import reference
from neurofer.errors import ReadError, RefusedError, WriteError
from neurofer.ir import Contract, Edge, Program
from neurofer.ir import nodes as n
from neurofer.verify import exit_code, verify
from neurofer.verify.compare import compare
from tests.ann import anns, deep_relu_net, images, line, residual_net, with_changed_weight
from tests.networks import convolutional, spikes_for
from tests.strategies import rngs


def judge(program, x):
    (row,) = verify(program, reference.run(program, x), on=["onnx"])
    return row


@settings(max_examples=40)
@given(anns(), rngs)
def test_any_ann_is_the_same_network_in_onnx_runtime(program, rng):
    row = judge(program, images(rng, program))
    assert row.verdict in ("EXACT", "TIES"), row.reason
    assert row.nodes_compared == row.nodes_total


def test_integers_come_out_exact():
    rng = np.random.default_rng(0)
    weight = rng.integers(-3, 4, (4, 2, 3, 3)).astype(np.float32)
    program = line(
        n.Input((2, 6, 6)),
        n.Conv2d(weight, None, 1, 1),
        n.Relu(),
        n.SumPool2d((2, 2)),
        n.MaxPool2d((3, 3)),
        n.Flatten(),
    )
    row = judge(program, rng.integers(0, 5, (2, 2, 6, 6)))
    assert (row.target, row.importer, row.verdict) == ("onnx", "stock", "EXACT")
    assert row.version == f"onnxruntime {version('onnxruntime')}"


def test_one_dimensional_convolutions_and_concat():
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, 2, 3)).astype(np.float32)
    nodes = {
        "input": n.Input((2, 9)),
        "even": n.Conv1d(weight, None, 2, 1, 1),
        "wide": n.Conv1d(weight, rng.normal(size=3).astype(np.float32), 2, 2, 2),
        "join": n.Concat(-2),
        "output": n.Output(),
    }
    edges = [("input", "even"), ("input", "wide"), ("even", "join"), ("wide", "join"), ("join", "output")]
    program = Program(nodes, tuple(Edge(*edge) for edge in edges), Contract(encoder="constant"))
    assert judge(program, images(rng, program)).verdict == "TIES"


@pytest.mark.parametrize("name", ["stem", "block.conv", "fc"])
def test_a_changed_weight_in_the_file_is_named(name, tmp_path):
    rng = np.random.default_rng(0)
    program = residual_net(rng)
    path = backend.emit(with_changed_weight(program, name, 1.0001), tmp_path / "model.onnx")
    network = backend.read(path, program)
    x = images(rng, program)
    golden = reference.run(program, x)
    row = compare(program, golden, network, network.run(x), target="onnx", importer="stock")
    assert (row.verdict, row.sources) == ("DIVERGENT", [name])
    assert exit_code([row]) == 1


def test_depth_does_not_hide_a_changed_weight(tmp_path):
    rng = np.random.default_rng(1)
    program = deep_relu_net(rng, depth=30, width=64)
    path = backend.emit(with_changed_weight(program, "linear5", 1.0001), tmp_path / "model.onnx")
    network, x = backend.read(path, program), images(rng, program)
    row = compare(program, reference.run(program, x), network, network.run(x), target="onnx", importer="stock")
    assert (row.verdict, row.sources) == ("DIVERGENT", ["linear5"])


def test_a_missing_edge_is_found_where_it_should_enter(tmp_path):
    rng = np.random.default_rng(0)
    program = residual_net(rng)
    cut = program.with_nodes(program.nodes, [e for e in program.edges if e != Edge("pool", "block.act")])
    network = backend.read(backend.emit(cut, tmp_path / "model.onnx"), program)
    x = images(rng, program)
    row = compare(program, reference.run(program, x), network, network.run(x), target="onnx", importer="stock")
    assert (row.verdict, row.sources) == ("DIVERGENT", ["block.act"])


def test_the_file_is_one_checked_model_with_the_programs_names(tmp_path):
    program = residual_net(np.random.default_rng(0))
    path = backend.emit(program, tmp_path / "model.onnx")
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    assert list(tmp_path.iterdir()) == [path]
    names = {node.name for node in made.graph.node}
    assert names == {*program.nodes, "block.act.sum"} - {"input", "block.drop"}
    assert {w.name for w in made.graph.initializer} >= {"stem.weight", "stem.bias", "fc.weight"}
    assert {o.domain: o.version for o in made.opset_import} == {"": backend.OPSET}
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_the_opset_is_the_last_that_changed_an_operator_in_use():
    made = backend.model(residual_net(np.random.default_rng(0)))
    since = {node.op_type: onnx.defs.get_schema(node.op_type, backend.OPSET).since_version for node in made.graph.node}
    assert max(since.values()) <= backend.OPSET
    assert since["BatchNormalization"] == backend.OPSET


def test_equal_programs_give_equal_bytes(tmp_path):
    first, second = (backend.emit(residual_net(np.random.default_rng(0)), tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_the_batch_is_free():
    rng = np.random.default_rng(0)
    network = backend.load(program := residual_net(rng))
    x = images(rng, program, 5)
    whole = network.run(x).outputs["output"]
    single = [network.run(x[i : i + 1]).outputs["output"][0, 0] for i in range(5)]
    np.testing.assert_allclose(whole[0], single, rtol=1e-5)


def test_what_float32_cannot_hold_is_refused_at_once(tmp_path):
    nodes = {
        "input": n.Input((2,)),
        "fc": n.Linear(np.full((2, 2), 1e39)),
        "lif": n.Neuron(alpha_mem=0.5, v_init=np.array([0.0, np.nan])),
        "output": n.Output(),
    }
    program = Program(nodes, tuple(map(Edge, list(nodes), list(nodes)[1:])))
    with pytest.raises(RefusedError) as caught:
        backend.emit(program, tmp_path / "model.onnx")
    assert [problem.where for problem in caught.value.problems] == ["fc", "lif"]
    assert not list(tmp_path.iterdir())


def test_nodes_onnx_does_not_know_are_refused_at_once(monkeypatch):
    known = frozenset({n.Linear, n.Conv2d})
    monkeypatch.setattr(backend, "CAPABILITIES", replace(backend.CAPABILITIES, nodes=known, neurons=frozenset()))
    program = convolutional()
    with pytest.raises(RefusedError) as caught:
        backend.model(program)
    left = [name for name, node in program.nodes.items() if type(node) not in {*known, n.Input, n.Output}]
    assert [problem.where for problem in caught.value.problems] == left
    row = judge(program, spikes_for(program))
    assert row.verdict == "REFUSED"
    assert exit_code([row]) == 2


def test_more_than_two_gigabytes_are_refused(monkeypatch):
    monkeypatch.setattr(backend, "LIMIT", 100)
    with pytest.raises(RefusedError, match="does not fit in one ONNX file"):
        backend.model(residual_net(np.random.default_rng(0)))


def test_a_missing_folder_leaves_nothing(tmp_path):
    with pytest.raises(WriteError, match="choose a writable folder"):
        backend.emit(residual_net(np.random.default_rng(0)), tmp_path / "none" / "model.onnx")


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_what_is_no_model_is_one_clear_error(content, tmp_path):
    program = residual_net(np.random.default_rng(0))
    path = tmp_path / "model.onnx"
    path.write_bytes(backend.model(program).SerializeToString()[:200] if content is None else content)
    with pytest.raises(ReadError, match="export it again"):
        backend.read(path, program)


def test_a_model_of_another_network_is_no_model_of_this_one(tmp_path):
    path = backend.emit(line(n.Input((2,)), n.Relu()), tmp_path / "model.onnx")
    other = Program({"x": n.Input((2,)), "output": n.Output()}, (Edge("x", "output"),))
    with pytest.raises(ReadError, match="input instead of x"):
        backend.read(path, other)


@pytest.mark.slow
def test_a_full_size_resnet18_is_the_same_network():
    import torch

    from neurofer.capture import capture
    from neurofer.nets import build
    from neurofer.passes import drop_dropout, fold_batchnorm

    torch.manual_seed(0)
    program = fold_batchnorm(
        drop_dropout(capture(build("resnet18").eval(), (12, 128, 128), steps=1, encoder="constant"))
    )
    rng = np.random.default_rng(0)
    row = judge(program, (rng.random((1, 12, 128, 128)) < 0.1).astype(np.float32))
    assert row.verdict == "TIES", row.reason


def test_importing_the_backend_needs_no_torch(checkout):
    code = "import sys, neurofer.backends.onnx; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=checkout).returncode == 0
