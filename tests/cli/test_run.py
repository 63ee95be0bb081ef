"""``neurofer run``: what a network says of an input, in which runtime, and one clear error for what it cannot read."""

import numpy as np
import pytest
from PIL import Image

from neurofer.backends import reference
from neurofer.data.events import DTYPE, write_events
from neurofer.ir import BINARY, Contract, Domain, Edge, Program, Readout, serde
from neurofer.ir.nodes import Conv2d, Flatten, Input, Linear, Neuron, Output


@pytest.fixture(scope="module", autouse=True)
def session_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROFER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def no_compiler(tmp_path, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("neurofer.backends.c.compiler.find_spec", lambda _: None)


@pytest.fixture
def array(tmp_path):
    """Three samples for the small network."""
    x = (np.random.default_rng(0).random((12, 3, 4)) < 0.4).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    return tmp_path / "x.npy"


def vision(shape, domain, encoder):
    rng = np.random.default_rng(0)
    conv = rng.integers(-2, 4, (4, shape[0], 3, 3)) / 4 / (domain.max or 1)
    nodes = {
        "input": Input(shape, domain),
        "conv": Conv2d(conv.astype(np.float32), padding=(1, 1)),
        "if1": Neuron(theta=1.0),
        "flat": Flatten(),
        "fc": Linear((rng.integers(-2, 4, (3, 4 * shape[1] * shape[2])) / 4).astype(np.float32)),
        "if2": Neuron(theta=2.0),
        "output": Output(),
    }
    names = list(nodes)
    contract = Contract(steps=4, encoder=encoder, readout=Readout("rate"))
    return Program(nodes, tuple(map(Edge, names, names[1:])), contract)


def test_it_tells_readout_class_spikes_and_time(cli, network_file, network, array):
    result = cli("run", network_file, array, "--json")
    assert result.code == 0, result.err
    said = result.json()
    golden = reference.run(network(), np.load(array))
    readout = golden.read(network().contract.readout)
    assert said["schema"] == "neurofer.run/1"
    assert (said["on"], said["instead_of_c"], said["steps"], said["samples"]) == ("c", None, 12, 3)
    assert said["readout"] == readout.tolist()
    assert said["classes"] == readout.argmax(axis=1).tolist()
    assert {node["name"]: node["spikes"] for node in said["spikes"]} == {
        name: train.count for name, train in golden.spikes.items()
    }
    assert said["ms_per_inference"] > 0
    assert {node["number"] for node in said["arithmetic"]} == {"int32"}
    text = cli("run", network_file, array).out
    assert "computes   in int32 in 5 of 5 nodes" in text
    assert f"class      {said['classes'][2]}; readout " in text
    assert text.endswith(f"next: neurofer energy {network_file}\n")


@pytest.mark.parametrize("on", ["reference", "onnx", "norse"])
def test_every_runtime_says_the_same(cli, network_file, array, on):
    one, other = (cli("run", network_file, array, "--on", where, "--json").json() for where in ("c", on))
    assert other["on"] == on
    assert other["ms_per_inference"] is None
    assert (one["readout"], one["spikes"]) == (other["readout"], other["spikes"])


def test_threads_change_nothing(cli, network_file, array):
    one, two = (cli("run", network_file, array, "--threads", n, "--json").json() for n in (1, 2))
    assert one["readout"] == two["readout"]
    result = cli("run", network_file, array, "--on", "reference", "--threads", 2)
    assert result.is_one_error("reference takes no --threads")


def test_the_readout_is_saved(cli, network_file, array, tmp_path):
    result = cli("run", network_file, array, "--output", tmp_path / "y.npy", "--json")
    assert np.array_equal(np.load(tmp_path / "y.npy"), result.json()["readout"])
    missing = tmp_path / "no" / "y.npy"
    assert cli("run", network_file, array, "--output", missing).is_one_error("cannot write", str(missing))


def test_a_bundle_runs_what_it_recorded(cli, network_file, tmp_path, array):
    out = tmp_path / "bundle"
    assert cli("export", network_file, "--to", "c", "--samples", 2, "--out", out).code == 0
    said = cli("run", out, 1, "--json").json()
    assert (said["on"], said["samples"]) == ("c", 1)
    assert said["input"].startswith("sample 1 of the bundle, ")
    assert {node["number"] for node in said["arithmetic"]} == {"int32"}
    assert (
        cli("run", out, array, "--json").json()["readout"]
        == cli("run", network_file, array, "--json").json()["readout"]
    )
    assert cli("run", out, 2).is_one_error("there is no sample 2", "recorded 2", "0 to 1")


def test_a_bundle_s_own_code_is_run(cli, network_file, tmp_path, array):
    """And not what would be generated of its program."""
    import hashlib
    import json

    out = tmp_path / "bundle"
    assert cli("export", network_file, "--to", "c", "--out", out).code == 0
    code, manifest = out / "model_weights.c", out / "manifest.json"
    code.write_text("".join(f"{line}\n" if "0x" not in line else "0,\n" for line in code.read_text().splitlines()))
    table = json.loads(manifest.read_text())
    table["sha256"][code.name] = hashlib.sha256(code.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(table))
    said = cli("run", out, array, "--json").json()
    assert said["readout"] != cli("run", network_file, array, "--json").json()["readout"]


def test_a_sample_of_the_data_has_a_label(cli):
    said = cli("run", "digits", 3, "--exact", "--bits", 8, "--json").json()
    assert said["input"] == "sample 3 of the test part of digits"
    assert said["label"] in range(10)
    assert {node["number"] for node in said["arithmetic"]} == {"int32"}
    assert cli("run", "digits", 100_000).is_one_error("there is no sample 100000", "the test part of digits has")


def test_a_picture_is_read(cli, tmp_path):
    serde.write(tmp_path / "codes.nir", vision((1, 6, 8), Domain("code", 255), "constant"))
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "face.png")
    result = cli("run", tmp_path / "codes.nir", tmp_path / "face.png", "--json")
    assert result.code == 0, result.err
    golden = reference.run(serde.read(tmp_path / "codes.nir"), pixels[None, None])
    assert golden.count > 0
    assert result.json()["readout"] == golden.outputs["output"].mean(axis=0).tolist()


