import logging
import subprocess
import sys
import tracemalloc
from functools import partial

import numpy as np
import pytest

from neurofer.data.events import COLOUR, DTYPE, RecordingError, describe_events, read_events, stream_events
from neurofer.data.events.decoder import BLOCK
from neurofer.errors import ReadError, UsageError
from tests.data.events import encoders
from tests.data.events.encoders import ENCODERS, limits, sample


def written(path, data):
    path.write_bytes(data)
    return path


def half(data):
    """The first half, ending inside a word: a file that ends between two events says nothing of those that lack."""
    cut = len(data) // 2 + 1
    return data[: cut + (len(data) - cut + 1) % 2]


@pytest.fixture(params=ENCODERS)
def case(request, tmp_path):
    """Events, and a file with a name that says nothing that holds them."""
    encode, kind = ENCODERS[request.param]
    events = sample(600, **limits(request.param))
    return events, written(tmp_path / "recording", encode(events)), kind


def test_what_is_written_is_read(case):
    events, path, kind = case
    found = read_events(path)
    assert found.dtype == DTYPE
    np.testing.assert_array_equal(found, events)
    assert describe_events(path).kind == kind


def test_no_events_are_a_recording(case):
    encode, kind = next(pair for pair in ENCODERS.values() if pair[1] == case[2])
    data = encode(sample(0))
    if kind in {"nmnist", "csv", "aedat4"}:
        return
    case[1].write_bytes(data)
    assert len(read_events(case[1], kind=kind)) == 0
    assert list(stream_events(case[1], kind=kind)) == []
    assert describe_events(case[1], kind=kind).events == 0


@pytest.mark.parametrize("size", [1, 7, 599, 600, 601])
def test_chunks_have_the_size_asked_for_and_join_to_the_whole(case, size):
    events, path, _ = case
    chunks = list(stream_events(path, size))
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert 1 <= len(chunks[-1]) <= size
    np.testing.assert_array_equal(np.concatenate(chunks), events)


def test_blocks_and_reads_may_end_anywhere(tmp_path, monkeypatch):
    monkeypatch.setattr("neurofer.data.events.words.READ", 7)
    monkeypatch.setattr("neurofer.data.events.words.BLOCK", 33)
    monkeypatch.setattr("neurofer.data.events.npz.BLOCK", 13)
    monkeypatch.setattr("neurofer.data.events.hdf5.BLOCK", 13)
    monkeypatch.setattr("neurofer.data.events.text._READ", 64)
    for name, (encode, _) in ENCODERS.items():
        events = sample(100, **limits(name))
        np.testing.assert_array_equal(read_events(written(tmp_path / "r", encode(events))), events, err_msg=name)


def test_description(tmp_path):
    events = sample(500)
    found = describe_events(written(tmp_path / "r", encoders.es(events)))
    assert (found.kind, found.size, found.events, found.rising, found.damage) == ("es", (304, 240), 500, True, "")
    assert (found.first, found.last) == (events["t"][0], events["t"][-1])
    assert found.on == np.count_nonzero(events["p"])
    assert found.extent == (events["x"].max() + 1, events["y"].max() + 1)
    events["t"][7] = 0
    assert not describe_events(written(tmp_path / "r", encoders.npz(events))).rising


def test_colours_come_without_polarity(tmp_path):
    events = sample(400)
    path = written(tmp_path / "r", encoders.es_colour(events))
    found = read_events(path)
    assert found.dtype == COLOUR
    for key in "xyt":
        np.testing.assert_array_equal(found[key], events[key])
    np.testing.assert_array_equal(found["r"], events["x"] & 255)
    assert describe_events(path).on is None


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("evt2", 2**34 - 50_000),
        ("evt21", 2**34 - 50_000),
        ("evt3", 2**24 - 50_000),
        ("evt3 vectors", 2**24 - 50_000),
        ("dat", 2**32 - 50_000),
    ],
)
def test_time_goes_on_when_its_bits_run_over(name, start, tmp_path):
    events = sample(300, start=start)
    np.testing.assert_array_equal(read_events(written(tmp_path / "r", ENCODERS[name][0](events))), events)


def test_time_of_nmnist_runs_over(tmp_path):
    events = sample(300, width=34, height=34, start=2**22 - 5_000, span=9_000)
    data = encoders.nmnist(events)
    assert len(data) > 5 * 300
    np.testing.assert_array_equal(read_events(written(tmp_path / "r", data), kind="nmnist"), events)


