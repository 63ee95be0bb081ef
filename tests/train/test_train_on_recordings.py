"""Spiking-FER learns from a built folder, augmented, and an interruption changes nothing."""

import json
import subprocess
import sys

import msgspec
import pytest

pytest.importorskip("numba", reason="binning and the DVS model are compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import load, synthetic
from neurofer.data.build import build
from neurofer.train.loop import train
from neurofer.train.recipe import load_recipe, override

SIZE = 32


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "faces"
    build(synthetic.source(36, subjects=6, size=SIZE, frames=5, fps=5), folder, jobs=1)
    return folder


def tiny(**changes):
    recipe = override(load_recipe("spiking-fer"), steps=2, size=SIZE, folds=6, **changes)
    network = msgspec.structs.replace(recipe.network, options={"width": 4, "dropout": 0.1})
    baseline = msgspec.structs.replace(recipe.baseline, options={"width": 4})
    training = msgspec.structs.replace(recipe.training, batch=8)
    return msgspec.structs.replace(recipe, network=network, baseline=baseline, training=training)


def test_the_recipe_is_the_papers():
    data = load_recipe("spiking-fer").data
    assert (data.folds, data.split, data.binning, data.augment) == (10, "random", "time", ())


def test_augmented_training_is_resumed_to_the_same_bits(faces, tmp_path):
    recipe = tiny(augment=["crop", "hflip", "noise"], split="subject")
    data = load(recipe.data, faces, frames=2)

    def stop(epoch):
        if epoch.number == 1:
            raise KeyboardInterrupt

    straight = train(recipe, data, tmp_path / "straight.safetensors", epochs=2)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "resumed.safetensors", epochs=2, progress=stop)
    resumed = train(recipe, load(recipe.data, faces, frames=2), tmp_path / "resumed.safetensors", epochs=2)
    assert resumed.epochs == straight.epochs
    assert resumed.path.read_bytes() == straight.path.read_bytes()
    recipe = tiny(split="subject")
    plain = train(recipe, load(recipe.data, faces, frames=2), tmp_path / "plain.safetensors", epochs=2)
    assert plain.epochs != straight.epochs


def test_an_epoch_tells_of_every_batch(faces, tmp_path):
    recipe, counts = tiny(), []
    data = load(recipe.data, faces, frames=2)
    train(recipe, data, tmp_path / "net.safetensors", epochs=2, seen=counts.append)
    assert counts == 2 * [8, 8, 8]


def run(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "neurofer", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.slow
def test_the_command_line_builds_a_folder_and_trains_on_it(faces, checkout, tmp_path):
    clips = ["--clips", "36", "--subjects", "6", "--size", SIZE, "--frames", "5", "--fps", "5", "--jobs", "2"]
    built = tmp_path / "faces"
    run("data", "build", "synthetic", "--out", built, *clips)
    assert (built / "manifest.json").read_bytes() == (faces / "manifest.json").read_bytes()
    path, text = tmp_path / "tiny.toml", (checkout / "models" / "spiking-fer.toml").read_text()
    for old, new in (
        ("200, 200", "32, 32"),
        ("width = 64", "width = 4"),
        ("steps = 6", "steps = 2"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    out = tmp_path / "net.safetensors"
    options = [
        "--data",
        built,
        "--epochs",
        "2",
        "--folds",
        "6",
        "--fold",
        "1",
        "--split",
        "subject",
        "--augment",
        "hflip,mirror",
    ]
    done = run("train", path, "--out", out, *options, "--json")
    assert "fold 1 of 6, whole subjects; 0 of the 1 people to test on are also trained on (0%)" in done.stderr
    document = json.loads(done.stdout)
    assert (document["data"], document["test_samples"], len(document["epochs"])) == ("faces", 6, 2)
    assert out.exists()
    run("train", path, "--out", tmp_path / "base.safetensors", "--baseline", "--data", built, "--epochs", "1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fold", "1"], "--fold: only recordings are put into folds"),
        (
            ["--folds", "3", "--split", "subject", "--data", "frames.npz"],
            "--folds, --split: only recordings are put into folds",
        ),
        (["--augment", "hflip"], "only recordings can be augmented (hflip)"),
    ],
)
def test_folds_and_augmentations_are_refused_without_recordings(options, message):
    assert message in run("train", "spiking-fer", *options, code=3).stderr
