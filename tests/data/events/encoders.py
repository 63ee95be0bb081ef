"""Small recordings in every format, written from the descriptions of the formats, and nothing from the readers."""

import io
import struct

import h5py
import lz4.frame
import numpy as np
import zstandard

WIDTH, HEIGHT = 304, 240
FIELDS = np.dtype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "i1")])


def sample(count=500, *, seed=0, start=0, span=100_000, width=WIDTH, height=HEIGHT):
    """Random events in the order of time."""
    rng = np.random.default_rng(seed)
    events = np.empty(count, FIELDS)
    events["x"], events["y"] = rng.integers(0, width, count), rng.integers(0, height, count)
    events["t"], events["p"] = start + np.sort(rng.integers(0, span, count)), rng.integers(0, 2, count)
    return events


def evt2(events):
    words, high = [], None
    for x, y, t, p in events.tolist():
        if t >> 6 != high:
            high = t >> 6
            words.append(8 << 28 | high & 0xFFFFFFF)
        words.append(p << 28 | (t & 63) << 22 | x << 11 | y)
    return b"% camera none\n% evt 2.0\n" + np.array(words, "<u4").tobytes()


def evt21(events, *, legacy=False, tells=True):
    """Vectors of up to 32 columns from the first event's on, as docs.prophesee.ai describes them."""
    words, high = [], None
    queue = events.tolist()
    while queue:
        x, y, t, p = queue.pop(0)
        group = [x]
        while queue and queue[0][1:] == (y, t, p) and group[-1] < queue[0][0] < x + 32:
            group.append(queue.pop(0)[0])
        if t >> 6 != high:
            high = t >> 6
            words.append((8 << 28 | high & 0xFFFFFFF) << 32)
        words.append((p << 28 | (t & 63) << 22 | x << 11 | y) << 32 | sum(1 << one - x for one in group))
    data = np.array(words, "<u8")
    if legacy:
        data = data.view("<u4").reshape(-1, 2)[:, ::-1].copy()
    order = f";endianness={'legacy' if legacy else 'little'}" if tells else ""
    return f"% evt 2.1\n% format EVT21;height=240;width=304{order}\n% end\n".encode() + data.tobytes()


def evt3(events, *, vectors=False):
    words, high, low, row = [], None, None, None
    queue = events.tolist()
    while queue:
        x, y, t, p = queue.pop(0)
        if t >> 12 != high:
            high, low = t >> 12, 0
            words.append(8 << 12 | high & 0xFFF)
        if t & 0xFFF != low:
            low = t & 0xFFF
            words.append(6 << 12 | low)
        if y != row:
            row = y
            words.append(y)
        group = [x]
        while vectors and queue and queue[0][1:] == (y, t, p) and group[-1] < queue[0][0] < x + 20:
            group.append(queue.pop(0)[0])
        if len(group) == 1:
            words.append(2 << 12 | p << 11 | x)
        else:  # the first 12 columns in one word, the next 8 in another, as cameras do
            bits = sum(1 << one - x for one in group)
            words += [3 << 12 | p << 11 | x, 4 << 12 | bits & 0xFFF, 5 << 12 | bits >> 12]
    return b"% evt 3.0\n% format EVT3;height=240;width=304\n% end\n" + np.array(words, "<u2").tobytes()