@pytest.mark.parametrize("encode", [partial(encoders.evt3, vectors=True), encoders.evt21], ids=["evt3", "evt21"])
def test_vectors(encode, tmp_path):
    events = sample(1000)
    events["y"], events["t"], events["p"] = 7, np.arange(1000) // 100, np.arange(1000) // 50 % 2
    events["x"] = np.arange(1000) % 50 * 3
    data = encode(events)
    assert len(data) < 4 * len(events)
    np.testing.assert_array_equal(read_events(written(tmp_path / "r", data)), events)


def test_evt21_word_by_word(tmp_path):
    """A time, two pixels of one word, and words of other types, in both orders of bytes."""
    words = [0x8000_0003_0000_0000, 0x1000_0000_8000_0001 | 5 << 54 | 96 << 43 | 33 << 32, 0xE << 60, 0xA << 60 | 9]
    for order, dtype in (("little", "<u8"), ("legacy", "<u4")):
        data = np.array(words, "<u8")
        data = data if dtype == "<u8" else data.view("<u4").reshape(-1, 2)[:, ::-1]
        head = f"% evt 2.1\n% endianness {order}\n% end\n".encode()
        found = read_events(written(tmp_path / "r", head + data.tobytes()))
        assert found.tolist() == [(96, 33, 3 * 64 + 5, 1), (127, 33, 3 * 64 + 5, 1)]


def test_evt3_time_is_not_ahead_between_its_two_halves(tmp_path):
    words = [8 << 12 | 1, 6 << 12 | 4000, 2 << 12 | 1, 8 << 12 | 2, 2 << 12 | 2, 6 << 12 | 5, 2 << 12 | 3]
    found = read_events(written(tmp_path / "r", b"% evt 3.0\n" + np.array(words, "<u2").tobytes()))
    assert found["t"].tolist() == [4096 + 4000, 8192, 8192 + 5]


def test_events_before_the_first_time_are_left_out(tmp_path):
    late = np.array([2 << 12 | 1, 8 << 12 | 1, 2 << 12 | 2], "<u2").tobytes()
    assert read_events(written(tmp_path / "r", b"% evt 3.0\n" + late))["x"].tolist() == [2]
    late = np.array([1 << 11, 8 << 28 | 1, 2 << 11], "<u4").tobytes()
    assert read_events(written(tmp_path / "r", b"% evt 2.0\n" + late))["x"].tolist() == [2]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x,y,p,t\n3,4,1,1500000\n", {}),
        ('"Timestamp";"X";"Y";"Polarity";"other"\n1500000;3;4;1;9\n', {}),
        ("# comment\n304 240\n1.5 3 4 1\n", {}),
        ("1.5 3 4 1\n2 3 4 -1", {}),
        ("3,4,1,1500000\n", {"columns": "xypt"}),
        ("3,4,1,77,1500000\n", {"columns": "xyp_t"}),
        ("t,x,y,p\n1500,3,4,1\n", {"unit": "ms"}),
        ("t,x,y,p\n1500000000,3,4,1\n", {"unit": "ns"}),
        ("t,x,y,p\r\n1500000,3,4,1\r\n\r\n", {}),
    ],
)
def test_text(text, options, tmp_path):
    assert read_events(written(tmp_path / "r", text.encode()), **options)[0].tolist() == (3, 4, 1_500_000, 1)


def test_columns_are_never_guessed(tmp_path):
    path = written(tmp_path / "r", b"3,4,1,1500000\n")
    with pytest.raises(ReadError, match=r"say which they are, such as columns='txyp'"):
        read_events(path)


def test_seconds_in_arrays(tmp_path):
    np.savez(tmp_path / "r.npz", xs=[1, 2], ys=[3, 4], ts=[0.5, 1e-6], ps=[1, -1])
    found = read_events(tmp_path / "r.npz")
    assert (found["t"].tolist(), found["p"].tolist()) == ([500_000, 1], [1, 0])


