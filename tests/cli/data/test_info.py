import numpy as np
import pytest

from tests.cli.data.conftest import EVENTS
from tests.data import test_fer2013 as fer
from tests.data.events import encoders
from tests.test_import_cost import heavy_imports

HELP = "import sys; sys.argv[1:] = ['data', 'info', '--help']; from neurofer.cli import main; main()"


def test_a_recording(cli, recording):
    found = cli("data", "info", recording, "--json").json()
    seconds = float(EVENTS["t"][-1] - EVENTS["t"][0]) / 1e6
    expected = {
        "schema": "neurofer.data.info/1",
        "kind": "recording",
        "path": str(recording),
        "format": "es",
        "sensor": [304, 240],
        "events": 3000,
        "on_share": np.count_nonzero(EVENTS["p"]) / 3000,
        "first_us": int(EVENTS["t"][0]),
        "last_us": int(EVENTS["t"][-1]),
        "events_per_second": pytest.approx(3000 / seconds),
        "rising": True,
        "damage": "",
    }
    assert {key: found[key] for key in expected} == expected
    text = cli("data", "info", recording).out
    assert "3,000" in text
    assert f"next: neurofer data preview {recording}" in text


def test_a_damaged_recording_and_one_whose_times_fall(cli, recording, tmp_path):
    (tmp_path / "cut.es").write_bytes(recording.read_bytes()[:-3])
    assert "the file ends inside an event" in cli("data", "info", tmp_path / "cut.es").out
    (tmp_path / "back.npz").write_bytes(encoders.npz(EVENTS[::-1]))
    assert "times fall: sort them" in cli("data", "info", tmp_path / "back.npz").out
    (tmp_path / "colour.es").write_bytes(encoders.es_colour(EVENTS))
    assert cli("data", "info", tmp_path / "colour.es", "--json").json()["on_share"] is None


def test_a_video_and_a_folder_of_frames(cli, film_file, tmp_path):
    found = cli("data", "info", film_file, "--json").json()
    assert (found["kind"], found["fps"], found["frames"], found["size"]) == ("video", 25, 10, [64, 48])
    write_frames(tmp_path / "frames", film_file)
    found = cli("data", "info", tmp_path / "frames", "--json").json()
    assert (found["kind"], found["fps"], found["frames"], found["size"]) == ("video", None, 10, [64, 48])
    assert "nothing tells how many frames" in cli("data", "info", tmp_path / "frames").out
    assert cli("data", "info", tmp_path / "frames", "--fps", "50", "--json").json()["fps"] == 50


def test_the_next_command_is_given_the_frame_rate_that_only_the_user_knows(cli, film_file, tmp_path):
    write_frames(frames := tmp_path / "frames", film_file)
    command = f"next: neurofer data convert {frames} OUT.npz --fps"
    assert f"{command} 50\n" in cli("data", "info", frames, "--fps", "50").out
    assert f"{command} 30\n" in cli("data", "info", frames).out
    assert f"next: neurofer data convert {film_file} OUT.npz\n" in cli("data", "info", film_file).out


def write_frames(folder, path):
    import cv2

    from neurofer.data.video import open_video

    folder.mkdir()
    for number, frame in enumerate(open_video(path).frames()):
        assert cv2.imwrite(str(folder / f"{number}.png"), frame)


def test_a_built_data_set(cli, built):
    found = cli("data", "info", built, "--json").json()
    assert (found["kind"], found["name"], found["samples"], found["shape"]) == ("dataset", "synthetic", 12, [32, 32])
    assert found["classes"]["happy"] == {"all": 2}
    assert (found["subjects"], found["copies"], found["parameters"]["seed"]) == (2, {"samples": 0}, 0)
    text = cli("data", "info", built).out
    assert "people     2" in text
    assert "built with fps 30.0, frames 8, movement 1.0, seed 0, size 32, subjects 2" in text


def test_fer2013_and_the_copies_in_it(cli, tmp_path):
    images = fer.IMAGES.copy()
    images[[30, 31]] = images[[0, 1]]
    fer.write_csv(tmp_path / "fer2013.csv", images)
    found = cli("data", "info", tmp_path / "fer2013.csv", "--json").json()
    assert (found["kind"], found["samples"], found["shape"]) == ("faces", 42, [48, 48])
    assert found["classes"]["angry"] == {"Training": 2, "PublicTest": 2, "PrivateTest": 2}
    assert found["copies"]["PrivateTest in Training"] == 2
    assert "copies     2 PrivateTest in Training" in cli("data", "info", tmp_path).out


def test_ferplus_with_and_without_its_images(cli, tmp_path):
    votes = np.zeros((fer.N, 10), int)
    votes[:, 1], votes[0] = 10, [0, 0, 0, 0, 0, 0, 0, 0, 10, 0]
    fer.write_votes(tmp_path, votes)
    alone = cli("data", "info", tmp_path / "fer2013new.csv", "--json").json()
    fer.write_csv(tmp_path / "fer2013.csv")
    beside = cli("data", "info", tmp_path, "--labels", "ferplus", "--json").json()
    assert alone["classes"] == beside["classes"]
    assert alone["classes"]["happiness"]["Training"] == 13
    assert alone["left_out"] == {"without a label by argmax": 1}
    majority = cli("data", "info", tmp_path / "fer2013new.csv", "--labels", "ferplus-majority", "--json").json()
    assert majority["name"] == "ferplus-majority"


def test_arrays_and_what_comes_with_neurofer(cli, tmp_path):
    np.savez(tmp_path / "own.npz", x=np.array([[1, 2], [3, 4], [1, 2]]), y=[0, 2, 2])
    found = cli("data", "info", tmp_path / "own.npz", "--json").json()
    assert (found["kind"], found["shape"], found["copies"]) == ("arrays", [2], {"samples": 1})
    assert found["classes"] == {"0": {"all": 1}, "2": {"all": 2}}
    found = cli("data", "info", "digits", "--json").json()
    assert (found["kind"], found["samples"], found["shape"]) == ("installed", 1797, [1, 8, 8])
    assert sum(found["classes"]["3"].values()) == 183


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothing.raw", None, ["nothing.raw", "no such file"]),
        ("notes.txt", b"hello", ["notes.txt", "nothing that is known"]),
        ("empty.mp4", b"", ["empty.mp4", "no video"]),
        ("own.npz", "arrays", ["x [N, ...] and whole labels y [N] are expected", "y float64 [2]"]),
        ("spiking-fer", None, ["spiking-fer", "does not come with neurofer", "path of the data itself"]),
        ("spiking", None, ["no recipe is called 'spiking'"]),
    ],
)
def test_what_is_no_data_is_one_error(cli, tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    if content == "arrays":
        np.savez(tmp_path / name, x=np.ones((2, 3)), y=np.ones(2))
    elif content is not None:
        (tmp_path / name).write_bytes(content)
    assert cli("data", "info", name).is_one_error(*words)


def test_a_folder_of_nothing_is_one_error(cli, tmp_path):
    assert cli("data", "info", tmp_path).is_one_error("this folder holds nothing that is known")


@pytest.mark.parametrize("group", [["data"], ["data", "build"]], ids=" ".join)
def test_a_group_without_a_command_shows_its_help(cli, group):
    result = cli(*group)
    assert result.code == 3
    assert result.err.startswith(f"Usage: neurofer {' '.join(group)}")
    assert "next:" not in result.err


def test_help_loads_no_framework():
    assert heavy_imports(HELP) == set()
