"""Recordings of real cameras, against what other libraries, which are no part of neurofer, read from the same files."""

import re

import numpy as np
import pytest

from neurofer.data.events import bin_edges, bin_events, describe_events, read_events, stream_events
from tests.data.events.encoders import sample

FACTS = {
    "expelliarmus_evt2_sample.raw": ("evt2", None, (600, 476), 539_481, 1_317_888, 1_367_888),
    "expelliarmus_evt3_sample.raw": ("evt3", None, (1280, 720), 219_596, 11_718_656, 11_727_457),
    "faery_color_atis.es": ("es", (320, 240), (320, 240), 473_225, 0, 999_000),
    "faery_dvs.es": ("es", (320, 240), (320, 240), 473_225, 0, 999_000),
    "tonic_sample.aedat4": ("aedat4", (320, 240), (320, 240), 111_954, 1_605_537_493_718_345, 1_605_537_494_308_262),
    "tonic_sample_ncars.dat": ("dat", None, (78, 42), 2_009, 0, 99_952),
    "tonic_sample_nmnist.bin": ("nmnist", None, (34, 34), 4_325, 654, 311_175),
}


def folder(shared):
    if not (shared / "data" / "events").is_dir():
        pytest.skip("no recordings in the folder `shared`")
    return shared / "data" / "events"


def test_every_recording_is_known(shared):
    assert {path.name for path in folder(shared).iterdir()} == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_count_and_time_span(name, shared):
    found = describe_events(folder(shared) / name)
    assert (found.kind, found.size, found.extent, found.events, found.first, found.last) == FACTS[name]
    assert (found.rising, found.damage) == (True, "")
    assert sum(map(len, stream_events(folder(shared) / name, 12_345))) == found.events


def by_faery(path):
    faery = pytest.importorskip("faery", reason="faery is the oracle here: pip install faery")
    return np.concatenate(list(faery.events_stream_from_file(str(path))))


@pytest.mark.parametrize("name", ["expelliarmus_evt2_sample.raw", "faery_dvs.es", "tonic_sample.aedat4"])
def test_faery_reads_the_same(name, shared):
    path = folder(shared) / name
    ours, theirs = read_events(path), by_faery(path)
    for key, other in zip("xytp", ("x", "y", "t", "on"), strict=True):
        np.testing.assert_array_equal(ours[key], theirs[other])


def test_faery_reads_the_same_evt3_but_for_its_times(shared):
    path = folder(shared) / "expelliarmus_evt3_sample.raw"
    ours, theirs = read_events(path), by_faery(path)
    for key, other in zip("xyp", ("x", "y", "on"), strict=True):
        np.testing.assert_array_equal(ours[key], theirs[other])
    late = ours["t"] - theirs["t"].astype(np.int64)
    assert 0 < np.count_nonzero(late) < 0.01 * len(ours)
    assert np.abs(late).max() <= 11


def test_evt3_word_by_word(shared):
    """A second decoder, written from Prophesee's description alone; evlib 0.13.2 agrees with both."""
    raw = (folder(shared) / "expelliarmus_evt3_sample.raw").read_bytes()
    words = np.frombuffer(raw, "<u2", offset=re.match(rb"(% [^\n]*\n)+", raw).end()).tolist()
    high = low = row = base = polarity = 0
    events = []
    for word in words:
        kind, value = word >> 12, word & 0xFFF
        match kind:
            case 0:
                row = value & 0x7FF
            case 2:
                events.append((value & 0x7FF, row, high << 12 | low, value >> 11))
            case 3:
                base, polarity = value & 0x7FF, value >> 11
            case 4 | 5:
                length = 12 if kind == 4 else 8
                events += [(base + i, row, high << 12 | low, polarity) for i in range(length) if value >> i & 1]
                base += length
            case 6:
                low = value
            case 8:
                assert value >= high
                high = value
    assert read_events(folder(shared) / "expelliarmus_evt3_sample.raw").tolist() == events


def test_colours_by_hand(shared):
    raw = (folder(shared) / "faery_color_atis.es").read_bytes()
    at, now, events = 20, 0, []
    while len(events) < 20_000:
        if raw[at] >= 254:
            now += 254 * (raw[at] == 255)
            at += 1
            continue
        now += raw[at]
        x, y = raw[at + 1] | raw[at + 2] << 8, raw[at + 3] | raw[at + 4] << 8
        events.append((x, 239 - y, now, *raw[at + 5 : at + 8]))
        at += 8
    assert read_events(folder(shared) / "faery_color_atis.es")[:20_000].tolist() == events


