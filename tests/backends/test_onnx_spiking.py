"""Spiking programs in ONNX Runtime: Scan and single step against the reference, mostly where float32 is exact."""

from dataclasses import replace
from itertools import product

import numpy as np
import onnx
import pytest
from hypothesis import given, settings

from neurofer.backends import onnx as backend
from neurofer.backends import reference
from neurofer.backends.onnx_file import SHOWN, File, session
from neurofer.ir import BINARY, Contract, Edge, Program, Readout
from neurofer.ir import nodes as n
from tests.networks import chain, convolutional, grid, in_a_row, recurrent, replaced, residual, spikes_for
from tests.onnx_models import FORMS, judge, network_of
from tests.strategies import frames, programs, rngs

STEMS = {
    "IF": {},
    "LIF": {"alpha_mem": 0.5, "gain": 1.0, "offset": 0.125},
    "CubaLIF": {"alpha_mem": 0.75, "alpha_syn": 0.5, "w_in": 0.5, "i_init": 0.25, "v_init": 0.5},
}
FIRING = [
    {"reset": reset, "compare": compare, **more}
    for compare, (reset, more) in product(
        (">=", ">"), (("hard", {}), ("hard", {"v_reset": -0.5}), ("soft", {}), ("soft", {"delta": 0.75}))
    )
]


def assert_same(program, x, form):
    golden, network = reference.run(program, x), network_of(program, form)
    trace = network.run(x)
    assert set(trace.spikes) == set(golden.spikes)
    for name in golden.spikes:
        assert np.array_equal(trace.unpack(name), golden.unpack(name)), name
    for name in program.outputs:
        assert np.array_equal(trace.outputs[name], golden.outputs[name]), name
    np.testing.assert_allclose(trace.read(program.contract.readout), golden.read(program.contract.readout), 1e-6)
    alone = network.alone(golden)
    assert all(np.array_equal(alone.unpack(name), golden.unpack(name)) for name in golden.spikes)


