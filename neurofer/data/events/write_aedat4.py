"""Writing AEDAT 4.0: packets of FlatBuffers compressed with LZ4, and at the end the table of packets.

The offsets within each buffer are fixed, but for the number of events or packets in it: a handful of `struct` fields.
The layouts are those of dv-processing's schemas (IOHeader, EventPacket, FileDataTable); what needs 8 bytes stands at a
multiple of 8 from the start of the buffer's size, as FlatBuffers' verifier wants it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurofer.data.events.decoder import Events
from neurofer.data.events.encoder import Encoder
from neurofer.data.events.kernel import INSTALL
from neurofer.errors import MissingPackageError, UsageError

_MAGIC = b"#!AER-DAT4.0\r\n"
_LZ4 = 1
_STREAM = 0
_TABLE_AT = len(_MAGIC) + 4 + 36
"""Where the header says where the table of packets starts."""

_RECORD = np.dtype({"names": ["t", "x", "y", "p"], "formats": ["<i8", "<i2", "<i2", "u1"], "itemsize": 16})
_NAMES = ("stream", "bytes", "at", "events", "first", "last")
_ENTRY = np.dtype(
    {
        "names": ["vtable", *_NAMES],
        "formats": ["<i4", "<i4", "<i4", "<i8", "<i8", "<i8", "<i8"],
        "offsets": [0, 4, 8, 12, 20, 28, 36],
        "itemsize": 48,
    }
)
_DESCRIPTION = """<dv version="2.0">
    <node name="outInfo" path="/mainloop/Recorder/outInfo/">
        <node name="0" path="/mainloop/Recorder/outInfo/0/">
            <attr key="compression" type="string">LZ4</attr>
            <attr key="originalOutputName" type="string">events</attr>
            <attr key="typeIdentifier" type="string">EVTS</attr>
            <node name="info" path="/mainloop/Recorder/outInfo/0/info/">
                <attr key="sizeX" type="int">{0}</attr>
                <attr key="sizeY" type="int">{1}</attr>
                <attr key="source" type="string">neurofer</attr>
            </node>
        </node>
    </node>
</dv>
"""


def write_aedat4(path: Path, blocks: Iterator[Events], size: tuple[int, int] | None) -> None:
    """Write AEDAT 4.0.

    Raises:
        UsageError: the sensor's size is not known; the format must say it.
        MissingPackageError: lz4 is not installed.
    """
    if size is None:
        raise UsageError("AEDAT 4.0 needs the size of the sensor", next_step="give its width and height")
    try:
        import lz4.frame
    except ImportError as error:
        raise MissingPackageError("lz4, which packs AEDAT 4.0, is not installed", next_step=INSTALL) from error
    entries: list[tuple[int, ...]] = []
    with path.open("wb") as file:
        file.write(_MAGIC + _header(_DESCRIPTION.format(*size).encode()))
        for events in blocks:
            payload = lz4.frame.compress(_packet(events))
            file.write(struct.pack("<ii", _STREAM, len(payload)))
            span = int(events["t"][0]), int(events["t"][-1])
            entries.append((_STREAM, len(payload), file.tell(), len(events), *span))
            file.write(payload)
        end = file.tell()
        file.write(lz4.frame.compress(_table(entries)))
        file.seek(_TABLE_AT)
        file.write(struct.pack("<q", end))


def _header(description: bytes) -> bytes:
    """An IOHeader: compression, position of the table of packets, description of the streams."""
    start = struct.pack("<I4s6x5HiiIqI", 24, b"IOHE", 10, 20, 4, 12, 8, 10, _LZ4, 12, -1, len(description))
    return _sized(start + description + b"\0")


def _packet(events: Events) -> bytes:
    """An EventPacket: one vector of events."""
    records = np.zeros(len(events), _RECORD)
    for key in "txyp":
        records[key] = events[key]
    return _sized(struct.pack("<I4s2x3HiII", 16, b"EVTS", 6, 8, 4, 6, 4, len(events)) + records.tobytes())


def _table(entries: list[tuple[int, ...]]) -> bytes:
    """A FileDataTable: for each packet its stream, place, size, number of events and time span."""
    count = len(entries)
    vtable = 28 + 4 * count
    first = (vtable + 14 + 7) // 8 * 8
    tables: Any = np.zeros(count, _ENTRY)
    places = first + _ENTRY.itemsize * np.arange(count)
    tables["vtable"] = places - vtable
    for name, column in zip(_NAMES, zip(*entries, strict=True), strict=False):
        tables[name] = column
    offsets = (places - (28 + 4 * np.arange(count))).astype("<u4")
    start = struct.pack("<I4s2x3HiII", 16, b"FTAB", 6, 8, 4, 6, 4, count) + offsets.tobytes()
    start += struct.pack("<7H", 14, 44, 12, 4, 20, 28, 36)
    return _sized(start.ljust(first, b"\0") + tables.tobytes())


def _sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


AEDAT4_ENCODER = Encoder("aedat4", ".aedat4", write_aedat4, longest=1 << 62)
