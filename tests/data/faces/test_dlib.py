import numpy as np
import pytest

from neurofer.data.faces import Face, Reason, named_provider
from neurofer.errors import MissingPackageError, ReadError, UsageError
from tests.data.faces.pictures import EYES, beside, moved

dlib = pytest.importorskip("dlib", reason="dlib is an optional provider, which this environment does not have")

# The 68 landmarks of the astronaut that matter here, by net68; the others stand at the nose.
NOSE, TIP, BASE, MOUTH = (223.0, 103.0), (223.3, 127.2), (223.0, 132.6), (223.0, 147.0)


def landmarks():
    points = np.tile(np.array(TIP), (68, 1))
    points[36:42], points[42:48] = EYES
    points[27], points[33], points[48:68] = NOSE, BASE, MOUTH
    return points


@pytest.fixture(scope="module")
def weights(astronaut, tmp_path_factory):
    """A predictor as dlib trains and stores it, of one face in some positions."""
    detector, frames, boxes = dlib.get_frontal_face_detector(), [], []
    for degrees in (-6, 0, 6):
        frame, motion = moved(astronaut, degrees=degrees)
        around = detector.run(frame, 1, 0.3)[0][0]
        points = landmarks() @ motion[:, :2].T + motion[:, 2]
        parts = [dlib.point(round(x), round(y)) for x, y in points]
        frames.append(frame)
        boxes.append([dlib.full_object_detection(around, parts)])
    options = dlib.shape_predictor_training_options()
    options.oversampling_amount, options.cascade_depth, options.num_trees_per_cascade_level = 20, 5, 30
    options.num_threads = 1
    path = tmp_path_factory.mktemp("dlib") / "trained.dat"
    dlib.train_shape_predictor(frames, boxes, options).save(str(path))
    return path


@pytest.fixture(scope="module")
def provider(weights):
    return named_provider("dlib", weights)


def test_eyes_of_a_real_face(provider, astronaut):
    face = provider.find(astronaut)
    assert np.array([face.left_eye, face.right_eye]) == pytest.approx(EYES, abs=2)


def test_what_is_no_single_upright_face_has_a_reason(provider, astronaut):
    face = astronaut[:250, 100:350]
    assert isinstance(provider.find(face[..., 1].copy()), Face)
    assert provider.find(np.zeros_like(face)) == Reason.NO_FACE
    assert provider.find(beside(face)) == Reason.SEVERAL
    assert provider.find(face[::-1]) == Reason.UPSIDE_DOWN


@pytest.mark.parametrize("content", [b"", b"no predictor", bytes(4096)])
def test_what_is_no_predictor_is_refused(tmp_path, content):
    path = tmp_path / "x.dat"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"x\.dat: this is no shape predictor of dlib's"):
        named_provider("dlib", path)


def test_a_predictor_that_is_cut_off_is_refused(weights, tmp_path):
    path = tmp_path / "half.dat"
    path.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(ReadError, match="this is no shape predictor of dlib's"):
        named_provider("dlib", path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReadError, match=r"none\.dat: there is no such file"):
        named_provider("dlib", tmp_path / "none.dat")


def test_a_predictor_of_other_landmarks_is_refused(astronaut, tmp_path):
    box = dlib.rectangle(170, 70, 270, 170)
    shape = dlib.full_object_detection(box, [dlib.point(200, 100)] * 5)
    options = dlib.shape_predictor_training_options()
    options.oversampling_amount, options.cascade_depth, options.num_trees_per_cascade_level = 2, 1, 1
    path = tmp_path / "five.dat"
    dlib.train_shape_predictor([astronaut], [[shape]], options).save(str(path))
    with pytest.raises(ReadError, match="this predictor places 5 landmarks, not 68"):
        named_provider("dlib", path)


def test_it_asks_for_its_file():
    with pytest.raises(UsageError, match="dlib needs the file of its shape predictor\n  next: give shape_predictor_68"):
        named_provider("dlib")


def test_without_dlib_the_command_that_installs_it_is_told(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingPackageError, match="dlib: dlib is not installed\n  next: pip install dlib-bin"):
        named_provider("dlib", tmp_path / "x.dat")
