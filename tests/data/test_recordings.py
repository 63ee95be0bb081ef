"""Built folders are read as sequences of recordings and labels; what is not what was built is never read."""

import json

import numpy as np
import pytest

pytest.importorskip("numba", reason="binning and the DVS model are compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import synthetic
from neurofer.data.build import MANIFEST, build
from neurofer.data.events import DTYPE
from neurofer.data.recordings import open_recordings
from neurofer.errors import ReadError

SMALL = {"size": 32, "frames": 4, "fps": 4}


@pytest.fixture
def faces(tmp_path):
    build(synthetic.source(8, subjects=2, **SMALL), tmp_path / "faces", jobs=1)
    return tmp_path / "faces"


def test_recordings_are_a_sequence_of_events_and_labels(faces):
    found = open_recordings(faces)
    assert len(found) == 8
    assert found.labels.tolist() == [*range(6), 0, 1]
    assert found.subjects == ("0",) * 6 + ("1",) * 2
    assert found.sensor_size == (32, 32, 2)
    for index in range(8):
        events, label = found[index]
        assert events.dtype == DTYPE
        assert np.array_equal(events, synthetic.member(index, subjects=2, **SMALL).events)
        assert label == index % 6


def test_a_recording_of_another_member_is_not_read(faces):
    (faces / "recordings" / "3.npz").write_bytes((faces / "recordings" / "4.npz").read_bytes())
    with pytest.raises(
        ReadError, match=r"3\.npz: this is not the recording that was built: it holds \d+ events(.|\n)*again"
    ):
        open_recordings(faces).events(3)


@pytest.mark.parametrize(("key", "value"), [("file", "../../secret.npz"), ("label", 6), ("label", -1)])
def test_a_manifest_that_contradicts_itself_is_refused(faces, key, value):
    manifest = json.loads((faces / MANIFEST).read_text())
    manifest["recordings"][2][key] = value
    (faces / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ReadError, match="contradicts itself") as caught:
        open_recordings(faces)
    assert str(value) in str(caught.value.problems[0])