@pytest.mark.parametrize("name", ENCODERS)
def test_half_a_file_says_how_many_events_were_good(name, tmp_path, caplog):
    encode, _ = ENCODERS[name]
    events = sample(600, **limits(name))
    whole = encode(events)
    path = written(tmp_path / "r.bin", half(whole))
    with pytest.raises(ReadError) as caught:
        read_events(path)
    assert str(path) in str(caught.value)
    if not isinstance(caught.value, RecordingError):
        return
    good = caught.value.good
    assert f"after {good:,} good events" in str(caught.value)
    if not good:
        return
    with caplog.at_level(logging.WARNING):
        found = read_events(path, partial=True)
    assert f"{good} events were good" in caplog.text
    np.testing.assert_array_equal(found[:-1], events[: good - 1])  # the last number of a text may be cut short
    assert len(found) == good
    chunks = stream_events(path, 100)
    received = []
    with pytest.raises(RecordingError):
        received.extend(chunk for chunk in chunks)
    assert describe_events(path).events == good
    assert describe_events(path).damage


def test_good_events_are_counted_in_most_formats(tmp_path):
    counts = {}
    for name, (encode, _) in ENCODERS.items():
        whole = encode(sample(600, **limits(name)))
        path = written(tmp_path / "r.bin", half(whole))
        try:
            counts[name] = len(read_events(path, partial=True))
        except ReadError:
            counts[name] = 0
    none = {name for name, count in counts.items() if count < 150}
    # HDF5 and zip keep their directory apart from their data; without it there is nothing.
    assert none == {name for name in ENCODERS if name.startswith(("hdf5", "npz"))}


def test_the_stream_gives_all_good_events_before_it_fails(tmp_path):
    events = sample(600)
    path = written(tmp_path / "r", encoders.evt2(events)[:-1])
    received = []
    with pytest.raises(RecordingError, match="ends inside an event"):  # noqa: PT012 - the loop is what is tested
        for chunk in stream_events(path, 100):
            received.append(chunk)  # noqa: PERF402
    np.testing.assert_array_equal(np.concatenate(received), events[:-1])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encoders.es(sample(5))[:18], "the header is not whole"),
        (b"Event Stream\x03\x00\x00\x01" + bytes(9), "version 3"),
        (b"Event Stream\x02\x00\x00\x00" + bytes(9), "type 0, which has no pixels"),
        (b"Event Stream\x02\x00\x00\x01" + bytes(9), "0 x 0 pixels"),
        (b"% evt 4.0\n" + bytes(80), "EVT 4.0 is not read"),
        (b"% evt 2.1\n% endianness big\n" + bytes(80), "big-endian"),
        (b"% Version 2\n\x0e\x08" + bytes(80), "type 14 and 8 bytes"),
        (b"%format EVT3;height=9;width=9\n" + np.array([8 << 12, 2 << 12 | 9], "<u2").tobytes(), "x lies outside"),
        (b"%format EVT3;height=9;width=9\n" + np.array([8 << 12, 9, 2 << 12], "<u2").tobytes(), "y lies outside"),
        (encoders.aedat4(sample(5), streams=((0, "EVTS"), (2, "EVTS"))), r"2 streams of events, \[0, 2\]"),
        (encoders.aedat4(sample(5), streams=((0, "IMUS"),)), "0 streams of events"),
        (encoders.aedat4(sample(5), xml="<!DOCTYPE dv [<!ENTITY a 'b'>]><dv/>"), "no plain XML"),
        (encoders.aedat4(sample(5), xml="<dv>"), "no XML"),
        (
            encoders.aedat4(sample(5), compression=0, packets=1).replace(b"\4\0\0\0\5\0\0\0", b"\4\0\0\0\6\0\0\0"),
            "a packet is shorter than it says",
        ),
        (encoders.csv(sample(2)) + b"7,8,nine,0\n", "line 4 is no event: '7,8,nine,0'"),
        (encoders.csv(sample(2)) + b"7,nan,1,0\n", "x is nan"),
        (encoders.csv(sample(2)) + b"7,1.5,1,0\n", "x is 1.5, outside"),
        (encoders.csv(sample(2)) + b"7,1,40000,0\n", "y is 40000.0, outside 0 to 32767"),
        (encoders.csv(sample(2)) + b"1e300,1,4,0\n", "no time in microseconds"),
        (encoders.csv(sample(2)) + b"7,1,4,3\n", "the polarity is 3.0, expected 0 or 1"),
        (encoders.csv(sample(2), names="t,x,y,q"), "its columns are t, x, y, q"),
        (encoders.csv(sample(2)) + b"1" * 9000 + b",", "line"),
    ],
)
def test_reasons(data, reason, tmp_path):
    with pytest.raises(RecordingError, match=reason):
        read_events(written(tmp_path / "r", data))


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"x": [1], "y": [1], "t": [1]}, "no arrays x, y, t and p in it, only t, x, y"),
        ({"x": [1], "y": [1], "t": [1], "p": [1, 0]}, "different lengths"),
        ({"x": ["a"], "y": [1], "t": [1], "p": [1]}, "expected numbers"),
        ({"x": [[1]], "y": [1], "t": [1], "p": [1]}, "no column of a file of this size"),
        ({"x": [-1], "y": [1], "t": [1], "p": [1]}, "x is -1"),
        ({"x": [1], "y": [1], "t": np.array([2**63], np.uint64), "p": [1]}, "no time"),
        ({"events": np.zeros(3, "i4")}, "without fields x, y, t and p"),
    ],
)
def test_arrays_that_are_no_events(arrays, reason, tmp_path):
    np.savez(tmp_path / "r.npz", **arrays)
    with pytest.raises(RecordingError, match=reason):
        read_events(tmp_path / "r.npz")


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "r.npz", x=np.array([print], object), y=[1], t=[1], p=[1])
    with pytest.raises(RecordingError, match="type object"):
        read_events(tmp_path / "r.npz")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x00" * 999, "no recording of events that is known"),
        (np.random.default_rng(0).bytes(4000), "it starts with b"),
        (b"lorem ipsum dolor", "no recording of events"),
    ],
)
def test_what_is_no_recording(data, reason, tmp_path):
    path = written(tmp_path / "r", data)
    for read in (read_events, describe_events, stream_events):
        with pytest.raises(ReadError, match=reason):
            read(path)