def test_a_recording_is_read(cli, tmp_path):
    serde.write(tmp_path / "events.nir", vision((2, 6, 8), BINARY, "events"))
    rng = np.random.default_rng(0)
    events = np.zeros(300, DTYPE)
    events["t"], events["x"], events["y"] = np.arange(300) * 100, rng.integers(0, 8, 300), rng.integers(0, 6, 300)
    write_events(tmp_path / "x.raw", events, size=(8, 6))
    result = cli("run", tmp_path / "events.nir", tmp_path / "x.raw", "--json")
    assert result.code == 0, result.err
    assert "300 events in 4 frames" in result.json()["input"]
    assert sum(node["spikes"] for node in result.json()["spikes"]) > 0


def test_what_cannot_be_run_is_one_error(cli, network_file, array, tmp_path, checkout):
    assert cli("run", network_file, tmp_path / "none.npy").is_one_error("none.npy: no such file")
    assert cli("run", network_file, 0).is_one_error("this network brings no data")
    recipe = tmp_path / "mine.toml"
    digits = (checkout / "models" / "digits.toml").read_text()
    recipe.write_text(digits.replace('[data]\nname = "digits"', '[data]\nname = "mine"'))
    assert cli("run", recipe, 0).is_one_error("'mine' does not come with neurofer", "give an array")
    assert cli("run", network_file, array, "--on", "pdp11").is_one_error("there is no runtime 'pdp11'", "choose from")
    assert cli("run", network_file, array, "--steps", 3).is_one_error("more steps than the C code was generated for")
    np.save(tmp_path / "x.npy", np.full((12, 1, 4), 0.5))
    assert cli("run", network_file, tmp_path / "x.npy").is_one_error("the input is not binary", "0.5 to 0.5")
    np.save(tmp_path / "x.npy", np.zeros((12, 1, 5)))
    assert cli("run", network_file, tmp_path / "x.npy").is_one_error("another shape")


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_another_runtime_does_it(cli, network_file, array, monkeypatch):
    result = cli("run", network_file, array, "--json")
    assert result.code == 0, result.err
    assert (result.json()["on"], result.json()["instead_of_c"]) == ("onnx", "there is no C compiler")
    assert "there is no C compiler\n  next: install one: " in result.err
    assert "running in onnx instead" in result.err
    monkeypatch.setitem(__import__("sys").modules, "neurofer.backends.onnx", None)
    assert cli("run", network_file, array, "--json").json()["on"] == "reference"
    assert cli("run", network_file, array, "--on", "c").is_one_error("there is no C compiler", code=4)


def test_a_compiler_without_openmp_is_told(cli, network_file, array, tmp_path, monkeypatch):
    path = tmp_path / "plain"
    path.write_text('#!/bin/sh\ncase "$*" in *openmp*) exit 1;; *) exec cc "$@";; esac\n')
    path.chmod(0o755)
    monkeypatch.setenv("CC", str(path))
    assert "brings no OpenMP" in cli("run", network_file, array, "--threads", 2).err
    assert "OpenMP" not in cli("run", network_file, array).err
