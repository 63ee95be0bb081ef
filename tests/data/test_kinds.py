import numpy as np
import pytest

from neurofer.data.kinds import KINDS, kind_of
from neurofer.errors import ReadError
from tests.data import test_fer2013 as fer
from tests.data.events import encoders


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def recording(path, encode):
    path.write_bytes(encode(encoders.sample(50)))
    return path


MADE = {
    "recording": [
        lambda at: recording(at / "r.dat", encoders.dat),
        lambda at: recording(at / "no suffix", encoders.evt21),
        lambda at: recording(at / "events.npz", encoders.npz),
        lambda at: recording(at / "one.npz", encoders.npz_structured),
        lambda at: recording(at / "r.csv", encoders.csv),
    ],
    "video": [lambda at: touch(at / "film.MP4"), lambda at: touch(at / "frames" / "1.PNG").parent],
    "dataset": [lambda at: touch(at / "manifest.json").parent, lambda at: touch(at / "unfinished.json").parent],
    "faces": [
        lambda at: fer.write_csv(at / "fer2013.csv"),
        lambda at: fer.write_csv(at / "icml_face_data.csv", header="emotion, Usage, pixels"),
        fer.write_mosaic,
        fer.write_classes,
        lambda at: touch(at / "FER2013Test" / "label.csv").parent.parent,
    ],
    "votes": [lambda at: fer.write_votes(at, np.ones((fer.N, 10), int)) or at / "fer2013new.csv"],
    "arrays": [lambda at: npz(at / "own.npz", x=np.ones(3), y=np.ones(3))],
}


@pytest.mark.parametrize(("kind", "make"), [(kind, make) for kind, makes in MADE.items() for make in makes])
def test_what_lies_there(kind, make, tmp_path):
    assert kind_of(make(tmp_path)) == kind


def test_every_kind_is_tested():
    assert set(MADE) == set(KINDS)


def test_an_archive_of_other_arrays_is_left_to_the_reader_that_says_what_it_lacks(tmp_path):
    assert kind_of(npz(tmp_path / "archive.npz", weights=np.ones(3))) == "recording"


@pytest.mark.parametrize("name", ["text.txt", "picture.png", "nothing"])
def test_what_is_nothing_that_is_known(name, tmp_path):
    (tmp_path / "text.txt").write_text("a b c")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ReadError, match="nothing that is known"):
        kind_of(tmp_path / name)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(ReadError, match="no such file or folder"):
        kind_of(tmp_path / "absent")
