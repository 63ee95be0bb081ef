"""Built folders are read as sequences of recordings and labels; what is not what was built is never read."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file": "../../secret.npz"}, r"2: file \.\./\.\./secret\.npz, expected recordings/ID\.npz"),
        ({"file": "recordings/../../secret.npz", "id": "../../secret"}, r"expected recordings/ID\.npz"),
        ({"label": 6}, "2: label 6, and there are 6 classes"),
        ({"label": -1}, "2: label -1"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(faces, changes, message):
    manifest = json.loads((faces / MANIFEST).read_text())
    manifest["recordings"][2].update(changes)
    (faces / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ReadError, match=f"contradicts itself(.|\n)*{message}"):
        open_recordings(faces)


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    folder = tmp_path_factory.mktemp("still") / "faces"
    build(synthetic.source(3, **SMALL), folder, jobs=1)
    return folder, (folder / MANIFEST).read_bytes()


@given(st.data())
def test_a_hostile_manifest_gives_recordings_or_a_read_error(still, data):
    folder, text = still
    document = json.loads(text)
    places = [document, document["recordings"][1]]
    place = data.draw(st.sampled_from(places))
    key = data.draw(st.sampled_from(sorted(place)))
    junk = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=3))
    place[key] = data.draw(st.one_of(junk, st.dictionaries(st.text(max_size=3), junk, max_size=2)))
    cut = data.draw(st.sampled_from([None, 10, -5]))
    (folder / MANIFEST).write_bytes(json.dumps(document).encode()[:cut])
    try:
        found = open_recordings(folder)
        events, label = found[1]
    except (ReadError, IndexError):
        return
    assert len(events) == found.manifest.recordings[1].events
    assert 0 <= label < len(found.manifest.classes)
