import cv2
import numpy as np
import pytest

from neurofer.data.faces import CROPS, POLICIES, PROVIDERS
from neurofer.data.synthetic import film
from neurofer.data.video import open_video


@pytest.fixture(scope="session")
def pictures():
    """A drawn face that moves, RGB."""
    drawn = [frame.round().clip(0, 255).astype(np.uint8) for frame in film(4, "happy", frames=6, size=160)]
    return np.repeat(np.stack(drawn)[..., None], 3, axis=3)


@pytest.fixture(scope="session")
def video(tmp_path_factory, pictures):
    path = tmp_path_factory.mktemp("video") / "face.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 25, pictures.shape[2:0:-1])
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="session")
def faulty(tmp_path_factory, pictures):
    """A folder of frames, of which 2 and 3 show nothing."""
    folder = tmp_path_factory.mktemp("faulty")
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture * (number not in {2, 3}))
    return folder


def test_a_video_becomes_a_folder_of_pictures_that_reads_as_a_video(cli, video, tmp_path):
    done = cli("data", "faces", video, "-o", tmp_path / "out", "--crop", "face")
    assert done.code == 0
    assert f"{tmp_path / 'out'}: 6 pictures of 200 x 200 from 6 frames of {video}" in done.out
    assert "2.67 eye distances by 2.67 nose lengths, measured in the first frame" in done.out
    assert f"next: neurofer data convert {tmp_path / 'out'} OUT.npz --fps 25" in done.out
    frames = list(open_video(tmp_path / "out").frames())
    assert [frame.shape for frame in frames] == [(200, 200, 3)] * 6
    assert not list(tmp_path.glob(".*"))


def test_the_document_tells_of_every_picture(cli, video, tmp_path):
    document = cli("data", "faces", video, "-o", tmp_path / "a.npz", "--json", "--size", "64").json()
    assert document["schema"] == "neurofer.data.faces/1"
    assert document["crop"] == {"name": "as-written", "height": 4 / 3, "width": 4 / 3, "lengths": "each"}
    assert (document["frames"], document["pictures"], document["fps"], document["faults"]) == (6, 6, 25, [])
    assert [at["frame"] for at in document["placements"]] == list(range(6))
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["frames"].shape == (6, 64, 64)
        assert arrays["numbers"].tolist() == list(range(6))
        assert arrays["fps"] == 25


def test_the_crop_as_written_is_told_to_miss_the_eyes(cli, video, tmp_path):
    done = cli("data", "faces", video, "-o", tmp_path / "out")
    assert "note: the crop 'as-written' holds 0% of the landmarks; --crop face holds the face" in done.out


def test_frames_at_fault_refuse_the_video_and_leave_nothing(cli, faulty, tmp_path):
    done = cli("data", "faces", faulty, "-o", tmp_path / "out")
    assert done.is_one_error(f"{faulty}: 2 of 6 frames do not show one upright face", "frames 2 to 3: no upright face")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("policy", "kept", "words"),
    [("skip", [0, 1, 4, 5], "left out"), ("hold", [0, 1, 2, 3, 4, 5], "placed as the frame before")],
)
def test_a_policy_says_what_becomes_of_them(cli, faulty, tmp_path, policy, kept, words):
    done = cli("data", "faces", faulty, "-o", tmp_path / "out", "--policy", policy)
    assert done.code == 0
    assert any(line.split("  ")[0] == "frames 2 to 3" and words in line for line in done.out.splitlines())
    names = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert names == [f"frame_{number:06d}.png" for number in kept]


def test_an_older_output_is_kept_unless_forced(cli, video, tmp_path):
    for out in (tmp_path / "out", tmp_path / "a.npz"):
        arguments = ("data", "faces", video, "-o", out, "--size", "8")
        assert cli(*arguments).code == 0
        assert cli(*arguments).is_one_error("exists already")
        assert cli(*arguments, "--force").code == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("all of it")
    done = cli("data", "faces", video, "-o", tmp_path / "mine", "--force")
    assert done.is_one_error("it has no report.json, so nothing replaces it")


def test_a_provider_without_its_weights_is_told_before_the_video_is_read(cli, video, tmp_path):
    done = cli("data", "faces", video, "-o", tmp_path / "out", "--provider", "net68")
    assert done.is_one_error("neurofer: net68 needs the weights of its network", "next: give face_landmark_68_model")


def test_help_names_all_providers_crops_and_policies(cli):
    words = cli("data", "faces", "--help").out
    for names in (PROVIDERS, CROPS, POLICIES):
        assert f"<{'|'.join(names)}>" in words
