"""What is written is read back bit for bit; what others wrote is read as their equations and the scheme say."""

from dataclasses import replace

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofer.errors import ProgramError, ReadError, RefusedError, UsageError
from neurofer.ir import BINARY, Contract, Edge, Program, serde
from neurofer.ir import nodes as n
from tests.ir.graphs import full, nir_programs, others
from tests.strategies import chain


@settings(max_examples=150)
@given(program=nir_programs())
def test_program_to_graph_to_program_is_equal_bit_for_bit(program):
    assert serde.from_nir(serde.to_nir(program)) == program


@settings(max_examples=50)
@given(program=nir_programs())
def test_a_file_keeps_every_bit_and_the_order_of_nodes(program, tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "model.nir"
    serde.write(path, program)
    again = serde.read(path)
    assert again == program
    assert list(again.nodes) == list(program.nodes)
    assert again.contract == program.contract


@settings(max_examples=100)
@given(program=nir_programs())
def test_a_reader_that_ignores_the_metadata_gets_what_nir_can_say(program):
    """Unless `unsaid` says otherwise: the same wiring, and every coefficient up to float32."""
    if serde.unsaid(program):
        return
    graph = serde.to_nir(program)
    graph.metadata = {}
    plain = serde.from_nir(graph, dt=program.contract.dt, scheme=program.contract.scheme)
    assert plain.edges == program.edges
    assert plain.shapes == program.shapes
    for name, node in program.nodes.items():
        read_back = plain.nodes[name]
        assert type(read_back) is type(node)
        for field in vars(node):
            if field in ("compare", "domain", "kernel", "stride", "padding", "dilation", "bias"):
                continue  # `>=` became the `>` of the neighbouring threshold; no bias became zeros
            a, b = getattr(node, field), getattr(read_back, field)
            if field == "padding" or isinstance(a, (str, int, tuple)) or a is None:
                assert a == b
            else:  # 1 - dt / tau is worth as many digits as alpha - 1 has
                np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5, err_msg=f"{name} {field}")


@pytest.mark.parametrize("scheme", ["euler", "exponential"])
def test_a_state_without_leak_keeps_its_gain_and_offset(scheme):
    neuron = n.Neuron(gain=1.5, offset=-0.25, theta=None)
    nodes = {"input": n.Input((2,), BINARY), "sum": neuron, "output": n.Output()}
    edges = (Edge("input", "sum"), Edge("sum", "output"))
    graph = serde.to_nir(Program(nodes, edges, Contract(dt=1e-3, scheme=scheme)))
    graph.metadata = {}
    plain = serde.from_nir(graph, dt=1e-3, scheme=scheme).nodes["sum"]
    for name in ("alpha_mem", "gain", "offset"):
        np.testing.assert_allclose(getattr(plain, name), getattr(neuron, name), rtol=1e-6, err_msg=name)


@given(program=nir_programs())
def test_unsaid_names_what_a_plain_reader_gets_wrong(program):
    found = {problem.where for problem in serde.unsaid(program)}
    for name, node in program.nodes.items():
        if isinstance(node, n.Neuron) and node.spiking and node.reset == "soft":
            assert name in found
    graph = serde.to_nir(program)
    graph.metadata = {}
    try:
        plain = serde.from_nir(graph, dt=program.contract.dt, scheme=program.contract.scheme)
    except (ProgramError, ReadError):
        assert found
        return
    wrong = {f"{e.source} -> {e.target}" for e, p in zip(program.edges, plain.edges, strict=True) if e != p}
    assert wrong <= found


def test_delays_in_cycles_survive_both_ways():
    nodes = {
        "input": n.Input((2,), BINARY),
        "if": n.Neuron(compare=">"),
        "wait": n.Delay(2),
        "back": n.Linear(np.eye(2, dtype=np.float32)),
        "output": n.Output(),
    }
    edges = [("input", "if"), ("if", "wait"), ("wait", "back"), ("back", "if"), ("if", "output")]
    program = Program(nodes, [Edge(a, b, int(b == "wait")) for a, b in edges], Contract(dt=1e-3))
    graph = serde.to_nir(program)
    assert graph.nodes["wait"].delay[0] == np.float32(3e-3)  # the step of the edge is in the Delay
    assert serde.from_nir(graph) == program
    assert serde.unsaid(program) == []
    graph.metadata = {"dt": 1e-3}
    plain = serde.from_nir(graph)
    assert plain.nodes["wait"] == n.Delay(2)
    assert plain.edges == program.edges


