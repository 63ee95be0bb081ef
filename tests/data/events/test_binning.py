import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.events import DTYPE, bin_edges, bin_events, binning
from neurofer.errors import UsageError
from tests.data.events.encoders import sample

SIZE = (9, 11)
WAYS = ("time", "count", "window")


@st.composite
def recordings(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, span = draw(st.integers(0, 200)), draw(st.sampled_from([1, 3, 50, 10**6, 2**61]))
    events = np.empty(count, DTYPE)
    events["x"], events["y"] = rng.integers(0, SIZE[1], count), rng.integers(0, SIZE[0], count)
    start = draw(st.sampled_from([0, -5, 10**7, 2**61 - 1, -(2**62)]))
    events["t"], events["p"] = np.sort(rng.integers(0, span, count)) + start, rng.integers(0, 2, count)
    return events


frame_numbers = st.integers(1, 12)


def plain(events, edges):
    """The frames, event by event."""
    frames = np.zeros((len(edges) - 1, 2, *SIZE), np.int32)
    for k in range(len(edges) - 1):
        for event in events[edges[k] : edges[k + 1]]:
            frames[k, event["p"], event["y"], event["x"]] += 1
    return frames


@given(recordings(), frame_numbers, st.sampled_from(WAYS), st.integers(1, 50))
def test_frames_are_what_their_edges_say(events, frames, by, window):
    edges = bin_edges(events, frames, by=by, window=window)
    expected = plain(events, edges)
    found = bin_events(events, frames, SIZE, by=by, window=window, counts=True)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, expected)
    found = bin_events(events, frames, SIZE, by=by, window=window)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected > 0)


@given(recordings(), frame_numbers, st.sampled_from(["time", "count"]))
def test_every_event_is_in_exactly_one_frame(events, frames, by):
    edges = bin_edges(events, frames, by=by)
    assert (edges[0], edges[-1], len(edges)) == (0, len(events), frames + 1)
    assert np.all(np.diff(edges) >= 0)
    assert bin_events(events, frames, SIZE, by=by, counts=True).sum() == len(events)


