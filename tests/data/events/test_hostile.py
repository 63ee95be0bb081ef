"""Truncated, flipped and random files: no other error than ReadError, no hang, memory bounded by the file's size."""

import importlib.util
import io
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurofer.data.events import read_events, stream_events
from neurofer.data.events.decoder import DENSEST, SLACK
from neurofer.errors import MissingPackageError, ReadError
from tests.data.events import encoders
from tests.data.events.encoders import ENCODERS, limits, sample

FILES = {name: encode(sample(120, **limits(name))) for name, (encode, _) in ENCODERS.items()}
FILES["es colour"] = encoders.es_colour(sample(120))
FACTOR, FIXED = 26 * DENSEST, 64 << 20
"""What the documentation of `read_events` comes to, in bytes for each byte of the file, and what any file may take."""


def read(path, **options):
    """Read all events, whole and in chunks; return how many there are, None for an error."""
    try:
        count = len(read_events(path, **options))
    except ReadError:
        count = None
    try:
        assert sum(map(len, stream_events(path, 50, **options))) == count
    except ReadError:
        assert count is None
    return count


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "recording.bin"


@pytest.fixture(scope="module", autouse=True)
def _warm(path):
    for data in FILES.values():
        path.write_bytes(data)
        read(path)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name, path):
    whole = FILES[name]

    @settings(max_examples=40)
    @given(st.data())
    def check(data):
        content = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
        for _ in range(data.draw(st.integers(0, 4)) if content else 0):
            at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, min(200, len(content) - 1)))
            content[at] = data.draw(st.sampled_from([0, 255, content[at] ^ 1 << data.draw(st.integers(0, 7))]))
        path.write_bytes(content)
        tracemalloc.start()
        try:
            read(path)
            assert tracemalloc.get_traced_memory()[1] < FACTOR * len(content) + FIXED
        finally:
            tracemalloc.stop()

    check()


HEADS = {
    "evt2": b"% evt 2.0\n",
    "evt21": b"% evt 2.1\n",
    "evt21 legacy": b"% evt 2.1\n% endianness legacy\n",
    "evt3": b"% evt 3.0\n",
    "es": b"Event Stream\x02\x00\x00\x01\xff\x7f\xff\x7f",
    "es atis": b"Event Stream\x02\x00\x00\x02\xff\x7f\xff\x7f",
    "es colour": b"Event Stream\x02\x00\x00\x04\xff\x7f\xff\x7f",
    "aedat4": FILES["aedat4 plain"][: FILES["aedat4 plain"].index(b"</dv>") + 5],
    "dat": b"% Version 2\n\x0c\x08",
    "nmnist": b"",
    "hdf5": FILES["hdf5 v2e"][:96],
    "npz": FILES["npz plain"][:60],
    "npy": FILES["npy"][:128],
    "csv": b"t,x,y,p\n",
}


@pytest.mark.parametrize("name", HEADS)
@given(body=st.binary(max_size=3000))
@settings(max_examples=25)
def test_random_bytes_after_a_right_header(name, body, path):
    path.write_bytes(HEADS[name] + body)
    count = read(path, kind=name.partition(" ")[0])
    assert count is None or count <= 6 * len(body)


@given(text=st.text(alphabet='0123456789.,; -+eEnaif#%\n\r"', max_size=300))
def test_random_text(text, path):
    path.write_text(text)
    read(path)
    path.write_text("t,x,y,p\n" + text)
    read(path)


def test_an_hdf5_file_that_claims_more_than_it_holds(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("events", (2**40, 4), "u4", chunks=(1024, 4), compression="gzip")
    with pytest.raises(ReadError, match=r"/events claims to hold \d+ bytes, and the whole file has"):
        read_events(path)


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        (32001, MissingPackageError, "compressed with Blosc, .*\n.*pip install hdf5plugin"),
        (36559, ReadError, "compressed with Prophesee's ECF, .* metavision_file_to_dat"),
        (40001, ReadError, "an unknown HDF5 filter, number 40001"),
    ],
)
def test_an_hdf5_file_whose_filter_is_not_there(code, error, reason, path):
    if "hdf5plugin" in sys.modules or importlib.util.find_spec("hdf5plugin"):
        pytest.skip("hdf5plugin is installed")
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_chunk((3, 4))
    create.set_filter(code, h5py.h5z.FLAG_OPTIONAL)
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"events", h5py.h5t.STD_U32LE, h5py.h5s.create_simple((3, 4)), create)
    with pytest.raises(error, match=reason):
        read_events(path)


def test_an_hdf5_file_that_points_to_another(path, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["events"] = np.zeros((3, 4), "u4")
    with h5py.File(path, "w") as file:
        file["events"] = h5py.ExternalLink(str(other), "/events")
    with pytest.raises(ReadError, match="no events in it"):
        read_events(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("events", (3, 4), "u1", external=[(str(other), 0, 12)])
    with pytest.raises(ReadError, match="keeps its data in another file"):
        read_events(path)
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((3, 4), "u4")
        layout[:] = h5py.VirtualSource(str(other), "events", (3, 4))
        file.create_virtual_dataset("events", layout)
    with pytest.raises(ReadError, match="keeps its data in another file"):
        read_events(path)


def test_a_zip_bomb_is_not_unpacked(path):
    events = np.zeros(60_000_000 // 16, "u1")
    image = io.BytesIO()
    with zipfile.ZipFile(image, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for key in "xytp":
            member = io.BytesIO()
            np.save(member, events)
            file.writestr(f"{key}.npy", member.getvalue())
    path.write_bytes(image.getvalue())
    assert len(events) > DENSEST * path.stat().st_size + SLACK
    with pytest.raises(ReadError, match="no column of a file of this size"):
        read_events(path)


@pytest.mark.parametrize("compression", [1, 3])
def test_a_packet_that_unpacks_to_far_more_is_refused(compression, path):
    events = np.zeros(1_500_000, encoders.FIELDS)
    path.write_bytes(encoders.aedat4(events, compression=compression, packets=1))
    size = path.stat().st_size
    tracemalloc.start()
    count = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count is None or count <= DENSEST * size + SLACK
    assert peak < FACTOR * size + FIXED


def test_a_line_without_end(path):
    path.write_bytes(b"t,x,y,p\n" + b"1" * 5_000_000)
    with pytest.raises(ReadError, match="longer than 4096"):
        read_events(path)
