"""Networks by name: recipe, checkpoint, file, bundle."""

import nir
import numpy as np
import pytest

from neurofer.cli.network import resolve
from neurofer.errors import UsageError
from neurofer.ir import serde


def test_a_recipe_has_seeded_weights_that_spike():
    subject = resolve("digits", weights_seed=3, width=4)
    again = resolve("digits", weights_seed=3, width=4)
    other = resolve("digits", weights_seed=4, width=4)
    assert (subject.weights, subject.seed) == ("random", 3)
    assert subject.snn == again.snn
    assert subject.snn != other.snn
    from neurofer.backends import reference

    trace = reference.run(subject.lowered, subject.sample(samples=2).x)
    assert all(train.count for train in trace.spikes.values())


def test_calibration_is_told_and_only_where_it_happens(capsys):
    resolve("digits", width=4, calibrate=False)
    assert "scaling random weights" not in capsys.readouterr().err
    resolve("digits", width=4)
    assert "scaling random weights of digits" in capsys.readouterr().err


def test_overrides_of_a_recipe():
    subject = resolve("spiking-fer", reset="soft", input_size=32, width=2, steps=3, dt=1e-3, calibrate=False)
    assert subject.snn.shapes[subject.snn.inputs[0]] == (2, 32, 32)
    assert subject.snn.nodes["conv1"].weight.shape[0] == 2
    assert subject.snn.nodes["act1"].reset == "soft"
    assert (subject.snn.contract.steps, subject.snn.contract.dt) == (3, 1e-3)
    assert subject.ann.shapes[subject.ann.inputs[0]] == (6, 32, 32)
    assert subject.ann.nodes["conv1"].weight.shape[0] == 2


def test_event_samples_are_drawn_time_first_and_joined_for_the_baseline():
    subject = resolve("spiking-fer", input_size=32, width=2, steps=3, calibrate=False)
    sample, joined = subject.sample(samples=2, seed=1), subject.sample(samples=2, seed=1, ann=True)
    assert sample.x.shape == (3, 2, 2, 32, 32)
    assert joined.x.shape == (2, 6, 32, 32)
    assert np.array_equal(joined.x[1, 2:4], sample.x[1, 1])
    assert "seed 1" in sample.origin


def test_a_checkpoint_is_trained_and_knows_its_accuracy(tmp_path):
    from neurofer.train.checkpoint import save_checkpoint
    from neurofer.train.networks import build_network
    from neurofer.train.recipe import load_recipe

    recipe = load_recipe("digits")
    path = tmp_path / "net.safetensors"
    for which in ("network", "baseline"):
        save_checkpoint(path, build_network(recipe, which=which), recipe, {"test_accuracy": 0.5}, which=which)
        subject = resolve(str(path))
        assert (subject.weights, subject.baseline) == ("trained", which == "baseline")
        assert subject.metrics["test_accuracy"] == 0.5
        assert (subject.ann is None) == (which == "baseline")
        assert subject.sample(samples=3).x.shape == (3, 1, 8, 8)


def test_a_file_of_ours_fixes_its_time(network_file, network):
    assert resolve(str(network_file)).snn == network()
    assert resolve(str(network_file), steps=5).snn.contract.steps == 5
    with pytest.raises(UsageError, match="leave out dt"):
        resolve(str(network_file), dt=1e-3)


def test_a_file_of_others_keeps_its_graph(tmp_path, network):
    graph = serde.to_nir(network())
    graph.metadata = {}
    serde.write(tmp_path / "other.nir", graph)
    subject = resolve(str(tmp_path / "other.nir"), dt=1e-4, steps=7)
    assert subject.graph is not None
    assert subject.snn.contract.steps == 7
    assert resolve(str(tmp_path / "other.nir"), dt=2e-4).snn.nodes["if1"].gain == 2.0


def test_steps_that_no_file_says_are_the_same_for_every_verb(cli, tmp_path, network):
    graph = serde.to_nir(network())
    graph.metadata = {}
    path = tmp_path / "other.nir"
    serde.write(path, graph)
    assert resolve(str(path)).snn.contract.steps == 100
    shown = cli("inspect", path)
    assert "T = 100, which is not in the file" in shown.out
    assert "not in the file" not in cli("inspect", path, "--steps", "7").out
    assert cli("energy", path, "--json").json()["steps"] == 100
    assert cli("verify", path, "--on", "norse", "--importer", "neurofer", "--json").json()["steps"] == 100


def test_a_step_longer_than_a_time_constant_is_told(cli, tmp_path):
    lif = nir.LIF(*(np.full(3, value) for value in (0.01, 1.0, 0.0, 1.0)), v_reset=np.zeros(3))
    nodes = {"input": nir.Input({"input": np.array([3])}), "lif": lif, "output": nir.Output({"output": np.array([3])})}
    path = tmp_path / "lif.nir"
    nir.write(path, nir.NIRGraph(nodes, [("input", "lif"), ("lif", "output")]))
    assert "longer than a time constant of lif" in cli("inspect", path, "--dt", "1").err
    assert "longer" not in cli("inspect", path, "--dt", "1e-3").err
    assert "longer" not in cli("inspect", path, "--dt", "1", "--scheme", "exponential").err


def test_a_file_is_read_once(monkeypatch, network_file):
    read, seen = serde.read_graph, []
    monkeypatch.setattr("neurofer.ir.serde.read_graph", lambda path: seen.append(path) or read(path))
    resolve(str(network_file))
    assert len(seen) == 1


def test_all_options_a_network_does_not_take_are_named(network_file):
    with pytest.raises(UsageError, match="does not take --reset, --width"):
        resolve(str(network_file), reset="soft", width=2)
