import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.faces.face import Face, Fault, Reason, as_problems, gray


def two_eyes(left, right):
    eyes = np.array([left, right], float)
    return Face(points=eyes, left_eye=eyes[0], right_eye=eyes[1], nose=eyes.mean(axis=0), nose_length=1.0)


def test_a_level_face_has_no_roll_and_a_lower_right_eye_is_clockwise():
    assert two_eyes((0, 5), (10, 5)).roll == 0
    assert two_eyes((0, 0), (10, 10)).roll == pytest.approx(np.pi / 4)


def test_the_eye_distance_is_that_of_the_centres():
    assert two_eyes((0, 0), (3, 4)).eye_distance == 5


def test_frames_in_a_row_with_one_reason_are_one_problem():
    faults = [Fault(number, Reason.NO_FACE) for number in (0, 3, 4, 5)] + [Fault(6, Reason.SEVERAL)]
    assert [str(problem) for problem in as_problems(faults)] == [
        "frame 0: no upright face",
        "frames 3 to 5: no upright face",
        "frame 6: several faces",
    ]


@given(st.sets(st.integers(0, 30)))
def test_every_fault_is_in_exactly_one_problem(numbers):
    problems = as_problems(Fault(number, Reason.NO_FACE) for number in sorted(numbers))
    told = set()
    for problem in problems:
        ends = [int(word) for word in problem.where.split() if word.isdigit()]
        run = set(range(ends[0], ends[-1] + 1))
        assert not run & told
        told |= run
    assert told == numbers


def test_gray_is_luma_and_leaves_gray_alone():
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    assert (gray(red) == round(0.299 * 255)).all()
    assert (gray(red[..., 1]) == 0).all()
    level = np.full((2, 2, 3), 77, np.uint8)
    assert (gray(level) == 77).all()
