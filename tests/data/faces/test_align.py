import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.faces.align import CROPS, Crop, Placement, named_crop, place, sample
from neurofer.data.faces.face import Face
from neurofer.errors import UsageError

angles = st.floats(-3.1, 3.1)
shifts = st.floats(-500, 500)
scales = st.floats(0.2, 5)
_DRAWN = np.random.default_rng(3).uniform(0, 100, (68, 2))


def face(points=_DRAWN):
    return Face(
        points=points,
        left_eye=points[0],
        right_eye=points[1],
        nose=points[2],
        nose_length=float(np.hypot(*(points[4] - points[3]))),
    )


def similarity(angle, scale, x, y):
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return np.array([[c, -s, x], [s, c, y]])


@given(angle=angles, scale=scales, x=shifts, y=shifts)
def test_a_face_that_is_turned_scaled_and_shifted_gives_the_same_picture(angle, scale, x, y):
    motion = similarity(angle, scale, x, y)
    first, later = face(), face(_DRAWN @ motion[:, :2].T + motion[:, 2])
    crop = CROPS["as-written"]
    still = place(first, first, crop).matrix(200)
    followed = place(later, first, crop).matrix(200)
    # Each pixel of the picture is found where the motion took it.
    assert followed[:, :2] == pytest.approx(motion[:, :2] @ still[:, :2], abs=1e-6)
    assert followed[:, 2] == pytest.approx(motion[:, :2] @ still[:, 2] + motion[:, 2], abs=1e-4)


@given(angle=angles, x=shifts, y=shifts)
def test_lengths_of_the_first_frame_follow_turns_and_shifts_but_keep_the_size(angle, x, y):
    motion = similarity(angle, 2.0, x, y)
    first, larger = face(), face(_DRAWN @ motion[:, :2].T + motion[:, 2])
    one, other = (place(each, first, CROPS["face"]) for each in (first, larger))
    assert (other.width, other.height) == (one.width, one.height)
    assert place(larger, larger, CROPS["face"]).width == pytest.approx(2 * one.width)


@given(angle=st.floats(-1.5, 1.5))
def test_level_turns_the_eyes_of_the_first_frame_level(angle):
    motion = similarity(angle, 1.0, 0, 0)
    first = face(_DRAWN @ motion[:, :2].T)
    assert place(first, first, CROPS["face"]).angle == 0
    assert place(first, first, CROPS["face"], level=True).angle == pytest.approx(first.roll)


def test_the_crop_is_what_the_authors_wrote_and_its_double():
    first = face()
    written, whole = (place(first, first, CROPS[name]) for name in ("as-written", "face"))
    assert written.width == pytest.approx(2 * 2 / 3 * first.eye_distance)
    assert written.height == pytest.approx(2 * 2 / 3 * first.nose_length)
    assert (whole.width, whole.height) == pytest.approx((2 * written.width, 2 * written.height))
    assert (written.x, written.y) == tuple(first.nose)


@given(angle=angles, size=st.integers(1, 300))
def test_the_centre_of_the_picture_is_the_centre_of_the_rectangle_and_its_edge_the_edge(angle, size):
    placement = Placement(x=30, y=20, width=60, height=10, angle=angle)
    matrix = placement.matrix(size)
    assert matrix @ [(size - 1) / 2, (size - 1) / 2, 1] == pytest.approx([30, 20])
    right = np.array([30, 20]) + 30 * np.array([np.cos(angle), np.sin(angle)])
    assert matrix @ [size - 0.5, (size - 1) / 2, 1] == pytest.approx(right)


def test_a_placement_holds_what_lies_inside():
    placement = Placement(x=10, y=10, width=8, height=2, angle=np.pi / 2)
    points = np.array([[10, 13.9], [10, 14.1], [10.9, 10], [11.1, 10]])
    assert placement.holds(points).tolist() == [True, False, True, False]


def test_a_sample_of_the_same_grid_is_the_frame_itself():
    frame = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    assert (sample(frame, np.eye(2, 3), 20) == frame).all()


def test_a_finer_frame_is_averaged_not_skipped():
    squares = (np.indices((60, 60)).sum(axis=0) % 2 * 255).astype(np.uint8)
    matrix = Placement(x=29.5, y=29.5, width=60, height=60, angle=0).matrix(20)
    found = sample(squares, matrix, 20)
    assert np.abs(found.astype(int) - 127.5).max() < 255 / 9  # nine pixels, four or five of them white
    whole = sample(squares, Placement(x=29.5, y=29.5, width=60, height=60, angle=0).matrix(10), 10)
    assert np.abs(whole.astype(int) - 127.5).max() <= 1  # 36 pixels, half of them white


@pytest.mark.parametrize("angle", [0, np.pi / 2])
def test_a_turned_rectangle_is_averaged_along_its_own_sides(angle):
    stripes = (np.arange(80) % 2 * 255).astype(np.uint8) * np.ones((80, 1), np.uint8)
    frame = stripes if angle == 0 else stripes.T.copy()  # they run down the picture either way
    picture = sample(frame, Placement(x=40.5, y=40.5, width=60, height=20, angle=angle).matrix(20), 20)
    assert np.abs(picture.astype(int) - 127.5).max() < 255 / 3  # three pixels wide: one or two of them white


@given(angle=angles, width=st.floats(2, 90), height=st.floats(2, 90))
def test_a_plain_frame_gives_a_plain_picture_wherever_it_is_sampled(angle, width, height):
    frame = np.full((40, 50, 3), (10, 200, 77), np.uint8)
    picture = sample(frame, Placement(x=5, y=38, width=width, height=height, angle=angle).matrix(16), 16)
    assert picture.shape == (16, 16, 3)
    assert (picture == (10, 200, 77)).all()


def test_a_ramp_is_sampled_between_its_pixels():
    ramp = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (9, 1))
    picture = sample(ramp, Placement(x=12, y=4, width=10, height=4, angle=0).matrix(20), 20)
    expected = 10 * (12 + (np.arange(20) - 9.5) / 2)
    assert np.abs(picture - expected).max() <= 0.5 + 1e-9


def test_unknown_and_empty_crops_are_refused():
    with pytest.raises(UsageError, match="no crop 'square'\n  next: choose one of as-written, face"):
        named_crop("square")
    with pytest.raises(UsageError, match="holds no picture"):
        Crop(height=0, width=1, lengths="each")
    with pytest.raises(UsageError, match="measured in 'last'"):
        Crop(height=1, width=1, lengths="last")
