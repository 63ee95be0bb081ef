"""AEDAT 4.0, the format of iniVation's cameras: packets of FlatBuffers, compressed with LZ4 or Zstandard.

https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html. dv-processing 2.0.4
reads it too, and is the oracle of the tests; but it refuses a file that was cut off whole, and of 18 recordings with
three bits flipped it hung on three and ended the process on one.
"""

from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neurofer.data.events.decoder import DENSEST, DamagedError, Decoded, Events, Format, pack
from neurofer.data.events.kernel import INSTALL
from neurofer.errors import MissingPackageError

_MAGIC = b"#!AER-DAT4.0\r\n"
_RECORD = np.dtype({"names": ["t", "x", "y", "p"], "formats": ["<i8", "<i2", "<i2", "u1"], "itemsize": 16})
_WINDOW = 1 << 26
"""Most bytes a Zstandard packet may ask to look back."""


class _Table:
    """One FlatBuffers table, read with every offset checked."""

    def __init__(self, data: bytes, identifier: bytes) -> None:
        if data[8:12] != identifier:
            raise DamagedError(f"a packet is marked {data[8:12]!r}, expected {identifier!r}")
        self._data = data
        self._at = 4 + self._read("<I", 4)
        self._vtable = self._at - self._read("<i", self._at)
        self._fields = (self._read("<H", self._vtable) - 4) // 2

    def _read(self, form: str, at: int) -> int:
        if not 0 <= at <= len(self._data) - struct.calcsize(form):
            raise DamagedError("a packet points outside itself")
        value: int = struct.unpack_from(form, self._data, at)[0]
        return value

    def _field(self, number: int) -> int:
        """Where a field stands; 0 if the table leaves it out."""
        offset = self._read("<H", self._vtable + 4 + 2 * number) if number < self._fields else 0
        return self._at + offset if offset else 0

    def number(self, field: int, form: str, default: int) -> int:
        at = self._field(field)
        return self._read(form, at) if at else default

    def vector(self, field: int, width: int) -> bytes:
        """The bytes of a vector whose elements have ``width`` bytes; empty if the table leaves it out."""
        at = self._field(field)
        if not at:
            return b""
        at += self._read("<I", at)
        length = self._read("<I", at) * width
        if at + 4 + length > len(self._data):
            raise DamagedError("a packet is shorter than it says")
        return self._data[at + 4 : at + 4 + length]


def _decode(path: Path) -> Decoded:
    with path.open("rb") as file:
        prefix = file.read(len(_MAGIC) + 4)
        if len(prefix) < len(_MAGIC) + 4 or not prefix.startswith(_MAGIC):
            raise DamagedError("the header is not whole")
        length = int.from_bytes(prefix[-4:], "little")
        if length > path.stat().st_size:
            raise DamagedError("the header is not whole")
        header = _Table(prefix[-4:] + file.read(length), b"IOHE")
        start = file.tell()
    compression = header.number(0, "<i", 0)
    if compression not in _COMPRESSIONS:
        raise DamagedError(f"packets are compressed in an unknown way, number {compression}")
    stream, size = _event_stream(header.vector(2, 1))
    end = header.number(1, "<q", -1)  # where the table of packets starts; -1 if the recording was cut off
    return Decoded(size, _events(path, start, end, stream, compression, size))


def _event_stream(description: bytes) -> tuple[int, tuple[int, int] | None]:
    """Number and sensor size of the one stream of events."""
    if b"<!" in description:  # no recorder declares entities, and a few of them can fill any memory
        raise DamagedError("the description of its streams is no plain XML")
    try:
        root = ET.fromstring(description)  # noqa: S314 - entities, its danger, are refused above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DamagedError(f"the description of its streams is no XML: {error}") from error
    found: dict[int, tuple[int, int] | None] = {}
    for node in root.iterfind("./node[@name='outInfo']/node"):
        name = node.get("name", "")
        if node.findtext("attr[@key='typeIdentifier']") == "EVTS" and name.isdecimal():
            sides = [node.findtext(f"node[@name='info']/attr[@key='{key}']") or "" for key in ("sizeX", "sizeY")]
            known = all(side.isdecimal() and 0 < int(side[:6]) <= 1 << 15 for side in sides)
            found[int(name[:10])] = (int(sides[0]), int(sides[1])) if known else None
    if len(found) != 1:
        raise DamagedError(f"it holds {len(found)} streams of events, {sorted(found)}; one is read")
    return next(iter(found.items()))


def _events(
    path: Path, start: int, end: int, stream: int, compression: int, size: tuple[int, int] | None
) -> Iterator[Events]:
    with path.open("rb") as file:
        file.seek(start)
        while (end < 0 or file.tell() < end) and (packet := _packet(file)):
            if packet[0] != stream:
                continue
            vector = _Table(_decompress(packet[1], compression), b"EVTS").vector(0, _RECORD.itemsize)
            records: Any = np.frombuffer(vector, _RECORD)
            yield from pack(records["x"], records["y"], records["t"], records["p"] & 1, size=size)
        if file.tell() < end:
            raise DamagedError("the file ends before its table of packets")


def _packet(file: BinaryIO) -> tuple[int, bytes] | None:
    prefix = file.read(8)
    if not prefix:
        return None
    stream, length = struct.unpack("<II", prefix.ljust(8, b"\0"))
    payload = file.read(length) if length <= os.fstat(file.fileno()).st_size else b""
    if len(prefix) < 8 or len(payload) < length:
        raise DamagedError("the file ends inside a packet")
    return stream, payload


def _decompress(payload: bytes, compression: int) -> bytes:
    limit = DENSEST * _RECORD.itemsize * len(payload) + (1 << 16)
    try:
        data, whole = _COMPRESSIONS[compression](payload, limit)
    except ImportError as error:
        raise MissingPackageError(
            f"{error.name}, which reads the packets of AEDAT 4.0, is not installed", next_step=INSTALL
        ) from error
    if not whole:
        raise DamagedError("a packet is cut off, or far larger than its bytes can be")
    return data


def _lz4(payload: bytes, limit: int) -> tuple[bytes, bool]:
    import lz4.frame

    inflater = lz4.frame.LZ4FrameDecompressor()
    try:
        return inflater.decompress(payload, limit), inflater.eof
    except (RuntimeError, EOFError, MemoryError) as error:
        raise DamagedError(f"a packet cannot be decompressed: {error}") from error


def _zstd(payload: bytes, limit: int) -> tuple[bytes, bool]:
    import zstandard

    try:
        data = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(payload).read(limit)
    except (zstandard.ZstdError, MemoryError) as error:
        raise DamagedError(f"a packet cannot be decompressed: {error}") from error
    return data, len(data) < limit


_COMPRESSIONS: Mapping[int, Callable[[bytes, int], tuple[bytes, bool]]] = {
    0: lambda payload, _: (payload, True),
    1: _lz4,
    2: _lz4,  # with more effort
    3: _zstd,
    4: _zstd,  # with more effort
}

AEDAT4 = Format("aedat4", "AEDAT 4.0", lambda head, _: head.startswith(_MAGIC), lambda path, _: _decode(path))
