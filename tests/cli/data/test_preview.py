import pytest
from PIL import Image

from tests.cli.data.test_info import write_frames
from tests.data.events import encoders


def test_a_sheet_of_a_recording(cli, recording, tmp_path):
    found = cli("data", "preview", recording, "-o", tmp_path / "r.png", "--json").json()
    assert (found["schema"], found["frames"]) == ("neurofer.data.preview/1", 6)
    assert [one["events"] for one in found["shown"]] == [3000]
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 6 * 152


def test_a_moving_picture_of_a_recording(cli, recording, tmp_path):
    assert cli("data", "preview", recording, "-o", tmp_path / "r.gif", "--frames", "9").code == 0
    with Image.open(tmp_path / "r.gif") as picture:
        assert (picture.format, picture.n_frames, picture.info["duration"]) == ("GIF", 9, 100)


def test_a_data_set_shows_the_first_of_each_class_or_the_asked_member(cli, built, tmp_path):
    found = cli("data", "preview", built, "-o", tmp_path / "all.png", "--json").json()
    assert [one["title"] for one in found["shown"]][:2] == ["happy (00)", "fear (01)"]
    assert len(found["shown"]) == 6
    found = cli("data", "preview", built, "-o", tmp_path / "one.gif", "--member", "07", "--json").json()
    assert [one["title"] for one in found["shown"]] == ["fear (07)"]
    assert cli("data", "preview", built, "-o", tmp_path / "all.gif", "--frames", "4").code == 0


def test_a_video_and_a_folder_of_frames_are_seen_first(cli, film_file, tmp_path):
    seen = cli("data", "preview", film_file, "-o", tmp_path / "v.png", "--json").json()["shown"]
    write_frames(tmp_path / "frames", film_file)
    frames = tmp_path / "frames"
    assert cli("data", "preview", frames, "-o", tmp_path / "f.png", "--fps", "25", "--json").json()["shown"] == [
        {**seen[0], "title": "frames"}
    ]
    assert seen[0]["events"] > 100


def test_without_a_name_it_is_written_here(cli, recording, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli("data", "preview", recording).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["short.png"]
    assert cli("data", "preview", recording).is_one_error("short.png", "exists already", "--force")
    assert cli("data", "preview", recording, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["r.es", "-o", "r.mp4"], ["previews are .png or .gif"]),
        (["r.es", "--member", "07"], ["only a data set has members"]),
        (["empty.npz"], ["there are no events to show"]),
        (["colour.es"], ["colours have no polarity"]),
        (["absent.es"], ["absent.es", "no such file"]),
        (["r.es", "-o", "absent/r.png"], ["cannot write"]),
        (["r.es", "--size", "100"], ["r.es", "events lie outside the sensor", "on 100 x 100 pixels"]),
        (["r.es", "--frames", "1000", "--side", "1000"], ["too large a picture", "at most 67 frames"]),
    ],
)
def test_what_cannot_be_shown_is_one_error_and_leaves_nothing(cli, recording, tmp_path, monkeypatch, arguments, words):
    (tmp_path / "r.es").write_bytes(recording.read_bytes())
    (tmp_path / "colour.es").write_bytes(encoders.es_colour(encoders.sample(9)))
    (tmp_path / "empty.npz").write_bytes(encoders.npz(encoders.sample(0)))
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    assert cli("data", "preview", *arguments).is_one_error(*words)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_member_that_is_not_there_names_some_that_are(cli, built, tmp_path):
    result = cli("data", "preview", built, "--member", "99", "-o", tmp_path / "r.png")
    assert result.is_one_error("there is no member '99'", "ids are 00, 01, 02")
