"""The simulators' own importers read the form we emit for them as the same network, or it is refused."""

from dataclasses import replace

import nir
import numpy as np
import pytest

from neurofer.backends import reference, registry
from neurofer.backends.load import load
from neurofer.errors import RefusedError, UsageError
from neurofer.ir import Contract, Edge, Program, serde
from neurofer.ir import nodes as n
from neurofer.verify import verify
from neurofer.verify.replay import replay
from tests.networks import convolutional, in_a_row, recurrent, replaced, residual, spikes_for

SIMULATORS = registry.SIMULATORS


def stock(program, target, graph=None):
    golden = reference.run(program, spikes_for(program))
    return verify(program, golden, on=[target], importers=["stock"], graph=graph)[0]


NEURONS = {
    "IF": n.Neuron(),
    "IF >": n.Neuron(compare=">"),
    "IF gain": n.Neuron(gain=2.0),
    "LIF tau 2": n.Neuron(alpha_mem=0.5, gain=0.5, theta=0.25),
    "LIF tau 2, input not scaled": n.Neuron(alpha_mem=0.5),
    "LIF tau 3": n.Neuron(alpha_mem=1 - 1 / 3, gain=1 / 3, theta=0.25),
    "CubaLIF": n.Neuron(alpha_syn=0.5, alpha_mem=0.75),
    "v_reset": n.Neuron(v_reset=0.25, v_init=0.25),
}


@pytest.mark.parametrize("target", SIMULATORS)
@pytest.mark.parametrize("kind", NEURONS)
def test_neurons_are_exact(kind, target):
    verdict = stock(convolutional(NEURONS[kind]), target)
    # tau = 3 is no dyadic leak: float32 and float64 round it differently
    assert verdict.verdict in (("EXACT", "TIES") if "tau 3" in kind else ("EXACT",)), verdict.reason
    assert verdict.spikes_compared > 50


@pytest.mark.parametrize("target", SIMULATORS)
@pytest.mark.parametrize("make", [convolutional, recurrent])
def test_every_sample_and_run_starts_anew_on_one_build(make, target):
    program, builds = make(n.Neuron(alpha_mem=0.5, theta=0.75)), []
    importer = registry.simulator(target).STOCK
    counting = replace(importer, build=lambda *given: builds.append(1) or importer.build(*given))
    network = counting.load(program)
    x = np.repeat(spikes_for(program, samples=1), 3, axis=1)
    first, second = network.run(x), network.run(x)
    assert len(builds) == 1
    for name in first.spikes:
        train = first.unpack(name)
        assert train.any()
        assert np.array_equal(train, second.unpack(name))
        assert np.array_equal(train, np.repeat(train[:, :1], 3, axis=1))
        if program.recurrent:  # snnTorch's importer is given the loop as a graph of its own
            continue
        replayed = np.stack(list(replay(network, first, name)))
        assert np.array_equal(replayed.reshape(train.shape), train)


@pytest.mark.parametrize("target", SIMULATORS)
def test_residual_sums_are_exact(target):
    verdict = stock(residual(), target)
    assert verdict.verdict == "EXACT", verdict.reason


def test_a_join_that_norse_runs_too_early_is_refused():
    with pytest.raises(RefusedError, match="flatten: Norse runs it before spike"):
        registry.load("norse", residual(downsample=True), importer="stock")


def test_the_same_join_given_as_it_is_diverges_though_every_node_is_right():
    program = residual(downsample=True)
    # the graph has IF with the thresholds Norse needs; only the wiring is Norse's
    _, graph = registry.simulator("spikingjelly").STOCK.emit(program)
    for node in graph.nodes.values():
        if isinstance(node, nir.IF):
            node.v_threshold = np.nextafter(np.float32(node.v_threshold), np.float32(0))
    verdict = stock(program, "norse", graph)
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.sources == []
    assert "wired differently" in verdict.reason
    assert "flatten: Norse runs it before spike" in verdict.reason


@pytest.mark.parametrize("target", ["snntorch", "spikingjelly"])
def test_a_second_branch_is_exact(target):
    verdict = stock(residual(downsample=True), target)
    assert verdict.verdict == "EXACT", verdict.reason


@pytest.mark.parametrize("target", SIMULATORS)
def test_soft_reset_is_refused_naming_every_neuron(target):
    with pytest.raises(RefusedError) as caught:
        registry.load(target, convolutional(n.Neuron(reset="soft")), importer="stock")
    assert [problem.where for problem in caught.value.problems] == ["spike1", "spike2"]
    assert f'backend="{target}"' in str(caught.value)


@pytest.mark.parametrize("target", SIMULATORS)
@pytest.mark.parametrize("neuron", [n.Neuron(alpha_mem=0.5), n.Neuron(alpha_syn=0.5, alpha_mem=0.75)])
def test_recurrence_is_exact(neuron, target):
    verdict = stock(recurrent(neuron), target)
    assert verdict.verdict == "EXACT", verdict.reason


