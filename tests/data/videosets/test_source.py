"""A folder of filmed faces becomes a data set of events: by time and face as asked, resumable, reported."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the DVS model is compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import dvs, faces, videosets
from neurofer.data.build import build
from neurofer.data.faces.face import gray
from neurofer.data.filmed import resized
from neurofer.data.recordings import open_recordings
from neurofer.data.video import open_video
from neurofer.data.videosets import Showing
from neurofer.errors import MissingPackageError, UsageError

WHOLE = Showing(size=48, provider=None)


def same(found, expected):
    """Whether these are the same events; the seed decides on the order of those of one time."""
    return np.array_equal(*(np.sort(events, order=["t", "x", "y"]) for events in (found, expected)))


def test_a_built_set_tells_where_it_is_from(ckplus, tmp_path):
    manifest = build(videosets.source("ckplus", ckplus, WHOLE), tmp_path / "built", jobs=1)
    assert (manifest.source, manifest.size, manifest.classes) == ("ckplus", (48, 48), videosets.EMOTIONS)
    assert manifest.left_out == {"contempt": 1, "neutral": 1, "no emotion label": 1}
    assert [(one.id, manifest.classes[one.label], one.subject, one.origin) for one in manifest.recordings] == [
        ("S005-001", "disgust", "S005", "cohn-kanade-images/S005/001"),
        ("S010-001", "happy", "S010", "cohn-kanade-images/S010/001"),
        ("S010-002", "surprise", "S010", "cohn-kanade-images/S010/002"),
    ]
    assert manifest.parameters["fps"] == 30
    assert manifest.parameters["provider"] is None
    assert manifest.parameters["params"]["threshold_sigma"] == 0.02
    assert set(manifest.parameters["libraries"]) == {"cv2"}
    assert all(0 < one.first_us <= one.last_us <= 100_000 and one.events > 20 for one in manifest.recordings)


def test_members_are_drawn_apart_and_the_same_in_any_process(ckplus, tmp_path):
    source = videosets.source("ckplus", ckplus, WHOLE)
    first = build(source, tmp_path / "one", jobs=1)
    assert build(source, tmp_path / "two", jobs=2) == first
    # The same film three times, but each sensor has thresholds of its own.
    assert len({one.sha256 for one in first.recordings}) == 3
    other = build(
        videosets.source("ckplus", ckplus, Showing(size=48, provider=None, seed=1)), tmp_path / "seed", jobs=1
    )
    assert not {one.sha256 for one in other.recordings} & {one.sha256 for one in first.recordings}


def test_whole_frames_are_resized_and_keep_the_rate(ckplus, tmp_path):
    pixel = dvs.preset("ideal")
    build(
        videosets.source("ckplus", ckplus, Showing(size=48, provider=None, params=pixel, fps=10)),
        tmp_path / "b",
        jobs=1,
    )
    video = open_video(ckplus / "cohn-kanade-images" / "S005" / "001")
    shown = [resized(gray(frame), (48, 48)) for frame in video.frames()]
    assert same(open_recordings(tmp_path / "b").events(0), dvs.convert(shown, fps=10, params=pixel))


@pytest.mark.parametrize("policy", ["refuse", "skip"])
def test_faces_are_standardised_and_keep_their_times(ckplus, tmp_path, policy):
    pixel = dvs.preset("ideal")
    folder = ckplus / "cohn-kanade-images" / "S005" / "001"
    if policy == "skip":
        third = sorted(path for path in folder.iterdir() if path.suffix == ".png")[2]
        import cv2

        cv2.imwrite(str(third), np.full_like(cv2.imread(str(third)), 128))
    showing = Showing(size=64, params=pixel, policy=policy)
    build(videosets.source("ckplus", ckplus, showing), tmp_path / "built", jobs=1)
    clip = faces.standardise(open_video(folder).frames(), crop="face", size=64, policy=policy)
    assert clip.numbers.tolist() == ([0, 1, 3] if policy == "skip" else [0, 1, 2, 3])
    expected = dvs.convert(list(clip.frames), times=(clip.numbers / 30).tolist(), params=pixel)
    assert same(open_recordings(tmp_path / "built").events(0), expected)


def test_a_film_without_a_face_is_named_and_can_be_left_out(ckplus, tmp_path):
    import cv2

    for path in (ckplus / "cohn-kanade-images" / "S010" / "001").glob("*.png"):
        cv2.imwrite(str(path), np.full((100, 100), 90, np.uint8))
    (ckplus / "cohn-kanade-images" / "S010" / "002" / "S010_002_00000002.png").write_bytes(b"torn")
    source = videosets.source("ckplus", ckplus, Showing(size=48))
    with pytest.raises(UsageError, match="2 of 3 members cannot be made") as caught:
        build(source, tmp_path / "built", jobs=1)
    first, second = caught.value.problems
    assert first.where == "S010-001"
    place = "cohn-kanade-images/S010/001"
    assert first.why == f"{place}: none of 4 frames shows one upright face (frames 0 to 3: no upright face)"
    assert "S010_002_00000002.png: the picture is damaged" in second.why
    manifest = build(source, tmp_path / "built", jobs=1, leave_out=True)
    assert [one.id for one in manifest.recordings] == ["S005-001"]
    assert [one.id for one in manifest.failures] == ["S010-001", "S010-002"]


def test_films_stop_at_the_coded_apex_or_after_the_seconds_asked_for(mmi, tmp_path):
    manifest = build(videosets.source("mmi", mmi, WHOLE), tmp_path / "apex", jobs=1)
    assert [one.origin for one in manifest.recordings] == [
        "Sessions/1/S001-001.avi#frames=5",
        "Sessions/2/S001-002.avi",
    ]
    assert manifest.parameters["fps"] is None
    coded, whole = manifest.recordings
    assert coded.last_us <= 4 / 25 * 1e6 < whole.last_us <= 7 / 25 * 1e6
    short = build(
        videosets.source("mmi", mmi, Showing(size=48, provider=None, seconds=0.08)), tmp_path / "short", jobs=1
    )
    assert all(one.last_us <= 80_000 for one in short.recordings)


@pytest.mark.parametrize("layout", ["adfes", "casia"])
def test_the_other_sets_are_built_as_well(layout, request, tmp_path):
    folder = request.getfixturevalue(layout)
    manifest = build(videosets.source(layout, folder, WHOLE), tmp_path / "built", jobs=1)
    assert len(manifest.recordings) == len(videosets.find(layout, folder).clips) > 1
    assert all(one.events > 20 for one in manifest.recordings)


def test_one_frame_is_too_short(ckplus, tmp_path):
    with pytest.raises(UsageError, match="1 frames are too few"):
        build(videosets.source("ckplus", ckplus, Showing(48, provider=None, seconds=0.01)), tmp_path / "built", jobs=1)


def test_what_is_missing_is_told_before_anything_is_built(ckplus):
    for showing, message in (
        (Showing(provider="eyes"), "no provider 'eyes'"),
        (Showing(provider="net68"), "weights"),
        (Showing(params="loud"), "no DVS preset 'loud'"),
    ):
        with pytest.raises((UsageError, MissingPackageError), match=message):
            videosets.source("ckplus", ckplus, showing)
