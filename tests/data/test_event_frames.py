"""Recordings as frames: binned as asked, the same parts every time, augmented only where they are trained on."""

import msgspec
import numpy as np
import pytest

pytest.importorskip("numba", reason="binning and the DVS model are compiled by numba; pip install 'neurofer[events]'")

from neurofer.data import DataSpec, load, synthetic
from neurofer.data.augment import compose
from neurofer.data.build import build
from neurofer.data.copies import find_copies
from neurofer.data.event_frames import EventFrames
from neurofer.data.events import bin_events
from neurofer.data.recordings import open_recordings
from neurofer.errors import ReadError, UsageError

SPEC = DataSpec("dvs-fer", (2, 32, 32), 6, folds=4)
STEPS = 3


def spec(**changes):
    return msgspec.structs.replace(SPEC, **changes)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "faces"
    build(synthetic.source(24, subjects=4, size=32, frames=4, fps=4), folder, jobs=1)
    return folder


@pytest.fixture(scope="module")
def found(faces):
    return open_recordings(faces)


@pytest.mark.parametrize("binning", ["time", "count"])
def test_samples_are_binned_frames(found, binning):
    frames = EventFrames(found, spec(binning=binning), STEPS, np.array([7, 2, 20]))
    expected = np.stack([bin_events(found.events(i), STEPS, (32, 32), by=binning) for i in (7, 2, 20)])
    assert len(frames) == 3
    assert np.array_equal(frames[:], expected)
    assert np.array_equal(frames[np.array([2, 0])], expected[[2, 0]])
    assert np.array_equal(frames[np.array([False, True, False])], expected[1:2])
    assert np.array_equal(frames.pick(np.array([2]))[:], expected[2:])
    assert frames[3:].shape == (0, STEPS, 2, 32, 32)
    assert np.array_equal(frames[:], expected), "what is kept is not altered"


def test_frames_of_another_size_are_nearest_neighbours(found):
    frames = EventFrames(found, spec(shape=(2, 16, 24)), STEPS, np.array([5]))
    expected = bin_events(found.events(5), STEPS, (32, 32), resize=(16, 24))
    assert np.array_equal(frames[:][0], expected)


def test_training_alone_sees_augmentations_and_by_its_own_generator(faces, found):
    names = ("hflip", "crop", "noise")
    data = load(spec(augment=names), faces, frames=STEPS)
    picked = np.array([0, 3])
    seen = data.train.draw(picked, np.random.default_rng(5))
    assert np.array_equal(seen, data.train.draw(picked, np.random.default_rng(5)))
    assert not np.array_equal(seen, data.train.draw(picked, np.random.default_rng(6)))
    assert not np.array_equal(seen, data.train.x[picked])
    augmented = compose(names, (32, 32, 2), rng=np.random.default_rng(5))
    plain = load(SPEC, faces, frames=STEPS)
    assert np.array_equal(data.train.x[picked], plain.train.x[picked])
    index = int(
        np.flatnonzero(
            [np.array_equal(plain.train.x[:1][0], bin_events(found.events(i), STEPS, (32, 32))) for i in range(24)]
        )[0]
    )
    assert np.array_equal(seen[0], bin_events(augmented(found.events(index)), STEPS, (32, 32)))
    assert np.array_equal(plain.train.draw(picked, np.random.default_rng(5)), plain.train.x[picked])


@pytest.mark.parametrize("split", ["random", "subject"])
def test_parts_are_folds_and_the_same_every_time(faces, split):
    for fold in range(4):
        data = load(spec(split=split, fold=fold), faces, frames=STEPS)
        assert [len(part.y) for part in (data.train, data.validation, data.test)] == [12, 6, 6]
        assert sorted(data.test.y) == list(range(6)) or split == "random"
        assert data.fingerprint() == load(spec(split=split, fold=fold), faces, frames=STEPS).fingerprint()
        assert not any(found.any() for found in vars(find_copies(data)).values())
        assert data.name == "faces"
        assert data.parting.startswith(f"fold {fold} of 4, ")
        if split == "subject":
            assert data.parting.endswith("whole subjects; 0 of the 1 people to test on are also trained on (0%)")
        else:
            assert "samples at random" in data.parting


def test_the_fingerprint_tells_what_is_seen(faces):
    changes = [
        {},
        {"fold": 1},
        {"split": "subject"},
        {"augment": ("hflip",)},
        {"binning": "count"},
        {"shape": (2, 16, 16)},
    ]
    prints = {load(spec(**change), faces, frames=STEPS).fingerprint() for change in changes}
    assert len(prints) == len(changes)
    assert load(SPEC, faces, frames=2).fingerprint() not in prints


def test_copies_among_recordings_can_be_left_out(tmp_path):
    build(synthetic.source(12, subjects=2, size=32, frames=3, fps=3), tmp_path / "faces", jobs=1)
    manifest = tmp_path / "faces" / "manifest.json"
    made = open_recordings(tmp_path / "faces").manifest
    twins = tuple(msgspec.structs.replace(made.recordings[0], label=one.label) for one in made.recordings[:11])
    manifest.write_bytes(msgspec.json.encode(msgspec.structs.replace(made, recordings=(*twins, made.recordings[11]))))
    data = load(spec(folds=4), tmp_path / "faces", frames=2)
    copies = find_copies(data)
    assert copies.test.sum() + copies.validation.sum() >= 5
    with pytest.raises(UsageError, match="is a copy of an earlier one"):
        load(spec(folds=4, distinct=True), tmp_path / "faces", frames=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 7}, "classes: 7, the folder has 6: happy, fear"),
        ({"shape": (1, 32, 32)}, "shape: 1 channels, event frames have 2"),
        ({"fold": 4}, "fold 4 of 4"),
        ({"folds": 30}, "faces: 24 samples cannot be put into 30 folds"),
        ({"augment": ("blur",)}, "blur: no such augmentation"),
    ],
)
def test_what_does_not_fit_is_refused(faces, changes, message):
    with pytest.raises(UsageError, match=message):
        load(spec(**changes), faces, frames=STEPS)


def test_an_unfinished_folder_is_not_trained_on(tmp_path):
    with pytest.raises(ReadError, match=r"no folder with a manifest\.json"):
        load(SPEC, tmp_path, frames=STEPS)


def test_a_path_that_is_not_there_is_told_as_such(tmp_path):
    for name in ("faces", "fer2013"):
        with pytest.raises(ReadError, match="absent: there is no such file or folder\n  next: check the path"):
            load(spec(name=name), tmp_path / "absent", frames=STEPS if name == "faces" else None)


def test_arrays_cannot_be_augmented(tmp_path):
    np.savez(tmp_path / "frames.npz", x=np.zeros((18, STEPS, 2, 32, 32), np.uint8), y=np.arange(18) % 6)
    for path in (tmp_path / "frames.npz", None):
        with pytest.raises(UsageError, match=r"only recordings can be augmented \(hflip\)"):
            load(spec(augment=("hflip",)), path, frames=STEPS)


def test_data_that_is_missing_is_told_how_to_be_had():
    with pytest.raises(UsageError, match=r"--data FOLDER of recordings \(neurofer data build\), or --data FILE\.npz"):
        load(SPEC, frames=STEPS)