def test_a_nested_form_reads_back_as_the_flat_program(tmp_path):
    lowered, graph = registry.simulator("snntorch").STOCK.emit(recurrent())
    assert any(isinstance(node, nir.NIRGraph) for node in graph.nodes.values())
    serde.write(tmp_path / "model.nir", graph)
    assert serde.read(tmp_path / "model.nir") == lowered


def test_recurrence_across_layers_is_refused_by_snntorch():
    program = recurrent()
    edges = [e for e in program.edges if e.target != "output"]
    nodes = {**program.nodes, "fc2": n.Linear(np.eye(5)), "spike2": n.Neuron()}
    edges += [Edge("spike", "fc2"), Edge("fc2", "spike2"), Edge("spike2", "output"), Edge("spike2", "w_rec")]
    edges = [e for e in edges if (e.source, e.target) != ("spike", "w_rec")]
    with pytest.raises(RefusedError, match="spike: snnTorch's importer knows recurrence"):
        registry.load("snntorch", Program(nodes, edges, program.contract), importer="stock")


@pytest.mark.parametrize("target", SIMULATORS)
def test_the_form_survives_the_file(target, tmp_path):
    program = convolutional(NEURONS["LIF tau 2"])
    backend = registry.simulator(target)
    lowered, graph = backend.STOCK.emit(program)
    serde.write(tmp_path / "model.nir", graph)
    golden = reference.run(program, spikes_for(program))
    network = backend.STOCK.read(nir.read(tmp_path / "model.nir"), lowered)
    trace = network.run(golden.inputs)
    for name in ("spike1", "spike2"):
        assert np.array_equal(trace.unpack(name), golden.unpack(name))


def test_a_plain_if_is_misread_by_snntorch_and_the_node_is_named():
    program = serde.from_nir(
        nir.NIRGraph(
            {
                "input": nir.Input({"input": np.array([4])}),
                "fc": nir.Affine(np.eye(4, dtype=np.float32), np.full(4, 0.25, np.float32)),
                "spike": nir.IF(np.ones(4), np.full(4, 1.6), np.zeros(4)),
                "output": nir.Output({"output": np.array([4])}),
            },
            [("input", "fc"), ("fc", "spike"), ("spike", "output")],
        ),
        dt=1.0,
        steps=20,
    )
    golden = reference.run(program, spikes_for(program))
    verdict = verify(program, golden, on=["snntorch"], importers=["stock"], graph=serde.to_nir(program))[0]
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.sources == ["spike"]
    assert "spike: snnTorch reads nir.IF as a Leaky" in verdict.reason
    assert "dt: it assumes 0.0001 s, the contract says 1 s" in verdict.reason
    assert "neurofer export FILE --to snntorch" in verdict.reason


@pytest.mark.parametrize("target", SIMULATORS)
def test_names_that_the_importer_cannot_tell_apart_are_refused(target):
    nodes = {"input": n.Input((2,)), "a.b": n.Linear(np.eye(3, 2)), "a_b": n.Neuron(), "output": n.Output()}
    program = in_a_row(nodes, Contract(steps=4))
    with pytest.raises(RefusedError, match="a_b: the importer names its module 'a_b' and overwrites"):
        registry.load(target, program, importer="stock")
    verdict = stock(program, target, serde.to_nir(program))
    assert "overwrites that of 'a.b'" in verdict.reason


def test_a_form_made_for_an_importer_is_not_advised_again():
    program = convolutional()
    lowered, graph = registry.simulator("snntorch").STOCK.emit(program)
    broken = replaced(lowered, fc1=n.Linear(-lowered.nodes["fc1"].weight))
    assert stock(lowered, "snntorch", graph).verdict == "EXACT"
    verdict = stock(broken, "snntorch", graph)
    assert verdict.verdict == "DIVERGENT"
    assert "neurofer export" in verdict.reason  # the graph is not what would be written of this program
    golden = reference.run(lowered, spikes_for(lowered))
    golden = replace(golden, outputs={name: values + 1 for name, values in golden.outputs.items()})
    verdict = verify(lowered, golden, on=["snntorch"], importers=["stock"], graph=graph)[0]
    assert verdict.verdict == "DIVERGENT"
    assert "neurofer export" not in verdict.reason


def test_an_importer_that_does_not_exist_is_a_wrong_call():
    with pytest.raises(UsageError, match="there is no importer 'stok'"):
        registry.load("norse", convolutional(), importer="stok")


def test_a_folder_is_named_as_such(tmp_path):
    with pytest.raises(UsageError, match="this is a folder"):
        load(tmp_path)


def test_a_neuron_whose_weights_have_no_module_is_judged_by_the_record():
    """snnTorch is given a loop as a graph of its own, and its weights cannot be run alone."""
    program = recurrent()
    _, graph = registry.simulator("snntorch").STOCK.emit(program)
    verdict = stock(replaced(program, spike=n.Neuron(alpha_mem=0.5, theta=0.25)), "snntorch", graph)
    assert verdict.verdict == "DIVERGENT", verdict.reason
    assert verdict.sources == ["spike"]
