"""``neurofer export``: what a bundle holds, for which target, and that it is the same every time."""

import shlex

import msgspec
import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.backends.targets import load_target
from neurofer.ir import serde
from neurofer.report.bundle import open_bundle
from neurofer.report.report import read_report


def test_a_bundle_holds_the_program_its_sample_and_what_is_known(shared_bundle, network):
    assert {p.name for p in shared_bundle.iterdir()} == {
        "model.nir",
        "golden.npz",
        "manifest.json",
        "report.json",
        "report.md",
    }
    bundle = open_bundle(shared_bundle)
    program = bundle.program()
    assert program == network()
    golden = bundle.golden(program)
    again = reference.run(network(), golden.inputs)
    assert golden.count == again.count > 0
    assert all(np.array_equal(golden.unpack(name), again.unpack(name)) for name in again.spikes)
    manifest = bundle.manifest
    assert (manifest.schema, manifest.target, manifest.weights) == ("neurofer.bundle/1", "nir", "file")
    assert manifest.contract == network().contract
    assert manifest.command.startswith("neurofer export ")
    assert set(manifest.versions) >= {"python", "neurofer", "nir", "norse"}
    report = read_report(shared_bundle / "report.json")
    assert {f"{v.target}/{v.importer}": v.verdict for v in report.verification.targets} == manifest.verdict
    assert sum(node.spikes for node in report.spikes) == golden.count
    assert {energy.formula for energy in report.energy} == {"exact", "eq4-8"}


