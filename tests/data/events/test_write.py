"""What is written is read again: by neurofer's readers, and by other libraries that are no part of neurofer."""

import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofer.data.events import DTYPE, describe_events, read_events, stream_events
from neurofer.data.events.encoder import LONGEST_PAUSE
from neurofer.data.events.write import WRITABLE, kind_of, write_events
from neurofer.errors import UsageError, WriteError
from tests.data.events import encoders
from tests.data.events.encoders import sample

SIZE = (304, 240)
PROPHESEE = ("evt2", "evt3", "dat")


def limits(kind):
    return {"width": 34, "height": 34} if kind == "nmnist" else {}


@pytest.fixture(params=WRITABLE)
def kind(request):
    return request.param


def test_what_is_written_is_read_and_its_format_known(kind, tmp_path):
    events = sample(2000, **limits(kind))
    path = tmp_path / "recording"
    assert write_events(path, np.array_split(events, 7), kind=kind, size=SIZE) == 2000
    found = describe_events(path)
    assert (found.kind, found.events, found.damage) == (kind, 2000, "")
    assert found.size == (SIZE if kind in {*PROPHESEE, "aedat4"} else None)
    np.testing.assert_array_equal(read_events(path), events)


def test_chunks_decide_nothing(kind, tmp_path):
    events = sample(500, **limits(kind))
    write_events(tmp_path / "one", events, kind=kind, size=SIZE)
    write_events(tmp_path / "many", np.array_split(events, 90), kind=kind, size=SIZE)
    np.testing.assert_array_equal(read_events(tmp_path / "many", kind=kind), events)
    if kind not in {"aedat4", "hdf5", "npz"}:  # these keep packets, or when they were written
        assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()


def test_no_events_are_a_recording(kind, tmp_path):
    assert write_events(tmp_path / "r", [], kind=kind, size=SIZE) == 0
    if kind != "csv":  # no line tells its columns' unit
        assert len(read_events(tmp_path / "r", kind=kind)) == 0


@settings(max_examples=40)
@given(
    st.sampled_from(["evt2", "evt3", "dat", "aedat4"]),
    st.sampled_from([0, 2**24 - 9, 2**32 - 9, 2**34 - 9, 1_605_537_493_718_345]),
    st.lists(
        st.sampled_from([0, 1, 63, 4095, 4096, 2**23, 2**24 - 1, 2**24, 2**25 + 7, 2**31 - 1]), min_size=1, max_size=12
    ),
)
def test_times_run_over_and_pauses_last(tmp_path_factory, kind, start, pauses):
    events = sample(len(pauses))
    events["t"] = start + np.cumsum(pauses)
    path = tmp_path_factory.mktemp("laps") / "r"
    write_events(path, np.array_split(events, 3), kind=kind, size=SIZE)
    np.testing.assert_array_equal(read_events(path, kind=kind), events)


@pytest.mark.parametrize("kind", ["hdf5", "npz", "csv"])
def test_any_times_in_any_order(kind, tmp_path):
    events = sample(50)
    events["t"] = np.random.default_rng(0).integers(-(2**40), 2**40, 50)
    write_events(tmp_path / "r", events, kind=kind)
    np.testing.assert_array_equal(read_events(tmp_path / "r", unit="us"), events)


@pytest.mark.parametrize("start", [0, 2**24 - 50_000, 2**34 - 50_000, 1_605_537_493_718_345])
@pytest.mark.parametrize("kind", [*PROPHESEE, "aedat4"])
def test_faery_reads_what_is_written(kind, start, tmp_path):
    faery = pytest.importorskip("faery", reason="faery is the oracle here: pip install faery")
    events = sample(70_000, start=start, span=40_000_000)
    path = tmp_path / f"r{WRITABLE[kind].suffix}"
    write_events(path, events, kind=kind, size=SIZE)
    theirs = np.concatenate(list(faery.events_stream_from_file(str(path))))
    for key, other in zip("xytp", ("x", "y", "t", "on"), strict=True):
        np.testing.assert_array_equal(events[key], theirs[other])


@pytest.mark.parametrize("count", [1, 500, 200_000])
def test_dv_processing_reads_what_is_written(count, tmp_path):
    dv = pytest.importorskip("dv_processing", reason="dv-processing is the oracle here: pip install dv-processing")
    events = sample(count, start=1_605_537_493_718_345)
    write_events(tmp_path / "r.aedat4", events, size=SIZE)
    recording, batches = dv.io.MonoCameraRecording(str(tmp_path / "r.aedat4")), []
    assert recording.getEventResolution() == SIZE
    assert recording.getTimeRange() == (events["t"][0], events["t"][-1])  # out of the table of packets
    while recording.isRunning() and (batch := recording.getNextEventBatch()) is not None:
        batches.append(batch.numpy())
    theirs = np.concatenate(batches)
    for key, other in zip("xytp", ("x", "y", "timestamp", "polarity"), strict=True):
        np.testing.assert_array_equal(events[key], theirs[other])


