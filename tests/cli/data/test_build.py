import os
import signal
import subprocess
import sys
import time

import pytest

from neurofer.data.build import MANIFEST, read_manifest
from tests.data.videosets.conftest import ckplus  # noqa: F401 - a fixture

SMALL = ["--size", "32", "--frames", "8", "--jobs", "1"]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_synthetic_faces(cli, tmp_path):
    found = cli("data", "build", "synthetic", "--out", tmp_path / "out", "--clips", "7", *SMALL, "--json").json()
    assert (found["schema"], found["recordings"], found["subjects"]) == ("neurofer.data.build/1", 7, 1)
    manifest = read_manifest(tmp_path / "out")
    assert manifest.parameters["seed"] == 0
    assert found["events"] == sum(one.events for one in manifest.recordings) > 0
    again = cli("data", "build", "synthetic", "--out", tmp_path / "out", "--clips", "7", *SMALL)
    assert "7 of 7 recordings were there already" in again.err
    assert f"next: neurofer data check {tmp_path / 'out'}" in again.out


def test_jobs_decide_nothing_and_seeds_do(cli, tmp_path):
    for name, options in (("one", []), ("two", ["--jobs", "2"]), ("other", ["--seed", "1"])):
        assert cli("data", "build", "synthetic", "--out", tmp_path / name, "--clips", "6", *SMALL, *options).code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_another_build_in_the_same_folder_is_refused(cli, built):
    result = cli("data", "build", "synthetic", "--out", built, "--clips", "13", *SMALL)
    assert result.is_one_error("built differently", "members")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "sharp"], ["there is no DVS preset 'sharp'", "spiking-fer"]),
        (["--clips", "0"], ["--clips"]),
        (["--fps", "-1"], ["-1.0 frames per second is no rate"]),
        (["--fps", "nan"], ["nan frames per second is no rate"]),
    ],
)
def test_what_cannot_be_built_is_one_error(cli, tmp_path, options, words):
    assert cli("data", "build", "synthetic", "--out", tmp_path / "out", *SMALL, *options).is_one_error(*words)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(tmp_path, cli):
    """Stopped in the middle and gone on with: the same bytes as in one go."""
    options = ["--clips", "60", "--size", "32", "--frames", "8", "--jobs", "1"]
    command = [sys.executable, "-m", "neurofer", "data", "build", "synthetic", "--out", str(tmp_path / "out"), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("recordings/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "stopped; the same command goes on from here" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert 0 < len(list((tmp_path / "out").glob("recordings/*.npz"))) < 60
    result = cli(*command[3:])
    assert result.code == 0, result.err
    assert "of 60 recordings were there already" in result.err
    assert cli("data", "build", "synthetic", "--out", tmp_path / "whole", *options).code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_set_of_films(cli, ckplus, tmp_path):  # noqa: F811 - the fixture
    options = ["--layout", "ckplus", "--size", "40", "--jobs", "1", "--provider", "none"]
    result = cli("data", "build", "videos", ckplus, "--out", tmp_path / "dvs", *options, "--json")
    found = result.json()
    assert (found["source"], found["recordings"], found["subjects"]) == ("ckplus", 3, 2)
    assert found["left_out"] == {"contempt": 1, "neutral": 1, "no emotion label": 1}
    assert cli("data", "info", tmp_path / "dvs", "--json").json()["left_out"] == found["left_out"]


def test_films_without_a_face_are_all_named_or_left_out(cli, ckplus, tmp_path):  # noqa: F811 - the fixture
    import cv2
    import numpy as np

    for path in (ckplus / "cohn-kanade-images" / "S010" / "001").iterdir():
        assert cv2.imwrite(str(path), np.full((168, 168), 90, np.uint8))
    options = ["--layout", "ckplus", "--size", "40", "--jobs", "1", "--policy", "hold"]
    result = cli("data", "build", "videos", ckplus, "--out", tmp_path / "dvs", *options)
    assert result.is_one_error("1 of 3 members cannot be made", "S010-001")
    result = cli("data", "build", "videos", ckplus, "--out", tmp_path / "dvs", *options, "--leave-out")
    assert result.code == 0, result.err
    assert "left out: S010-001" in result.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layout", "mmi"], ["there are no clips in this folder"]),
        (["--layout", "ckplus", "--camera", "NI"], ["CK+ has no camera"]),
        ([], ["--layout"]),
    ],
)
def test_a_folder_that_is_no_set_is_one_error(cli, tmp_path, options, words):
    (tmp_path / "films").mkdir()
    result = cli("data", "build", "videos", tmp_path / "films", "--out", tmp_path / "out", *options)
    assert result.is_one_error(*words)
    assert not (tmp_path / "out").exists()