def es(events):
    body, now = bytearray(), 0
    for x, y, t, p in events.tolist():
        body += b"\xff" * ((t - now) // 127) + struct.pack("<BHH", (t - now) % 127 << 1 | p, x, HEIGHT - 1 - y)
        now = t
    return b"Event Stream\x02\x00\x00\x01" + struct.pack("<HH", WIDTH, HEIGHT) + bytes(body)


def es_atis(events):
    body, now = bytearray(), 0
    for number, (x, y, t, p) in enumerate(events.tolist()):
        units, left = divmod(t - now, 63)
        body += b"\xff" * (units // 3) + (bytes([0xFC | units % 3]) if units % 3 else b"")
        body += struct.pack("<BHH", left << 2 | p << 1, x, HEIGHT - 1 - y)
        if number % 3 == 0:  # an exposure measurement at the same time
            body += struct.pack("<BHH", 1 | (number & 1) << 1, x, HEIGHT - 1 - y)
        now = t
    return b"Event Stream\x02\x00\x00\x02" + struct.pack("<HH", WIDTH, HEIGHT) + bytes(body)


def es_colour(events):
    body, now = bytearray(), 0
    for x, y, t, _ in events.tolist():
        body += b"\xff" * ((t - now) // 254)
        body += struct.pack("<BHHBBB", (t - now) % 254, x, HEIGHT - 1 - y, x & 255, y & 255, 7)
        now = t
    return b"Event Stream\x02\x00\x00\x04" + struct.pack("<HH", WIDTH, HEIGHT) + bytes(body)


def dat(events, *, version=2):
    column, row = (14, 28) if version == 2 else (9, 17)
    records = np.empty((len(events), 2), "<u4")
    records[:, 0] = events["t"] % 2**32
    records[:, 1] = events["x"].astype(int) | events["y"].astype(int) << column | events["p"].astype(int) << row
    return b"%% Data file containing CD events.\n%% Version %d\n" % version + b"\x0c\x08" + records.tobytes()


def nmnist(events):
    records, passed = [], 0
    for x, y, t, p in events.tolist():
        while t - passed >= 1 << 22:  # times of 23 bits run over in time
            passed += 1 << 13
            stamp = t - passed if t - passed < 1 << 22 else (1 << 22) - 1
            records.append(bytes([0, 240]) + struct.pack(">I", stamp)[1:])
        records.append(bytes([x, y]) + struct.pack(">I", p << 23 | t - passed)[1:])
    return b"".join(records)


_XML = '<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">{}</node></dv>'
_STREAM = (
    '<node name="{number}"><attr key="typeIdentifier" type="string">{kind}</attr><node name="info">'
    '<attr key="sizeX" type="int">304</attr><attr key="sizeY" type="int">240</attr></node></node>'
)
COMPRESSORS = {
    0: bytes,
    1: lz4.frame.compress,
    2: lz4.frame.compress,
    3: zstandard.ZstdCompressor().compress,
    4: zstandard.ZstdCompressor().compress,
}


def _sized(data):
    return struct.pack("<I", len(data)) + data


def packet(events):
    records = np.zeros(len(events), [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1"), ("", "V3")])
    for key in "txyp":
        records[key] = events[key]
    # root, identifier, vtable (one field, 4 bytes into its table), table, vector
    return _sized(struct.pack("<I4sHHHHiII", 16, b"EVTS", 6, 8, 4, 0, 8, 4, len(events)) + records.tobytes())


def aedat4(events, *, compression=1, packets=3, streams=((0, "EVTS"), (1, "FRME")), xml=None):
    text = xml or _XML.format("".join(_STREAM.format(number=number, kind=kind) for number, kind in streams))
    table = struct.pack("<I4sHHHHHH", 20, b"IOHE", 10, 20, 4, 8, 16, 0)
    body = b""
    for part in np.array_split(events, packets):
        for stream, data in ((1, b"a picture"), (0, packet(part))):
            packed = COMPRESSORS[compression](data)
            body += struct.pack("<II", stream, len(packed)) + packed
    xml_bytes = text.encode()
    length = len(table) + 20 + 4 + len(xml_bytes)
    start = 14 + 4 + length
    header = table + struct.pack("<iiqI", 12, compression, start + len(body), 4)
    header += struct.pack("<I", len(xml_bytes)) + xml_bytes
    return b"#!AER-DAT4.0\r\n" + _sized(header) + body + b"the table of packets"


def hdf5_v2e(events):
    table = np.stack([events[key].astype(np.uint32) for key in "txyp"], axis=1)
    return _hdf5(
        lambda file: file.create_dataset("events", data=table, chunks=(4096, 4), maxshape=(None, 4), compression="gzip")
    )


def hdf5_dsec(events, *, offset=5_000_000):
    def fill(file):
        for key, dtype in (("x", "<u2"), ("y", "<u2"), ("p", "u1"), ("t", "<u4")):
            values = events[key] - (offset if key == "t" else 0)
            file.create_dataset(f"events/{key}", data=values.astype(dtype), chunks=(64,), compression="gzip")
        file["t_offset"] = np.int64(offset)
        file["ms_to_idx"] = np.arange(9, dtype=np.uint64)

    return _hdf5(fill)


def hdf5_records(events):
    return _hdf5(lambda file: file.create_dataset("CD/events", data=events))


def _hdf5(fill):
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        fill(file)
    return image.getvalue()


def npz(events, *, save=np.savez_compressed):
    image = io.BytesIO()
    save(image, **{key: events[key] for key in "xytp"})
    return image.getvalue()


def npz_structured(events):
    image = io.BytesIO()
    np.savez(image, events=events)
    return image.getvalue()


def npy(events):
    image = io.BytesIO()
    np.save(image, events)
    return image.getvalue()


def csv(events, *, names="t,x,y,p", line="{t},{x},{y},{p}"):
    lines = [line.format(x=x, y=y, t=t, p=p) for x, y, t, p in events.tolist()]
    return "\n".join([*([names] if names else []), *lines, ""]).encode()


def rpg(events):
    return b"# written by a test\n" + b"".join(
        b"%d.%06d %d %d %d\n" % (*divmod(t, 10**6), x, y, p) for x, y, t, p in events.tolist()
    )


ENCODERS = {
    "evt2": (evt2, "evt2"),
    "evt21": (evt21, "evt21"),
    "evt21 legacy": (lambda events: evt21(events, legacy=True), "evt21"),
    "evt21 untold": (lambda events: evt21(events, tells=False), "evt21"),
    "evt21 legacy untold": (lambda events: evt21(events, legacy=True, tells=False), "evt21"),
    "evt3": (evt3, "evt3"),
    "evt3 vectors": (lambda events: evt3(events, vectors=True), "evt3"),
    "es": (es, "es"),
    "es atis": (es_atis, "es"),
    "aedat4 plain": (lambda events: aedat4(events, compression=0), "aedat4"),
    "aedat4 lz4": (aedat4, "aedat4"),
    "aedat4 zstd": (lambda events: aedat4(events, compression=3), "aedat4"),
    "dat": (dat, "dat"),
    "dat 1": (lambda events: dat(events, version=1), "dat"),
    "nmnist": (nmnist, "nmnist"),
    "hdf5 v2e": (hdf5_v2e, "hdf5"),
    "hdf5 dsec": (hdf5_dsec, "hdf5"),
    "hdf5 records": (hdf5_records, "hdf5"),
    "npz": (npz, "npz"),
    "npz plain": (lambda events: npz(events, save=np.savez), "npz"),
    "npz structured": (npz_structured, "npz"),
    "npy": (npy, "npy"),
    "csv": (csv, "csv"),
    "rpg": (rpg, "csv"),
}
"""How to write events, and the name of the format they are then found to be of."""


def limits(name):
    """Options of ``sample`` that this format can hold."""
    if name == "nmnist":
        return {"width": 34, "height": 34}
    return {"start": 5_000_000} if name == "hdf5 dsec" else {}
