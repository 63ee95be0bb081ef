"""The seven augmentations: each obeys its law, keeps the order of time, and leaves its input alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data import augment
from neurofer.errors import UsageError

SIZE = (40, 30, 2)
FIELDS = {
    "signed": [("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)],
    "bool": [("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)],
    "tonic's order": [("t", np.int64), ("x", np.uint16), ("y", np.uint16), ("p", np.int64)],
}


def recording(count=20_000, seed=0, kind="signed", size=SIZE):
    """A recording of two seconds that starts at t = 10 s."""
    rng = np.random.default_rng(seed)
    events = np.empty(count, FIELDS[kind])
    events["x"], events["y"] = rng.integers(size[0], size=count), rng.integers(size[1], size=count)
    events["t"] = 10_000_000 + np.sort(rng.integers(2_000_000, size=count))
    events["p"] = rng.random(count) < 0.3
    return events


def rng(seed=1):
    return np.random.default_rng(seed)


def as_set(events):
    return sorted(zip(*(events[name].tolist() for name in "txyp"), strict=True))


def counts(events, size=SIZE):
    grid = np.zeros((size[1], size[0]), int)
    np.add.at(grid, (events["y"], events["x"]), 1)
    return grid


ALL = {
    "hflip": lambda: augment.HFlip(SIZE, 1.0, rng=rng()),
    "polflip": lambda: augment.PolFlip(1.0, rng=rng()),
    "reverse": lambda: augment.Reverse(1.0, rng=rng()),
    "noise": lambda: augment.Noise(SIZE, p=1.0, rng=rng()),
    "crop": lambda: augment.Crop(SIZE, rng=rng()),
    "crop by moving": lambda: augment.Crop(SIZE, resample="move", rng=rng()),
    "mirror": lambda: augment.Mirror(SIZE, 1.0, rng=rng()),
    "time": lambda: augment.DropTime(0.4, rng=rng()),
    "area": lambda: augment.DropArea(SIZE, 0.4, rng=rng()),
    "events": lambda: augment.DropEvents(0.4, rng=rng()),
    "eventdrop": lambda: augment.EventDrop(SIZE, rng=rng()),
}


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("name", ALL)
def test_all_keep_the_type_the_order_the_sensor_and_their_input(name, kind):
    events = recording(kind=kind)
    before = events.copy()
    after = ALL[name]()(events)
    assert np.array_equal(events, before)
    assert after.dtype == events.dtype
    assert (np.diff(after["t"]) >= 0).all()
    assert after["t"].min() >= events["t"].min()
    assert after["t"].max() <= events["t"].max()
    assert 0 <= after["x"].min() <= after["x"].max() < SIZE[0]
    assert 0 <= after["y"].min() <= after["y"].max() < SIZE[1]
    assert set(np.unique(after["p"]).tolist()) <= {0, 1}
    assert np.array_equal(after, ALL[name]()(events))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("count", [0, 1])
def test_all_take_no_event_and_one(name, count):
    assert ALL[name]()(recording(count)).dtype == recording(0).dtype


@pytest.mark.parametrize("name", ["hflip", "polflip", "reverse"])
@pytest.mark.parametrize("kind", FIELDS)
def test_twice_is_nothing(name, kind):
    events, once = recording(kind=kind), ALL[name]()
    assert not np.array_equal(once(events), events)
    assert np.array_equal(once(once(events)), events)


def test_signed_polarities_flip_too():
    events = recording()
    events["p"] = np.where(events["p"] > 0, 1, -1)
    flipped = augment.PolFlip(1.0)(events)
    assert np.array_equal(flipped["p"], -events["p"])


def test_reverse_keeps_polarities_and_the_span():
    events = recording()
    turned = augment.Reverse(1.0)(events)
    assert np.array_equal(turned["p"], events["p"][::-1])
    assert (turned["t"].min(), turned["t"].max()) == (events["t"].min(), events["t"].max())
    assert np.array_equal(np.diff(turned["t"]), np.diff(events["t"])[::-1])
    filmed = augment.Reverse(1.0, flip_polarities=True)(events)
    assert np.array_equal(filmed["p"], 1 - turned["p"])


@pytest.mark.parametrize("width", [40, 41])
@pytest.mark.parametrize("side", ["left", "right"])
def test_mirror_is_symmetric_and_keeps_its_half(width, side):
    size = (width, 30, 2)
    events = recording(size=size)
    made = augment.Mirror(size, 1.0, side)(events)
    assert as_set(made) == as_set(augment.hflip(made, width))
    half = np.s_[:, : width // 2] if side == "left" else np.s_[:, width - width // 2 :]
    assert np.array_equal(counts(made, size)[half], counts(events, size)[half])
    if width % 2:
        assert np.array_equal(counts(made, size)[:, width // 2], counts(events, size)[:, width // 2])
    assert as_set(augment.Mirror(size, 1.0, side)(made)) == as_set(made)


def test_mirror_takes_either_side():
    events = recording()
    events["x"] = 3
    transform = augment.Mirror(SIZE, 1.0, rng=rng())
    kept = [len(transform(events)) for _ in range(200)]
    assert set(kept) == {0, 2 * len(events)}
    assert 70 < kept.count(0) < 130


@given(st.integers(0, 2**32 - 1))
def test_crop_is_nearest_resizing_of_frames(seed):
    draw = np.random.default_rng(seed)
    size, to = draw.integers(1, 60, (2, 2))
    w, h = draw.integers(1, size + 1)
    left, top = draw.integers(0, size - (w, h) + 1)
    events = recording(500, seed, size=size)
    made = augment.crop(events, (left, top, w, h), (to[0], to[1]))
    # torch.nn.functional.interpolate(mode="nearest"): new pixel X is floor(X * w / W).
    rows, columns = np.arange(to[1]) * h // to[1] + top, np.arange(to[0]) * w // to[0] + left
    assert np.array_equal(counts(made, to), counts(events, size)[np.ix_(rows, columns)])
    assert (np.diff(made["t"]) >= 0).all()
    moved = augment.crop(events, (left, top, w, h), (to[0], to[1]), resample="move")
    assert len(moved) == counts(events, size)[top : top + h, left : left + w].sum()


def test_crop_draws_its_scale_and_ratio():
    transform = augment.Crop((200, 200, 2), rng=rng())
    boxes = np.array([transform.draw() for _ in range(4000)])
    left, top, w, h = boxes.T
    share = w * h / 40_000
    assert (left >= 0).all()
    assert (left + w <= 200).all()
    assert (top >= 0).all()
    assert (top + h <= 200).all()
    assert share.min() == pytest.approx(0.08, abs=0.01)
    assert 0.45 < share.mean() < 0.55
    assert (w / h).min() > 3 / 4 - 0.03
    assert (w / h).max() < 4 / 3 + 0.03
    # As many wide boxes as tall ones, as on a logarithmic scale.
    assert np.mean(w > h) == pytest.approx(np.mean(w < h), abs=0.05)


def test_crop_falls_back_to_the_largest_box():
    assert augment.Crop((100, 20, 2), scale=(1, 1), rng=rng()).draw() == (36, 0, 27, 20)


def test_crop_to_another_size_without_a_cut():
    made = augment.Crop((40, 30, 2), to=(20, 15), p=0.0)(recording())
    assert np.array_equal(counts(made, (20, 15)), counts(recording())[::2, ::2])


def test_noise_comes_at_its_rate():
    events = recording(1000)
    added = [len(augment.Noise(SIZE, rate_hz=3, p=1.0, rng=rng(seed))(events)) - 1000 for seed in range(40)]
    expected = 3 * 1200 * (events["t"].max() - events["t"].min()) * 1e-6
    assert np.mean(added) == pytest.approx(expected, rel=0.01)
    assert np.std(added) == pytest.approx(np.sqrt(expected), rel=0.35)


@pytest.mark.parametrize("kind", FIELDS)
def test_noise_is_everywhere_of_both_signs_and_keeps_the_signal(kind):
    events = recording(1000, kind=kind)
    made = augment.Noise(SIZE, share=20.0, p=1.0, rng=rng())(events)
    assert len(made) == 21_000
    noise = list(set(as_set(made)) - set(as_set(events)))
    assert set(as_set(events)) <= set(as_set(made))
    t, x, y, p = np.array(noise).T
    assert p.mean() == pytest.approx(0.5, abs=0.02)
    assert np.bincount(x, minlength=40).min() > 380
    assert np.bincount(y, minlength=30).min() > 520
    assert np.histogram(t, 10)[0].min() > 1800


def test_noise_of_signed_polarities():
    events = recording(100)
    events["p"] = np.where(events["p"] > 0, 1, -1)
    assert set(augment.Noise(SIZE, share=5, p=1.0)(events)["p"].tolist()) == {-1, 1}


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.9])
def test_drops_take_the_asked_share_of_a_recording_that_starts_late(ratio):
    events = recording()
    left = [1 - len(augment.DropTime(ratio, rng=rng(seed))(events)) / len(events) for seed in range(50)]
    assert np.mean(left) == pytest.approx(ratio, abs=0.01)
    assert np.std(left) < 0.01
    assert len(augment.DropEvents(ratio, rng=rng())(events)) == len(events) - round(ratio * len(events))
    area = [1 - len(augment.DropArea(SIZE, ratio, rng=rng(seed))(events)) / len(events) for seed in range(50)]
    assert np.mean(area) == pytest.approx(ratio**2, abs=0.01)


def test_drop_time_leaves_one_gap_anywhere():
    events = recording()
    starts = []
    for seed in range(200):
        t = augment.DropTime(0.3, rng=rng(seed))(events)["t"].astype(float)
        t = np.concatenate([[10e6], t, [12e6]])
        gaps = np.diff(t)
        assert gaps.max() == pytest.approx(600_000, abs=2500)
        assert np.sort(gaps)[-2] < 3000
        starts.append(t[gaps.argmax()] - 10e6)
    assert min(starts) < 50_000
    assert max(starts) > 1_350_000


def test_eventdrop_takes_each_of_its_four_ways():
    events = recording(5000)
    transform = augment.EventDrop(SIZE, times=[0.5], areas=[0.25], events=[0.9], rng=rng())
    left = np.array([len(transform(events)) / 5000 for _ in range(400)])
    ways = [np.abs(left - share) < 0.02 for share in (1, 0.5, 1 - 0.0625, 0.1)]
    assert np.sum(ways) >= 395
    assert all(70 < way.sum() < 130 for way in ways)


@pytest.mark.parametrize(
    ("transform", "p"),
    [
        (augment.HFlip(SIZE, rng=rng()), 0.5),
        (augment.Noise(SIZE, rng=rng()), 0.5),
        (augment.Mirror(SIZE, rng=rng()), 0.5),
        (augment.Reverse(rng=rng()), 0.2),
        (augment.PolFlip(rng=rng()), 0.2),
    ],
)
def test_probabilities_are_those_of_the_authors(transform, p):
    events = recording(50)
    happened = np.mean([transform(events) is not events for _ in range(1000)])
    assert happened == pytest.approx(p, abs=0.05)


def test_compose_is_in_the_authors_order_and_repeats_by_seed():
    names = [*augment.SPECIFIC, *augment.COMMON]
    made = augment.compose(names, SIZE, rng=rng(4))
    kinds = [type(transform).__name__ for transform in made.transforms]
    assert kinds == ["HFlip", "Noise", "Reverse", "PolFlip", "EventDrop", "Crop", "Mirror"]
    first = [made(recording()) for _ in range(3)]
    again = augment.compose(names, SIZE, rng=rng(4))
    assert all(np.array_equal(one, again(recording())) for one in first)
    assert not augment.compose([], SIZE, rng=rng()).transforms


def test_unknown_augmentations_are_named_at_once():
    with pytest.raises(UsageError) as caught:
        augment.compose(["hflip", "blur", "zoom"], SIZE, rng=rng())
    assert [problem.where for problem in caught.value.problems] == ["blur", "zoom"]
    assert "eventdrop" in str(caught.value)


def test_tonic_composes_them():
    tonic = pytest.importorskip("tonic", reason="tonic is GPL and optional; pip install tonic")
    pipeline = tonic.transforms.Compose(
        [augment.HFlip(SIZE), augment.Crop(SIZE), tonic.transforms.ToFrame(sensor_size=SIZE, n_time_bins=3)]
    )
    assert pipeline(recording()).shape == (3, 2, 30, 40)