def test_without_a_folder_the_bundle_is_named_by_network_and_target(cli, network_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["export", network_file, "--to", "nir", "--importer", "neurofer"]
    assert cli(*command).code == 0
    assert open_bundle("small-nir").manifest.artifact == "model.nir"
    assert cli(*command).is_one_error("exists already", "small-nir", "--force")
    assert cli(*command, "--force").code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["small-nir"]


@pytest.mark.parametrize("options", [[], ["--out", "there"], ["--importer", "neurofer"]], ids=" ".join)
def test_the_command_in_the_report_makes_the_same_bundle(cli, network_file, tmp_path, monkeypatch, options):
    hashes, commands = [], []
    command = ["neurofer", "export", str(network_file), "--to", "spikingjelly", *options]
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        assert cli(*command[1:]).code == 0
        (made,) = (tmp_path / place).iterdir()
        hashes.append(open_bundle(made).manifest.sha256)
        commands.append(command := shlex.split(open_bundle(made).manifest.command))
    assert hashes[0] == hashes[1]
    assert commands[0] == commands[1]


def test_files_are_readable_for_all(shared_bundle):
    assert {p.stat().st_mode & 0o777 for p in shared_bundle.iterdir()} == {0o644}
    assert shared_bundle.stat().st_mode & 0o777 == 0o755


def test_the_same_command_gives_the_same_bytes(cli, network_file, tmp_path):
    hashes = []
    for name in ("one", "two"):
        out = tmp_path / name
        assert cli("export", network_file, "--to", "nir", "--out", out, "--importer", "neurofer").code == 0
        hashes.append(open_bundle(out).manifest.sha256)
    same = {"model.nir", "golden.npz"}
    assert {name: hashes[0][name] for name in same} == {name: hashes[1][name] for name in same}


@pytest.mark.parametrize("target", ["norse", "snntorch", "spikingjelly"])
def test_a_simulators_dialect_is_read_by_its_own_importer(cli, network_file, tmp_path, target):
    result = cli("export", network_file, "--to", target, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    rows = result.json()["verification"]["targets"]
    assert {(row["target"], row["importer"], row["verdict"]) for row in rows} == {
        (target, "neurofer", "EXACT"),
        (target, "stock", "EXACT"),
    }
    assert serde.read(tmp_path / "out" / "model.nir").contract.dt == load_target(target).options.dt
    again = cli("verify", tmp_path / "out", "--json").json()["targets"]
    assert [(row["target"], row["verdict"]) for row in again] == [(target, "EXACT"), (target, "EXACT")]


def test_a_refused_network_leaves_nothing_and_names_what_works(cli, soft_file, tmp_path):
    result = cli("export", soft_file, "--to", "norse", "--out", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert "if1: soft reset is not supported" in result.err
    assert not list(tmp_path.iterdir())


def test_what_nir_cannot_say_stands_in_the_manifest(cli, soft_file, tmp_path):
    result = cli("export", soft_file, "--to", "nir", "--out", tmp_path / "out")
    assert result.code == 0
    assert "soft reset" in result.out
    assert "soft reset" in " ".join(open_bundle(tmp_path / "out").manifest.caveats)


def test_a_silent_network_is_written_and_the_exit_code_says_so(cli, network, tmp_path):
    serde.write(tmp_path / "silent.nir", network(theta=1e6))
    result = cli("export", tmp_path / "silent.nir", "--to", "nir", "--out", tmp_path / "out", "--importer", "neurofer")
    assert result.code == 1
    assert set(open_bundle(tmp_path / "out").manifest.verdict.values()) == {"SILENT"}


def test_force_replaces_a_bundle_and_leaves_nothing_beside_it(cli, bundle, soft_file):
    before = open_bundle(bundle).manifest.sha256["model.nir"]
    assert cli("export", soft_file, "--to", "nir", "--out", bundle, "--force", "--importer", "neurofer").code == 0
    assert open_bundle(bundle).manifest.sha256["model.nir"] != before
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]


def test_a_bundle_is_exported_again_with_its_own_sample(cli, shared_bundle, tmp_path):
    assert cli("export", shared_bundle, "--to", "snntorch", "--out", tmp_path / "out").code == 0
    first, second = open_bundle(shared_bundle), open_bundle(tmp_path / "out")
    one, two = first.golden(first.program()), second.golden(second.program())
    assert second.manifest.sample == first.manifest.sample
    assert np.array_equal(one.inputs["input"], two.inputs["input"])
    assert np.array_equal(one.unpack("lif2"), two.unpack("lif2"))


def test_the_baseline_of_a_recipe_goes_to_onnx_and_is_verified_from_the_bundle(cli, tmp_path):
    out = tmp_path / "out"
    result = cli("export", "digits", "--width", "4", "--baseline", "--to", "onnx", "--out", out, "--json")
    assert result.code == 0, result.err
    (row,) = result.json()["verification"]["targets"]
    assert (row["target"], row["importer"]) == ("onnx", "stock")
    assert row["verdict"] in {"EXACT", "TIES"}
    again = cli("verify", tmp_path / "out", "--json")
    assert again.code == 0
    assert again.json()["targets"][0]["verdict"] == row["verdict"]
    assert open_bundle(tmp_path / "out").manifest.weights == "random"
    assert result.json()["command"].endswith(f"--baseline --to onnx --width 4 --samples 1 --seed 0 --out {out}")
    assert "relu" in cli("inspect", tmp_path / "out").out.lower()
    assert cli("energy", tmp_path / "out").is_one_error("ANN")


def test_an_onnx_bundle_whose_weights_changed_diverges(cli, tmp_path):
    import onnx

    from neurofer.report.bundle import seal

    out = tmp_path / "out"
    assert cli("export", "digits", "--width", "4", "--baseline", "--to", "onnx", "--out", out).code == 0
    manifest = open_bundle(out).manifest
    model = onnx.load(out / "model.onnx")
    last = onnx.numpy_helper.to_array(model.graph.initializer[-1]).copy()
    last += 0.25
    model.graph.initializer[-1].CopyFrom(onnx.numpy_helper.from_array(last, model.graph.initializer[-1].name))
    onnx.save(model, out / "model.onnx")
    (out / "manifest.json").unlink()
    seal(out, manifest)
    (row,) = cli("verify", out, "--json").json()["targets"]
    assert (row["verdict"], row["sources"]) == ("DIVERGENT", [model.graph.initializer[-1].name.rpartition(".")[0]])
    assert cli("verify", out).code == 1


@pytest.mark.parametrize("target", ["onnx", "onnx-step"])
def test_a_spiking_network_goes_to_onnx_and_is_verified_from_the_bundle(cli, network_file, tmp_path, target):
    out = tmp_path / "out"
    result = cli("export", network_file, "--to", target, "--out", out, "--samples", "2", "--json")
    assert result.code == 0, result.err
    report = result.json()
    (row,) = report["verification"]["targets"]
    assert (row["target"], row["importer"], row["verdict"], row["nodes_compared"]) == (target, "stock", "EXACT", 2)
    assert report["energy"][0]["e_snn_mj"] > 0
    assert report["caveats"] == []
    assert cli("verify", out, "--json").json()["targets"] == [row]
    assert cli("energy", out).code == 0
    assert cli("export", out, "--to", "nir", "--out", tmp_path / "nir").code == 0


def test_a_spiking_file_is_verified_on_onnx_without_an_export(cli, network_file):
    (row,) = cli("verify", network_file, "--on", "onnx", "--json").json()["targets"]
    assert (row["target"], row["importer"], row["verdict"]) == ("onnx", "stock", "EXACT")


def test_a_changed_weight_in_a_spiking_bundle_is_named(cli, network_file, tmp_path):
    import onnx

    from neurofer.report.bundle import seal

    out = tmp_path / "out"
    assert cli("export", network_file, "--to", "onnx", "--out", out).code == 0
    manifest = open_bundle(out).manifest
    model = onnx.load(out / "model.onnx")
    (stored,) = (tensor for tensor in model.graph.initializer if tensor.name == "fc2.weight")
    stored.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(stored) + np.float32(0.5), "fc2.weight"))
    onnx.save(model, out / "model.onnx")
    (out / "manifest.json").unlink()
    seal(out, manifest)
    (row,) = cli("verify", out, "--json").json()["targets"]
    assert (row["verdict"], row["sources"]) == ("DIVERGENT", ["lif2"])
    assert row["first_divergence"]["node"] == "lif2"


def test_a_trained_network_has_no_ann_of_its_training(cli, network_file, tmp_path):
    result = cli("export", network_file, "--baseline", "--to", "onnx", "--out", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert "neurofer train --baseline" in result.err
    assert not list(tmp_path.iterdir())


def test_json_is_the_report_of_the_bundle(cli, network_file, tmp_path):
    result = cli("export", network_file, "--to", "nir", "--out", tmp_path / "out", "--importer", "neurofer", "--json")
    assert result.json() == msgspec.json.decode((tmp_path / "out" / "report.json").read_bytes())


def test_a_file_that_says_no_steps_gets_some(cli, network, tmp_path):
    graph = serde.to_nir(network())
    graph.metadata = {}
    serde.write(tmp_path / "other.nir", graph)
    result = cli("export", tmp_path / "other.nir", "--to", "nir", "--out", tmp_path / "out", "--importer", "neurofer")
    assert result.code == 0, result.err
    assert open_bundle(tmp_path / "out").manifest.contract.steps == 100
