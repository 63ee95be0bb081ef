import numpy as np
import pytest

from neurofer.data.faces import Face, Reason, named_provider
from neurofer.errors import UsageError
from tests.data.faces.networks import drawn_weights, write_weights
from tests.data.faces.pictures import EYES, beside, moved


@pytest.fixture(scope="module")
def net68(landmarks):
    return named_provider("net68", landmarks)


def test_eye_centres_of_a_real_face(net68, astronaut):
    face = net68.find(astronaut)
    assert np.array([face.left_eye, face.right_eye]) == pytest.approx(EYES, abs=2)
    assert face.points.shape == (68, 2)


def test_landmarks_go_where_the_face_goes(net68, astronaut):
    still = net68.find(astronaut)
    frame, motion = moved(astronaut, degrees=12, shift=(7.3, -4.6), scale=1.3)
    expected = still.points @ motion[:, :2].T + motion[:, 2]
    away = np.hypot(*(net68.find(frame).points - expected).T)
    assert np.median(away) < 0.02 * still.eye_distance
    assert away.max() < 0.08 * still.eye_distance


def test_a_gray_frame_has_a_face_too(net68, astronaut):
    gray = astronaut.mean(axis=2).astype(np.uint8)
    assert net68.find(gray).points == pytest.approx(net68.find(astronaut).points, abs=3)


def test_what_is_no_single_upright_face_has_a_reason(net68, astronaut):
    face = astronaut[:250, 100:350]
    assert net68.find(np.zeros_like(face)) == Reason.NO_FACE
    assert net68.find(beside(face)) == Reason.SEVERAL
    assert net68.find(face[::-1]) == Reason.UPSIDE_DOWN


def test_a_square_on_the_wrong_place_gives_no_landmarks(net68, astronaut):
    frame, _ = moved(astronaut, degrees=-40)  # the cascade takes collar and chin for a face
    assert not isinstance(net68.find(frame), Face)


def test_points_of_untrained_weights_are_no_landmarks(tmp_path, astronaut):
    path, _ = write_weights(tmp_path, drawn_weights())
    assert named_provider("net68", path).find(astronaut) == Reason.NO_LANDMARKS


def test_it_asks_for_its_weights():
    with pytest.raises(UsageError, match="net68 needs the weights of its network\n  next: give face_landmark_68_model"):
        named_provider("net68")
