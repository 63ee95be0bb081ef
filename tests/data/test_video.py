import subprocess
import sys

import cv2
import numpy as np
import pytest

from neurofer.data.synthetic import film
from neurofer.data.video import open_video
from neurofer.errors import MissingPackageError, ReadError, UsageError

COUNT = 24


@pytest.fixture(scope="module")
def frames():
    """A gray face, with red and blue at the sides, RGB."""
    drawn = [frame.round().clip(0, 255).astype(np.uint8) for frame in film(2, "fear", frames=COUNT, size=96)]
    coloured = np.repeat(np.stack(drawn)[..., None], 3, axis=3)
    coloured[:, :, :16], coloured[:, :, -16:] = (200, 0, 0), (0, 0, 200)
    return coloured


def written(path, frames, codec, fps=25.0):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, frames.shape[2:0:-1])
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "FFV1"), ("a.mov", "mp4v")]
)
def test_a_video_comes_back_frame_by_frame(tmp_path, frames, name, codec):
    video = open_video(written(tmp_path / name, frames, codec))
    assert (video.fps, video.count) == (25, COUNT)
    for _ in range(2):  # each call starts anew
        found = np.stack(list(video.frames()))
        assert found.shape == frames.shape
        assert np.abs(found.astype(int) - frames).mean() < 8  # lossy, and in the right order of colours


def test_a_lossless_gray_video_comes_back_as_it_was(tmp_path, frames):
    gray = np.repeat(frames[..., 1:2], 3, axis=3)
    found = np.stack(list(open_video(written(tmp_path / "a.avi", gray, "FFV1")).frames()))
    assert np.abs(found.astype(int) - gray).max() <= 2  # FFV1 keeps luma and chroma


def test_the_callers_rate_counts_before_the_files(tmp_path, frames):
    assert open_video(written(tmp_path / "a.avi", frames, "MJPG"), fps=60).fps == 60
    with pytest.raises(UsageError, match="0 frames per second is no rate"):
        open_video(tmp_path / "a.avi", fps=0)


def pictures(folder, frames, name="frame_{}.png"):
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / name.format(number)), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return folder


def test_pictures_of_a_folder_come_in_the_order_of_their_numbers(tmp_path, frames):
    folder = pictures(tmp_path / "S001_²", frames)
    (folder / "notes.txt").write_text("no picture")
    (folder / "._frame_0.png").write_bytes(b"what macOS leaves behind")
    video = open_video(folder)
    assert (video.fps, video.count) == (None, COUNT)
    assert (np.stack(list(video.frames())) == frames).all()
    assert open_video(folder, fps=30).fps == 30


def test_a_damaged_picture_is_named_with_the_good_ones_before_it(tmp_path, frames):
    folder = pictures(tmp_path / "f", frames[:4])
    (folder / "frame_2.png").write_bytes(b"\x89PNG\r\n and nothing")
    with pytest.raises(ReadError, match=r"frame_2.png: the picture is damaged, or none: 2 frames before it are good"):
        list(open_video(folder).frames())
    (folder / "frame_2.png").write_bytes(b"")
    with pytest.raises(ReadError, match=r"frame_2.png: the picture"):
        list(open_video(folder).frames())


def test_a_folder_named_like_a_picture_is_none(tmp_path, frames):
    folder = pictures(tmp_path / "f", frames[:1])
    (folder / "frame_9.png").mkdir()
    with pytest.raises(ReadError, match=r"frame_9.png: the picture cannot be read: Is a directory"):
        list(open_video(folder).frames())


def test_nothing_there_no_pictures_and_no_video_are_refused(tmp_path):
    with pytest.raises(ReadError, match="there is no such file or folder"):
        open_video(tmp_path / "none.avi")
    with pytest.raises(ReadError, match=r"the folder holds no pictures\n  next: give one with \.bmp"):
        open_video(tmp_path)
    for content in (b"", b"RIFF", bytes(range(256)) * 20):
        (tmp_path / "x.avi").write_bytes(content)
        with pytest.raises(ReadError, match=r"x\.avi: this is no video"):
            open_video(tmp_path / "x.avi")


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mkv", "FFV1")])
def test_a_video_that_is_cut_off_tells_how_many_frames_came(tmp_path, frames, name, codec):
    path = written(tmp_path / name, frames, codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    good = []
    with pytest.raises(ReadError) as refused:
        good.extend(open_video(path).frames())
    assert 2 < len(good) < COUNT - 2
    assert f"the video ends after {len(good)} of {COUNT} frames: it is cut off or damaged" in str(refused.value)


def test_without_opencv_the_command_that_installs_it_is_told(monkeypatch, tmp_path):
    (tmp_path / "x.avi").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingPackageError, match=r"OpenCV, .*\n  next: pip install 'neurofer\[faces\]'"):
        open_video(tmp_path / "x.avi")


def test_opencv_is_imported_only_to_read():
    code = (
        "import sys, neurofer.data.faces, neurofer.data.video; sys.exit('cv2' in sys.modules or 'dlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
