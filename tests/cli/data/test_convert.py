import numpy as np
import pytest

from neurofer.data.events import DTYPE, bin_events, describe_events, read_events
from neurofer.data.given import read_given
from neurofer.ir import BINARY
from tests.cli.data.conftest import EVENTS
from tests.cli.data.test_info import write_frames
from tests.data.events import encoders
from tests.data.test_given import program


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("r.raw", [], "evt2"),
        ("r.raw", ["--format", "evt3"], "evt3"),
        ("r.dat", [], "dat"),
        ("r.aedat4", [], "aedat4"),
        ("r.h5", [], "hdf5"),
        ("r.npz", [], "npz"),
        ("r.csv", [], "csv"),
    ],
)
def test_a_recording_in_another_format(cli, recording, tmp_path, name, options, kind):
    found = cli("data", "convert", recording, tmp_path / name, *options, "--json").json()
    assert (found["schema"], found["format"], found["events"]) == ("neurofer.data.convert/1", kind, 3000)
    assert found["sensor"] == [304, 240]
    assert describe_events(tmp_path / name).kind == kind
    np.testing.assert_array_equal(read_events(tmp_path / name), EVENTS)


def test_a_sensor_that_no_file_tells_is_measured_only_where_it_is_needed(cli, tmp_path):
    (tmp_path / "r.npz").write_bytes(encoders.npz(EVENTS))
    extent = describe_events(tmp_path / "r.npz").extent
    result = cli("data", "convert", tmp_path / "r.npz", tmp_path / "r.raw")
    assert "taken for" not in result.err
    assert describe_events(tmp_path / "r.raw").size is None
    result = cli("data", "convert", tmp_path / "r.npz", tmp_path / "r.aedat4")
    assert f"the sensor is taken for {extent[0]} x {extent[1]}" in result.err
    assert describe_events(tmp_path / "r.aedat4").size == extent
    cli("data", "convert", tmp_path / "r.npz", tmp_path / "told.aedat4", "--size", "640x480")
    assert describe_events(tmp_path / "told.aedat4").size == (640, 480)


def test_sorting_and_beginning_at_zero(cli, tmp_path):
    (tmp_path / "back.csv").write_bytes(encoders.csv(EVENTS[::-1], names=""))
    columns = ["--columns", "txyp"]
    assert cli("data", "convert", tmp_path / "back.csv", tmp_path / "r.raw", *columns).is_one_error("must not fall")
    options = [*columns, "--sort", "--from-zero", "--unit", "us"]
    assert cli("data", "convert", tmp_path / "back.csv", tmp_path / "r.raw", *options).code == 0
    found = read_events(tmp_path / "r.raw")
    expected = EVENTS[::-1][np.argsort(EVENTS["t"][::-1], kind="stable")]
    np.testing.assert_array_equal(found["t"], expected["t"] - EVENTS["t"].min())
    np.testing.assert_array_equal(found[["x", "y", "p"]], expected[["x", "y", "p"]])


def test_times_that_fall_do_not_begin_at_zero(cli, tmp_path):
    events = EVENTS[:9].copy()
    events["t"] = [50, 40, 30, 90, 20, 60, 70, 10, 80]
    (tmp_path / "r.npz").write_bytes(encoders.npz(events))
    result = cli("data", "convert", tmp_path / "r.npz", tmp_path / "z.npz", "--from-zero")
    assert result.is_one_error("times fall below the first one", "add --sort")
    assert cli("data", "convert", tmp_path / "r.npz", tmp_path / "z.npz", "--from-zero", "--sort").code == 0
    np.testing.assert_array_equal(read_events(tmp_path / "z.npz")["t"], np.arange(9) * 10)