def layer(neuron, *, steps=10, seed=0):
    """Six spiking inputs, a Linear with bias, four neurons."""
    rng = np.random.default_rng(seed)
    nodes = {
        "input": n.Input((6,), BINARY),
        "fc": n.Linear(grid(rng, 4, 6, bits=3), grid(rng, 4, bits=3)),
        "neuron": neuron,
        "output": n.Output(),
    }
    return in_a_row(nodes, Contract(steps=steps, readout=Readout("last")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("firing", FIRING, ids=lambda f: " ".join(map(str, f.values())))
@pytest.mark.parametrize("kind", STEMS)
def test_every_neuron_that_fires(kind, firing, form):
    program = layer(n.Neuron(**STEMS[kind], **firing))
    assert program.nodes["neuron"].kind == kind
    row = judge(program, spikes_for(program, density=0.5), form=form)
    assert (row.verdict, row.nodes_compared, row.nodes_total) == ("EXACT", 1, 1)
    assert row.spikes_compared > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", STEMS)
def test_every_integrator(kind, form):
    program = layer(n.Neuron(**STEMS[kind], theta=None))
    assert program.nodes["neuron"].kind == kind[:-1]
    assert_same(program, spikes_for(program), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_every_coefficient_per_neuron(reset, form):
    values = {
        "alpha_mem": [1.0, 0.5, 0.25, 0.0],
        "gain": [1.0, 0.5, 2.0, 1.0],
        "offset": [0.0, 0.25, -0.125, 0.5],
        "theta": [0.5, 1.0, 1.5, 0.75],
        "v_init": [0.25, 0.0, -0.5, 0.75],
        "alpha_syn": [0.5, 0.25, 1.0, 0.0],
        "w_in": [1.0, 0.5, 0.25, 2.0],
        "i_init": [0.0, 0.25, 0.5, -1.0],
        **({"delta": [0.5, 0.25, 1.0, 0.75]} if reset == "soft" else {"v_reset": [0.0, -0.5, 0.25, 0.125]}),
    }
    program = layer(n.Neuron(**{key: np.array(value) for key, value in values.items()}, reset=reset), steps=6)
    assert_same(program, spikes_for(program, density=0.5), form)


@settings(max_examples=40)
@given(programs(), rngs)
def test_any_program_is_the_same_as_scan_as_step_and_in_the_reference(program, rng):
    x = frames(rng, program)
    for form in FORMS:
        assert_same(program, x, form)


@settings(max_examples=15)
@given(programs(), rngs)
def test_any_program_with_a_constant_image(program, rng):
    program = program.with_contract(replace(program.contract, encoder="constant"))
    x = frames(rng, program)[0]
    for form in FORMS:
        assert_same(program, x, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("program", [convolutional(), residual(), residual(downsample=True), recurrent()])
def test_small_networks(program, form):
    row = judge(program, spikes_for(program), form=form)
    assert row.verdict == "EXACT", row.reason
    assert row.spikes_compared > 0


@pytest.mark.parametrize("form", FORMS)
def test_a_delayed_edge_carries_zero_at_the_first_step_also_behind_a_bias(form):
    rng = np.random.default_rng(0)
    weights = n.Linear(grid(rng, 5, 5), np.full(5, 4.0, np.float32))
    program = replaced(recurrent(n.Neuron(alpha_mem=0.5, reset="soft")), w_rec=weights)
    x = spikes_for(program) * 0
    assert_same(program, x, form)
    spikes = network_of(program, form).run(x).unpack("spike")
    assert not spikes[0].any()
    assert spikes[1].all()


@pytest.mark.parametrize("form", FORMS)
def test_neurons_hear_their_own_spikes_and_the_input_of_the_step_before(form):
    nodes = {"input": n.Input((3,), BINARY), "spike": n.Neuron(theta=1.5), "output": n.Output()}
    edges = chain(("input", "spike", 1), ("spike", "spike", 1), ("spike", "output"))
    program = Program(nodes, edges, Contract(steps=6))
    assert_same(program, spikes_for(program, density=0.8), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("steps", [0, 1, 3, [0, 2, 1, 3, 0, 1]])
def test_delays(steps, form):
    program = in_a_row(
        {"input": n.Input((6,)), "wait": n.Delay(np.array(steps)), "output": n.Output()}, Contract(steps=6)
    )
    x = np.random.default_rng(0).integers(0, 9, (6, 2, 6)).astype(np.float32)
    trace = network_of(program, form).run(x)
    assert np.array_equal(trace.outputs["output"], reference.run(program, x).outputs["output"])


@pytest.mark.parametrize("reduction", ["sum", "last", "rate", "argmax"])
def test_the_readout_is_the_contracts(reduction):
    program = layer(n.Neuron(theta=None))
    program = program.with_contract(replace(program.contract, steps=4, readout=Readout(reduction)))
    x = spikes_for(program, samples=5)
    found = network_of(program, "scan").file.run({"input": x}, 4)
    assert set(found) == {"output", "readout"}
    expected = reference.run(program, x).read(program.contract.readout)
    assert np.array_equal(found["readout"], expected)
    assert found["readout"].shape == expected.shape


def test_one_file_runs_any_number_of_steps_and_samples():
    program = residual()
    file = network_of(program, "scan").file
    for steps, samples in product((1, 3, 11), (1, 2, 5)):
        longer = program.with_contract(replace(program.contract, steps=steps))
        x = spikes_for(longer, samples=samples)
        found, golden = file.run({"input": x}, steps), reference.run(longer, x)
        assert np.array_equal(found["output"], golden.outputs["output"])
        assert np.array_equal(found["readout"], golden.read(program.contract.readout))


def constant():
    rng = np.random.default_rng(4)
    nodes = {
        "input": n.Input((2, 6, 6)),
        "conv": n.Conv2d(grid(rng, 3, 2, 3, 3), grid(rng, 3), padding=1),
        "pool": n.SumPool2d(2),
        "spike": n.Neuron(alpha_mem=0.5, reset="soft"),
        "flatten": n.Flatten(),
        "fc": n.Linear(grid(rng, 4, 27)),
        "out": n.Neuron(),
        "output": n.Output(),
    }
    return in_a_row(nodes, Contract(steps=5, encoder="constant", readout=Readout("sum")))


def test_what_a_constant_image_feeds_is_computed_once_and_steps_are_an_input():
    import onnxruntime

    program = constant()
    made = backend.model(program)
    (scan,) = (node for node in made.graph.node if node.op_type == "Scan")
    assert {"conv", "pool"} <= {node.name for node in made.graph.node}
    (body,) = (a.g for a in scan.attribute if a.name == "body")
    assert "fc" in {node.name for node in body.node}
    assert not {"conv", "pool"} & {node.name for node in body.node}
    runtime = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.round(np.random.default_rng(0).random((3, 2, 6, 6)) * 8).astype(np.float32) / 8
    for steps in (5, 2, 9):
        expected = reference.run(program.with_contract(replace(program.contract, steps=steps)), x)
        fed = {"input": x} if steps == 5 else {"input": x, "steps": np.array(steps)}
        found = dict(zip(["output", "readout"], runtime.run(["output", "readout"], fed), strict=True))
        assert np.array_equal(found["output"], expected.outputs["output"])
        assert np.array_equal(found["readout"], expected.read(program.contract.readout))
    assert judge(program, x).verdict == "EXACT"


@pytest.mark.parametrize("form", FORMS)
def test_spikes_of_a_constant_image_are_compared_too(form):
    nodes = {
        "input": n.Input((3,)),
        "scale": n.Scale(2.0),
        "gate": n.Threshold(0.5),
        "spike": n.Neuron(theta=2.0),
        "output": n.Output(),
    }
    program = in_a_row(nodes, Contract(steps=5, encoder="constant"))
    x = np.array([[0.0, 0.25, 0.5], [1.0, 0.0, 0.125]])
    assert_same(program, x, form)
    row = judge(program, x, form=form)
    assert (row.verdict, row.nodes_compared) == ("EXACT", 2)


def test_a_single_step_is_run_from_what_its_file_says_alone(tmp_path):
    import json

    import onnxruntime

    neuron = n.Neuron(alpha_mem=0.5, alpha_syn=0.5, v_init=np.array([0.5, 0, 0, 0.25, 1]), i_init=0.25)
    program = recurrent(neuron)
    path = backend.emit(program, tmp_path / "step.onnx", "step")
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    states = json.loads(metadata["neurofer.states"])
    assert {name: state["next"] for name, state in states.items()} == {
        "spike.v": "spike.v.next",
        "spike.i": "spike.i.next",
        "w_rec.before": "w_rec.before.next",
    }
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = spikes_for(program, samples=3).astype(np.float32)
    fed = {name: np.broadcast_to(np.float32(s["first"]), (3, 5)).copy() for name, s in states.items()}
    names = [output.name for output in runtime.get_outputs()]
    golden = reference.run(program, x)
    for t, frame in enumerate(x):
        found = dict(zip(names, runtime.run(names, {"input": frame, **fed}), strict=True))
        assert np.array_equal(found["output"], golden.outputs["output"][t])
        fed = {name: found[state["next"]] for name, state in states.items()}


@pytest.mark.parametrize("form", FORMS)
def test_the_file_is_standard_clean_and_named_as_the_program(form, tmp_path):
    program = convolutional(n.Neuron(alpha_mem=0.5, theta=1.5, reset="soft"))
    path = backend.emit(program, tmp_path / "model.onnx", form)
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    onnx.shape_inference.infer_shapes(made, check_type=True, strict_mode=True, data_prop=True)
    assert list(tmp_path.iterdir()) == [path]
    inner = File(path.read_bytes()).model.graph
    for node in inner.node:
        inner = next((a.g for a in node.attribute if a.name == "body"), inner)
    named = {node.name for node in inner.node}
    outputs = {"output"} if form == "scan" else set()
    assert set(program.nodes) - {"input", *outputs} <= named
    assert {"conv.weight", "conv.bias", "spike1.theta"} <= {tensor.name for tensor in made.graph.initializer}
    assert {o.domain: o.version for o in made.opset_import} == {"": backend.OPSET}
    kinds = {node.op_type for node in (*made.graph.node, *inner.node)}
    assert max(onnx.defs.get_schema(kind, backend.OPSET).since_version for kind in kinds) <= backend.OPSET
    assert made.graph.output[0].name == "output"
    assert not any(SHOWN in value.name for value in made.graph.output)


def test_equal_programs_give_equal_bytes():
    first, second = (backend.model(convolutional()).SerializeToString() for _ in range(2))
    assert first == second


def test_nodes_may_have_any_name():
    program = recurrent()
    names = {"fc": "spike.u", "spike": "readout", "w_rec": "readout.v", "output": "steps", "input": "fc.weight"}
    nodes = {names[name]: node for name, node in program.nodes.items()}
    edges = [Edge(names[e.source], names[e.target], e.delay) for e in program.edges]
    program = Program(nodes, tuple(edges), program.contract)
    x = np.random.default_rng(0).integers(0, 2, (12, 2, 6))
    for form in FORMS:
        assert judge(program, x, form=form).verdict == "EXACT"


@pytest.mark.parametrize("form", FORMS)
def test_several_inputs_and_outputs(form):
    rng = np.random.default_rng(0)
    nodes = {
        "left": n.Input((3,), BINARY),
        "right": n.Input((3,), BINARY),
        "fc": n.Linear(grid(rng, 4, 3)),
        "spike": n.Neuron(),
        "sum": n.Output(),
        "both": n.Output(),
    }
    edges = chain(("left", "fc"), ("right", "fc"), ("fc", "spike"), ("spike", "sum"), ("fc", "sum"), ("spike", "both"))
    program = Program(nodes, edges, Contract(steps=7, readout=Readout("sum", "both")))
    x = {name: rng.integers(0, 2, (7, 2, 3)) for name in program.inputs}
    assert_same(program, x, form)


def test_samples_that_do_not_fit_at_once_are_run_in_turns(monkeypatch):
    program = recurrent()
    x = spikes_for(program, samples=5)
    network = network_of(program, "scan")
    whole = network.run(x)
    monkeypatch.setattr(backend, "_ROOM", 2 * 12 * 5)
    parts = network.run(x)
    assert np.array_equal(parts.unpack("spike"), whole.unpack("spike"))
    assert np.array_equal(parts.outputs["output"], whole.outputs["output"])
    assert np.array_equal(parts.read(Readout()), whole.read(Readout()))


@pytest.mark.parametrize("program", [convolutional(), residual(), recurrent()])
def test_neither_optimisations_nor_threads_change_a_spike(program):
    import onnxruntime

    x = spikes_for(program, samples=3)
    golden = reference.run(program, x)
    network = network_of(program, "scan")
    shown = network.file.edited(shown=network._spiking, spikes=True)
    found = [File(shown.content) for _ in range(3)]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(shown.content, options, providers=["CPUExecutionProvider"])
    for file, made in zip(found, (session(shown.content), session(shown.content, threads=0), plain), strict=True):
        file.__dict__["session"] = made
        values = file.run({"input": x}, len(x))
        assert all(np.array_equal(values[name + SHOWN], golden.unpack(name)) for name in golden.spikes)
