import cv2
import numpy as np
import pytest

from neurofer.data import dvs
from neurofer.data.filmed import film, resized
from neurofer.data.video import open_video
from neurofer.errors import ReadError, UsageError

FRAMES = np.random.default_rng(0).integers(20, 230, (6, 24, 40), np.uint8)


@pytest.fixture
def folder(tmp_path):
    for number, frame in enumerate(FRAMES):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
    return tmp_path


def test_a_film_is_what_the_model_makes_of_its_frames(folder):
    found = film(folder, fps=10, params="noisy", seed=5)
    assert (found.size, found.fps) == ((40, 24), 10)
    blocks = list(found.blocks)
    expected = dvs.convert(FRAMES, fps=10, params="noisy", seed=5)
    assert len(blocks) == 5
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_a_cross_fade_is_the_one_of_the_model(folder):
    events = np.concatenate(list(film(folder, fps=10, params="clean", crossfade=3).blocks))
    blended = dvs.interpolate(FRAMES, 3)
    np.testing.assert_array_equal(events, dvs.convert(blended, fps=30, params="clean"))


def test_a_film_is_read_as_it_is_seen(folder):
    (folder / "5.png").write_bytes(b"damaged")
    found = film(folder, fps=10, params="clean")
    assert sum(len(next(found.blocks)) for _ in range(4)) > 0
    with pytest.raises(ReadError, match=r"5\.png"):
        next(found.blocks)


@pytest.mark.parametrize("size", [(20, 12), (80, 48), (10, 40), (40, 24)])
def test_the_sensor_decides_on_the_size(folder, size):
    found = film(folder, fps=10, size=size, params="clean")
    events = np.concatenate(list(found.blocks))
    assert found.size == size
    assert events["x"].max() < size[0]
    assert events["y"].max() < size[1]


def test_a_smaller_frame_is_made_of_means():
    np.testing.assert_array_equal(
        resized(FRAMES[0], (20, 12)), np.rint(FRAMES[0].reshape(12, 2, 20, 2).mean((1, 3)) + 1e-9)
    )
    np.testing.assert_array_equal(resized(FRAMES[0], (40, 24)), FRAMES[0])


def test_wrong_calls(folder, tmp_path):
    with pytest.raises(UsageError, match="how many frames a second"):
        film(folder)
    with pytest.raises(UsageError, match="a sensor of 0 x 3 pixels"):
        film(folder, fps=10, size=(0, 3))
    with pytest.raises(UsageError, match="no DVS preset 'sharp'"):
        film(folder, fps=10, params="sharp")
    with pytest.raises(ReadError, match="no such file"):
        film(tmp_path / "absent.avi")
    assert open_video(folder).fps is None
