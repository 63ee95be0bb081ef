import numpy as np
import pytest
from PIL import Image

from neurofer.data.events import DTYPE
from neurofer.data.preview import draw, slice_events
from neurofer.data.preview.paint import OFF, ON, PAPER
from neurofer.errors import UsageError, WriteError


def two(frames=2):
    """Two pixels of a sensor of 20 x 10: ON in the first half of the time, OFF in the second."""
    events = np.empty(400, DTYPE)
    events["t"] = np.arange(400) * 5000
    later = events["t"] >= 1_000_000
    events["x"], events["y"], events["p"] = np.where(later, 15, 4), np.where(later, 7, 2), np.where(later, 0, 1)
    return slice_events([events], frames, 40, size=(20, 10), span=(0, 1_995_000), title="two pixels")


def strong(picture):
    """How many pixels have the full colour of ON, and of OFF."""
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    return [int((pixels == ink).all(1).sum()) for ink in (ON, OFF)]


def test_a_sheet_has_a_frame_for_each_slice_and_a_curve(tmp_path):
    draw([two()], tmp_path / "r.png", 40)
    with Image.open(tmp_path / "r.png") as picture:
        frames = picture.crop((0, 20, picture.width, 51))
        left, right = (frames.crop((k * 52, 0, (k + 1) * 52, 31)) for k in (0, 1))
        assert strong(left) == [4, 0]  # one pixel is a square of 2 x 2
        assert strong(right) == [0, 4]
        assert min(strong(picture.crop((0, 80, picture.width, picture.height)))) > 20  # the curve
        assert picture.getpixel((1, 1)) == PAPER


def test_recordings_stand_in_rows_of_their_own(tmp_path):
    draw([two()], tmp_path / "one.png", 40)
    draw([two()] * 3, tmp_path / "three.png", 40)
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "three.png") as three:
        assert strong(three) == [12, 12]
        assert three.width == one.width


def test_a_moving_picture_shows_one_slice_after_the_other(tmp_path):
    draw([two(), two()], tmp_path / "r.gif", 40)
    with Image.open(tmp_path / "r.gif") as picture:
        assert (picture.n_frames, picture.info["loop"], picture.info["duration"]) == (2, 0, 250)
        shown = []
        for number in range(2):
            picture.seek(number)
            shown.append(strong(picture))
    assert shown == [[8, 0], [0, 8]]


def test_one_slice_is_enough(tmp_path):
    draw([two(frames=1)], tmp_path / "r.gif", 40)
    draw([two(frames=1)], tmp_path / "r.png", 40)
    assert all(path.stat().st_size for path in tmp_path.iterdir())


def test_other_files_are_refused_and_nothing_stays(tmp_path):
    with pytest.raises(UsageError, match=r"previews are \.png or \.gif"):
        draw([two()], tmp_path / "r.jpg", 40)
    with pytest.raises(WriteError):
        draw([two()], tmp_path / "nowhere" / "r.png", 40)
    assert not list(tmp_path.iterdir())
