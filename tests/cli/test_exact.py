"""``--exact``: what is exported lies on a grid, and the bundle holds the proof."""

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.report.bundle import open_bundle
from neurofer.report.report import read_report


@pytest.fixture(scope="module")
def exact_bundle(tmp_path_factory):
    from neurofer.cli import execute

    out = tmp_path_factory.mktemp("exact") / "digits"
    command = ["export", "digits", "--to", "nir", "--exact", "--bits", "8", "--width", "8", "--samples", "8"]
    assert execute([*command, "--out", str(out), "--json"]) == 0
    return out


def test_the_manifest_holds_the_proof_and_every_verdict_is_exact(exact_bundle):
    manifest = open_bundle(exact_bundle).manifest
    assert "--exact" in manifest.command
    assert "--bits 8" in manifest.command
    assert set(manifest.verdict.values()) == {"EXACT"}
    assert len(manifest.verdict) == 6
    assert {"conv1", "act1", "fc3", "act5"} <= {proof.node for proof in manifest.proof}
    assert all(proof.proved and proof.bound < proof.limit == 2**24 and proof.grid for proof in manifest.proof)
    assert manifest.contract.preprocessing == "integers 0..16; their scale 1/16 sits in conv1"
    assert read_report(exact_bundle / "report.json").proof == manifest.proof


def test_images_are_recorded_as_integers(exact_bundle):
    bundle = open_bundle(exact_bundle)
    program = bundle.program()
    golden = bundle.golden(program)
    assert str(program.domains["input"]) == "code 0..16"
    assert golden.inputs["input"].dtype == np.uint8
    assert golden.inputs["input"].max() == 16
    assert reference.run(program, golden.inputs).count == golden.count > 0


def test_the_report_says_it_in_a_few_lines(exact_bundle):
    text = (exact_bundle / "report.md").read_text()
    assert "## Exactness" in text
    assert "14 of 14 nodes proved exact in float32 for every input over 4 steps: grids 2^" in text


def test_inspect_shows_grid_bound_and_proof(cli, exact_bundle, network_file):
    result = cli("inspect", exact_bundle, "--json")
    proofs = {proof["node"]: proof for proof in result.json()["proof"]}
    assert proofs["conv1"]["proved"]
    assert proofs["conv1"]["accumulator"] <= 16
    shown = cli("inspect", exact_bundle / "model.nir").out
    assert "exact in float32" in shown
    assert "14 of 14 nodes proved" in shown
    assert "exact in float32" in cli("inspect", network_file).out  # its weights are multiples of 1/8


def test_input_for_a_file_with_integers_is_drawn_over_their_range(cli, exact_bundle):
    result = cli("verify", exact_bundle / "model.nir", "--on", "spikingjelly", "--importer", "neurofer")
    assert result.code == 0, result.out
    assert "EXACT" in result.out


def test_inspect_says_nothing_of_a_network_on_no_grid(cli, network, tmp_path):
    from neurofer.ir import nodes, serde

    plain, rng = network(), np.random.default_rng(0)
    layers = {
        name: nodes.Linear(rng.normal(size=plain.nodes[name].weight.shape).astype(np.float32))
        for name in ("fc1", "fc2")
    }
    serde.write(tmp_path / "rough.nir", plain.with_nodes({**plain.nodes, **layers}))
    assert cli("inspect", tmp_path / "rough.nir", "--json").json()["proof"] == []
    assert "exact in float32" not in cli("inspect", tmp_path / "rough.nir").out


def test_a_file_of_others_is_put_on_a_grid_too(cli, tmp_path, network_file):
    result = cli("export", network_file, "--to", "spikingjelly", "--exact", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "nodes proved exact in float32" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digits", "--bits", "7"], "integer weights of 7 bits are not offered"),
        (["digits", "--exact", "--baseline"], "an ANN, whose values are real"),
    ],
)
def test_what_exact_does_not_take(cli, tmp_path, arguments, words):
    result = cli("export", *arguments, "--to", "nir", "--out", tmp_path / "out")
    assert result.is_one_error(words), result.err


def test_a_bundle_is_not_rounded_again(cli, tmp_path, exact_bundle):
    result = cli("export", exact_bundle, "--exact", "--to", "nir", "--out", tmp_path / "out")
    assert result.is_one_error("holds its own sample"), result.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "unproved"),
    [
        (["conv-snn"], set()),
        (["conv-snn", "--steps", "8"], set()),
        (["spiking-fer"], {"fc"}),
        (["spiking-fer", "--reset", "soft"], {"fc"}),
    ],
    ids=" ".join,
)
def test_the_papers_networks_are_exact_at_full_size(cli, tmp_path, network, unproved):
    options = ["--to", "nir", "--exact", "--samples", "8", "--importer", "neurofer", "--out", tmp_path / "out"]
    result = cli("export", *network, *options, "--json")
    assert result.code == 0, result.err
    document = result.json()
    assert {proof["node"] for proof in document["proof"] if not proof["proved"]} == unproved
    for row in document["verification"]["targets"]:
        assert (row["verdict"], row["spikes_differing"]) == ("EXACT", 0)
        assert row["spikes_compared"] > 1_000_000


@pytest.mark.slow
def test_a_checkpoint_trained_on_its_grid_tells_its_accuracies(cli, tmp_path):
    out = tmp_path / "digits-exact.safetensors"
    trained = cli("train", "digits", "--exact", "--bits", "8", "--epochs", "1", "--out", out, "--json")
    assert trained.code == 0, trained.err
    score = trained.json()["accuracy"]
    assert score["fine_tuned"] >= score["float"] - 0.005
    assert (tmp_path / "digits-exact-float.safetensors").exists()
    exported = cli(
        "export", out, "--to", "nir", "--exact", "--importer", "neurofer", "--out", tmp_path / "out", "--json"
    )
    assert exported.json()["accuracy"] == {
        "test": score["fine_tuned"],
        "test, float": score["float"],
        "test, rounded": score["rounded"],
    }
    plain = cli("export", out, "--to", "nir", "--importer", "neurofer", "--out", tmp_path / "plain", "--json")
    assert all("before this export's rounding" in name for name in plain.json()["accuracy"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--exact", "--baseline"], "the baseline is an ANN"),
        (["--bits", "5"], "integer weights of 5 bits are not offered"),
        (["--from", "x.safetensors"], "only fine-tuning starts from a checkpoint"),
        (["--exact", "--from", "missing.safetensors"], "no such checkpoint"),
    ],
)
def test_what_exact_training_does_not_take(cli, arguments, words):
    result = cli("train", "digits", *arguments)
    assert result.is_one_error(words), result.err