@given(recordings(), frame_numbers)
def test_intervals_are_equal(events, frames):
    edges = bin_edges(events, frames)
    times = [int(t) for t in events["t"]]
    for k in range(frames):
        for t in times[edges[k] : edges[k + 1]]:
            span = times[-1] - times[0]
            assert k == (min(frames - 1, (t - times[0]) * frames // span) if span else frames - 1)


@given(recordings(), frame_numbers)
def test_parts_of_equal_count_differ_by_one_at_most(events, frames):
    parts = np.diff(bin_edges(events, frames, by="count"))
    assert parts.max() - parts.min() <= 1


@given(recordings(), frame_numbers, st.integers(1, 60))
def test_windows_are_the_middle_ones(events, frames, window):
    edges = bin_edges(events, frames, by="window", window=window)
    parts = len(events) // window
    if parts < frames:
        np.testing.assert_array_equal(edges, bin_edges(events, frames, by="count"))
    else:
        # Spiking-FER's authors: frames of `window` events each, then frames[gap : gap + T]
        windows = np.arange(parts + 1) * window
        gap = int((parts - frames) / 2)
        np.testing.assert_array_equal(edges, windows[gap : gap + frames + 1])


@given(recordings(), frame_numbers, st.sampled_from(WAYS), st.integers(-(2**40), 2**40))
def test_a_shift_of_time_changes_nothing(events, frames, by, shift):
    later = events.copy()
    later["t"] += shift
    np.testing.assert_array_equal(
        bin_events(events, frames, SIZE, by=by, window=20), bin_events(later, frames, SIZE, by=by, window=20)
    )


@given(recordings(), frame_numbers)
def test_loops_give_the_same_without_a_compiler(events, frames):
    edges = bin_edges(events, frames)
    out = np.zeros((frames, 2 * SIZE[0] * SIZE[1]), np.int32)
    with np.errstate(over="ignore"):
        assert not len(events) or binning._count(events, edges, *SIZE, out) == -1
    np.testing.assert_array_equal(out.reshape(frames, 2, *SIZE), bin_events(events, frames, SIZE, counts=True))
    for loop in (binning._mark, binning._mark_bits):
        marked = np.zeros(out.shape, np.uint8)
        with np.errstate(over="ignore"):
            assert not len(events) or loop(events, edges, *SIZE, marked) == -1
        np.testing.assert_array_equal(marked, out > 0)
    assert [binning._find(events, t) for t in events["t"][:5]] == np.searchsorted(events["t"], events["t"][:5]).tolist()


@pytest.mark.parametrize(("old", "new"), [((200, 200), (128, 128)), ((9, 11), (18, 5)), ((9, 11), (1, 1))])
def test_resize_is_torchs_nearest(old, new):
    import torch

    events = sample(5000, height=old[0], width=old[1])
    frames = bin_events(events, 6, old)
    expected = torch.nn.functional.interpolate(torch.from_numpy(frames).float(), size=new, mode="nearest").numpy()
    np.testing.assert_array_equal(bin_events(events, 6, old, resize=new), expected)


def test_one_event_and_none():
    one = sample(1)
    assert bin_events(one, 4, (240, 304)).sum((1, 2, 3)).tolist() == [0, 0, 0, 1]
    assert bin_events(one[:0], 4, (240, 304), resize=(7, 8)).shape == (4, 2, 7, 8)
    assert bin_events(one[:0], 4, (240, 304), counts=True).sum() == 0


@pytest.mark.parametrize("polarity", ["?", "u1", "i8"])
@pytest.mark.parametrize("number", ["<i8", ">i4", "<u2"])
def test_any_whole_numbers_in_any_order_do(polarity, number):
    events = sample(300)
    other = np.empty(300, [("p", polarity), ("t", number if number[2] != "2" else "<i8"), ("y", number), ("x", number)])
    for key in "xytp":
        other[key] = events[key]
    np.testing.assert_array_equal(bin_events(other, 6, (240, 304)), bin_events(events, 6, (240, 304)))
    np.testing.assert_array_equal(bin_events(other[::2], 6, (240, 304)), bin_events(events[::2], 6, (240, 304)))


def test_polarity_is_on_if_positive():
    events = sample(300)
    signed = events.copy()
    signed["p"] = np.where(events["p"] > 0, 1, -1)
    np.testing.assert_array_equal(bin_events(signed, 3, (240, 304)), bin_events(events, 3, (240, 304)))
    signed["p"] = np.where(events["p"] > 0, 127, -128)
    np.testing.assert_array_equal(bin_events(signed, 3, (240, 304)), bin_events(events, 3, (240, 304)))


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("place", [0, 30, 99])
@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("x", 304, "lies outside the sensor: x = 304"),
        ("x", -1, "lies outside the sensor: x = -1"),
        ("y", 240, "y = 240, and the sensor has 304 columns and 240 rows"),
        ("y", -(2**15), "y = -32768"),
        ("t", None, "is earlier than the one before it"),
    ],
)
def test_faults_are_named(by, place, key, value, reason):
    events = sample(100)
    events["t"] = np.arange(100) * 10
    at = place
    if key == "t":
        events["t"][at] = 10**6 if at < 99 else 0  # then the next one is early, or the last
        at = min(at + 1, 99)
    else:
        events[key][at] = value
    for counts in (False, True):
        with pytest.raises(UsageError, match=f"event {at} .*{reason}".replace(".*lies", "lies").replace(".*is", "is")):
            bin_events(
                events, 3, (240, 304), by="count" if key == "t" and by == "time" else by, window=20, counts=counts
            )


@pytest.mark.parametrize("size", [(128, 128), (113, 149), (240, 304), (361, 363), (480, 640)])
def test_sensors_of_all_sizes_mark_what_they_count(size):
    """Bytes, bits and bytes again, by what fits into a cache; odd sizes end inside a word of bits."""
    events = sample(20_000, height=size[0], width=size[1])
    events["x"][-1], events["y"][-1], events["p"][-1] = size[1] - 1, size[0] - 1, 1
    frames = bin_events(events, 3, size)
    np.testing.assert_array_equal(frames, bin_events(events, 3, size, counts=True) > 0)
    assert frames[2, 1, -1, -1] == 1
    events["x"][7_777] = size[1]
    with pytest.raises(UsageError, match="event 7777 lies outside"):
        bin_events(events, 3, size)


def test_faults_outside_the_middle_windows_are_found_too():
    for at in (0, 99):
        events = sample(100)
        events["x"][at] = 400
        with pytest.raises(UsageError, match=f"event {at} lies outside"):
            bin_events(events, 1, (240, 304), by="window", window=20)


def test_wrong_calls():
    events = sample(10)
    with pytest.raises(UsageError, match="no p: their fields are x, y, t"):
        bin_events(events[["x", "y", "t"]], 3, (240, 304))
    with pytest.raises(UsageError, match="expected"):
        bin_events(events.astype([("x", "f4"), ("y", "f4"), ("t", "f8"), ("p", "i1")]), 3, (240, 304))
    with pytest.raises(UsageError, match=r"expected \[N\]"):
        bin_events(events.reshape(2, 5), 3, (240, 304))
    for frames, size, options in (
        (0, (240, 304), {}),
        (3, (0, 304), {}),
        (3, (240, 304), {"resize": (0, 1)}),
        (3, (240, 304), {"by": "voxel"}),
        (3, (240, 304), {"by": "window", "window": 0}),
        (3, (240, 40_000), {}),
    ):
        with pytest.raises(UsageError):
            bin_events(events, frames, size, **options)