def test_wrong_calls(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        read_events(tmp_path / "none")
    with pytest.raises(ReadError, match="no such file"):
        read_events(tmp_path)
    path = written(tmp_path / "r", encoders.csv(sample(3)))
    for options in ({"kind": "raw"}, {"unit": "min"}, {"columns": "xyz"}):
        with pytest.raises(UsageError):
            read_events(path, **options)
    with pytest.raises(UsageError, match="chunk of 0 events"):
        stream_events(path, 0)
    with pytest.raises(RecordingError, match=r"this is EVT 2\.0, not EVT 3.0"):
        read_events(written(path, encoders.evt2(sample(3))), kind="evt3")


@pytest.mark.parametrize("name", ["evt3", "es", "aedat4 lz4", "dat", "npz", "hdf5 v2e"])
def test_streaming_needs_the_same_memory_for_a_longer_file(name, tmp_path):
    encode, _ = ENCODERS[name]
    part = sample(1 if name == "evt3" else 3 * BLOCK, **limits(name)) if name != "es" else sample(20_000)
    peaks = []
    for times in (1, 4):
        if name == "evt3":  # 12 events in each word
            body = np.tile(np.array([3 << 12, 4 << 12 | 0xFFF], "<u2"), times * 40_000)
            data = b"% evt 3.0\n" + np.concatenate([np.array([8 << 12], "<u2"), body]).tobytes()
        elif name == "es":
            head, body = encode(part)[:20], encode(part)[20:]
            data = head + body * (10 * times)
        else:
            events = np.tile(part, times)
            data = encoders.aedat4(events, packets=60 * times) if name == "aedat4 lz4" else encode(events)
        path = written(tmp_path / "r", data)
        del data
        sum(1 for _ in stream_events(path, 100_000))
        tracemalloc.start()
        sum(1 for _ in stream_events(path, 100_000))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.6 * peaks[0], peaks
    assert peaks[1] < 24e6, peaks


def test_the_extra_is_named_where_it_is_missing(tmp_path):
    np.savez(tmp_path / "r.npz", x=[1], y=[1], t=[1], p=[1])
    written(tmp_path / "r.es", encoders.es(sample(3)))
    written(tmp_path / "r.aedat4", encoders.aedat4(sample(3)))
    program = f"""
import sys
for name in ("numba", "lz4", "zstandard"):
    sys.modules[name] = None
from neurofer.data.events import read_events
from neurofer.errors import MissingPackageError
assert len(read_events({str(tmp_path / "r.npz")!r})) == 1
for name in ("r.es", "r.aedat4"):
    try:
        read_events({str(tmp_path)!r} + "/" + name)
    except MissingPackageError as error:
        assert "pip install 'neurofer[events]'" in str(error), error
    else:
        raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_heavy_package_is_imported_before_it_is_needed():
    program = "import sys, neurofer.data.events; print({'numba', 'lz4', 'h5py', 'torch'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "set()"
