import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurofer.data.events import bin_events
from neurofer.data.preview import slice_events, slice_recording
from neurofer.data.preview.slices import BINS
from neurofer.errors import UsageError
from tests.data.events import encoders
from tests.data.events.encoders import sample


def span(events):
    return int(events["t"].min()), int(events["t"].max())


@given(st.integers(1, 400), st.integers(1, 9), st.sampled_from([30, 100, 240, 400]), st.sampled_from([1, 50, 10**6]))
def test_every_event_is_in_one_slice_and_one_bin_of_the_curve(count, frames, side, length):
    events = sample(count, start=123, span=length)
    found = slice_events([events], frames, side, size=(304, 240), span=span(events), title="drawn")
    assert found.counts.sum() == count
    assert found.counts.sum((0, 2, 3)).tolist() == [int((events["p"] == p).sum()) for p in (0, 1)]
    assert max(found.counts.shape[2:]) <= side
    bins = found.rates * max(span(events)[1] - span(events)[0], 1) / BINS / 1e6
    assert bins.sum() == pytest.approx(count)


def test_slices_are_the_frames_that_networks_see():
    events = sample(5000)
    found = slice_events(np.array_split(events, 7), 6, 304, size=(304, 240), span=span(events), title="drawn")
    np.testing.assert_array_equal(found.counts, bin_events(events, 6, (240, 304), counts=True))


def test_squares_of_pixels_are_added_up():
    events = sample(5000)
    fine = slice_events([events], 3, 304, size=(304, 240), span=span(events), title="drawn").counts
    coarse = slice_events([events], 3, 76, size=(304, 240), span=span(events), title="drawn").counts
    np.testing.assert_array_equal(coarse, fine.reshape(3, 2, 60, 4, 76, 4).sum((3, 5)))


def test_a_recording_in_any_order_is_read_twice_and_sliced(tmp_path):
    events = sample(400)
    (tmp_path / "r.npz").write_bytes(encoders.npz(np.random.default_rng(0).permutation(events)))
    found = slice_recording(tmp_path / "r.npz", 4, 400, size=(304, 240))
    np.testing.assert_array_equal(found.counts, bin_events(events, 4, (240, 304), counts=True))
    assert (found.title, found.span, found.size) == ("r.npz", span(events), (304, 240))
    assert slice_recording(tmp_path / "r.npz", 4, 400).size == (events["x"].max() + 1, events["y"].max() + 1)


def test_nothing_to_show_is_refused(tmp_path):
    (tmp_path / "r.npz").write_bytes(encoders.npz(sample(0)))
    with pytest.raises(UsageError, match="no events to show"):
        slice_recording(tmp_path / "r.npz", 4, 400)
    (tmp_path / "r.es").write_bytes(encoders.es_colour(sample(5)))
    with pytest.raises(UsageError, match="no polarity"):
        slice_recording(tmp_path / "r.es", 4, 400)


@pytest.mark.parametrize("size", [(150, 240), (304, 100)])
def test_events_outside_the_sensor_are_refused(size):
    events = sample(100)
    with pytest.raises(UsageError, match=r"drawn: events lie outside the sensor: [xy] from \d+ to \d+ on \d+ x \d+"):
        slice_events([events], 2, 50, size=size, span=span(events), title="drawn")
    low = events.copy()
    low["x"][7] = -1
    with pytest.raises(UsageError, match="x from -1 to"):
        slice_events([low], 2, 50, size=(304, 240), span=span(low), title="drawn")


def test_the_strongest_colour_is_for_the_busiest_places():
    events = sample(3)
    found = slice_events([events], 1, 304, size=(304, 240), span=span(events), title="few")
    assert found.strongest == 2  # one event alone must not look as strong as anything can
    events = np.repeat(sample(100), np.arange(100))
    found = slice_events([events], 1, 304, size=(304, 240), span=span(events), title="many")
    assert 90 < found.strongest < 99