def test_numpy_and_h5py_read_what_is_written(tmp_path):
    events = sample(3000)
    for name in ("r.npz", "r.h5", "r.csv"):
        write_events(tmp_path / name, events)
    with np.load(tmp_path / "r.npz") as npz, h5py.File(tmp_path / "r.h5") as hdf5:
        for key in "xytp":
            assert npz[key].dtype == DTYPE[key]
            np.testing.assert_array_equal(npz[key], events[key])
            np.testing.assert_array_equal(hdf5[f"events/{key}"], events[key])
    table = np.loadtxt(tmp_path / "r.csv", delimiter=",", skiprows=1, dtype=np.int64)
    np.testing.assert_array_equal(table, np.stack([events[key] for key in "txyp"], axis=1))


def test_nmnist_is_what_its_paper_says(tmp_path):
    events = sample(100, **limits("nmnist"))
    write_events(tmp_path / "r.bin", events)
    assert (tmp_path / "r.bin").read_bytes() == encoders.nmnist(events)


REFUSED = {
    "x": ("evt2", {"x": 304}, r"event 7 lies outside the sensor: x = 304, .* and the columns are 0 to 303"),
    "y": ("aedat4", {"y": -1}, r"rows are 0 to 239\n  next: give the true size of the sensor"),
    "too wide for evt3": ("evt3", {"x": 2048}, "event 7 cannot be written as evt3: x = 2048, .* columns are 0 to 2047"),
    "too high for nmnist": ("nmnist", {"y": 240}, r"rows are 0 to 239\n  next: choose another format"),
    "polarity": ("csv", {"p": 2}, "the polarity is 0 or 1"),
    "negative": ("dat", {"t": -1}, "times are 0 to"),
    "falls": ("evt3", {"t": 5}, "times must not fall; sort them first"),
    "long": ("nmnist", {"t": 2**23}, "times are 0 to 8388607 us"),
    "pause of dat": ("dat", {"t": 97 + 2**31}, "no pause may be longer than 2147483647 us"),
    "pause": ("evt2", {"t": 97 + LONGEST_PAUSE}, "no pause may be longer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_format_cannot_hold_is_refused_and_nothing_stays(name, tmp_path):
    kind, changed, words = REFUSED[name]
    events = sample(10, **limits("nmnist"))
    events["t"] = 90 + np.arange(10)
    for key, value in changed.items():
        events[key][7] = value
    (tmp_path / "r").write_text("what was there before")
    with pytest.raises(UsageError, match=words):
        write_events(tmp_path / "r", np.array_split(events, 5), kind=kind, size=None if "too" in name else SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert (tmp_path / "r").read_text() == "what was there before"


def test_wrong_calls(tmp_path):
    for name, options, words in (
        ("r.gif", {}, "suffix '.gif' tells no format"),
        ("r", {}, "the name has no suffix"),
        ("r.raw", {"kind": "es"}, "the format 'es' is not written"),
        ("r.aedat4", {}, "needs the size of the sensor"),
    ):
        with pytest.raises(UsageError, match=words):
            write_events(tmp_path / name, sample(3), **options)
    with pytest.raises(UsageError, match="colours have no polarity"):
        write_events(tmp_path / "r.npz", sample(3)[["x", "y", "t"]])
    with pytest.raises(WriteError):
        write_events(tmp_path / "nowhere" / "r.npz", sample(3))
    assert not list(tmp_path.iterdir())
    assert [kind_of(tmp_path / name) for name in ("a.raw", "a.HDF5", "a.txt")] == ["evt2", "hdf5", "csv"]


@pytest.mark.parametrize("kind", ["evt3", "npz", "aedat4"])
def test_memory_does_not_grow_with_the_recording(kind, tmp_path):
    events = sample(100_000)

    def blocks(count):
        for number in range(count):
            part = events.copy()
            part["t"] += number * 100_000
            yield part

    peaks = []
    write_events(tmp_path / "warm", blocks(1), kind=kind, size=SIZE)
    for count in (2, 8):
        tracemalloc.start()
        write_events(tmp_path / "r", blocks(count), kind=kind, size=SIZE)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]  # of four times the events
    assert sum(map(len, stream_events(tmp_path / "r"))) == 800_000