def test_weights_may_be_trained_on_but_nothing_else_edited():
    conv = n.Conv2d(np.ones((1, 1, 1, 1), np.float32))
    program = chain(("input", n.Input((1, 2, 2))), ("conv", conv), ("if", n.Neuron()))
    graph = serde.to_nir(program)
    graph.nodes["conv"].weight = np.full((1, 1, 1, 1), 2, np.float32)
    assert serde.from_nir(graph).nodes["conv"] == replace(conv, weight=np.full((1, 1, 1, 1), 2, np.float32))
    graph.nodes["conv"].bias = np.ones(1, np.float32)  # the program has no bias, the graph has zeros
    graph.nodes["if"].v_threshold = graph.nodes["if"].v_threshold * 2
    graph.edges = [edge for edge in graph.edges if edge[1] != "output1"]
    with pytest.raises(ReadError, match="contradict") as caught:
        serde.from_nir(graph)
    assert [problem.where for problem in caught.value.problems] == ["conv", "if"]


# -- what others wrote ------------------------------------------------------------------------------------------------

DT, TAU, TAU_SYN, R, LEAK, THETA, RESET, W_IN = 1e-3, 0.02, 0.005, 3.0, 0.25, 1.5, -0.5, 2.0

EULER = {
    "I": {"gain": R * DT},
    "IF": {"gain": R * DT},
    "LI": {"alpha_mem": 1 - DT / TAU, "gain": R * DT / TAU, "offset": LEAK * DT / TAU},
    "CubaLI": {
        "alpha_mem": 1 - DT / TAU,
        "gain": R * DT / TAU,
        "offset": LEAK * DT / TAU,
        "alpha_syn": 1 - DT / TAU_SYN,
        "w_in": W_IN * DT / TAU_SYN,
    },
}
# the exact solution of tau v' = x - v for a constant x over the step: v = e^(-dt/tau) v + (1 - e^(-dt/tau)) x
E_MEM, E_SYN = np.exp(-DT / TAU), np.exp(-DT / TAU_SYN)
EXPONENTIAL = {
    "I": {"gain": R * DT},
    "IF": {"gain": R * DT},
    "LI": {"alpha_mem": E_MEM, "gain": R * (1 - E_MEM), "offset": LEAK * (1 - E_MEM)},
    "CubaLI": {
        "alpha_mem": E_MEM,
        "gain": R * (1 - E_MEM),
        "offset": LEAK * (1 - E_MEM),
        "alpha_syn": E_SYN,
        "w_in": W_IN * (1 - E_SYN),
    },
}


def foreign(kind, shape=(2,)):
    values = {"r": R}
    if kind.startswith("Cuba"):
        values |= {"tau_mem": TAU, "tau_syn": TAU_SYN, "w_in": W_IN, "v_leak": LEAK}
    elif kind.startswith("LI"):
        values |= {"tau": TAU, "v_leak": LEAK}
    if kind.endswith("F"):
        values |= {"v_threshold": THETA, "v_reset": RESET}
    return getattr(nir, kind)(**{key: full(value, shape=shape)[0] for key, value in values.items()})


@pytest.mark.parametrize("shape", [(2,), (), (1,)])
@pytest.mark.parametrize("scheme", ["euler", "exponential"])
@pytest.mark.parametrize("kind", ["I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"])
def test_neurons_of_others_are_discretised_by_the_scheme(kind, scheme, shape):
    graph = others({"neuron": foreign(kind, shape)})
    node = serde.from_nir(graph, dt=DT, scheme=scheme).nodes["neuron"]
    expected = {"euler": EULER, "exponential": EXPONENTIAL}[scheme]
    wanted = {"alpha_mem": 1.0, "offset": 0.0, "alpha_syn": None, "w_in": 1.0, **expected.get(kind, {})}
    wanted |= expected[kind.removesuffix("F")] if kind != "IF" else {}
    assert node.kind == kind
    for name, value in wanted.items():
        assert getattr(node, name) == (None if value is None else pytest.approx(value, rel=1e-14)), name
    if node.spiking:
        assert (node.theta, node.compare, node.reset, node.v_reset) == (THETA, ">", "hard", RESET)


def test_parameters_per_neuron_stay_per_neuron():
    graph = others({"if": nir.IF(r=np.array([1.0, 2.0]), v_threshold=np.array([1.0, 3.0]))})
    node = serde.from_nir(graph, dt=0.5).nodes["if"]
    assert node == n.Neuron(gain=[0.5, 1.0], theta=[1.0, 3.0], compare=">")


