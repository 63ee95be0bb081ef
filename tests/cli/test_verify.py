"""``neurofer verify``: verdicts, exit codes, and what an artifact brings with it."""

import numpy as np
import pytest

from neurofer.backends import reference
from neurofer.ir import serde
from neurofer.report.bundle import open_bundle, seal

KEYS = {
    "target",
    "importer",
    "version",
    "verdict",
    "spikes_compared",
    "spikes_differing",
    "nodes_compared",
    "nodes_total",
    "first_divergence",
    "sources",
    "reason",
}


def test_every_simulator_and_importer_gets_a_row_with_the_agreed_keys(cli, network_file):
    result = cli("verify", network_file, "--json")
    assert result.code == 0, result.err
    document = result.json()
    assert {(row["target"], row["importer"]) for row in document["targets"]} == {
        (target, importer) for target in ("norse", "snntorch", "spikingjelly") for importer in ("neurofer", "stock")
    }
    assert all(set(row) >= KEYS for row in document["targets"])
    assert {row["verdict"] for row in document["targets"] if row["importer"] == "neurofer"} == {"EXACT"}
    assert (document["steps"], document["samples"], document["schema"]) == (12, 1, "neurofer.verify/1")
    assert "density 0.3" in document["input"]
    assert "seed 0" in document["input"]


def test_drawn_input_follows_its_options_and_counts_the_spikes_of_the_reference(cli, network, network_file):
    options = ["--density", "0.6", "--steps", "20", "--samples", "3", "--seed", "5", "--on", "spikingjelly"]
    document = cli("verify", network_file, *options, "--importer", "neurofer", "--json").json()
    x = np.random.default_rng(5).random((20, 3, 4)) < 0.6
    assert document["targets"][0]["spikes_compared"] == reference.run(network(), x).count > 0
    assert (document["steps"], document["samples"]) == (20, 3)


def test_an_input_file_is_used_and_named(cli, network, network_file, tmp_path):
    x = np.ones((12, 4))
    np.save(tmp_path / "x.npy", x)
    document = cli("verify", network_file, "--input", tmp_path / "x.npy", "--on", "norse", "--json").json()
    assert document["input"] == f"from {tmp_path / 'x.npy'}"
    assert document["targets"][0]["spikes_compared"] == reference.run(network(), x[:, None]).count


def test_a_silent_network_proves_nothing(cli, network_file):
    result = cli("verify", network_file, "--density", "0", "--on", "norse")
    assert result.code == 1
    assert "SILENT" in result.out
    assert "next: " in result.out


def test_what_a_simulator_cannot_say_is_refused_and_counts_only_when_asked_for(cli, soft_file):
    both = cli("verify", soft_file, "--on", "snntorch")
    assert both.code == 0
    assert "REFUSED" in both.out
    assert "soft reset is not supported: if1" in both.out
    assert cli("verify", soft_file, "--on", "snntorch", "--importer", "stock").code == 2


def test_a_bundle_is_verified_from_what_it_holds(cli, bundle):
    document = cli("verify", bundle, "--json").json()
    manifest = open_bundle(bundle).manifest
    assert {f"{row['target']}/{row['importer']}": row["verdict"] for row in document["targets"]} == manifest.verdict
    assert (document["samples"], document["input"], document["weights"]) == (3, manifest.sample, "file")


BROKEN = {
    "threshold": ({"theta": 1.125}, "if1"),
    "reset": ({"reset": "soft"}, "if1"),
    "leak": ({"alpha_mem": 0.75}, "if1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_another_network_under_the_recorded_spikes_is_told_apart_by_node_and_step(cli, bundle, network, name):
    change, culprit = BROKEN[name]
    before = open_bundle(bundle)
    trace = before.golden(before.program())
    x = trace.inputs["input"]
    ours, theirs = reference.run(network(), x), reference.run(network(**change), x)
    serde.write(bundle / "model.nir", network(**change))
    (bundle / "manifest.json").unlink()
    seal(bundle, before.manifest)
    result = cli("verify", bundle, "--on", "spikingjelly", "--importer", "neurofer", "--json")
    row = result.json()["targets"][0]
    unequal = ours.unpack(culprit) != theirs.unpack(culprit)
    assert result.code == 1
    assert row["verdict"] == "DIVERGENT"
    assert row["first_divergence"]["node"] == culprit
    assert row["first_divergence"]["step"] == int(unequal.any(axis=(1, 2)).argmax())
    shown = cli("verify", bundle, "--on", "spikingjelly", "--importer", "neurofer").out
    assert all(word in shown for word in ("first divergence", culprit, "membrane", "threshold", "margin", "next: "))


def test_a_file_of_others_takes_dt_and_is_read_by_stock_importers_as_it_is(cli, shared):
    result = cli("verify", shared / "graphs" / "lif_norse.nir", "--dt", "1e-3", "--json")
    words = {(row["target"], row["importer"]): row["verdict"] for row in result.json()["targets"]}
    assert result.code == 0
    assert {importer: words["norse", importer] for importer in ("neurofer", "stock")} == {
        "neurofer": "EXACT",
        "stock": "EXACT",
    }
    assert words["snntorch", "stock"] == "DIVERGENT"  # its importer takes every file for one of dt = 1e-4


def test_it_says_when_stock_importers_read_another_form_than_the_artifact(cli, network_file, shared):
    words = "stock importers read the form"
    assert words in cli("verify", network_file, "--on", "norse").out
    assert words not in cli("verify", network_file, "--on", "norse", "--importer", "neurofer").out
    assert words not in cli("verify", shared / "graphs" / "lif_norse.nir", "--on", "norse", "--dt", "1e-3").out
