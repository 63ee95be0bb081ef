import signal
import subprocess
import sys

import numpy as np
import pytest

from neurofer.train.checkpoint import load_checkpoint

RECIPE = """
name = "bars"
description = "lying and standing bars"
source = "none"
[network]
architecture = "conv-snn"
options = { channels = 4, hidden = [16, 8], dropout = 0.1 }
[baseline]
architecture = "conv-cnn"
options = { channels = 4, hidden = [16, 8] }
[contract]
steps = 2
encoder = "constant"
readout = "rate"
[data]
name = "bars"
shape = [1, 8, 8]
classes = 2
[training]
optimizer = "adam"
lr = 0.02
batch = 8
epochs = 3
loss = "mse"
"""
COMMAND = "from neurofer.cli import main; main()"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "bars.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = 0.2 * rng.random((200, 1, 8, 8), dtype=np.float32)
    for image, label, at in zip(x, y, rng.integers(0, 8, 200), strict=True):
        (image[0, at] if label else image[0, :, at])[:] = 0.9
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    np.savez(path, x=x, y=y)
    return path


def test_training_ends_with_a_checkpoint_and_says_where(cli, recipe, bars, tmp_path):
    out = tmp_path / "bars.safetensors"
    result = cli("train", recipe, "--data", bars, "--out", out)
    assert result.code == 0, result.err
    assert "epoch 3/3" in result.err
    assert "test accuracy" in result.out
    assert f"next: neurofer export {out} --to nir" in result.out
    _, kept, metrics = load_checkpoint(out)
    assert (kept.name, metrics["which"]) == ("bars", "network")
    assert [path.name for path in tmp_path.iterdir()] == ["bars.safetensors"]


def test_a_long_epoch_says_how_far_it_is(cli, recipe, bars, tmp_path, monkeypatch):
    monkeypatch.setattr("neurofer.cli.outcome._PATIENCE", 0.0)
    said = cli("train", recipe, "--data", bars, "--out", tmp_path / "bars.safetensors", "--epochs", 2).err
    size = int(said.split(" to train")[0].split()[-1])
    first, last = f"  8 of {size} samples", f"  {size} of {size} samples"
    told = [line for line in said.splitlines() if line in (first, last) or line.startswith("epoch")]
    assert [line.split(":")[0] for line in told] == [first, last, "epoch 1/2", first, last, "epoch 2/2"]


def test_json_holds_every_epoch_and_options_win_over_the_recipe(cli, recipe, bars, tmp_path):
    out = tmp_path / "ann.safetensors"
    options = ("--epochs", 2, "--seed", 7, "--baseline")
    document = cli("train", recipe, "--data", bars, "--out", out, *options, "--json").json()
    assert (document["schema"], document["which"], document["seed"]) == ("neurofer.train/1", "baseline", 7)
    assert [epoch["number"] for epoch in document["epochs"]] == [1, 2]
    assert document["test_accuracy"] == load_checkpoint(out)[2]["test_accuracy"]
    assert 0 < document["test_samples"] < 200


def test_interrupted_training_goes_on_to_the_same_bits(cli, recipe, bars, tmp_path):
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    arguments = ["train", str(recipe), "--data", str(bars), "--epochs", "20"]
    assert cli(*arguments, "--out", whole).code == 0
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, "--out", str(broken)], stderr=subprocess.PIPE, text=True
    ) as run:
        lines = []
        for line in run.stderr:
            lines.append(line)
            if line.startswith("epoch 2/"):
                run.send_signal(signal.SIGINT)
                break
        lines += run.stderr.readlines()
    said = "".join(lines)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert "goes on from the last epoch" in said
    assert not broken.exists()
    assert broken.with_name("broken.safetensors.resume").exists()
    again = cli(*arguments, "--out", broken)
    assert again.code == 0
    assert "epoch 1/20" not in again.err
    assert broken.read_bytes() == whole.read_bytes()


def test_fresh_starts_anew_where_another_run_was_interrupted(cli, recipe, bars, tmp_path):
    out = tmp_path / "bars.safetensors"
    out.with_name("bars.safetensors.resume").write_bytes(b"half a state")
    arguments = ("train", recipe, "--data", bars, "--out", out, "--epochs", 1)
    assert cli(*arguments).is_one_error("damaged", "bars.safetensors.resume")
    result = cli(*arguments, "--fresh")
    assert result.code == 0
    assert "epoch 1/1" in result.err


def test_a_recipe_without_data_says_how_to_give_some(cli, recipe):
    assert cli("train", recipe).is_one_error("--data", "bars")


def test_an_unknown_recipe_names_the_known_ones(cli):
    assert cli("train", "resnet50").is_one_error("resnet50", "conv-snn", "digits")


def test_a_checkpoint_has_its_ending(cli, recipe, bars, tmp_path):
    assert cli("train", recipe, "--data", bars, "--out", tmp_path / "a.pt").is_one_error("a.pt", ".safetensors")


def test_a_trained_baseline_is_the_same_network_in_onnx_runtime(cli, recipe, bars, tmp_path):
    out = tmp_path / "ann.safetensors"
    assert cli("train", recipe, "--data", bars, "--out", out, "--epochs", 1, "--baseline").code == 0
    result = cli("verify", out, "--on", "onnx", "--samples", 3, "--json")
    assert result.code == 0, result.err
    (row,) = result.json()["targets"]
    assert (row["target"], row["importer"], row["verdict"]) == ("onnx", "stock", "TIES")


def test_a_trained_spiking_network_is_the_same_network_in_onnx_runtime(cli, recipe, bars, tmp_path):
    out = tmp_path / "snn.safetensors"
    assert cli("train", recipe, "--data", bars, "--out", out, "--epochs", 1).code == 0
    result = cli("verify", out, "--on", "onnx", "--json")
    assert result.code == 0, result.err
    (row,) = result.json()["targets"]
    assert (row["target"], row["importer"]) == ("onnx", "stock")
    assert row["verdict"] in {"EXACT", "TIES"}
    assert row["nodes_compared"] == row["nodes_total"] > 0