def test_dt_comes_from_the_caller_then_the_metadata_then_the_default():
    graph = others({"if": nir.IF(*full(1.0, 1.0))})
    assert serde.from_nir(graph).contract == Contract(dt=1e-4, scheme="euler", steps=1)
    graph.metadata = {"dt": np.float64(0.25)}
    assert serde.from_nir(graph, steps=7).contract == Contract(dt=0.25, steps=7)
    assert serde.from_nir(graph, dt=0.5).nodes["if"].gain == 0.5
    graph.metadata = {"dt": "a while"}
    with pytest.raises(ReadError, match="dt is no number"):
        serde.from_nir(graph)
    with pytest.raises(ProgramError, match="has no length"):
        serde.from_nir(graph, dt=-1.0)


def test_stateless_nodes_of_others():
    weight = np.arange(36.0, dtype=np.float32).reshape(2, 2, 3, 3)
    bias = np.ones(2, np.float32)
    graph = others(
        {
            "conv": nir.Conv2d((6, 6), weight, np.array([1, 2]), np.array([1, 0]), 1, 1, bias),
            "sum": nir.SumPool2d(np.array([2, 1]), np.array([2, 1]), np.array([0, 0])),
            "mean": nir.AvgPool2d(np.array([3, 2]), np.array([1, 1]), np.array([1, 1])),
            "scale": nir.Scale(np.arange(18.0).reshape(2, 3, 3)),
            "threshold": nir.Threshold(full(0.5, shape=(2, 3, 3))[0]),
            "delay": nir.Delay(full(2e-3, shape=(2, 3, 3))[0]),
            "flatten": nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1),
            "affine": nir.Affine(np.ones((2, 18), np.float32), bias),
            "linear": nir.Linear(np.ones((2, 2), np.float32)),
        }
    )
    graph.nodes["input"] = nir.Input(np.array([2, 6, 6]))
    program = serde.from_nir(graph, dt=1e-3)
    assert program.nodes["conv"] == n.Conv2d(weight, bias, (1, 2), (1, 0))
    assert program.nodes["sum"] == n.SumPool2d((2, 1))
    assert program.nodes["mean"] == n.AvgPool2d((3, 2), 1, 1)
    assert program.nodes["threshold"] == n.Threshold(0.5, ">")
    assert program.nodes["delay"] == n.Delay(2)
    assert program.nodes["flatten"] == n.Flatten()
    assert program.nodes["affine"] == n.Linear(np.ones((2, 18), np.float32), bias)
    assert program.nodes["linear"] == n.Linear(np.ones((2, 2), np.float32))


def test_a_delay_between_two_steps_is_refused():
    with pytest.raises(ReadError, match="no multiple of dt"):
        serde.from_nir(others({"wait": nir.Delay(full(1.5e-3)[0])}), dt=1e-3)


def test_all_faults_of_a_graph_come_at_once():
    graph = others(
        {
            "nan": nir.Linear(np.array([[np.nan, 1], [1, np.inf]], np.float32)),
            "tau": nir.LI(*full(0.0, 1.0, 0.0)),
            "no leak": nir.LI(*full(np.inf, 1.0, 0.0)),
            "conv": nir.Conv2d(None, np.ones((1, 1, 1, 1)), (1, 1, 1), 0, 1, 1, np.zeros(1)),
            "bad": nir.Conv1d(None, "weights", 1, 0, 1, 1, np.zeros(1)),
        }
    )
    with pytest.raises(ReadError) as caught:
        serde.from_nir(graph)
    found = {problem.where: problem.why for problem in caught.value.problems}
    assert found["nan"] == "Linear: weight holds 2 values that are not finite (NaN or infinite)"
    assert "tau must be positive" in found["tau"]
    assert "not finite" in found["no leak"]
    assert "stride must be one or 2 numbers" in found["conv"]
    assert "array of numbers" in found["bad"]


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (nir.IF(*full(1.0, 1.0, shape=(3,))), r"\[3\] does not fit the input \[2\]"),
        (nir.Threshold(full(1.0, shape=(3,))[0]), r"threshold \[3\]"),
        (nir.Scale(full(1.0, shape=(1, 2))[0]), r"scale \[1, 2\]"),
    ],
)
def test_uniform_parameters_of_another_shape_do_not_pass_for_one_number(node, why):
    with pytest.raises(ReadError, match=why):
        serde.from_nir(others({"node": node}))