def test_dv_processing_reads_the_same(shared):
    dv = pytest.importorskip("dv_processing", reason="dv-processing is the oracle here: pip install dv-processing")
    path = folder(shared) / "tonic_sample.aedat4"
    recording, batches = dv.io.MonoCameraRecording(str(path)), []
    while recording.isRunning() and (batch := recording.getNextEventBatch()) is not None:
        batches.append(batch.numpy())
    theirs, ours = np.concatenate(batches), read_events(path)
    for key, other in zip("xytp", ("x", "y", "timestamp", "polarity"), strict=True):
        np.testing.assert_array_equal(ours[key], theirs[other])


def test_ncars_and_nmnist_by_hand(shared):
    raw = (folder(shared) / "tonic_sample_ncars.dat").read_bytes()
    body = raw[re.match(rb"(% [^\n]*\n)+", raw).end() + 2 :]
    events = []
    for at in range(0, len(body), 8):
        time, word = (int.from_bytes(body[i : i + 4], "little") for i in (at, at + 4))
        events.append((word & 0x3FFF, word >> 14 & 0x3FFF, time, word >> 28 & 1))
    assert read_events(folder(shared) / "tonic_sample_ncars.dat").tolist() == events
    raw = (folder(shared) / "tonic_sample_nmnist.bin").read_bytes()
    parts = [raw[at : at + 5] for at in range(0, len(raw), 5)]
    events = [(part[0], part[1], int.from_bytes(part[2:]) & 0x7FFFFF, part[2] >> 7) for part in parts]
    assert read_events(folder(shared) / "tonic_sample_nmnist.bin").tolist() == events


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("r.es", {}, 0),  # the format has no place for the first time, faery leaves it out
        ("r.raw", {"version": "evt2"}, 7_600),
        ("r.raw", {"version": "evt3"}, 7_600),
        ("r.dat", {"version": "dat1"}, 7_600),
        ("r.dat", {"version": "dat2"}, 7_600),
        ("r.aedat4", {"compression": None}, 7_600),
        ("r.aedat4", {"compression": ("lz4", 1)}, 7_600),
        ("r.aedat4", {"compression": ("zstd", 3)}, 7_600),
        ("r.csv", {}, 7_600),
    ],
)
def test_what_faery_writes_is_read(name, options, begins, tmp_path):
    faery = pytest.importorskip("faery", reason="faery is the oracle here: pip install faery")
    events = sample(4000, span=40_000_000)
    events["t"] += 7_600 - events["t"][0]
    theirs = np.zeros(len(events), faery.EVENTS_DTYPE)
    for key, other in zip("xytp", ("x", "y", "t", "on"), strict=True):
        theirs[other] = events[key]
    faery.events_stream_from_array(theirs, (304, 240)).to_file(tmp_path / name, **options)
    events["t"] += begins - 7_600
    np.testing.assert_array_equal(read_events(tmp_path / name), events)


def test_bins_of_the_aedat4_recording(shared):
    events = read_events(folder(shared) / "tonic_sample.aedat4")
    assert np.diff(bin_edges(events, 6)).tolist() == [12462, 22397, 28518, 22864, 11395, 14318]
    frames = bin_events(events, 6, (240, 320))
    assert frames.sum((1, 2, 3)).tolist() == [7438, 12162, 14842, 13025, 7706, 8859]
    assert bin_events(events, 6, (240, 320), counts=True).sum() == len(events)


def test_tonics_transforms_take_the_events(shared):
    transforms = pytest.importorskip("tonic.transforms", reason="tonic is GPL and no dependency; here to compose with")
    events = read_events(folder(shared) / "tonic_sample.aedat4")
    size = (320, 240, 2)
    for transform in (transforms.RandomFlipLR(size, p=1), transforms.DropEvent(0.1), transforms.UniformNoise(size, 99)):
        assert transform(events.copy()).dtype == events.dtype
    theirs = transforms.ToFrame(size, n_time_bins=6)(events)
    assert abs(int(theirs.sum()) - len(events)) <= 6
    ours = bin_events(events, 6, (240, 320), counts=True)
    assert (
        np.abs(ours - theirs).sum() <= 20
    )  # tonic's intervals are whole microseconds, and it leaves out the last event