@pytest.mark.parametrize(
    ("options", "by", "counts"), [([], "time", False), (["--by", "count", "--counts"], "count", True)]
)
def test_a_recording_to_frames(cli, recording, tmp_path, options, by, counts):
    found = cli("data", "convert", recording, tmp_path / "f.npz", "--frames", "6", *options, "--json").json()
    assert (found["format"], found["shape"]) == ("frames", [6, 2, 240, 304])
    with np.load(tmp_path / "f.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], bin_events(EVENTS, 6, (240, 304), by=by, counts=counts))
        assert arrays["edges"][[0, -1]].tolist() == [0, 3000]


def test_frames_are_what_a_network_reads(cli, recording, tmp_path):
    result = cli("data", "convert", recording, tmp_path / "f.npz", "--frames", "6")
    assert f"next: neurofer run NETWORK {tmp_path / 'f.npz'}" in result.out
    network = program(shape=(2, 240, 304), domain=BINARY, encoder="events", steps=6)
    written, direct = read_given(tmp_path / "f.npz", network).x, read_given(recording, network).x
    np.testing.assert_array_equal(written["input"], direct)


def test_a_video_becomes_what_the_dvs_model_sees(cli, film_file, tmp_path):
    from neurofer.data import dvs
    from neurofer.data.faces.face import gray
    from neurofer.data.video import open_video

    found = cli("data", "convert", film_file, tmp_path / "r.npz", "--preset", "clean", "--seed", "3", "--json").json()
    frames = [gray(frame) for frame in open_video(film_file).frames()]
    expected = dvs.convert(frames, fps=25, params="clean", seed=3)
    assert found["sensor"] == [64, 48]
    assert found["events"] == len(expected) > 100
    np.testing.assert_array_equal(read_events(tmp_path / "r.npz"), expected)
    write_frames(tmp_path / "frames", film_file)
    options = ["--preset", "clean", "--seed", "3"]
    assert cli("data", "convert", tmp_path / "frames", tmp_path / "f.npz", *options).is_one_error("frames a second")
    assert cli("data", "convert", tmp_path / "frames", tmp_path / "f.npz", *options, "--fps", "25").code == 0
    np.testing.assert_array_equal(read_events(tmp_path / "f.npz"), expected)


def test_a_video_is_cross_faded_only_when_asked(cli, film_file, tmp_path):
    for name, options in (("plain.npz", []), ("faded.npz", ["--crossfade", "4"])):
        assert cli("data", "convert", film_file, tmp_path / name, "--preset", "clean", *options).code == 0
    plain, faded = (read_events(tmp_path / name) for name in ("plain.npz", "faded.npz"))
    assert faded["t"].min() < 40_000 <= plain["t"].min()  # one frame at 25 per second
    assert abs(len(faded) - len(plain)) < 0.2 * len(plain)
    assert faded["t"].max() == plain["t"].max() == 360_000


def test_a_video_is_resized(cli, film_file, tmp_path):
    found = cli("data", "convert", film_file, tmp_path / "r.raw", "--size", "32x20", "--json").json()
    assert found["sensor"] == [32, 20]
    assert describe_events(tmp_path / "r.raw").size == (32, 20)
    assert found["events"] > 0
    found = cli("data", "convert", film_file, tmp_path / "f.npz", "--size", "80", "--frames", "3", "--json").json()
    assert found["shape"] == [3, 2, 80, 80]


WRONG = {
    "format": (["r.es", "o.xyz"], ["suffix '.xyz' tells no format", "evt2, evt3"]),
    "format by name": (["r.es", "o.raw", "--format", "es"], ["the format 'es' is not written"]),
    "frames elsewhere": (["r.es", "o.h5", "--frames", "3"], ["frames are written as .npz"]),
    "by without frames": (["r.es", "o.npz", "--by", "count"], ["--by, --counts", "add --frames"]),
    "size": (["r.es", "o.npz", "--size", "10x"], ["--size", "'10x' is no size"]),
    "preset": (["film.avi", "o.npz", "--preset", "sharp"], ["there is no DVS preset 'sharp'"]),
    "missing": (["absent.raw", "o.npz"], ["absent.raw", "no such file"]),
    "labels": (["own.npz", "o.raw"], ["holds no events to convert"]),
    "too wide": (["r.es", "o.bin"], ["cannot be written as nmnist", "columns are 0 to 255"]),
    "colours": (["colour.es", "o.npz"], ["colours have no polarity"]),
    "cut": (
        ["cut.es", "o.npz"],
        ["cut.es", "the file ends inside an event", "next: keep the good ones", "convert --partial"],
    ),
    "outside": (["r.es", "o.raw", "--size", "100"], ["lies outside the sensor", "the columns are 0 to 99"]),
    "folder": (["r.es", "absent/o.npz"], ["cannot write"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_converted_is_one_error_and_leaves_nothing(
    cli, recording, film_file, tmp_path, monkeypatch, name
):
    arguments, words = WRONG[name]
    (tmp_path / "r.es").write_bytes(recording.read_bytes())
    (tmp_path / "cut.es").write_bytes(recording.read_bytes()[:-3])
    (tmp_path / "colour.es").write_bytes(encoders.es_colour(EVENTS))
    (tmp_path / "film.avi").write_bytes(film_file.read_bytes())
    np.savez(tmp_path / "own.npz", x=np.ones((2, 3)), y=[0, 1])
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    assert cli("data", "convert", *arguments).is_one_error(*words)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_the_good_events_of_a_damaged_recording_are_kept_when_asked(cli, recording, tmp_path):
    (tmp_path / "cut.es").write_bytes(recording.read_bytes()[:-3])
    result = cli("data", "convert", tmp_path / "cut.es", tmp_path / "o.npz", "--partial")
    assert "2,999 events of a 304 x 240 sensor" in result.out
    assert "cut.es: damaged ES after 2,999 good events: the file ends inside an event" in result.err
    np.testing.assert_array_equal(read_events(tmp_path / "o.npz"), EVENTS[:2999])


def test_a_file_that_is_there_is_replaced_only_when_asked(cli, recording, tmp_path):
    (tmp_path / "r.npz").write_text("mine")
    assert cli("data", "convert", recording, tmp_path / "r.npz").is_one_error("exists already", "--force")
    assert (tmp_path / "r.npz").read_text() == "mine"
    assert cli("data", "convert", recording, tmp_path / "r.npz", "--force").code == 0
    assert len(read_events(tmp_path / "r.npz")) == 3000


def test_no_events_at_all(cli, tmp_path):
    (tmp_path / "r.npz").write_bytes(encoders.npz(np.empty(0, DTYPE)))
    assert cli("data", "convert", tmp_path / "r.npz", tmp_path / "o.raw", "--sort").code == 0
    assert len(read_events(tmp_path / "o.raw")) == 0