def test_the_declared_output_must_be_the_inferred_one():
    graph = others({"if": nir.IF(*full(1.0, 1.0))})
    graph.nodes["output"] = nir.Output(np.array([3]))
    with pytest.raises(ReadError, match=r"output \[3\] is \[2\]"):
        serde.from_nir(graph)


def test_what_nir_cannot_hold_is_named_at_once():
    nodes = [
        ("bn", n.BatchNorm(*np.ones((4, 2)))),
        ("drop", n.Dropout()),
        ("relu", n.Relu()),
        ("a/b", n.Scale(1.0)),
        (".", n.Scale(1.0)),
        ("nan", n.Scale(np.nan)),
    ]
    with pytest.raises(RefusedError) as caught:
        serde.to_nir(chain(("input", n.Input((2,))), *nodes))
    assert [problem.where for problem in caught.value.problems] == ["bn", "drop", "relu", "a/b", ".", "nan"]
    assert caught.value.problems[0].closest == "pass fold_batchnorm"


def test_grouped_and_rectangular_convolutions_have_their_true_types():
    conv = n.Conv2d(np.ones((4, 1, 3, 1), np.float32), groups=2, padding=(1, 0))
    graph = serde.to_nir(chain(("input", n.Input((2, 5, 6))), ("conv", conv)))
    assert graph.nodes["conv"].input_type["input"].tolist() == [2, 5, 6]
    assert graph.nodes["conv"].output_type["output"].tolist() == [4, 5, 6]
    assert graph.check_types()


@pytest.mark.parametrize("name", ["lif_norse", "braille_noDelay_noBias_subtract"])
def test_published_graphs(shared, tmp_path, name):
    program = serde.read(shared / "graphs" / f"{name}.nir", dt=1e-4)
    delayed = [(edge.source, edge.target) for edge in program.edges if edge.delay]
    assert delayed == ([("lif1.w_rec", "lif1.lif")] if name.startswith("braille") else [])
    assert serde.unsaid(program) == []
    serde.write(tmp_path / "again.nir", program)
    assert serde.read(tmp_path / "again.nir") == program


@pytest.mark.slow
def test_a_file_is_hardly_larger_than_its_weights(tmp_path):
    """The full-size Spiking-FER has 11.4 million weights and 1.8 million neurons, whose parameters are uniform."""
    weight = np.random.default_rng(0).standard_normal((3350, 3350), dtype=np.float32)
    image = [("input", n.Input((64, 100, 100))), ("if", n.Neuron(alpha_mem=0.9)), ("pool", n.SumPool2d(100))]
    layers = [("flat", n.Flatten()), ("in", n.Linear(weight[:, :64])), ("fc", n.Linear(weight)), ("last", n.Neuron())]
    serde.write(tmp_path / "large.nir", chain(*image, *layers))
    assert (tmp_path / "large.nir").stat().st_size <= 1.1 * weight.nbytes


@settings(max_examples=50)
@given(st.text(max_size=3) | st.sampled_from(("..", "a.b", "node", "type")))
def test_a_name_is_refused_or_stored(tmp_path_factory, name):
    nodes = {"input": n.Input((1,)), f"{name}": n.Scale(2.0), "output": n.Output()}
    if len(nodes) < 3:
        return
    path = tmp_path_factory.mktemp("names") / "model.nir"
    program = Program(nodes, (Edge("input", name), Edge(name, "output")))
    try:
        serde.write(path, program)
    except RefusedError:
        assert name in ("", ".") or "/" in name or not name.isprintable()
        return
    assert serde.read(path) == program


@pytest.mark.parametrize("given", [{"dt": 5e-3}, {"scheme": "euler"}], ids=str)
def test_a_file_of_ours_fixes_dt_and_scheme_and_takes_steps(tmp_path, given):
    program = chain(n.Input((2,)), n.Neuron(), contract=Contract(steps=3))
    serde.write(tmp_path / "ours.nir", program)
    with pytest.raises(UsageError, match=r"ours\.nir: the file fixes dt and scheme itself\n  next: leave out"):
        serde.read(tmp_path / "ours.nir", **given)
    assert serde.read(tmp_path / "ours.nir").contract.steps == 3
    assert serde.read(tmp_path / "ours.nir", steps=7).contract == replace(program.contract, steps=7)
