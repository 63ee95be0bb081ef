import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.faces.points68 import MOUTH, face68, plausible


def drawn(turn=0.0, size=1.0):
    """The landmarks of a face in a square of side 100, about its middle, turned clockwise and scaled."""
    points = np.zeros((68, 2))
    points[:17, 0], points[:17, 1] = np.linspace(-45, 45, 17), 40 * np.cos(np.linspace(-1.5, 1.5, 17))
    points[36:42], points[42:48] = (-22, -20), (22, -20)
    points[27], points[30], points[33] = (0, -18), (0, 6), (0, 12)
    points[MOUTH] = (0, 28)
    c, s = np.cos(turn) * size, np.sin(turn) * size
    return points @ np.array([[c, s], [-s, c]])


@given(st.floats(-0.75, 0.75), st.floats(0.6, 1.6))
def test_a_tilted_face_of_about_the_right_size_can_be_one(turn, size):
    assert plausible(face68(drawn(turn, size)), side=100)


@given(st.floats(np.pi / 4 + 0.05, 2 * np.pi - np.pi / 4 - 0.05))
def test_a_face_on_its_side_or_head_cannot(turn):
    assert not plausible(face68(drawn(turn)), side=100)


@pytest.mark.parametrize("size", [0.4, 2.0])
def test_a_face_much_smaller_or_larger_than_its_square_cannot(size):
    assert not plausible(face68(drawn(size=size)), side=100)


def test_a_mouth_above_the_eyes_and_a_nose_without_length_cannot():
    above, flat = drawn(), drawn()
    above[MOUTH, 1] = -40
    flat[27] = flat[33]
    assert not plausible(face68(above), side=100)
    assert not plausible(face68(flat), side=100)


def test_all_points_in_one_place_cannot():
    assert not plausible(face68(np.ones((68, 2))), side=100)


def test_eyes_and_nose_are_those_of_the_scheme():
    face = face68(drawn())
    assert (face.eye_distance, face.nose_length, face.roll) == (44, 30, 0)
    assert tuple(face.nose) == (0, 6)
