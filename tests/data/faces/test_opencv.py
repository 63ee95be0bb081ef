import cv2
import numpy as np
import pytest

from neurofer.data.faces import Face, Reason, named_provider
from neurofer.data.faces.detector import cascade
from neurofer.data.synthetic import EXPRESSIONS, film
from neurofer.errors import MissingPackageError, UsageError
from tests.data.faces.pictures import EYES, beside, moved


@pytest.fixture(scope="module")
def eyes():
    return named_provider("opencv")


def drawn(seed, size=200):
    return next(film(seed, EXPRESSIONS[seed % 6], frames=2, size=size)).round().clip(0, 255).astype(np.uint8)


def test_both_eyes_of_a_real_face(eyes, astronaut):
    face = eyes.find(astronaut)
    assert np.array([face.left_eye, face.right_eye]) == pytest.approx(EYES, abs=4)
    assert face.nose == pytest.approx((223.3, 127.2), abs=4)  # by net68
    assert face.nose_length == pytest.approx(29.6, abs=3)


@pytest.mark.parametrize("degrees", [-12, 12])
def test_eyes_turn_with_the_face(eyes, astronaut, degrees):
    turned = np.degrees(eyes.find(moved(astronaut, degrees=degrees)[0]).roll - eyes.find(astronaut).roll)
    assert turned == pytest.approx(degrees, abs=2.5)


def test_drawn_faces_are_found(eyes):
    found = [eyes.find(drawn(seed)) for seed in range(24)]
    assert sum(isinstance(face, Face) for face in found) >= 22


def test_what_is_no_single_upright_face_has_a_reason(eyes, astronaut):
    face = astronaut[:250, 100:350]
    assert eyes.find(np.zeros_like(face)) == Reason.NO_FACE
    assert eyes.find(np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)) == Reason.NO_FACE
    assert eyes.find(beside(face)) == Reason.SEVERAL
    assert eyes.find(face[::-1]) == Reason.UPSIDE_DOWN


def test_a_face_without_eyes_is_reported(eyes, astronaut):
    blurred, masked = cv2.GaussianBlur(astronaut, (31, 31), 0), astronaut.copy()
    for x, y in EYES.astype(int):
        around = np.s_[y - 10 : y + 10, x - 15 : x + 15]
        masked[around] = blurred[around]
    assert eyes.find(masked) == Reason.NO_EYES


def test_it_takes_no_weights(tmp_path):
    with pytest.raises(UsageError, match="opencv reads no weights\n  next: choose the provider net68 or dlib"):
        named_provider("opencv", tmp_path / "weights")


def test_a_build_without_cascades_is_told(monkeypatch, tmp_path):
    import cv2.data

    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(MissingPackageError, match="comes without its Haar cascades\n  next: pip install 'neurofer"):
        cascade("eye")


def test_an_unknown_provider_is_refused():
    with pytest.raises(UsageError, match="no provider 'mediapipe' of landmarks\n  next: choose one of opencv, net68"):
        named_provider("mediapipe")
